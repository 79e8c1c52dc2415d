"""The drills of where calls go: calls are made, each alert of alerts/destinations.yml is notified, and ends.

As tests/drills/test_drills.py, but for the past: these rules compare with days, so the time is FACTOR times
as fast, and Prometheus begins with a past that was written before.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.simulator import FAR_ENDS, FarEnd, SimulatedSwitch, refuses
from tests.alerts.rule_files import FILES
from tests.drills import shortened
from tests.drills.stack import Stack
from tests.drills.table import CALLER, ECHO, Drill, Scene
from tests.drills.test_drills import run
from tests.support.tools import program

FACTOR = 120
PAST = 84 * 60  # seconds: seven days
STEP = 10
REFUSED = refuses(503, "Service Unavailable")


async def call(
    scene: Scene, number: str, count: int, far_end: FarEnd = FAR_ENDS[ECHO], talk: float = 1
) -> None:
    """Dial below FreeSWITCH's limit of new calls a second. The first call alone: its series appears."""
    for made in range(count):
        scene.switch.calls.outbound("telnyx", number, far_end, caller=CALLER, seconds=talk)
        await asyncio.sleep(0.04 if made else 3)


async def one_route_fails(scene: Scene) -> None:
    await asyncio.gather(call(scene, "+923001234567", 25, REFUSED), call(scene, "+4930123456", 25))


def country(word: str, breaks: Any, alert: str, *says: str, **labels: str) -> Drill:
    return Drill("country", word, breaks, lambda _scene: None, alert, says, labels)  # it is over by itself


DRILLS = (
    country(
        "new",
        lambda scene: call(scene, "+923001234567", 12),
        "FreeswitchCountryNew",
        "Calls to PK on country-new, which is never called",
        country="PK",
    ),
    country(
        "talk",
        lambda scene: call(scene, "+4930123456", 160, talk=45),
        "FreeswitchCountryTalkHigh",
        "Far more talk time than usual to DE on country-talk",
        "By gateway: telnyx",
        country="DE",
    ),
    country(
        "cost",
        lambda scene: call(scene, "+12025550123", 12, talk=3),
        "FreeswitchCallCostHigh",
        "Calls cost far more than usual on country-cost",
        "The most expensive countries: US",
        currency="USD",
    ),
    country(
        "expensive",
        lambda scene: call(scene, "+19002345678", 12),
        "FreeswitchExpensiveCalls",
        "Expensive numbers are called on country-expensive: premium_rate",
        kind="premium_rate",
    ),
    country(
        "asr",
        one_route_fails,
        "FreeswitchCountryAsrDrop",
        "Calls to PK are answered less than usual through gateway telnyx on country-asr",
        "How they ended: failed",
        country="PK",
        gateway="telnyx",
    ),
)


class PastStack(Stack):
    """With prices, and a past."""

    def _write_config(self) -> Path:
        path = super()._write_config()
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        (self._folder / "rates.csv").write_text("1,600\n")
        settings["destinations"] = {"rates": "rates.csv", "currency": "USD"}
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return path

    async def write_past(self) -> None:
        """Seven days: calls that are counted to the US, cheap, and mostly answered in PK and DE."""
        lines = [line for node in self._nodes for line in self._past(node, int(time.time()))]
        text = self._folder / "past.txt"
        text.write_text("\n".join([*lines, "# EOF\n"]), encoding="utf-8")
        made = await asyncio.create_subprocess_exec(
            program("promtool"), "tsdb", "create-blocks-from", "openmetrics", text, self._folder / "data",
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert await made.wait() == 0

    def _past(self, node: str, now: int) -> Iterator[str]:
        instance = self.exporter.base.removeprefix("http://")
        own = f'job="freeswitch-exporter",instance="{instance}",node="{node}"'

        def series(name: str, labels: str, value: float, times: Iterable[int]) -> Iterator[str]:
            return (f"{name}{{{own},{labels}}} {value} {at}" for at in times)

        week = range(now - PAST - 300, now - 300, STEP)
        through = 'gateway="telnyx",country="PK"'
        counted = 'gateway="telnyx",country="US",outcome="answered"'
        yield from series("freeswitch_country_calls_total", counted, 5, week)
        yield from series("node_currency:freeswitch_country_cost:increase1h", 'currency="USD"', 0.5, week)
        yield from series("gateway_country:freeswitch_country_calls:increase30m", through, 4, week)
        yield from series("gateway_country:freeswitch_country_answered:increase30m", through, 3, week)
        yield from series("gateway_country:freeswitch_country_asr_elsewhere:ratio30m", through, 0.8, week)


async def test_each_alert_on_where_calls_go_is_notified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    monkeypatch.setattr(shortened, "FACTOR", FACTOR)
    stack = PastStack(tmp_path)
    async with AsyncExitStack() as exits:
        for drill in DRILLS:
            switch = await exits.enter_async_context(SimulatedSwitch([drill.gateway]))
            stack.add(drill.name, switch)
        await exits.enter_async_context(stack.running())
        outcomes = await asyncio.gather(*(run(drill, stack) for drill in DRILLS))
        failed_rules = await stack.failed_rules()
    for drill, outcome in zip(DRILLS, outcomes, strict=True):
        with subtests.test(drill.name):
            assert outcome.error == ""
            assert outcome.channel == {"critical": "pages", "warning": "tickets"}[outcome.severity]
            for words in drill.says:
                assert words in outcome.text
    assert failed_rules == []


def test_every_alert_on_where_calls_go_has_its_drill() -> None:
    (file,) = (file for file in FILES if file.name == "destinations.yml")
    groups = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    assert {drill.alert for drill in DRILLS} == alerts
