"""What was heard on a call: arithmetic on the packet counts that FreeSWITCH leaves at the end of a leg.

FreeSWITCH's own figures need care (tried.md 3 and 4, facts.md 4.4):

- `in_mos` is 4.50 when not a single packet came: quality counts only with packets. - `in_packet_count`
includes early media, `in_media_packet_count` does not: after early media FreeSWITCH throws away
  what has piled up and counts one.
- `in_jitter_loss_rate` is computed every 5 s and reads 0.00 in a call of 5 s at 30 % loss. Loss is taken from
the
  packets that should have come instead: those we sent and that did not return, as far as the sequence numbers
  show gaps (`flaw_total`). An echoing far end that starts late or stops early returns fewer without a gap:
  that is no loss. Measured over 22 s: 3, 10 and 30 % injected read 3.1, 10.4 and 29.3 %; calls of 5 s
  overstate.
- Of jitter only the minimum and maximum of a running variance are kept; healthy short calls show 13 to 33 ms.
"""

import math
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

from exporter.esl import Event
from exporter.probe.dialstring import TONE_WAIT

ROUND_TRIP_STEP: Final = 0.02
_PTIME: Final = 20
_NO_DELAY: Final = 0.06  # between the marks when the sound returns at once: three frames of FreeSWITCH's own
_BEFORE_OURS: Final = 1000  # the tone's course listens that many milliseconds before it sends


class Media(NamedTuple):
    """Packets of an answered leg.

    Attributes:
        received, sent: media packets, early media left out.
        expected: what the time from answer to hang-up asks for, at the codec's packet time.
        comfort_noise: packets that only say that the far end is silent; not in `received`.
        lost: packets missing between those that came.
        jitter: worst running deviation of arrival, seconds; None without packets.
        mos: FreeSWITCH's estimate, 1 to 4.5; None without packets.
    """

    received: int
    sent: int
    expected: int
    comfort_noise: int
    lost: int
    jitter: float | None
    mos: float | None

    @property
    def loss(self) -> float | None:
        """Share of packets lost on the way to us, 0 to 1; None without packets."""
        return self.lost / (self.received + self.lost) if self.received else None


class Tone(NamedTuple):
    """What became of the tone.

    Attributes:
        returned: it was heard after we had begun to send it.
        before_ours: it was heard before: the far end plays one itself, so that a return would prove nothing.
        round_trip: seconds, in steps of ROUND_TRIP_STEP; None if it did not return.
    """

    returned: bool
    before_ours: bool
    round_trip: float | None


def read_media(event: Event, talk: float) -> Media | None:
    """The packet counts in a CHANNEL_HANGUP_COMPLETE or CHANNEL_DESTROY; None if RTP never started.

    Args:
        talk: seconds from answer to hang-up.
    """
    received = event.get_int(b"variable_rtp_audio_in_media_packet_count")
    sent = event.get_int(b"variable_rtp_audio_out_media_packet_count")
    if received is None or sent is None:
        return None
    ptime = event.get_int(b"variable_rtp_use_codec_ptime") or _PTIME
    expected = round(talk * 1000 / ptime)
    noise = event.get_int(b"variable_rtp_audio_in_cng_packet_count") or 0
    if received <= 0:
        return Media(0, sent, expected, noise, 0, None, None)
    flaws = event.get_int(b"variable_rtp_audio_in_flaw_total") or 0
    variance = event.get_float(b"variable_rtp_audio_in_jitter_max_variance")
    jitter = math.sqrt(variance) / 1000 if variance is not None and variance >= 0 else None
    mos = event.get_float(b"variable_rtp_audio_in_mos")
    lost = max(min(flaws, sent - received), 0)  # flaws carry penalties: never more than did not return
    return Media(received, sent, expected, noise, lost, jitter, mos)


def read_tone(event: Event, marks: list[tuple[str, float]]) -> Tone:
    """What the detectors left in a CHANNEL_HANGUP_COMPLETE or CHANNEL_DESTROY.

    Args:
        marks: the `exporter::probe` events of the call in order: name (`a` or `b`) and stamp in epoch
        seconds.
    """
    before = event.get_int(b"variable_tone_detect_pre_total_time")
    before_ours = before is not None and before < _BEFORE_OURS
    returned = event.get_int(b"variable_tone_detect_own_total_time") is not None and not before_ours
    return Tone(returned, before_ours, round_trip(marks) if returned else None)


def round_trip(marks: list[tuple[str, float]]) -> float | None:
    """Seconds: the median from each mark a to its mark b, less what FreeSWITCH itself takes; None without."""
    times = [
        there - here
        for (first, here), (second, there) in pairwise(marks)
        if (first, second) == ("a", "b") and there - here < TONE_WAIT - ROUND_TRIP_STEP / 2
    ]
    if not times:
        return None
    steps = round((median(times) - _NO_DELAY) / ROUND_TRIP_STEP)
    return max(steps, 0) * ROUND_TRIP_STEP
