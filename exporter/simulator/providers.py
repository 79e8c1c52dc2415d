"""The provider behind a gateway: how it answers REGISTER, OPTIONS and INVITE.

A healthy provider answers everything with 200; each method of `Provider` is one way to fail.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back to a request.

    Attributes:
        code: SIP status, 0 when nothing comes back.
        phrase: reason phrase.
        reached: a packet came back, so FreeSWITCH knows the port it came from.
    """

    code: int
    phrase: str
    reached: bool = True


OK: Final = Answer(200, "OK")
SILENCE: Final = Answer(0, "", reached=False)
REFUSED_PORT: Final = Answer(503, "Service Unavailable", reached=False)
NO_SUCH_NAME: Final = Answer(503, "DNS Error", reached=False)
REPEATED_CHALLENGE: Final = Answer(904, "Operation has no matching challenge")
NO_RESPONSE: Final = Answer(408, "Request Timeout", reached=False)


class Provider:
    """The far end of one gateway.

    Attributes:
        register: answer to REGISTER.
        options: answer to OPTIONS (FreeSWITCH takes all but 408 and 503 as alive).
        invite: answer to every INVITE, or None to let the dialled number decide.
        latency: FreeSWITCH seconds until an answer to REGISTER or OPTIONS.
    """

    def __init__(self) -> None:
        self.register = OK
        self.options = OK
        self.invite: Answer | None = None
        self.latency = 0.02

    def accepts(self) -> None:
        """Everything is accepted again."""
        self.register = self.options = OK
        self.invite = None

    def rejects(self, code: int = 403, phrase: str = "Forbidden") -> None:
        """REGISTER is refused with this status; pings are still answered."""
        self.register = Answer(code, phrase)

    def repeats_challenge(self) -> None:
        """REGISTER is challenged again and again: FreeSWITCH reports 904, never 401."""
        self.register = REPEATED_CHALLENGE

    def falls_silent(self) -> None:
        """Nothing is answered: frozen host, dropped packets."""
        self.register = self.options = self.invite = SILENCE

    def refuses_port(self) -> None:
        """No process listens on the port: ICMP port unreachable."""
        self.register = self.options = self.invite = REFUSED_PORT

    def loses_its_name(self) -> None:
        """The proxy's host name does not resolve."""
        self.register = self.options = self.invite = NO_SUCH_NAME

    def answers_pings(self, code: int, phrase: str) -> None:
        """OPTIONS get this status; registration is unchanged."""
        self.options = Answer(code, phrase)

    def ignores_pings(self) -> None:
        """OPTIONS get no answer; registration is unchanged."""
        self.options = SILENCE
