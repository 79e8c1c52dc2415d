"""`freeswitch-exporter doctor`: check the configured nodes, show what is wrong and what to do about it.

All nodes are checked at once, each on connections of its own, and shown one after the other in the order of
the configuration: first the checks that need the connection only, the others when they are done. Exit code: 0
no check failed, 1 a check failed, 2 it could not be run (an unknown name, a call that was refused, a file
that cannot be written).

With `--watch` the nodes are looked at again and again, on the same connections, until a signal, or until
nobody reads what is printed; the exit code is that of the last look.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from exporter import config as configuration
from exporter import log as logging
from exporter import standard_output
from exporter.clock import Clock
from exporter.config import Config, ConfigError, InvalidValue, NodeConfig, values
from exporter.diagnosis.check_gateways import near
from exporter.diagnosis.conclusion import CHECKS, Diagnosis, diagnose, worst
from exporter.diagnosis.doctor import LOOK, DoctorRun
from exporter.diagnosis.finding import shown
from exporter.diagnosis.report import report
from exporter.diagnosis.snapshot import Snapshot
from exporter.executors import Executor, Executors
from exporter.instance import instance_id
from exporter.probe.admission import CallRequest
from exporter.probe.record import CallRecord
from exporter.probe.runner import Runner
from exporter.switch.cause import CAUSES
from exporter.switch.provider import PROVIDERS
from exporter.watch.node import Node

if TYPE_CHECKING:
    from exporter.diagnosis.terminal import Screen

OK: Final = 0
PROBLEM: Final = 1
REFUSED: Final = 2
AGAIN: Final = 5.0  # seconds between two looks of --watch
_LISTED: Final = 20


class Unusable(Exception):
    """The options cannot be followed: an unknown node, gateway or probe, or two that exclude each other.

    The message lists the known names, or says what to leave out.
    """


def run(options: argparse.Namespace) -> int:
    """Check, print, and return the exit code.

    Args:
        options: config, node, gateway, call, backend_url, json, html, watch, log_level, log_format, as cli
            parses them.

    Raises:
        ConfigError: the config cannot be used.
    """
    flags = configuration.Flags(log_level=options.log_level or "error", log_format=options.log_format)
    config = configuration.load(options.config, os.environ, flags, providers=PROVIDERS, causes=CAUSES)
    if options.backend_url:
        config = _with_backend(config, options.backend_url)
    clock = Clock()
    logging.configure(
        config.log.level,
        config.log.format,
        [secret.reveal() for secret in config.secrets()],
        clock.monotonic,
    )
    try:
        return asyncio.run(_check(options, config, clock))
    except Unusable as error:
        print(f"freeswitch-exporter: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return REFUSED


async def _check(options: argparse.Namespace, config: Config, clock: Clock) -> int:
    _check_options(options, config)
    nodes = _chosen_nodes(options, config)
    instance = instance_id(None)  # not the daemon's: ticks are told apart by it
    executors = Executors()
    runner = await _runner(config, instance, clock, executors.disk) if options.call else None
    screen = None if options.json else _screen()
    runs = [
        DoctorRun(
            node,
            config,
            instance,
            clock=clock,
            executors=executors,
            look=LOOK,
            call=_place(options.call, runner, config) if runner and _calls(options, config, node) else None,
            first=index == 0,
            gateway=options.gateway,
            again=options.watch,
            on_stage=screen.working if screen is not None else _show_nothing,
        )
        for index, node in enumerate(nodes)
    ]
    running = [asyncio.ensure_future(run.run()) for run in runs]
    diagnoses: list[Diagnosis] = []
    try:
        if options.gateway:
            _check_gateway(options.gateway, nodes, await asyncio.gather(*running))
        for run, snapshot in zip(runs, running, strict=True):
            diagnoses.append(await _show(screen, run, snapshot, options.gateway))
        await _write_html(options, diagnoses, executors.disk)
        if screen is not None and options.watch:
            looks = _look_again(options, runs, diagnoses, screen, executors.disk, clock)
            await _until_stopped(looks)
    finally:
        if screen is not None:
            screen.done()
        for task in running:
            task.cancel()
        if runner is not None:
            await runner.stop()
        await asyncio.gather(*(run.close() for run in runs))
        executors.shutdown()
    if options.json:
        standard_output.say(msgspec.json.format(msgspec.json.encode(report(diagnoses)), indent=2).decode())
    if worst(diagnoses).conclusion.status == "fail":
        return PROBLEM
    return REFUSED if any("call" in diagnosis.snapshot.unseen for diagnosis in diagnoses) else OK


async def _show(
    screen: "Screen | None", run: DoctorRun, snapshot: asyncio.Task[Snapshot], gateway: str | None
) -> Diagnosis:
    """Show one node, the early checks first."""
    early = [check for check in CHECKS if check.early]
    if screen is not None:
        first = await run.connected
        screen.node(first.node, first.host, first.port)
        screen.findings(finding for check in early for finding in check.run(first))
    diagnosis = diagnose(_only(await snapshot, gateway))
    if screen is not None:
        names = {check.name for check in early}
        screen.done()
        screen.findings(finding for finding in diagnosis.findings if finding.check not in names)
        screen.rest(diagnosis)
    return diagnosis


# -- again and again ----------------------------------------------------------------------------------


async def _look_again(
    options: argparse.Namespace,
    runs: Sequence[DoctorRun],
    diagnoses: list[Diagnosis],
    screen: "Screen",
    disk: Executor,
    clock: Clock,
) -> None:
    """Look, show and write until cancelled or unread; `diagnoses` always has the last ones."""
    screen.watching(diagnoses)
    while not screen.unread:
        await clock.sleep(AGAIN)
        snapshots = await asyncio.gather(*(run.look_again() for run in runs))
        screen.done()
        diagnoses[:] = [diagnose(_only(snapshot, options.gateway)) for snapshot in snapshots]
        screen.again(diagnoses)
        await _write_html(options, diagnoses, disk)


async def _until_stopped(looks: Coroutine[Any, Any, None]) -> None:
    """Run `looks` until SIGINT or SIGTERM."""
    task = asyncio.ensure_future(looks)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _write_html(options: argparse.Namespace, diagnoses: Sequence[Diagnosis], disk: Executor) -> None:
    if options.html is None:
        return
    from exporter.diagnosis import html  # loads a template engine

    try:
        await disk.run(html.write, options.html, html.page(diagnoses))
    except OSError as error:
        raise Unusable(f"cannot write {shown(str(options.html))}: {error.strerror}") from None


def _screen() -> "Screen":
    from exporter.diagnosis.terminal import Screen  # not loaded for --json

    return Screen()


def _show_nothing(what: str) -> None:
    """With --json."""


# -- the names in the options ----------------------------------------------------------------------------


def _with_backend(config: Config, url: str) -> Config:
    try:
        return msgspec.structs.replace(config, backend_url=values.url(url))
    except InvalidValue as invalid:
        raise ConfigError((f"--backend-url {invalid}",)) from None


def _check_options(options: argparse.Namespace, config: Config) -> None:
    """Refuse what does not go together."""
    if options.watch and options.call:
        raise Unusable(
            "--watch would place a call at each look; leave out --call, or give the probe an interval"
        )
    probe = config.probes.get(options.call or "")
    if probe is not None and options.gateway not in (None, probe.gateway):
        raise Unusable(
            f"probe {probe.name} calls through gateway {shown(probe.gateway)}, which --gateway excludes"
        )


def _chosen_nodes(options: argparse.Namespace, config: Config) -> list[NodeConfig]:
    if options.call and options.call not in config.probes:
        raise Unusable(f"there is no probe {shown(options.call)!r}; {_known('probe', config.probes)}")
    nodes = [node for node in config.nodes if options.node in (None, node.name)]
    if not nodes:
        names = [node.name for node in config.nodes]
        raise Unusable(f"there is no node {shown(options.node)!r}; {_known('node', names)}")
    if options.call and not any(_calls(options, config, node) for node in nodes):
        probe = config.probes[options.call]
        raise Unusable(f"probe {probe.name} calls through node {shown(probe.node)}, which --node excludes")
    return nodes


def _check_gateway(name: str, nodes: Sequence[NodeConfig], snapshots: Sequence[Snapshot]) -> None:
    """The gateway must be configured or listed, unless a node that may list it is not connected."""
    known = {gateway for node in nodes for gateway in node.gateways}
    known |= {gateway.name for snapshot in snapshots for gateway in snapshot.gateways if gateway.listed}
    if name not in known and all(snapshot.connected for snapshot in snapshots):
        raise Unusable(f"there is no gateway {shown(name)!r}; {_known('gateway', known)}")


def _known(kind: str, names: Collection[str]) -> str:
    listed = sorted(names)
    if not listed:
        return f"no {kind} is known"
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return f"known: {', '.join(shown(name) for name in listed[:_LISTED])}{more}"


def _only(snapshot: Snapshot, gateway: str | None) -> Snapshot:
    """The part of the snapshot that concerns one gateway."""
    if gateway is None:
        return snapshot
    gateways = tuple(seen for seen in snapshot.gateways if seen.name == gateway)
    recent = snapshot.recent
    if recent is not None:
        calls = tuple(calls for calls in recent.calls if calls.gateway == gateway)
        recent = replace(recent, calls=calls, refused_unnamed=0)  # these are of any gateway
    log = snapshot.log
    if log is not None:
        log = replace(log, lines=tuple(line for line in log.lines if line.gateway in ("", gateway)))
    dials = tuple(
        dial
        for dial in snapshot.refused_dials
        if dial.kind == "gateway" and (dial.name == gateway or near(dial.name, [gateway]))
    )
    return replace(snapshot, gateways=gateways, recent=recent, log=log, refused_dials=dials)


# -- the synthetic call -------------------------------------------------------------------------------


def _calls(options: argparse.Namespace, config: Config, node: NodeConfig) -> bool:
    return bool(options.call) and config.probes[options.call].node == node.name


async def _runner(config: Config, instance: str, clock: Clock, disk: Executor) -> Runner:
    """Places calls within the same guard and budget as the daemon and `freeswitch-exporter probe`."""
    runner = await Runner.open(config.state_dir, instance, clock, disk)
    runner.configure(config, {})
    return runner


def _place(probe: str, runner: Runner, config: Config) -> Callable[[Node], Awaitable[CallRecord]]:
    async def place(node: Node) -> CallRecord:
        runner.configure(config, {node.name: node})
        return (await runner.probe(CallRequest(probe=probe))).record

    return place
