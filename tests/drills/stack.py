"""The complete chain from the switch to the notification: exporter, Prometheus, Alertmanager, a receiver.

The switches are simulated in the test's own process; the exporter is one daemon that watches them all.
Prometheus uses the committed rules, Alertmanager the committed example, both with shorter times. Prometheus 3
adds types and units as labels, which 2.42 does not know.
"""

import asyncio
import inspect
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml

from exporter.simulator import SimulatedSwitch
from tests.drills.shortened import write_rules
from tests.drills.table import ECHO, PASSWORD, Drill, Scene
from tests.support import alertmanager, prometheus
from tests.support.alertmanager import Notification, Receiver
from tests.support.daemon import Daemon, daemon

SECONDS = 90.0  # more than a drill takes on a loaded machine
WELL = """
    (freeswitch_gateway_problem{problem="none"} == 1 unless on (node) freeswitch_probe_interval_seconds)
      or freeswitch_probe_success == 1
"""
HARMED = """
    freeswitch_probe_runs_total{result="failed"} >= 2
      and on (node) gateway_direction:freeswitch_call_failure:ratio15m{direction="outbound"} > 0.2
"""
_T = TypeVar("_T")


class Stack:
    """The running programs.

    Attributes:
        prometheus: its base URL.
        well: the nodes without a problem, by Prometheus' last answer.
        harmed: the nodes with failed calls and a failed probe, likewise.
    """

    def __init__(self, folder: Path) -> None:
        self.receiver: Receiver
        self.exporter: Daemon
        self.prometheus = ""
        self.well: set[str] = set()
        self.harmed: set[str] = set()
        self._folder = folder
        self._switches: dict[str, SimulatedSwitch] = {}
        self._nodes: dict[str, dict[str, Any]] = {}
        self._probes: dict[str, dict[str, Any]] = {}

    def add(
        self,
        name: str,
        switch: SimulatedSwitch,
        probe: dict[str, Any] | None = None,
        subscribers: Sequence[str] = (),
    ) -> None:
        """Let the exporter watch a running switch, and probe through it."""
        user = next(iter(switch.users), None)
        self._switches[name] = switch
        self._nodes[name] = {
            "name": name,
            "host": switch.host,
            "port": switch.port,
            "password": PASSWORD,
            "poll_interval": "2s",
            "gateways": {"telnyx": {}},
            "subscribers": list(subscribers),
            **({"user": f"{user}@lab.local"} if user else {}),
        }
        if probe is not None:
            self._probes[name] = {
                "node": name,
                "gateway": "telnyx",
                "destination": ECHO,
                "ring_timeout": "3s",
                "talk_time": "5s",
                "interval": "10s",
                **probe,
            }

    def scene(self, name: str) -> Scene:
        return Scene(self._switches[name], lambda host: self._move(name, host))

    def _move(self, name: str, host: str) -> None:
        self._nodes[name]["host"] = host
        self._write_config()
        self.exporter.process.send_signal(signal.SIGHUP)

    def _write_config(self) -> Path:
        guard = {"allow": [ECHO], "max_concurrent": 10, "min_interval": "0s"}
        budget = {"max_calls_per_day": 100_000, "max_minutes_per_day": 100_000}
        settings = {
            "listen": ["127.0.0.1:0"],
            "nodes": list(self._nodes.values()),
            "probes": self._probes,
            "guard": guard | budget,
        }
        path = self._folder / "exporter.yml"
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return path

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything but the switches."""
        async with AsyncExitStack() as exits:

            async def start(program: AbstractContextManager[_T]) -> _T:
                """Start it in a thread, because the switches run in this loop."""
                entered = await asyncio.to_thread(program.__enter__)
                exits.push_async_callback(asyncio.to_thread, program.__exit__, None, None, None)
                return entered

            self.receiver = Receiver()
            exits.callback(self.receiver.close)
            self.exporter = await exits.enter_async_context(daemon(self._write_config()))
            speaker = await start(alertmanager.running(self._folder, self.receiver))
            await self.write_past()
            config = self._write_prometheus_config(speaker.base)
            typed = prometheus.running_by(config, self._folder, ["type-and-unit-labels"])
            self.prometheus = await start(typed)
            async with asyncio.TaskGroup() as tasks:
                looking = tasks.create_task(self._look())
                yield
                looking.cancel()

    async def write_past(self) -> None:
        """What Prometheus has in its data before it starts: nothing."""

    def _write_prometheus_config(self, alertmanager_base: str) -> Path:
        def at(base: str) -> list[dict[str, list[str]]]:
            return [{"targets": [base.removeprefix("http://")]}]

        rules = self._folder / "rules"
        rules.mkdir()
        job = {"job_name": "freeswitch-exporter", "honor_labels": True}
        settings = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in write_rules(rules)],
            "alerting": {"alertmanagers": [{"static_configs": at(alertmanager_base)}]},
            "scrape_configs": [job | {"static_configs": at(self.exporter.base)}],
        }
        path = self._folder / "prometheus.yml"
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return path

    async def _look(self) -> None:
        while True:
            self.well = await self._nodes_with(WELL)
            self.harmed = await self._nodes_with(HARMED)
            await asyncio.sleep(0.3)

    async def _nodes_with(self, expression: str) -> set[str]:
        samples = await asyncio.to_thread(prometheus.ask, self.prometheus, expression)
        return {sample["metric"]["node"] for sample in samples}

    async def failed_rules(self) -> list[str]:
        """The rules that Prometheus could not evaluate, with the error."""
        async with self.exporter.client.get(f"{self.prometheus}/api/v1/rules") as response:
            groups = (await response.json())["data"]["groups"]
        return [
            f"{rule['name']}: {rule['lastError']}"
            for group in groups
            for rule in group["rules"]
            if rule["health"] != "ok"
        ]

    async def notification(self, drill: Drill, status: str, after: int = 0) -> Notification:
        """Wait for the notification of the drill's own alert, after the first `after` notifications.

        Raises:
            TimeoutError: there was none.
        """
        wanted = {"alertname": drill.alert, "node": drill.name, **drill.labels}.items()

        def found() -> Notification | None:
            return next((sent for sent in self.receiver.notifications[after:] if matches(sent)), None)

        def matches(sent: Notification) -> bool:
            return sent.status == status and sent.labels.items() >= wanted

        return await until(found, f"no notification: {drill.alert} of {drill.name} is {status}")


async def until(condition: Callable[[], _T | None], what: str) -> _T:
    """Wait until the condition returns a true value; that value.

    Raises:
        TimeoutError: it did not within SECONDS; `what` is the message.
    """
    try:
        async with asyncio.timeout(SECONDS):
            while not (found := condition()):  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.1)
            return found
    except TimeoutError:
        raise TimeoutError(what) from None


async def do(act: Callable[[Scene], object], scene: Scene) -> None:
    """Do it, and await it if it is awaitable."""
    done = act(scene)
    if inspect.isawaitable(done):
        await done


def unexpected(notifications: Iterable[Notification], drills: Iterable[Drill]) -> list[str]:
    """The notifications of firing alerts that no drill expects."""
    expected = {drill.name: drill for drill in drills}
    found = []
    for channel, status, labels, _ in notifications:
        drill = expected.get(labels.get("node", ""))
        name = labels["alertname"]
        meant = drill is not None and (
            name in drill.also or (name == drill.alert and labels.items() >= drill.labels.items())
        )
        if status == "firing" and not meant:
            found.append(f"{channel}: {name} {labels}")
    return found


def left_open(notifications: Iterable[Notification]) -> list[str]:
    """The alerts without a notification of their end."""
    last = {tuple(sorted(labels.items())): status for _, status, labels, _ in notifications}
    return [f"{dict(labels)}" for labels, status in last.items() if status == "firing"]
