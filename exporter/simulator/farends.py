"""The far ends: what answers at which number, and how.

Strategy: one table from number to `FarEnd`, a script of what the provider's side does after the INVITE. The
first block is the lab's (tried.md 3); the second adds what a lab on loopback cannot do. A number that is
not in it is unknown to the provider: 404 with Q.850 cause 3.
"""

from dataclasses import dataclass
from typing import Final

from exporter.simulator.media import SILENT, Path

PREFIX: Final = "+155500000"


@dataclass(frozen=True, slots=True)
class FarEnd:
    """What happens after the INVITE; seconds count from it, None is never.

    Attributes:
        ring: 180 Ringing.
        early: 183 with audio.
        answer: 200 OK.
        refuse: the INVITE is refused.
        status, phrase: with this status.
        cause: the Q.850 cause of the refusal's Reason header, when it is not the one of the status.
        headers: of the refusal, beyond those of SIP itself.
        hang_up: the far end's BYE, counted from the answer.
        path: what becomes of audio.
        loops_back: the call comes back to this switch as an inbound leg.
    """

    ring: float | None = None
    early: float | None = None
    answer: float | None = None
    refuse: float | None = None
    status: int = 0
    phrase: str = ""
    cause: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    hang_up: float | None = None
    path: Path = SILENT
    loops_back: bool = False


def refuses(
    status: int,
    phrase: str,
    cause: str = "",
    after: float = 0.02,
    *,
    headers: tuple[tuple[str, str], ...] = (),
) -> FarEnd:
    """A far end that refuses the INVITE."""
    return FarEnd(refuse=after, status=status, phrase=phrase, cause=cause, headers=headers)


ECHO: Final = Path(echoes=True)
UNKNOWN_NUMBER: Final = refuses(404, "Not Found", "NO_ROUTE_DESTINATION")

FAR_ENDS: Final[dict[str, FarEnd]] = {
    PREFIX + "01": FarEnd(ring=0.04, answer=1.04, path=ECHO),
    PREFIX + "02": refuses(486, "Busy Here"),
    PREFIX + "03": FarEnd(ring=0.04),
    PREFIX + "04": refuses(404, "Not Found"),
    PREFIX + "05": refuses(403, "Forbidden"),
    PREFIX + "06": refuses(503, "Service Unavailable"),
    PREFIX + "07": FarEnd(answer=0.02),
    PREFIX + "08": FarEnd(early=0.04, answer=2.04, path=ECHO),
    PREFIX + "09": FarEnd(answer=0.04, hang_up=2.0),
    PREFIX + "10": FarEnd(answer=0.04, path=Path(speaks=True, tone=True, startup=3)),
    PREFIX + "11": refuses(603, "Decline"),
    PREFIX + "12": refuses(480, "Temporarily Unavailable"),
    PREFIX + "13": refuses(500, "Server Internal Error"),
    PREFIX + "14": refuses(402, "Payment Required"),
    PREFIX + "21": refuses(403, "User channel limit exceeded D1"),
    PREFIX + "22": refuses(404, "Account blocked D19"),
    PREFIX + "23": refuses(403, "Caller Origination Number is Invalid D35"),
    PREFIX + "24": FarEnd(answer=0.04, path=Path(echoes=True, startup=10), loops_back=True),
    PREFIX + "25": refuses(603, "Decline", headers=(("X-Twilio-Error", "32203 Call blocked"),)),
    # FreeSWITCH's packets arrive and are echoed, but nothing comes back: a firewall open one way only.
    PREFIX + "31": FarEnd(ring=0.04, answer=1.04, path=Path(echoes=True, heard=False)),
    # The opposite: the far end receives nothing, so it has nothing to echo.
    PREFIX + "32": FarEnd(ring=0.04, answer=1.04, path=Path(echoes=True, hears=False)),
    PREFIX + "33": FarEnd(ring=0.04, answer=1.04, path=Path(echoes=True, loss=0.1, jitter=0.045)),
    PREFIX + "34": FarEnd(ring=0.04, answer=1.04, path=Path(echoes=True, loss=0.3, jitter=0.09)),
    PREFIX + "35": FarEnd(ring=0.04, answer=1.04, path=Path(echoes=True, round_trip=0.25)),
    # The INVITE is never answered at all.
    PREFIX + "36": FarEnd(),
}
