"""Changes of a whole switch, as a node tells and counts them: on a real socket, in virtual time."""

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from exporter.simulator import GatewayConfig, SimulatedSwitch, User
from exporter.watch.changes import CHANGES
from tests.support.virtual_time import VirtualClock, virtual_time
from tests.watch.recorder import Recorder
from tests.watch.watching import Watch, watching

SETTLED = 25.0  # seconds: two polls of everything and some for their answers
TELNYX = GatewayConfig("telnyx", from_domain="telnyx.lab", ping=10, expire_seconds=600, retry_seconds=5)
MANY = [TELNYX, *(GatewayConfig(f"g{number}", register=False) for number in range(49))]
ALL_EVENTS = (
    "HEARTBEAT CHANNEL_CREATE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE "
    "CHANNEL_DESTROY BACKGROUND_JOB SHUTDOWN CUSTOM sofia::gateway_state sofia::gateway_add "
    "sofia::gateway_delete sofia::profile_start sofia::register_failure sofia::wrong_call_state "
    "sofia::register sofia::unregister sofia::expire sofia::sip_user_state "
    "exporter::tick exporter::probe"
)


class Site:
    """A switch, a node that watches it, and what the node told."""

    def __init__(self, switch: SimulatedSwitch, clock: VirtualClock, watch: Watch, told: Recorder) -> None:
        self.switch = switch
        self.clock = clock
        self.watch = watch
        self.told = told

    async def settle(self, seconds: float = SETTLED) -> list[tuple[str, str]]:
        """The changes, once there has been time to notice them; counted as they are told."""
        await self.clock.sleep(seconds)
        counts = Counter(what for what, _ in self.told.what)
        samples = (await self.watch.samples())["freeswitch_changes_total"]
        assert {dict(labels)["what"]: value for labels, value in samples.items()} == {
            what: counts[what] for what in CHANGES
        }
        return self.told.what


Scenario = Callable[[Site], Coroutine[Any, Any, None]]


def run(scenario: Scenario, *gateways: GatewayConfig, user: User | None = None) -> None:
    """A scenario, from the moment at which the node is connected."""
    with virtual_time() as clock:

        async def whole() -> None:
            told = Recorder()
            users = {"watcher": user} if user is not None else None
            async with SimulatedSwitch(gateways or [TELNYX], clock=clock, users=users) as switch:
                await switch.gateway_reaches("telnyx", "REGED", seconds=60)
                async with watching(
                    switch,
                    clock=clock,
                    poll_interval=10.0,
                    observer=told,
                    gateways={},
                    user="watcher@lab.local" if user is not None else None,
                    password=user.password if user is not None else "ClueCon",
                ) as watch:
                    await scenario(Site(switch, clock, watch, told))

        clock.run(whole())


def test_the_first_look_and_an_hour_of_nothing_are_no_change() -> None:
    async def scenario(site: Site) -> None:
        assert await site.settle(3600) == []
        assert site.watch.node.attempts == {"connected": 1}

    run(scenario, *MANY)


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda switch: switch.reload_xml(), [("xml_reloaded", "")]),
        (
            lambda switch: switch.load_module("mod_expr"),
            [("xml_reloaded", ""), ("module_loaded", "mod_expr")],
        ),
        (lambda switch: switch.unload_module("mod_spandsp"), [("module_unloaded", "mod_spandsp")]),
        (lambda switch: switch.unload_module("mod_loopback"), [("module_unloaded", "endpoint loopback")]),
        (lambda switch: switch.change_address("192.0.2.99"), [("address_changed", "")]),
        (lambda switch: switch.limit_sessions(5), [("limits", "max_sessions")]),
        (lambda switch: switch.limit_rate(5), [("limits", "sps")]),
        (lambda switch: switch.pause("outbound"), [("paused", "outbound")]),
        (lambda switch: switch.skew_clock(-120.0), [("clock_stepped", "FreeSWITCH")]),
        (
            lambda switch: switch.stop_profile("external"),
            [("xml_reloaded", ""), ("profile_stopped", "external")],
        ),
        (
            lambda switch: switch.restart_profile("external"),
            [("xml_reloaded", ""), ("profile_started", "external")],
        ),
        (lambda switch: switch.remove_gateway("g7"), [("gateway_deleted", "external::g7")]),
    ],
)
def test_what_an_operator_does_is_told(
    act: Callable[[SimulatedSwitch], None], told: list[tuple[str, str]]
) -> None:
    async def scenario(site: Site) -> None:
        began = site.clock.epoch()
        act(site.switch)
        assert await site.settle() == told
        assert all(began <= change.at <= began + 11 for change in site.told.changes)
        assert {change.node for change in site.told.changes} == {"fs1"}

    run(scenario, *MANY)


def test_events_are_told_within_the_second_and_what_is_missed_within_ten() -> None:
    async def scenario(site: Site) -> None:
        await site.clock.sleep(3)
        site.switch.reload_xml()
        site.switch.change_address("192.0.2.99")
        site.switch.remove_gateway("g7")
        await site.clock.sleep(1)
        assert site.told.what == [("xml_reloaded", ""), ("address_changed", "")]
        await site.clock.sleep(9)
        assert site.told.what[2:] == [("gateway_deleted", "external::g7")]

    run(scenario, *MANY)


def test_the_exporters_own_clock_may_step() -> None:
    async def scenario(site: Site) -> None:
        await site.clock.sleep(3)
        site.clock.step = 600.0
        site.switch.skew_clock(-600.0)  # FreeSWITCH's goes on
        assert await site.settle() == [("clock_stepped", "exporter")]
        assert site.told.changes[0].after == "+600.0 s"

    run(scenario)


def test_a_gateway_that_is_configured_and_scanned_was_added() -> None:
    async def scenario(site: Site) -> None:
        site.switch.configure_gateway(GatewayConfig("extra", register=False))
        site.switch.rescan("external")
        assert await site.settle() == [("xml_reloaded", ""), ("gateway_added", "external::extra")]

    run(scenario)


def test_a_gateway_that_is_read_anew_with_another_proxy_has_changed() -> None:
    async def scenario(site: Site) -> None:
        site.switch.configure_gateway(GatewayConfig("g7", register=False, proxy="127.0.0.1:5999"))
        site.switch.rescan("external")  # FreeSWITCH ignores what it has already
        assert await site.settle() == [("xml_reloaded", "")]
        site.switch.restart_profile("external")
        assert (await site.settle())[1:] == [
            ("xml_reloaded", ""),
            ("profile_started", "external"),
            ("gateway_changed", "external::g7"),
        ]
        change = site.told.changes[-1]
        assert (change.before, change.after) == ("proxy sip:127.0.0.1:5070", "proxy sip:127.0.0.1:5999")

    run(scenario, *MANY)


def test_a_profile_that_stops_and_starts_again_takes_fifty_gateways_and_tells_two_changes() -> None:
    async def scenario(site: Site) -> None:
        site.switch.stop_profile("external")
        await site.settle()
        site.switch.start_profile("external")
        assert [change for change in await site.settle() if change[0] != "xml_reloaded"] == [
            ("profile_stopped", "external"),
            ("profile_started", "external"),
        ]

    run(scenario, *MANY)


def test_twenty_profile_restarts_are_twenty_changes() -> None:
    async def scenario(site: Site) -> None:
        for _ in range(20):
            site.switch.restart_profile("external")
            await site.clock.sleep(7.3)
        assert Counter(await site.settle()) == {("xml_reloaded", ""): 20, ("profile_started", "external"): 20}

    run(scenario, *MANY)


def test_flaps_of_the_trunk_are_no_change_of_the_switch() -> None:
    async def scenario(site: Site) -> None:
        for _ in range(20):
            site.switch.provider("telnyx").rejects()
            site.switch.gateway("telnyx").ask_register()
            await site.clock.sleep(5)
            site.switch.provider("telnyx").accepts()
            await site.clock.sleep(10)
        assert await site.settle() == []
        assert len(site.told.verdicts) >= 40

    run(scenario, *MANY)


def test_a_lost_connection_is_no_change_whatever_was_under_way() -> None:
    async def scenario(site: Site) -> None:
        for seconds in (0.0, 0.7, 1.5, 2.9, 8.0, 40.0):
            await site.switch.refuse_connections()
            await site.watch.until(lambda node: not node.connected)
            await site.clock.sleep(seconds)
            await site.switch.accept_connections()
            await site.watch.until(lambda node: node.connected, 60)
            await site.clock.sleep(31)
        assert await site.settle() == []
        assert site.told.story.count(("connected", "")) == 7

    run(scenario, *MANY)


def test_what_changed_while_the_node_was_lost_is_told_once_it_is_back() -> None:
    async def scenario(site: Site) -> None:
        await site.switch.refuse_connections()
        await site.watch.until(lambda node: not node.connected)
        site.switch.remove_gateway("g7")
        site.switch.configure_gateway(GatewayConfig("extra", register=False))
        site.switch.rescan("external")
        site.switch.limit_sessions(7)
        site.switch.reload_xml()  # nobody saw it
        await site.clock.sleep(10)
        await site.switch.accept_connections()
        assert sorted(await site.settle(90)) == [
            ("gateway_added", "external::extra"),
            ("gateway_deleted", "external::g7"),
            ("limits", "max_sessions"),
        ]

    run(scenario, *MANY)


@pytest.mark.parametrize("gracefully", [True, False])
def test_a_restart_is_one_change_with_the_time_of_the_start(gracefully: bool) -> None:
    async def scenario(site: Site) -> None:
        await site.clock.sleep(35)
        (site.switch.shut_down if gracefully else site.switch.kill_process)()
        await site.clock.sleep(5.8)
        began = site.clock.epoch()
        await site.switch.start_process()
        assert await site.settle(60) == [("restarted", "")]
        assert site.told.changes[0].at == pytest.approx(began, abs=1.0)
        assert await site.watch.value("freeswitch_connection_losses_total") == 1
        assert await site.watch.value("freeswitch_connection_losses_total", problem="shutdown") == 1

    run(scenario, *MANY)


def test_an_upgrade_is_told_with_both_versions() -> None:
    async def scenario(site: Site) -> None:
        await site.clock.sleep(35)
        await site.switch.upgrade("1.11.3-release")
        assert await site.settle(60) == [("restarted", ""), ("upgraded", "")]
        change = site.told.changes[-1]
        assert change.before.startswith("1.11.2-release")
        assert change.after.startswith("1.11.3-release")

    run(scenario)


def test_ten_restarts_are_ten_changes_and_ten_losses() -> None:
    async def scenario(site: Site) -> None:
        for _ in range(10):
            await site.clock.sleep(60)
            await site.switch.restart()
        assert Counter(await site.settle(60)) == {("restarted", ""): 10}
        assert await site.watch.value("freeswitch_connection_losses_total") == 10

    run(scenario, *MANY)


def test_every_word_and_every_problem_has_its_series_from_the_start() -> None:
    async def scenario(site: Site) -> None:
        samples = await site.watch.samples()
        assert set(samples["freeswitch_changes_total"].values()) == {0}
        assert len(samples["freeswitch_changes_total"]) == len(CHANGES)
        assert set(samples["freeswitch_connection_losses_total"].values()) == {0}
        assert len(samples["freeswitch_connection_losses_total"]) == 11

    run(scenario)


def test_an_account_without_the_events_of_changes_loses_only_those() -> None:
    async def scenario(site: Site) -> None:
        assert site.watch.node.denied == {"RELOADXML", "MODULE_LOAD", "MODULE_UNLOAD", "TRAP", "API"}
        site.switch.load_module("mod_expr")
        site.switch.change_address("192.0.2.99")
        site.switch.limit_sessions(5)
        site.switch.restart_profile("external")
        await site.settle()
        site.switch.remove_gateway("g7")
        assert await site.settle() == [
            ("profile_started", "external"),
            ("limits", "max_sessions"),
            ("gateway_deleted", "external::g7"),
        ]
        assert site.watch.node.attempts == {"connected": 1}

    run(scenario, *MANY, user=User("secret", events=ALL_EVENTS))


def test_an_account_without_any_event_of_mod_sofia_is_told_by_the_lists() -> None:
    async def scenario(site: Site) -> None:
        site.switch.stop_profile("external")
        await site.settle()
        site.switch.start_profile("external")
        await site.settle()
        site.switch.remove_gateway("g7")
        assert await site.settle() == [
            ("profile_stopped", "external"),
            ("profile_started", "external"),
            ("gateway_deleted", "external::g7"),
        ]

    run(scenario, *MANY, user=User("secret", events="HEARTBEAT CUSTOM exporter::tick"))


def test_an_account_that_may_not_list_profiles_is_told_of_gateways() -> None:
    async def scenario(site: Site) -> None:
        site.switch.scripted_replies["sofia status"] = "-ERR sofia status Command not found!\n"
        site.switch.restart_profile("external")
        await site.settle()
        assert ("profile_started", "external") in site.told.what
        assert not any(what.startswith("gateway") for what, _ in site.told.what)

    run(scenario, *MANY)


def test_confirmation_costs_one_list() -> None:
    async def scenario(site: Site) -> None:
        await site.clock.sleep(11)
        site.switch.commands_seen.clear()
        await site.clock.sleep(60)
        usual = site.switch.commands_seen.count("api sofia xmlstatus gateway")
        site.switch.commands_seen.clear()
        site.switch.remove_gateway("g7")
        await site.clock.sleep(60)
        more = site.switch.commands_seen.count("api sofia xmlstatus gateway") - usual
        assert 1 <= more <= 3  # for the event, and to confirm it

    run(scenario, *MANY)
