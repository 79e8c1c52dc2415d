"""A watched node as a snapshot: what it knows, copied at one moment, without a word to FreeSWITCH."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from exporter.config import DEFAULT_PASSWORD, is_loopback
from exporter.diagnosis.snapshot import GatewaySeen, Snapshot, SwitchSeen
from exporter.watch.gateway import GatewayWatch
from exporter.watch.node import Node

_SYNC_TAKES: Final = 30.0  # seconds from the first poll after a connect to its end, on a very busy switch


def snapshot_of(node: Node, gateways: Iterable[GatewaySeen] | None = None) -> Snapshot:
    """The node as it is known now; calls, names, log and backend are for others to add.

    Args:
        gateways: of `gateways_of`, by whoever took them bit by bit.
    """
    config = node.config
    return Snapshot(
        node=node.name,
        host=config.host,
        port=config.port,
        same_host=is_loopback(config.host),
        default_password=config.user is None and config.password.reveal() == DEFAULT_PASSWORD.reveal(),
        taken_at=time.time(),
        problem=node.problem,
        reason=node.reason,
        since=node.since_epoch,
        denied=frozenset(node.denied),
        switch=_switch(node) if node.connected else None,
        gateways=tuple(gateways_of(node) if gateways is None else gateways),
    )


def _switch(node: Node) -> SwitchSeen:
    facts = node.switch
    return SwitchSeen(
        version=facts.version,
        hostname=facts.hostname,
        ready=facts.ready,
        figures=facts.figures,
        paused=tuple(sorted(direction for direction, paused in facts.paused.items() if paused)),
        profiles=None if _unread(node) else tuple(facts.profiles.values()),
        stopped=frozenset(facts.stopped),
        clock_skew=node.ticks.clock_skew,
        round_trip=node.ticks.round_trip,
    )


def _unread(node: Node) -> bool:
    """The list of gateways has not been read for too long: mod_sofia is not loaded, or not ours to ask."""
    overdue = time.time() - 2 * node.config.poll_interval - _SYNC_TAKES
    return node.last_poll_epoch < max(overdue, node.since_epoch - _SYNC_TAKES)


def gateways_of(node: Node) -> Iterator[GatewaySeen]:
    """The gateways, as each is when its turn comes."""
    now, epoch = time.monotonic(), time.time()
    for gateway in node.gateways:
        gateway.advance(now, epoch)
        listed_in = node.config.gateways.get(gateway.name)
        seen = GatewaySeen(
            name=gateway.name,
            profile=gateway.profile,
            expected=gateway.expected,
            listed=gateway.listed and gateway.readable,
            problem=gateway.problem,
            usable=gateway.usable,
            state=gateway.state,
            up=gateway.up,
            in_state=gateway.in_state(now),
            registration_expected=gateway.registration_expected,
            answer_code=gateway.answer.code if gateway.answer else 0,
            answer_phrase=gateway.answer.phrase if gateway.answer else "",
            answer_at=gateway.answer.at if gateway.answer else 0.0,
            ping_pending=gateway.ping_pending(now),
            active={
                direction: stats.active
                for direction in ("inbound", "outbound")
                if (stats := node.calls.stats.get((gateway.name, direction))) is not None
            },
            max_calls=listed_in.max_calls if listed_in is not None else None,
        )
        yield _with_poll(seen, gateway)


def _with_poll(seen: GatewaySeen, gateway: GatewayWatch) -> GatewaySeen:
    """With what only polls tell."""
    status = gateway.status
    if status is None:
        return seen
    return replace(
        seen,
        ping_interval=status.ping_interval,
        ping_seconds=status.ping_seconds,
        retry_seconds=status.retry_seconds,
        proxy=status.proxy,
        realm=status.realm,
        calls_out=status.calls_out,
        failed_calls_out=status.failed_calls_out,
    )
