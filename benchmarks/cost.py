"""What the exporter costs a real FreeSWITCH, and itself, with each capability on and off.

    python -m benchmarks.cost accounts          # what the lab's directory needs beside docs/live-tests.md
    FREESWITCH_LIVE=... FREESWITCH_LIVE_LAB=... python -m benchmarks.cost run [ROUNDS]

Strategy: each capability shows its cost under one load (loads.py), so each load has its own contenders. In
every round each load runs once, and under it, in an order drawn anew, its contenders take turns: no exporter,
one with all capabilities off, one with a single capability on. A window of some seconds each is measured
once the exporter has settled. Differences are taken inside a round and a load, between windows that lie less
than a minute apart, and their median over the rounds is given with the range: on a machine that does
other work CPU times drift by more than what is looked for.

CPU is that of all threads of the process, ended ones included, in nanoseconds, by the kernel's clock of the
process. FreeSWITCH gives each connection of the event socket a thread, which formats the events and answers
the commands; it is found as one that began with the exporter and outlasts the window, and its CPU is hardly
disturbed by the rest. The exporter is scraped once in each window.

Where no option of the exporter turns a capability off, the account does: its `esl-allowed-events` lacks the
events. So `run` needs accounts of the lab's domain, which `accounts` prints.
"""

import asyncio
import contextlib
import http.client
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import loads
from benchmarks.loads import Done
from benchmarks.scrape import HEADERS
from exporter.switch.events import (
    DIAL_ENDED,
    DIAL_JOB,
    EVENT_NAMES,
    EXPIRE,
    REGISTER,
    REGISTER_FAILURE,
    SIP_USER_STATE,
    UNREGISTER,
    WRONG_CALL_STATE,
)
from tests.live.lab import Lab
from tests.live.telephone import DOMAIN

ROUNDS: Final = 4
LEAD: Final = 2.0  # seconds of a load before its first window
SETTLE: Final = 1.0  # seconds from connected to the window
READY: Final = 30.0  # seconds
TRIES: Final = 9

USERS_EVENTS: Final = frozenset(
    kind.name for kind in (REGISTER_FAILURE, WRONG_CALL_STATE, REGISTER, UNREGISTER, EXPIRE, SIP_USER_STATE)
)
DIALS_EVENTS: Final = frozenset(kind.name for kind in (DIAL_ENDED, DIAL_JOB))
ACCOUNTS: Final = {
    "costoff": USERS_EVENTS | DIALS_EVENTS,
    "costusers": DIALS_EVENTS,
    "costdials": USERS_EVENTS,
    "costall": frozenset[str](),
}
"""Users of the lab's domain, and the events that each may not have."""
ESL_PASSWORD: Final = "cost"  # noqa: S105 - the lab's


class Contender(NamedTuple):
    """An exporter: its account, what is on, and a family of its page that shows that it is on."""

    account: str = "costoff"
    log: str = "off"
    live: int = 0
    countries: str = "false"
    history: int = 0
    family: str = "freeswitch_up"


NONE: Final = "no exporter"
OFF: Final = "all off"
CONTENDERS: Final = {
    OFF: Contender(),
    "log lane": Contender(log="warning", family="freeswitch_log_lines_total"),
    "countries": Contender(countries="true", family="freeswitch_country_calls_total"),
    "kept calls": Contender(history=2000),
    "live audio": Contender(live=100, family="freeswitch_live_calls_sampled"),
    "subscribers, strangers": Contender(account="costusers", family="freeswitch_sip_auth_failures_total"),
    "dials of others": Contender(account="costdials", family="freeswitch_dials_refused_total"),
    "all on": Contender("costall", "warning", 100, "true", 2000),
}


class Load(NamedTuple):
    """A load, who takes turns under it, and the seconds of a window."""

    run: Callable[[Lab, Done], AbstractAsyncContextManager[None]]
    contenders: tuple[str, ...]
    seconds: float


LOADS: Final = {
    "no calls": Load(loads.quiet, (NONE, OFF, "all on"), 10),
    f"{loads.CALLS} calls a second": Load(
        loads.calls, (NONE, OFF, "log lane", "countries", "kept calls", "all on"), 5
    ),
    f"{loads.STANDING} calls up": Load(loads.standing, (NONE, OFF, "live audio"), 10),
    f"{loads.ATTEMPTS} wrong passwords a second": Load(
        loads.wrong_passwords, (NONE, OFF, "subscribers, strangers"), 5
    ),
    f"{loads.DIALS} refused dials a second": Load(
        loads.refused_dials, (NONE, OFF, "log lane", "dials of others", "all on"), 5
    ),
}


class Window(NamedTuple):
    """Of one window, in CPU seconds a second.

    Attributes:
        switch: FreeSWITCH.
        serving: its threads that serve the exporter's connections, among them.
        exporter: the exporter.
        rate: calls, attempts or dials of the load a second.
    """

    switch: float
    serving: float
    exporter: float
    rate: float

    def shown(self) -> str:
        """One line, with how busy the machine is."""
        return (
            f"FreeSWITCH {self.switch:.2%}, of it for the exporter {self.serving:.2%}, exporter "
            f"{self.exporter:.2%}, {self.rate:.1f}/s, load average {os.getloadavg()[0]:.1f}"
        )


def _say(line: str) -> None:
    """How far it has got."""
    print(line, file=sys.stderr, flush=True)


def accounts() -> None:
    """Print the accounts as FreeSWITCH's directory has them."""
    for name, denied in ACCOUNTS.items():
        wanted = [event for event in EVENT_NAMES if event not in denied]
        plain = [event for event in wanted if "::" not in event]
        events = " ".join([*plain, "CUSTOM", *(event for event in wanted if "::" in event)])
        print(
            f'<user id="{name}"><params><param name="esl-password" value="{ESL_PASSWORD}"/>'
            f'<param name="esl-allowed-events" value="{events}"/></params></user>'
        )


async def run(lab: Lab, rounds: int) -> None:
    """Measure, and print the table."""
    switch = _pid(await lab.cli("global_getvar run_dir"))
    found: dict[tuple[str, str], list[Window]] = {}
    async with loads.faster(lab):
        for number in range(1, rounds + 1):
            for name, load in LOADS.items():
                done = Done()
                async with load.run(lab, done):
                    await asyncio.sleep(LEAD)
                    for contender in random.sample(load.contenders, len(load.contenders)):
                        window = await _measure(lab, switch, contender, done, load.seconds)
                        found.setdefault((name, contender), []).append(window)
                        _say(f"round {number}, {name}, {contender}: {window.shown()}")
    _print(found)


async def _measure(lab: Lab, switch: int, contender: str, done: Done, seconds: float) -> Window:
    """One window.

    Raises:
        RuntimeError: the exporter is not connected, or the page does not show what is on.
    """
    if contender == NONE:
        return await _window(switch, set(), None, done, seconds)
    for _ in range(TRIES):
        others = _threads(switch)
        async with _exporter(lab, CONTENDERS[contender]) as exporter:
            deadline = time.monotonic() + READY
            while not re.search(r"^freeswitch_up\S* 1", await exporter.page(), re.MULTILINE):
                if time.monotonic() > deadline:
                    raise RuntimeError("the exporter has not connected")
                await asyncio.sleep(0.1)
            serving = _threads(switch) - others
            await asyncio.sleep(SETTLE)
            serving &= _threads(switch)  # without the jobs that have ended
            if len(serving) == exporter.connections(lab.port):
                window = await _window(switch, serving, exporter, done, seconds)
                _check(contender, await exporter.page())
                if serving <= _threads(switch):
                    return window
        _say("threads of calls began with those of the exporter: once more")
    raise RuntimeError("the threads that serve the exporter cannot be told apart")


def _check(contender: str, page: str) -> None:
    """What is on shows, what is off counts nothing.

    Raises:
        RuntimeError: it is not so.
    """
    for name, other in CONTENDERS.items():
        shown = re.findall(rf"^{other.family}{{[^}}]*}} (\S+)", page, re.MULTILINE)
        if name == contender and not shown:
            raise RuntimeError(f"{name}: the page has no {other.family}")
        if (
            contender == OFF
            and other.family != CONTENDERS[OFF].family
            and any(float(value) for value in shown)
        ):
            raise RuntimeError(f"{OFF}: {other.family} counts")


async def _window(
    switch: int, serving: set[int], exporter: "Exporter | None", done: Done, seconds: float
) -> Window:
    processes = (switch, exporter.pid if exporter else os.getpid())
    began, count = time.monotonic(), done.count
    before = [_cpu(pid) for pid in processes]
    threads = {thread: _thread_cpu(switch, thread) for thread in serving}
    await asyncio.sleep(seconds / 2)
    if exporter:
        await exporter.page()
    await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
    passed = time.monotonic() - began
    spent = [(_cpu(pid) - earlier) / passed for pid, earlier in zip(processes, before, strict=True)]
    served = sum(_thread_cpu(switch, thread) - threads[thread] for thread in serving & _threads(switch))
    return Window(spent[0], served / passed, spent[1] if exporter else 0.0, (done.count - count) / passed)


def _cpu(pid: int) -> float:
    """CPU seconds of a process and all its threads since its start: clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def _threads(pid: int) -> set[int]:
    return {int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()}


def _thread_cpu(pid: int, thread: int) -> float:
    """CPU seconds of a thread since its start; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0]) / 1e9
    except FileNotFoundError:
        return 0.0


def _pid(run_dir: str) -> int:
    return int(Path(run_dir, "freeswitch.pid").read_text())


class Exporter(NamedTuple):
    """A running exporter: its process, and the port of its page."""

    pid: int
    port: int

    async def page(self) -> str:
        """Scrape it."""
        return await asyncio.to_thread(_page, self.port)

    def connections(self, port: int) -> int:
        """Its connections to a port of this machine."""
        sockets = set()
        for descriptor in Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                sockets.add(str(descriptor.readlink()))
        lines = [line.split() for line in Path(f"/proc/{self.pid}/net/tcp").read_text().splitlines()[1:]]
        return sum(
            int(words[2].partition(":")[2], 16) == port and f"socket:[{words[9]}]" in sockets
            for words in lines
        )


@asynccontextmanager
async def _exporter(lab: Lab, contender: Contender) -> AsyncIterator[Exporter]:
    with tempfile.TemporaryDirectory() as folder:
        config = _config(lab, contender, folder)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exporter", "serve", "--config", str(config), "--log-format", "json"),
            stderr=asyncio.subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if not name.startswith("FREESWITCH")},
        )
        assert process.stderr is not None
        try:
            port = 0
            while not port and (line := await process.stderr.readline()):
                if listening := re.search(rb"127\.0\.0\.1:(\d+)", line):
                    port = int(listening[1])
            if not port:
                raise RuntimeError("the exporter ended before it listened")
            log = asyncio.ensure_future(process.stderr.read())
            yield Exporter(process.pid, port)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
        await log


def _config(lab: Lab, contender: Contender, folder: str) -> Path:
    path = Path(folder, "config.yml")
    path.write_text(
        f'listen: ["127.0.0.1:0"]\nstate_dir: {folder}/state\nlog_stream: "{contender.log}"\n'
        f"live_quality: {{calls: {contender.live}}}\nhistory: {{calls: {contender.history}}}\n"
        f"destinations: {{countries: {contender.countries}}}\n"
        f"nodes: [{{name: fs1, host: {lab.host}, port: {lab.port}, user: {contender.account}@{DOMAIN}, "
        f"password: {ESL_PASSWORD}}}]\n"
    )
    return path


def _page(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/metrics", headers={"Accept": HEADERS["Accept"]})
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def _print(found: dict[tuple[str, str], list[Window]]) -> None:
    """The table of docs/reliability.md, in thousandths of a second; `each`: call, attempt or dial."""
    print(
        "| load | exporter | FreeSWITCH, ms/s | each, ms | more than without, ms/s "
        "| serving the exporter, ms/s | each, ms | exporter, ms/s | each, ms |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    for load, described in LOADS.items():
        without = found[load, NONE]
        for contender in described.contenders:
            windows = found[load, contender]
            more = [window.switch - other.switch for window, other in zip(windows, without, strict=True)]
            cells = [load, contender, *_cells(windows, "switch")]
            if contender == NONE:
                cells += [""] * 5
            else:
                cells += [_cell(more, sign="+"), *_cells(windows, "serving"), *_cells(windows, "exporter")]
            print(f"| {' | '.join(cells)} |")


def _cells(windows: list[Window], name: str) -> tuple[str, str]:
    """A second, and for each of the load."""
    spent = [getattr(window, name) for window in windows]
    rates = [window.rate for window in windows]
    each = [value / rate for value, rate in zip(spent, rates, strict=True) if rate]
    return _cell(spent), _cell(each, digits=2) if each else ""


def _cell(values: list[float], *, sign: str = "", digits: int = 1) -> str:
    """The median with the lowest and the highest, in thousandths."""
    low, middle, high = (1e3 * value for value in (min(values), statistics.median(values), max(values)))
    return f"{middle:{sign}.{digits}f} ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["accounts"]:
            accounts()
        case ["run", *rest]:
            host, _, port = os.environ["FREESWITCH_LIVE"].rpartition(":")
            lab = Lab(os.environ["FREESWITCH_LIVE_LAB"], host, int(port), os.environ)
            asyncio.run(run(lab, int(rest[0]) if rest else ROUNDS))
        case _:
            sys.exit(__doc__)
