"""`freeswitch-exporter doctor`: examine the configured nodes, say what is wrong and what to do about it.

All nodes are examined at once, each on connections of its own, and shown one after the other in the order of
the configuration: first what the connection tells, the rest when it is known. Exit code: 0 no check failed, 1
one did, 2 it could not be run (a name that nobody knows, a call that was refused).
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from exporter import config as configuration
from exporter import log as logging
from exporter import names
from exporter.clock import Clock
from exporter.config import Config, ConfigError, NodeConfig
from exporter.diagnosis.checks import CHECKS
from exporter.diagnosis.doctor import DoctorRun
from exporter.diagnosis.finding import shown
from exporter.diagnosis.report import Diagnosis, diagnose, report, worst
from exporter.diagnosis.snapshot import Snapshot
from exporter.executors import Executors
from exporter.instance import instance_id
from exporter.probe.admission import CallRequest
from exporter.probe.record import CallRecord
from exporter.probe.runner import Runner
from exporter.switch.cause import CAUSES
from exporter.switch.provider import PROVIDERS
from exporter.watch.node import Node

if TYPE_CHECKING:
    from exporter.diagnosis.terminal import Screen

WELL: Final = 0
PROBLEM: Final = 1
REFUSED: Final = 2
_LISTED: Final = 20


class NotKnown(Exception):
    """A node, gateway or probe that nobody knows; the message lists those that are known."""


def run(options: argparse.Namespace) -> int:
    """Examine, print, and give the exit code.

    Args:
        options: config, node, gateway, call, backend_url, json, log_level, log_format, as cli has them.

    Raises:
        ConfigError: the config cannot be used.
    """
    flags = configuration.Flags(log_level=options.log_level or "error", log_format=options.log_format)
    config = configuration.load(options.config, os.environ, flags, providers=PROVIDERS, causes=CAUSES)
    if options.backend_url:
        config = _with_backend(config, options.backend_url)
    logging.configure(
        config.log.level,
        config.log.format,
        [secret.reveal() for secret in config.secrets()],
        Clock().monotonic,
    )
    try:
        return asyncio.run(_examine(options, config))
    except NotKnown as error:
        print(f"freeswitch-exporter: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return REFUSED


async def _examine(options: argparse.Namespace, config: Config) -> int:
    nodes = _chosen_nodes(options, config)
    instance = instance_id(None)  # not the daemon's: the ticks of the two are told apart by it
    runner = await _runner(config, instance) if options.call else None
    screen = None if options.json else _screen()
    look_up = partial(names.look_up, Executors().names)
    examinations = [
        DoctorRun(
            node,
            config,
            instance,
            look_up=look_up,
            call=_place(options.call, runner, config) if runner and _calls(options, config, node) else None,
            on_stage=screen.working if screen is not None else _say_nothing,
        )
        for node in nodes
    ]
    running = [asyncio.ensure_future(examination.run()) for examination in examinations]
    diagnoses: list[Diagnosis] = []
    try:
        if options.gateway:
            _check_gateway(options.gateway, nodes, await asyncio.gather(*running))
        for examination, snapshot in zip(examinations, running, strict=True):
            diagnoses.append(await _show(screen, examination, snapshot, options.gateway))
    finally:
        if screen is not None:
            screen.done()
        for task in running:
            task.cancel()
        if runner is not None:
            await runner.stop()
        await asyncio.gather(*(examination.close() for examination in examinations))
    if options.json:
        sys.stdout.write(
            msgspec.json.format(msgspec.json.encode(report(diagnoses)), indent=2).decode() + "\n"
        )
    if worst(diagnoses).conclusion.status == "fail":
        return PROBLEM
    return REFUSED if any("call" in diagnosis.snapshot.unseen for diagnosis in diagnoses) else WELL


async def _show(
    screen: "Screen | None", examination: DoctorRun, snapshot: asyncio.Task[Snapshot], gateway: str | None
) -> Diagnosis:
    """Show one node as it becomes known."""
    early = [check for check in CHECKS if check.early]
    if screen is not None:
        first = await examination.connected
        screen.node(first.node, first.host, first.port)
        screen.findings(finding for check in early for finding in check.run(first))
    diagnosis = diagnose(_only(await snapshot, gateway))
    if screen is not None:
        names = {check.name for check in early}
        screen.done()
        screen.findings(finding for finding in diagnosis.findings if finding.check not in names)
        screen.conclusion(diagnosis)
    return diagnosis


def _screen() -> "Screen":
    from exporter.diagnosis.terminal import Screen  # rich is worth loading only for people

    return Screen()


def _say_nothing(what: str) -> None:
    """For the form that programs read."""


# -- what the options name ----------------------------------------------------------------------------


def _with_backend(config: Config, url: str) -> Config:
    from exporter.config import InvalidValue, values

    try:
        return msgspec.structs.replace(config, backend_url=values.url(url))
    except InvalidValue as unfit:
        raise ConfigError((f"--backend-url {unfit}",)) from None


def _chosen_nodes(options: argparse.Namespace, config: Config) -> list[NodeConfig]:
    if options.call and options.call not in config.probes:
        raise NotKnown(f"there is no probe {shown(options.call)!r}; {_known('probe', config.probes)}")
    nodes = [node for node in config.nodes if options.node in (None, node.name)]
    if not nodes:
        names = [node.name for node in config.nodes]
        raise NotKnown(f"there is no node {shown(options.node)!r}; {_known('node', names)}")
    if options.call and not any(_calls(options, config, node) for node in nodes):
        probe = config.probes[options.call]
        raise NotKnown(f"probe {probe.name} calls through node {shown(probe.node)}, which is not examined")
    return nodes


def _check_gateway(name: str, nodes: Sequence[NodeConfig], snapshots: Sequence[Snapshot]) -> None:
    """Somebody must know the gateway, unless somebody who might cannot be asked."""
    known = {gateway for node in nodes for gateway in node.gateways}
    known |= {gateway.name for snapshot in snapshots for gateway in snapshot.gateways if gateway.listed}
    if name not in known and all(snapshot.connected for snapshot in snapshots):
        raise NotKnown(f"there is no gateway {shown(name)!r}; {_known('gateway', known)}")


def _known(kind: str, names: Collection[str]) -> str:
    listed = sorted(names)
    if not listed:
        return f"no {kind} is known"
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return f"known: {', '.join(shown(name) for name in listed[:_LISTED])}{more}"


def _only(snapshot: Snapshot, gateway: str | None) -> Snapshot:
    """The snapshot as far as it concerns one gateway."""
    if gateway is None:
        return snapshot
    gateways = tuple(seen for seen in snapshot.gateways if seen.name == gateway)
    recent = snapshot.recent
    if recent is not None:
        calls = tuple(calls for calls in recent.calls if calls.gateway == gateway)
        recent = replace(recent, calls=calls)
    log = snapshot.log
    if log is not None:
        log = replace(log, lines=tuple(line for line in log.lines if line.gateway in ("", gateway)))
    return replace(snapshot, gateways=gateways, recent=recent, log=log)


# -- the synthetic call -------------------------------------------------------------------------------


def _calls(options: argparse.Namespace, config: Config, node: NodeConfig) -> bool:
    return bool(options.call) and config.probes[options.call].node == node.name


async def _runner(config: Config, instance: str) -> Runner:
    """Places calls under the same guard and budget as the daemon and `freeswitch-exporter probe`."""
    runner = await Runner.open(config.state_dir, instance, Clock(), Executors().disk)
    runner.configure(config, {})
    return runner


def _place(probe: str, runner: Runner, config: Config) -> Callable[[Node], Awaitable[CallRecord]]:
    async def place(node: Node) -> CallRecord:
        runner.configure(config, {node.name: node})
        return (await runner.probe(CallRequest(probe=probe))).record

    return place
