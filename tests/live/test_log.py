"""FreeSWITCH's log, from a real one: what it tells is counted, and refused dials once, with it as without."""

import asyncio
from typing import Final

import pytest

from exporter.clock import Clock
from exporter.config import GatewayConfig
from exporter.diagnosis.check_log import check_log
from exporter.diagnosis.snapshot import snapshot_of
from exporter.esl import Disconnected
from exporter.watch.node import Node
from tests.live.lab import PROVIDER_PREFIX, Lab, LabFailed
from tests.live.test_dials import DIALS, MISSPELT, another_client
from tests.watch.watching import watching

pytestmark = pytest.mark.live

REFUSED: Final = "freeswitch_dials_refused_total"
TOLD: Final = "freeswitch_log_events_total"
GATEWAYS: Final = {"telnyx": GatewayConfig(), "noreg": GatewayConfig()}
ANSWERED: Final = f"sofia/gateway/telnyx/{PROVIDER_PREFIX}01"
# FreeSWITCH logs nothing at WARNING or above that tells what was dialled.
UNTOLD: Final = ("{a=b c=d}sofia/gateway/telnyx/1", "user/3000@lab.local")


def is_read(node: Node) -> bool:
    return node.known.log.closed_because == ""


async def test_api_dials_that_nothing_else_shows_are_counted_by_the_log(lab: Lab) -> None:
    expected: dict[tuple[str, ...], int] = {}
    async with watching(
        lab,
        host=lab.host,
        gateways=GATEWAYS,
        log_stream="warning",
        subscribers=("1000@lab.local",),  # nothing but that it is not registered tells of a dial to it
    ) as watch:
        await watch.until(lambda node: is_read(node) and node.known.subscribers.known)
        client = await another_client(lab)
        await asyncio.sleep(0.5)  # FreeSWITCH's stamps are up to 20 ms old, and the dials come after the look
        for dialled, key, _ in DIALS:
            assert (await client.api(f"originate {dialled} &park", 60.0)).startswith("-ERR")
            if dialled not in UNTOLD:
                expected[key] = expected.get(key, 0) + 1
        assert (await client.api(f"originate {ANSWERED} &hangup", 60.0)).startswith("+OK")
        await client.api("fsctl pause outbound", 5.0)
        try:
            for _ in range(3):
                await client.api(f"originate {ANSWERED} &park", 60.0)
        finally:
            await client.api("fsctl resume outbound", 5.0)
        assert (await client.api(f"originate {ANSWERED} &hangup", 60.0)).startswith("+OK")
        expected[("DESTINATION_OUT_OF_ORDER", "capacity", "")] = 3
        await watch.until_value(REFUSED, sum(expected.values()))
        await asyncio.sleep(5)  # nothing shows that no more come
        assert {
            tuple(dict(labels)[label] for label in ("cause", "kind", "gateway")): value
            for labels, value in (await watch.samples())[REFUSED].items()
            if value
        } == expected
        told = {dict(labels)["what"]: value for labels, value in (await watch.samples())[TOLD].items()}
        assert {what: told[what] for what in ("gateway_down", "invalid_gateway", "paused")} == {
            "gateway_down": sum(key[0] == "GATEWAY_DOWN" for _, key, _ in DIALS),
            "invalid_gateway": sum(key[0] == "INVALID_GATEWAY" for _, key, _ in DIALS),
            "paused": 3,
        }
        assert told["unknown_user"] == 1
        [finding] = [one for one in check_log(snapshot_of(watch.node, Clock())) if one.fault]
        assert finding.fault == "logged_errors"
        client.abort(Disconnected("the test is over"))


async def test_errors_only(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS, log_stream="error") as watch:
        await watch.until(is_read)
        await lab.cli("originate user/nobody@lab.local &park")
        await lab.cli(f"originate {MISSPELT} &park")
        await watch.until_value(TOLD, 1, what="invalid_gateway")
        assert await watch.value(TOLD, what="unknown_user") is None
        assert await watch.value("freeswitch_log_lines_total", level="warning") is None


async def test_an_account_without_the_right_loses_only_the_log(lab: Lab) -> None:
    async with watching(
        lab,
        host=lab.host,
        user="watcher@lab.local",
        password="watch",
        gateways=GATEWAYS,
        log_stream="warning",
    ) as watch:
        await watch.until(lambda node: node.known.log.refused or is_read(node))
        if is_read(watch.node):
            raise LabFailed("the account watcher@lab.local may read the log (docs/live-tests.md)")
        assert watch.node.problem == "none"
        assert await watch.value("freeswitch_log_lines_total") is None
        [finding] = check_log(snapshot_of(watch.node, Clock()))
        assert finding.fault == "denied"
        assert "esl-allowed-log" in finding.remedy.advice
