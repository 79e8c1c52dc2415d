"""Dialplan applications on an answered leg: those that a probe or an operator's originate uses.

Strategy: `run` executes a script of (name, data) one by one, each with its CHANNEL_EXECUTE and
CHANNEL_EXECUTE_COMPLETE; `APPLICATIONS` maps a name to what it does meanwhile. What is heard follows from
the leg's `Path` and from when FreeSWITCH sends: an echo returns its tone one round trip later, a far end that
sends the tone is heard at once, every other one is silent.

As in FreeSWITCH: `sleep` and `park` send nothing unless `send_silence_when_idle` is set; two echoes
send each other nothing; an unknown application kills the call with DESTINATION_OUT_OF_ORDER.
"""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from exporter.simulator import ending, report
from exporter.simulator.channel import Application
from exporter.simulator.channel_headers import channel_headers, variable_headers
from exporter.simulator.leg import Leg

if TYPE_CHECKING:
    from exporter.simulator.events import Header

DETECTION_SECONDS: Final = 0.08  # a tone is recognised this long after it is first heard
FRAME_SECONDS: Final = 0.02
FOREVER: Final = 86_400.0


class Runner:
    """Runs the applications of one leg.

    Attributes:
        detectors: key of each tone_detect that has found nothing yet, and when it was armed.
    """

    def __init__(self, leg: Leg) -> None:
        self.leg = leg
        self.detectors: dict[str, float] = {}

    async def run(self, script: list[tuple[str, str]]) -> None:
        """Execute the script, then hang up."""
        leg = self.leg
        for name, data in script:
            if leg.hung_up.is_set():
                return
            behaviour = APPLICATIONS.get(name)
            if behaviour is None:
                ending.hang_up(leg, "DESTINATION_OUT_OF_ORDER")
                return
            application = leg.execute(name, data)
            response = await behaviour(self, application)
            if leg.hung_up.is_set():
                return
            leg.complete(application, response)
        ending.hang_up(leg, "NORMAL_CLEARING")

    # Hearing.

    def arm(self, key: str) -> None:
        """tone_detect: one answer per key, once the tone is heard."""
        leg = self.leg
        self.detectors[key] = leg.time.elapsed()
        leg.add_media_bug(key)
        if leg.path.speaks and leg.path.tone and leg.path.heard:
            leg.time.at(DETECTION_SECONDS, partial(self._detected, key))

    def tone_begins(self) -> None:
        """FreeSWITCH sends the tone; if it comes back, every armed detector finds it."""
        leg = self.leg
        if leg.path.returns_audio():
            for key in list(self.detectors):
                leg.time.at(leg.path.round_trip + DETECTION_SECONDS, partial(self._detected, key))

    def _detected(self, key: str) -> None:
        armed = self.detectors.pop(key, None)
        if armed is None:
            return
        milliseconds = round((self.leg.time.elapsed() - armed) * 50) * 20
        self.leg.set([(f"tone_detect_{key}_total_time", str(milliseconds))])
        self.leg.core.fire("DETECTED_TONE", [("Detected-Tone", key)], stamp=self.leg.stamp())

    def idle_sends(self) -> bool:
        """Silence is sent where an application sends nothing."""
        return bool(self.leg.get("send_silence_when_idle"))


Behaviour = Callable[[Runner, Application], Awaitable[str]]


async def _nothing(_runner: Runner, _application: Application) -> str:
    return "_none_"


async def _park(runner: Runner, application: Application) -> str:
    leg = runner.leg
    leg.fire("CHANNEL_PARK")
    application.on_hangup = lambda: leg.fire("CHANNEL_UNPARK")
    if runner.idle_sends():
        leg.start_sending()
    await leg.time.wait(FOREVER)
    return "_none_"


async def _echo(runner: Runner, _application: Application) -> str:
    leg = runner.leg
    if leg.path.speaks and leg.path.heard:
        leg.start_sending()
    await leg.time.wait(FOREVER)
    return "_none_"


async def _sleep(runner: Runner, application: Application) -> str:
    leg = runner.leg
    if runner.idle_sends():
        leg.start_sending()
    await leg.time.wait(int(application.data or 0) / 1000)
    leg.stop_sending()
    return "_none_"


async def _hangup(runner: Runner, application: Application) -> str:
    ending.hang_up(runner.leg, application.data or "NORMAL_CLEARING")
    return "_none_"


async def _set(runner: Runner, application: Application) -> str:
    name, _, value = application.data.partition("=")
    runner.leg.set([(name, value)])
    return "_none_"


async def _set_media_stats(runner: Runner, _application: Application) -> str:
    runner.leg.set(report.media_report(runner.leg.live_report()))
    return "_none_"


async def _sched_hangup(runner: Runner, application: Application) -> str:
    schedule_hangup(runner.leg, application.data)
    return "_none_"


async def _playback(runner: Runner, application: Application) -> str:
    leg = runner.leg
    path = application.data
    seconds, is_tone = stream_seconds(path)
    if application.name == "endless_playback":
        seconds = FOREVER
    begun = leg.time.elapsed()
    file_headers: list[Header] = [
        ("Playback-File-Type", path.partition("://")[0]),
        ("Playback-File-Path", path),
    ]
    leg.fire("PLAYBACK_START", after=file_headers)

    def stopped() -> None:
        samples = round((leg.time.elapsed() - begun) * 8000)
        leg.set(
            [
                ("playback_last_offset_pos", str(samples)),
                ("playback_seconds", str(samples // 8000)),
                ("playback_ms", str(samples // 8)),
                ("playback_samples", str(samples)),
            ]
        )
        leg.fire("PLAYBACK_STOP", after=[*file_headers, ("Playback-Status", "done")])

    application.on_hangup = stopped
    leg.start_sending()
    if is_tone:
        runner.tone_begins()
    if not await leg.time.wait(seconds):
        leg.stop_sending()
        stopped()
    return "FILE PLAYED"


async def _detect_audio(runner: Runner, application: Application) -> str:
    """Plays a file and returns once enough frames above the threshold were heard, or at the timeout."""
    leg = runner.leg
    _threshold, hits, timeout, *_file = application.data.split(" ", 3)
    needed = (int(hits) + 1) * FRAME_SECONDS + FRAME_SECONDS
    limit = int(timeout) / 1000 or FOREVER
    leg.start_sending()
    runner.tone_begins()
    path = leg.path
    if path.speaks and path.heard:
        heard_after = needed
    elif path.returns_audio():
        heard_after = needed + path.round_trip
    else:
        heard_after = FOREVER
    if await leg.time.wait(min(heard_after, limit)):
        return "_none_"
    leg.stop_sending()
    leg.set([("detect_audio_timeout", "false" if heard_after <= limit else "true")])
    return "_none_"


async def _tone_detect(runner: Runner, application: Application) -> str:
    runner.arm(application.data.split(" ")[0])
    return "_none_"


async def _event(runner: Runner, application: Application) -> str:
    """mod_dptools' `event`: a CUSTOM event that carries the channel's headers."""
    leg = runner.leg
    pairs = [tuple(piece.split("=", 1)) for piece in application.data.split(",") if "=" in piece]
    given = {name.strip(): value.strip() for name, value in pairs}
    leg.core.fire_renamed([*channel_headers(leg), *variable_headers(leg)], given, leg.stamp())
    return "_none_"


APPLICATIONS: Final[dict[str, Behaviour]] = {
    "answer": _nothing,
    "pre_answer": _nothing,
    "park": _park,
    "echo": _echo,
    "sleep": _sleep,
    "hangup": _hangup,
    "set": _set,
    "set_media_stats": _set_media_stats,
    "sched_hangup": _sched_hangup,
    "playback": _playback,
    "endless_playback": _playback,
    "detect_audio": _detect_audio,
    "tone_detect": _tone_detect,
    "event": _event,
}


def schedule_hangup(leg: Leg, data: str) -> None:
    """`sched_hangup +T [cause]`: armed in the switch, so it outlives the client that sent it."""
    when, _, cause = data.partition(" ")
    if not when.lstrip("+").isdigit():
        return
    seconds = int(when.lstrip("+")) - leg.second_fraction()
    leg.time.at(max(0.0, seconds), lambda: ending.hang_up(leg, cause or "ALLOTTED_TIMEOUT"))


def execute_on(leg: Leg, values: list[str]) -> None:
    """`execute_on_originate` and `execute_on_answer`: `app arg`, `app:arg` or `app::arg`."""
    for value in values:
        name, _, data = value.partition(" ") if " " in value else value.partition(":")
        application = leg.execute(name, data.lstrip(":"))
        if name == "sched_hangup":
            schedule_hangup(leg, application.data)
        leg.complete(application)


_TONE: Final = re.compile(r"tone_stream://%\((\d+),(\d+),")
_SILENCE: Final = re.compile(r"silence_stream://(-?\d+)")


def stream_seconds(path: str) -> tuple[float, bool]:
    """How long a file plays, and whether it is a tone. Unknown files play ten seconds."""
    loops = re.search(r"loops=(-?\d+)", path)
    times = int(loops[1]) if loops else 1
    tone = _TONE.match(path)
    silence = _SILENCE.match(path)
    if tone:
        length = (int(tone[1]) + int(tone[2])) / 1000
    elif silence:
        length = int(silence[1]) / 1000
        times = 1
    else:
        length = 10.0
    return (FOREVER if length < 0 or times < 0 else length * max(1, times)), tone is not None
