"""Refused dials over a real socket: from another client's command and from the dialplan to the counter."""

from functools import partial

from exporter import names
from exporter.esl import Connection, Disconnected
from exporter.executors import Executors
from exporter.simulator import FarEnd, SimulatedSwitch, User
from exporter.switch.events import EVENT_NAMES
from tests.watch.watching import Watch, watching

REFUSED = "freeswitch_dials_refused_total"
SECRET = "hunter2secret"


async def other_client(switch: SimulatedSwitch) -> Connection:
    return await Connection.open(
        "127.0.0.1",
        switch.port,
        password="ClueCon",
        user=None,
        look_up=partial(names.look_up, Executors().names),
        on_event=lambda event: None,
        connect_timeout=5.0,
        greeting_timeout=5.0,
    )


async def counted(watch: Watch) -> dict[tuple[str, ...], float]:
    samples = (await watch.samples())[REFUSED]
    return {
        tuple(dict(key)[label] for label in ("cause", "kind", "gateway", "source")): value
        for key, value in samples.items()
        if value
    }


async def test_dials_of_other_clients_and_of_the_dialplan_are_counted_by_their_cause() -> None:
    async with SimulatedSwitch(tick=0.02, speed=10) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        async with watching(switch) as watch:
            client = await other_client(switch)
            nosuch = f"originate {{p={SECRET}}}sofia/gateway/telnix/+15550000001 &park"
            assert await client.api(nosuch, 5.0) == "-ERR INVALID_GATEWAY\n"
            assert await client.api("originate sofia/nosuch/1@h &park", 5.0) == "-ERR INVALID_PROFILE\n"
            assert await client.api("originate sofia/gateway/telnyx &park", 5.0) == "-ERR INVALID_URL\n"
            await client.bgapi(nosuch, "job-1", 5.0)
            await client.bgapi("originate user/nobody &park", "job-2", 5.0)
            await client.bgapi("originate sofia/gateway/telnyx/+15550000002 &park", "job-3", 5.0)
            switch.pause("outbound")
            await client.bgapi("originate sofia/gateway/telnyx/+15550000001 &park", "job-4", 5.0)
            await watch.until_value(REFUSED, 1, kind="capacity")
            switch.unpause()
            switch.provider("telnyx").rejects()
            switch.gateway("telnyx").ask_register()
            await switch.gateway_reaches("telnyx", "FAIL_WAIT")
            leg = switch.calls.bridged("telnyx", "+15550000001", FarEnd(), caller="1000", seconds=1)
            assert leg is not None
            await watch.until_value(REFUSED, 1, source="bridge")
            await watch.until_value(REFUSED, 6, source="client")
            assert await counted(watch) == {
                ("INVALID_GATEWAY", "gateway", "other", "client"): 2,
                ("INVALID_PROFILE", "profile", "", "client"): 1,
                ("INVALID_URL", "gateway", "telnyx", "client"): 1,
                ("SUBSCRIBER_ABSENT", "user", "", "client"): 1,
                ("DESTINATION_OUT_OF_ORDER", "capacity", "", "client"): 1,
                ("GATEWAY_DOWN", "gateway", "telnyx", "bridge"): 1,
            }
            assert SECRET not in await watch.page()
            client.abort(Disconnected("the test is over"))


async def test_a_refused_dial_is_counted_soon_however_seldom_the_node_is_polled() -> None:
    async with SimulatedSwitch(tick=0.02, speed=10) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        async with watching(switch, poll_interval=600.0) as watch:
            client = await other_client(switch)
            await client.api("originate sofia/gateway/telnix/+15550000001 &park", 5.0)
            await watch.until_value(REFUSED, 1, cause="INVALID_GATEWAY")
            client.abort(Disconnected("the test is over"))


async def test_polls_of_the_exporter_are_not_repeated_to_it() -> None:
    async with SimulatedSwitch(tick=0.05) as switch, watching(switch, poll_interval=0.1) as watch:
        polls = len(switch.commands_seen)
        await watch.until(lambda _: len(switch.commands_seen) > polls + 20)
        assert watch.node.dispatcher.counts["API"] == 0


async def test_an_account_without_these_events_loses_the_family_only_in_part() -> None:
    events = " ".join(name for name in EVENT_NAMES if "::" not in name and name != "API")
    subclasses = " ".join(name for name in EVENT_NAMES if "::" in name)
    user = User("secret", events=f"{events} CUSTOM {subclasses}")
    async with (
        SimulatedSwitch(tick=0.05, users={"watch": user}) as switch,
        watching(switch, user="watch@lab.local", password="secret") as watch,
    ):
        assert watch.node.denied == {"API"}
        client = await other_client(switch)
        dial = "originate sofia/gateway/telnix/1 &park"
        assert await client.api(dial, 5.0) == "-ERR INVALID_GATEWAY\n"
        await client.bgapi(dial, "job-1", 5.0)
        await watch.until_value(REFUSED, 1, cause="INVALID_GATEWAY")
        client.abort(Disconnected("the test is over"))
