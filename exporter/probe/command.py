"""`freeswitch-exporter probe`: one synthetic call, its phases as they happen, its result in words or JSON.

The call is placed by this process over a connection of its own, under the same guard as the daemon's calls;
with a `state_dir` both share one budget. It has an instance id of its own, so that neither takes the other's
call for one that is left over. SIGINT (Ctrl-C) and SIGTERM end the call, then the program.

Exit code: 0 the call got through (or was rejected as expected), 1 it failed, 2 it was refused, aborted or
could not be placed.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime
from functools import partial
from typing import Final

from exporter import config as configuration
from exporter import log as logging
from exporter import names, standard_output
from exporter.clock import Clock
from exporter.config import Config
from exporter.executors import Executors
from exporter.instance import instance_id
from exporter.probe.admission import CallPlan, CallRequest, Refused, resolve
from exporter.probe.record import Answer, CallRecord, MediaRecord, ToneRecord, encode
from exporter.probe.runner import Runner
from exporter.switch.cause import CAUSES
from exporter.switch.provider import PROVIDERS
from exporter.watch.node import Node

CONNECT_SECONDS: Final = 15.0
GOT_THROUGH: Final = 0
FAILED: Final = 1
REFUSED: Final = 2

_CODES: Final = {"success": GOT_THROUGH, "degraded": GOT_THROUGH, "failed": FAILED, "aborted": REFUSED}
_PROGRAM: Final = "freeswitch-exporter"


def run(options: argparse.Namespace) -> int:
    """Place the call, print, and give the exit code.

    Args:
        options: name, to, gateway, node, json, config, log_level, log_format, as cli has them.

    Raises:
        ConfigError: the config cannot be used.
    """
    flags = configuration.Flags(log_level=options.log_level or "error", log_format=options.log_format)
    config = configuration.load(options.config, os.environ, flags, providers=PROVIDERS, causes=CAUSES)
    clock = Clock()
    logging.configure(
        config.log.level,
        config.log.format,
        [secret.reveal() for secret in config.secrets()],
        clock.monotonic,
    )
    request = CallRequest(
        probe=options.name, destination=options.to, gateway=options.gateway, node=options.node
    )
    screen = Screen(clock, as_json=options.json)
    try:
        # What can be refused without a look at the switch is refused before connecting to it.
        plan = resolve(request, config, lambda _node, _gateway: True)
        return screen.over(asyncio.run(_probe(config, request, plan, screen, clock)))
    except Refused as refused:
        return screen.refused(refused)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return screen.refused(Refused("stopping", "Given up.", "The call was ended."))


async def _probe(
    config: Config, request: CallRequest, plan: CallPlan, screen: "Screen", clock: Clock
) -> Answer:
    _cancel_on_signal()
    instance = instance_id(None)
    executors = Executors()
    runner = await Runner.open(config.state_dir, instance, clock, executors.disk)
    node = Node(
        next(node for node in config.nodes if node.name == plan.settings.node),
        instance,
        clock=clock,
        look_up=partial(names.look_up, executors.names),
        quiet=True,
    )
    try:
        node.start()
        await _connected(node, clock)
        runner.configure(config, {node.name: node})
        await runner.recall()
        screen.calling(plan.settings.destination, plan.settings.gateway, node.name)
        return await runner.probe(request, screen.progress)
    finally:
        await runner.stop()
        await node.stop()
        executors.shutdown()


def _cancel_on_signal() -> None:
    """Let SIGINT and SIGTERM cancel this task, also where the shell lets a background job ignore SIGINT."""
    this = asyncio.current_task()
    if this is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, this.cancel)


async def _connected(node: Node, clock: Clock) -> None:
    """Wait until the first attempt to connect has ended; the runner reports why it failed."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            while not node.connected and node.problem in ("", "none"):
                await clock.sleep(0.02)
    except TimeoutError:
        return


class Screen:
    """Standard output: a line for each thing that happens.

    Args:
        clock: the time.
        as_json: print nothing before the call is over, and then one JSON object.
    """

    def __init__(self, clock: Clock, *, as_json: bool) -> None:
        self._clock = clock
        self._json = as_json
        self._began = clock.monotonic()
        self._shown = "initiated"

    def calling(self, number: str, gateway: str, node: str) -> None:
        """The call is about to be placed."""
        self._began = self._clock.monotonic()
        self._say(f"Calling {number} through {gateway} on {node}")

    def progress(self, record: CallRecord) -> None:
        """The call got further. The times are this process's; those of the result are FreeSWITCH's."""
        if record.status == self._shown or record.result is not None:
            return
        self._shown = record.status
        words = {
            "dialing": "dialling ...",
            "ringing": "early media ..." if record.early_media else "ringing ...",
            "answered": "answered, talking ...",
        }
        if record.status in words:
            self._say(f"{self._clock.monotonic() - self._began:6.1f} s  {words[record.status]}")

    def over(self, answer: Answer) -> int:
        """The result; gives the exit code."""
        record = answer.record
        if self._json:
            standard_output.say(encode(record).decode())
        else:
            for line in result_lines(answer, self._clock.epoch()):
                self._say(line)
        return _CODES.get(record.result or "", REFUSED)

    def refused(self, refused: Refused) -> int:
        """No call was placed; gives the exit code."""
        if self._json:
            answer = {"error": refused.reason, "message": refused.message, "hint": refused.hint}
            standard_output.say(json.dumps(answer))
        else:
            print(f"{_PROGRAM}: {refused.message} {refused.hint}", file=sys.stderr)
        return REFUSED

    def _say(self, line: str) -> None:
        if not self._json:
            standard_output.say(line)


def result_lines(answer: Answer, now: float) -> list[str]:
    """The result in lines for people; `now` in epoch seconds."""
    record = answer.record
    lines = []
    if answer.cached:
        age = now - record.started_at
        lines.append(
            f"No new call: guard.min_interval serves the one of {age:.0f} s ago, {record.call_uuid}."
        )
    if record.phases:
        lines.append("  ".join(f"{phase} {seconds:.2f} s" for phase, seconds in record.phases.items()))
    if record.media is not None:
        lines.append(_figures(record.media, record.tone))
    lines.append(f"{(record.result or 'unknown').upper()}: {record.message}")
    if record.remedy:
        lines.append(f"  {record.remedy}")
    if record.result == "failed" and record.sip_call_id:
        at = datetime.fromtimestamp(record.started_at, UTC)
        lines.append(f"  For the provider: SIP Call-ID {record.sip_call_id}, {at:%Y-%m-%d %H:%M:%S} UTC")
    return lines


def _figures(media: MediaRecord, tone: ToneRecord | None) -> str:
    parts = [f"{media.packets_received} packets"]
    if media.mos is not None:
        parts.append(f"MOS {media.mos:.1f}")
    if media.packet_loss_ratio is not None:
        parts.append(f"loss {media.packet_loss_ratio:.1%}")
    if media.jitter_seconds is not None:
        parts.append(f"jitter {media.jitter_seconds * 1000:.0f} ms")
    if tone is not None and tone.round_trip_seconds is not None:
        parts.append(f"round trip {tone.round_trip_seconds * 1000:.0f} ms (in steps of 20)")
    return ", ".join(parts)
