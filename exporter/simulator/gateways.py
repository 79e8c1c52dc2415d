"""A gateway: FreeSWITCH's registration machine.

Strategy: FreeSWITCH checks each gateway once per second (facts.md 2.1). `Gateway.tick` is that check and
`_ON_TICK` the complete machine: what happens to a gateway found in a state. Between the ticks only answers
change anything: to REGISTER (`_registered`) and to OPTIONS (`_pinged`). A change that FreeSWITCH signals goes
to `announce`; one that it does not signal (facts.md 3, "Not signalled") does not.

Time is counted in ticks: what FreeSWITCH calls a second lasts `tick` seconds here, so a test can have its
60 s refresh in half a second. Points in time and uptimes in replies are the clock's.

    UNREGED ─▶ TRYING ─200─▶ REGISTER ─▶ REGED ─refresh─▶ REGISTER ...
                 │ no answer within timeout_seconds: TIMEOUT ─▶ FAILED
                 └─ any other answer, or an unanswered ping while REGED: FAILED ─▶ FAIL_WAIT ─▶ UNREGED
    UNREGISTER ─▶ DOWN          NOREG: no transition
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from exporter.simulator.clock import SwitchClock
from exporter.simulator.providers import (
    NO_RESPONSE,
    REPEATED_CHALLENGE,
    SILENCE,
    Answer,
    Provider,
)

if TYPE_CHECKING:
    import random

TRANSACTION_TIMEOUT: Final = 32  # s, sofia gives up on an unanswered request: 408
_ALL: Final = 1 << 30  # ticks


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """One `<gateway>` of the profile's configuration, in FreeSWITCH's own words and defaults.

    Attributes:
        ping: seconds between OPTIONS, 0 for none (FreeSWITCH wants at least 5).
        timeout_seconds: how long a REGISTER may stay without any answer.
    """

    name: str
    profile: str = "external"
    username: str = "telnyxuser"
    realm: str = "telnyx.lab"
    proxy: str = "127.0.0.1:5070"
    from_domain: str = ""
    register: bool = True
    expire_seconds: int = 3600
    retry_seconds: int = 30
    timeout_seconds: int = 60
    ping: int = 0
    ping_min: int = 1
    ping_max: int = 1


Announce = Callable[["Gateway", Answer | None], None]
LogLine = Callable[[str, str, int, str], None]  # level, function, line and text of sofia_reg.c or sofia.c


class Gateway:
    """One gateway as mod_sofia keeps it.

    Args:
        config: of the gateway.
        provider: what answers it.
        clock: of the switch.
        tick: seconds that one FreeSWITCH second lasts.
        announce: called with each change that FreeSWITCH signals, and the answer that caused it.
        log: takes log lines.
        rng: what the time of a refresh is drawn from.
        catch_up: has the ticks counted that have passed; called when anything but a tick changed it.

    Attributes:
        state: one of FreeSWITCH's eleven.
        up: FreeSWITCH's Status.
        deleted: killgw was given; the gateway goes at a tick that finds it NOREG or DOWN.
        gone: it went.
        retry_at: tick of the next registration attempt (shown as `retry`), 0 none.
        network: host and port that the last answer to REGISTER came from.
        calls_in, calls_out, failed_calls_in, failed_calls_out: FreeSWITCH's counters.
    """

    def __init__(
        self,
        config: GatewayConfig,
        provider: Provider,
        clock: SwitchClock,
        tick: float,
        announce: Announce,
        log: LogLine,
        rng: "random.Random",
        catch_up: Callable[[], None],
    ) -> None:
        self.config = config
        self.provider = provider
        self.state = "UNREGED" if config.register else "NOREG"
        self.up = not config.register
        self.deleted = False
        self.gone = False
        self.retry_at = 0
        self.network: tuple[str, str] | None = None
        self.pinging = False
        self.ping_at = clock.now() + config.ping * tick if config.ping else 0.0
        self.ping_sent = 0.0
        self.ping_count = 0
        self.ping_milliseconds = 0.0
        self.calls_in = self.calls_out = self.failed_calls_in = self.failed_calls_out = 0
        self._clock = clock
        self._tick = tick
        self._announce = announce
        self._log = log
        self._rng = rng
        self._catch_up = catch_up
        self._now = 0  # ticks since creation
        self._failures = 0
        self._last_failure = 0
        self._timeout_at = 0
        self._refresh_at = 0
        self._attempt = 0
        self._up_since = clock.now() if self.up else 0.0

    @property
    def name(self) -> str:
        """Without its profile."""
        return self.config.name

    @property
    def profile(self) -> str:
        """The name of its profile."""
        return self.config.profile

    @property
    def uptime(self) -> float:
        """Seconds with Status UP, 0 while DOWN."""
        return self._clock.now() - self._up_since if self.up else 0.0

    @property
    def retry_seconds(self) -> int | None:
        """Seconds to the next attempt as `sofia status` shows them; None: nothing is shown, 0: NEVER."""
        return self._until(self.retry_at)

    @property
    def timeout_seconds(self) -> int | None:
        """The same as the list of `sofia status gateway` shows it: to the limit of the REGISTER itself."""
        return self._until(self._timeout_at)

    def _until(self, tick: int) -> int | None:
        if self.state not in ("TRYING", "FAILED", "FAIL_WAIT"):
            return None
        self._catch_up()
        return max(0, tick - self._now)

    # Commands of an operator.

    def ask_register(self) -> None:
        """`sofia profile P register NAME`: no event until the tick that sends the REGISTER."""
        self.retry_at = 0
        self.state = "UNREGED"
        self._catch_up()

    def ask_unregister(self) -> None:
        """`sofia profile P unregister NAME`."""
        self.retry_at = 0
        self.state = "UNREGISTER"
        self._catch_up()

    def kill(self) -> None:
        """`sofia profile P killgw NAME`: unknown at once, still listed until it is unregistered."""
        self.deleted = True
        if self.state not in ("NOREG", "DOWN"):
            self.state = "UNREGISTER"
        self._catch_up()

    # The machine.

    def quiet_ticks(self) -> int:
        """How many of the next ticks only count, unless something else changes the gateway before."""
        state = self.state
        if state == "TRYING":
            quiet = self._timeout_at - self._now - 1
        elif state == "FAIL_WAIT":
            quiet = self.retry_at - self._now - 1
        elif state == "REGED":
            quiet = self._refresh_at - self._now - 1 if self._refresh_at else _ALL
        elif state in ("NOREG", "DOWN") and not self.deleted and (self.up or self.config.ping):
            quiet = _ALL
        else:
            return 0
        if self.ping_at and not self.pinging:
            quiet = min(quiet, int((self.ping_at - self._clock.now()) / self._tick) - 1)
        return max(0, quiet)

    def skip(self, ticks: int) -> None:
        """So many ticks have passed that only count."""
        self._now += ticks

    def tick(self) -> None:
        """FreeSWITCH's check of the gateway, once per second."""
        self._now += 1
        if self.deleted and self.state in ("NOREG", "DOWN"):
            self.gone = True
            return
        self._ping_if_due()
        before = self.state
        handler = self._ON_TICK.get(before)
        if handler:
            handler(self)
        if self.state != before:
            self._announce(self, None)
        if self.state == "TRYING" and before == "UNREGED":
            self._send_register()

    def _set_up(self, up: bool) -> None:
        if up and not self.up:
            self._up_since = self._clock.now()
        self.up = up

    def _reged(self) -> None:
        self.state = "REGED"
        self._failures = 0
        self._refresh_at = self._now + max(2, int(self.config.expire_seconds * self._rng.uniform(0.35, 0.6)))
        self._set_up(True)

    def _try(self) -> None:
        self.state = "TRYING"
        self.retry_at = self._now + self.config.retry_seconds
        self._timeout_at = self._now + self.config.timeout_seconds

    def _trying(self) -> None:
        if self._now >= self._timeout_at:
            self._attempt += 1
            self._failures += 1
            self._last_failure = 0
            self.state = "TIMEOUT"
            self._log("warning", "sofia_reg_check_gateway", 560, f"Timeout Registering {self.name}")

    def _timed_out(self) -> None:
        self.state = "FAILED"

    def _failed(self) -> None:
        quick = self._last_failure in (0, 503)
        wait = self.config.retry_seconds * (1 if quick else max(1, self._failures))
        self.retry_at = self._now + wait
        text = f"{self.name} Failed Registration [{self._last_failure}], setting retry to {wait} seconds."
        self._log("warning", "sofia_reg_check_gateway", 520, text)
        self._set_up(False)
        self.state = "FAIL_WAIT"

    def _waiting(self) -> None:
        if self._now >= self.retry_at:
            self.state = "UNREGED"

    def _unregister(self) -> None:
        self.state = "DOWN"
        self._set_up(False)

    def _unmonitored(self) -> None:
        if not self.config.ping:
            self._set_up(True)

    def _refresh_if_due(self) -> None:
        if self._refresh_at and self._now >= self._refresh_at:
            self._refresh_at = 0
            self._send_register()

    # Answers.

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds * self._tick, action)

    def _send_register(self) -> None:
        self._attempt += 1
        attempt = self._attempt
        answer = self.provider.register
        if answer == SILENCE:
            self._after(TRANSACTION_TIMEOUT, lambda: self._registered(attempt, NO_RESPONSE))
            return
        if answer == REPEATED_CHALLENGE and self._failures and self.network:
            # From the second failure on, sofia first reports that it reuses the credentials it has.
            self._announce(self, Answer(100, "Request Authorized by Cache"))
        if answer.reached:
            self._after(self.provider.latency, lambda: self._registered(attempt, answer))
        else:
            self._registered(attempt, answer)  # ICMP and DNS are as quick as the machine

    def _registered(self, attempt: int, answer: Answer) -> None:
        if attempt != self._attempt or self.gone or self.state not in ("TRYING", "REGED", "REGISTER"):
            return
        if answer is not NO_RESPONSE:
            host, _, port = self.config.proxy.partition(":")
            self.network = (host, port or "5060") if answer.reached else (host, "0")
        if answer.code == 200:
            self.state = "REGISTER"
        else:
            self.state = "FAILED"
            self._failures += 1
            self._last_failure = answer.code
            text = f"{self.name} Failed Registration with status {answer.phrase} [{answer.code}]"
            text += f". failure #{self._failures}"
            self._log("err", "sofia_reg_handle_sip_r_register", 2661, text)
        self._announce(self, answer)
        self._catch_up()

    def _ping_if_due(self) -> None:
        due = self.ping_at and not self.pinging and self._clock.now() >= self.ping_at
        if not due or self.state not in ("NOREG", "REGED") or self.deleted:
            return
        self.pinging = True
        self.ping_sent = self._clock.now()
        answer = self.provider.options
        if answer == SILENCE:
            self._after(TRANSACTION_TIMEOUT, lambda: self._pinged(NO_RESPONSE))
        else:
            self._after(self.provider.latency if answer.reached else 0.0, lambda: self._pinged(answer))

    def _pinged(self, answer: Answer) -> None:
        """sofia.c:6430: what an answer, or none, does to the count, the Status and a REGED gateway."""
        if self.gone:
            return
        self.pinging = False
        alive = answer.code not in (408, 503)
        was_up = self.up
        if alive:
            self.ping_milliseconds = (self._clock.now() - self.ping_sent) * 1000
            self.ping_count = min(self.config.ping_max, self.ping_count + 1)
            if self.ping_count >= self.config.ping_min:
                self._set_up(True)
        else:
            self.ping_count = max(0, self.ping_count - 1)
            if self.ping_count < self.config.ping_min:
                self.ping_milliseconds = 0.0
                self._set_up(False)
            if self.state == "REGED":
                self.state = "FAILED"
                self._last_failure = 503
        self.ping_at = self._clock.now() + self.config.ping * self._tick
        if not alive or self.up != was_up:
            counts = f"{self.config.ping_min}/{self.ping_count}/{self.config.ping_max}"
            text = f"Ping {'succeeded' if alive else 'failed'} {self.name} with code {answer.code}"
            text += f" - count {counts}, state {'UP' if self.up else 'DOWN'}"
            self._log("warning", "sofia_handle_sip_r_options", 6450, text)
        if self.up != was_up:
            self._announce(self, answer)
        self._catch_up()

    _ON_TICK: ClassVar[dict[str, Callable[["Gateway"], None]]] = {
        "UNREGED": _try,
        "TRYING": _trying,
        "TIMEOUT": _timed_out,
        "FAILED": _failed,
        "FAIL_WAIT": _waiting,
        "REGISTER": _reged,
        "REGED": _refresh_if_due,
        "UNREGISTER": _unregister,
        "DOWN": _unmonitored,
        "NOREG": _unmonitored,
    }
