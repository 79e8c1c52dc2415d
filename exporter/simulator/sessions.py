"""The sessions of one switch: its live legs, its counters, its limits.

FreeSWITCH counts one session per leg. Its five-minute figures do not slide: they restart from zero every
300 s (facts.md 4.5). A limit or a pause refuses a call before there is a session (facts.md 6.4).

The rate is of whole seconds, and counts what is refused, too: each request for a session takes one from the
second's allowance, and the first that leaves none is refused (switch_core_session.c). So in a flood the
figure of the last second is above the limit.
"""

from typing import Final

from exporter.simulator import ending
from exporter.simulator.channel import CallSetup
from exporter.simulator.clock import SwitchClock
from exporter.simulator.core import Core
from exporter.simulator.leg import Leg

WINDOW_SECONDS: Final = 300.0
_SOURCE: Final = ("switch_core_session.c", "switch_core_session_request_uuid")


class Load:
    """The session counters of one FreeSWITCH process.

    Attributes:
        since_startup: sessions made since the start.
        count: live legs.
        peak: most live legs at one time.
        peak_five_minutes: the same in the current window.
    """

    def __init__(self, clock: SwitchClock) -> None:
        self.since_startup = 0
        self.count = 0
        self.peak = 0
        self.peak_five_minutes = 0
        self._clock = clock
        self._began = clock.monotonic()
        self._window = self._began
        self._second = 0
        self._attempts = 0  # in this second
        self._last = 0  # in the second before
        self._most = 0
        self._most_five_minutes = 0

    def began(self, count: int) -> None:
        """Count a new session; `count` legs are live now."""
        self._advance()
        self._attempts += 1
        self.since_startup += 1
        self.count = count
        self.peak = max(self.peak, count)
        self.peak_five_minutes = max(self.peak_five_minutes, count)

    def refused(self) -> None:
        """Count an attempt for which there was no session: it is one of its second, too."""
        self._advance()
        self._attempts += 1

    @property
    def attempts(self) -> int:
        """Sessions asked for in the second that runs."""
        self._advance()
        return self._attempts

    @property
    def per_second(self) -> int:
        """Sessions asked for in the last whole second."""
        self._advance()
        return self._last

    @property
    def per_second_peak(self) -> int:
        """The most of any second."""
        self._advance()
        return self._most

    @property
    def per_second_five_minutes(self) -> int:
        """The same in the current window."""
        self._advance()
        return self._most_five_minutes

    def _advance(self) -> None:
        """FreeSWITCH closes a second at each tick of its clock (switch_time.c)."""
        now = self._clock.monotonic()
        second = int(now - self._began)
        if second == self._second:
            return
        self._last = self._attempts if second == self._second + 1 else 0
        most = self._attempts
        self._second, self._attempts = second, 0
        if now - self._window >= WINDOW_SECONDS:
            self._window, self.peak_five_minutes, self._most_five_minutes = now, self.count, 0
        self._most = max(self._most, most)
        self._most_five_minutes = max(self._most_five_minutes, most)


class Sessions:
    """The sessions of one switch.

    Args:
        core: of the switch.
        max_sessions: FreeSWITCH's limit of live legs.
        max_sps: FreeSWITCH's limit of new legs per second; it lets one fewer pass.

    Attributes:
        legs: live legs by uuid.
        load: the counters.
        paused: directions in which new calls are refused.
        shutdown_requested: FreeSWITCH is to shut down once its calls have ended.
    """

    def __init__(self, core: Core, max_sessions: int, max_sps: int) -> None:
        self.legs: dict[str, Leg] = {}
        self.load = Load(core.clock)
        self.max_sessions = max_sessions
        self.max_sps = max_sps
        self.paused: set[str] = set()
        self.shutdown_requested = False
        self._core = core

    def restart(self) -> None:
        """Begin as a new process: no leg, counters at zero, nothing paused."""
        self.legs.clear()
        self.load = Load(self._core.clock)
        self.paused.clear()
        self.shutdown_requested = False

    def end(self) -> None:
        """End every leg without an event, as a killed process does."""
        for leg in self.legs.values():
            leg.vanish()

    @property
    def call_count(self) -> int:
        """Calls as `show calls count` counts them: two legs of a bridge are one."""
        return sum(leg.leads() for leg in self.legs.values())

    def refuses(self, direction: str, leg_uuid: str = "") -> bool:
        """Whether FreeSWITCH makes no session: pause, UUID in use, session and rate limit (facts.md 6.4)."""
        if direction in self.paused:
            if direction == "outbound":
                text = "The system cannot create any outbound sessions at this time."
                self._core.log("crit", *_SOURCE, 2395, text)
            return True
        if leg_uuid in self.legs:
            self._core.log("crit", *_SOURCE, 2414, "Duplicate UUID!")
            return True
        full = len(self.legs) >= self.max_sessions
        if full and direction == "inbound":
            return True  # mod_sofia refuses the INVITE before there is anything to log
        if self.load.attempts + 1 >= self.max_sps:
            self.load.refused()
            self._core.log("crit", *_SOURCE, 2427, f"Throttle Error! {len(self.legs)}")
            return True
        if full:
            self.load.refused()
            self._core.log("crit", *_SOURCE, 2434, f"Over Session Limit! {self.max_sessions}")
            return True
        return False

    def make_leg(self, setup: CallSetup) -> Leg:
        """A leg with a session of its own; it is not live before `add`."""
        self.load.began(len(self.legs) + 1)
        return Leg(setup, self.load.since_startup, self._core, self._forget)

    def add(self, leg: Leg) -> None:
        """The leg is live."""
        self.legs[leg.uuid] = leg

    def kill(self, leg: Leg, cause: str) -> None:
        """`uuid_kill`."""
        leg.time.catch_up()
        ending.hang_up(leg, cause)

    def _forget(self, leg: Leg) -> None:
        self.legs.pop(leg.uuid, None)
        self.load.count = len(self.legs)
        # FailedCallsOUT: every outbound leg that ended unanswered; FailedCallsIN never moves (facts.md 2.4).
        if leg.gateway is not None and leg.outbound and not leg.times["answered"]:
            leg.gateway.failed_calls_out += 1
