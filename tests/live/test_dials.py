"""Dials that a real FreeSWITCH refuses before there is a leg: each counted by its cause, none made up."""

import uuid
from functools import partial
from typing import Final

import pytest

from exporter import names
from exporter.clock import Clock
from exporter.config import GatewayConfig
from exporter.diagnosis.check_dials import check_dials
from exporter.diagnosis.snapshot import snapshot_of
from exporter.esl import Connection, Disconnected
from exporter.executors import Executors
from tests.live.lab import PROVIDER_PREFIX, Lab
from tests.watch.watching import watching

pytestmark = pytest.mark.live

REFUSED: Final = "freeswitch_dials_refused_total"
GATEWAYS: Final = {"telnyx": GatewayConfig(), "noreg": GatewayConfig()}
BUSY: Final = f"sofia/gateway/telnyx/{PROVIDER_PREFIX}02"
WATCHED: Final = "1000@lab.local"
MISSPELT: Final = f"sofia/gateway/telnix/{PROVIDER_PREFIX}02"
Key = tuple[str, str, str]
# What is dialled, the cause with its kind and gateway, and whether `api` shows it without the log.
DIALS: Final[tuple[tuple[str, Key, bool], ...]] = (
    (MISSPELT, ("INVALID_GATEWAY", "gateway", "other"), True),
    ("sofia/gateway/noreg/1", ("GATEWAY_DOWN", "gateway", "noreg"), True),
    ("sofia/gateway/internal::noreg/1", ("INVALID_GATEWAY", "gateway", "other"), True),
    ("sofia/gateway//1", ("INVALID_GATEWAY", "gateway", "other"), True),
    ("Sofia/Gateway/noreg/1", ("GATEWAY_DOWN", "gateway", "noreg"), True),
    ("sofia/gateway/telnyx", ("INVALID_URL", "gateway", "telnyx"), True),
    ("sofia/external", ("INVALID_URL", "profile", ""), True),
    ("sofia/nosuch/1@127.0.0.1", ("INVALID_PROFILE", "profile", ""), True),
    ("sofia/internal/1000%lab.local", ("USER_NOT_REGISTERED", "user", ""), True),
    ("user/1000@lab.local", ("USER_NOT_REGISTERED", "user", ""), True),
    ("user/1000", ("USER_NOT_REGISTERED", "user", ""), True),
    ("user/3000@lab.local", ("USER_NOT_REGISTERED", "user", ""), False),
    ("user/nobody@lab.local", ("SUBSCRIBER_ABSENT", "user", ""), False),
    ("nosuch/x", ("CHAN_NOT_IMPLEMENTED", "endpoint", ""), False),
    ("{a=b c=d}sofia/gateway/telnyx/1", ("DESTINATION_OUT_OF_ORDER", "other", ""), False),
)
BRIDGED: Final = (MISSPELT, "sofia/gateway/noreg/1", "user/1000@lab.local", "user/nobody@lab.local")


async def another_client(lab: Lab) -> Connection:
    return await Connection.open(
        lab.host,
        lab.port,
        password="ClueCon",
        user=None,
        look_up=partial(names.look_up, Executors().names),
        on_event=lambda event: None,
        connect_timeout=5.0,
        greeting_timeout=5.0,
    )


async def test_each_refused_dial_is_counted_once_by_its_cause(lab: Lab) -> None:
    expected: dict[tuple[str, ...], int] = {}

    def expect(key: Key, source: str) -> None:
        expected[*key, source] = expected.get((*key, source), 0) + 1

    keys = {dialled: key for dialled, key, _ in DIALS}
    async with watching(lab, gateways=GATEWAYS, subscribers=(WATCHED,)) as watch:
        await watch.until(lambda node: node.known.subscribers.known and bool(node.switch.domain))
        client = await another_client(lab)
        for dialled, key, shown in (*DIALS, (BUSY, ("", "", ""), False)):
            assert (await client.api(f"originate {dialled} &park", 60.0)).startswith("-ERR")
            await client.bgapi(f"originate {dialled} &park", str(uuid.uuid4()), 5.0)
            if dialled != BUSY:
                expect(key, "client")
            if shown:
                expect(key, "client")
        for written in ("ORIGINATE {} &park", "originate  {}  &park\t", "expand originate {} &park"):
            await client.api(written.format(MISSPELT), 60.0)
            await client.bgapi(written.format(MISSPELT), str(uuid.uuid4()), 5.0)
            expect(keys[MISSPELT], "client")
            expect(keys[MISSPELT], "client")
        assert (await client.api(f"originate {MISSPELT}", 60.0)).startswith("-USAGE")
        await client.bgapi(f"originate {MISSPELT}", str(uuid.uuid4()), 5.0)
        expect(("other", "other", ""), "client")
        expect(("other", "other", ""), "client")
        await client.api("fsctl pause outbound", 5.0)
        try:
            await client.bgapi(f"originate {BUSY} &park", str(uuid.uuid4()), 5.0)
            expect(("DESTINATION_OUT_OF_ORDER", "capacity", ""), "client")
            await watch.until_value(REFUSED, 1, kind="capacity")
        finally:
            await client.api("fsctl resume outbound", 5.0)
        for dialled in BRIDGED:
            await client.api(f"originate loopback/9196/default &bridge({dialled})", 60.0)
            expect(keys[dialled], "bridge")
        await watch.until_value(REFUSED, sum(expected.values()))
        assert {
            tuple(dict(key)[label] for label in ("cause", "kind", "gateway", "source")): value
            for key, value in (await watch.samples())[REFUSED].items()
            if value
        } == expected
        told = [finding.summary for finding in check_dials(snapshot_of(watch.node, Clock()))]
        misspelt = "9 dials to gateway telnix, which does not exist: did you mean telnyx? (INVALID_GATEWAY)"
        assert misspelt in told
        assert any(
            summary.startswith(f"5 dials to user {WATCHED}, not registered since ") for summary in told
        )
        client.abort(Disconnected("the test is over"))


async def test_a_uuid_that_several_targets_share_hides_no_call(lab: Lab) -> None:
    answering, used = f"sofia/gateway/telnyx/{PROVIDER_PREFIX}01", str(uuid.uuid4())
    async with watching(lab, gateways=GATEWAYS, log_stream="warning") as watch:
        variables = f"{{origination_uuid={used},ignore_early_media=true}}"
        for number, targets in enumerate(
            (f"sofia/gateway/noreg/1|{answering}", answering, f"{answering}|sofia/gateway/noreg/1")
        ):
            assert (await lab.cli(f"originate {variables}{targets} &park")).startswith("+OK")
            await watch.until_value("freeswitch_calls_answered_total", number + 1, gateway="telnyx")
            await lab.cli(f"uuid_kill {used}")
            await watch.until_value("freeswitch_calls_active", 0, gateway="telnyx")
        assert await watch.value("freeswitch_calls_started_total", gateway="telnyx") == 3
        assert await watch.value("freeswitch_calls_refused_locally_total") == 1
        assert (await lab.cli(f"originate {variables}{BUSY}|{answering} &park")).startswith("-ERR")
        await watch.until_value(REFUSED, 1, kind="other")
        assert await watch.value(REFUSED) == 2
