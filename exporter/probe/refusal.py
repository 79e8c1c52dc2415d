"""Why a call was not placed: one word for programs, a sentence and an advice for people. No byte was sent.

The words of REFUSALS are those of `freeswitch_probe_refused_total`; the others are plain mistakes in a
request, or a switch that cannot be asked now. The HTTP status of each stands here because the answers are the
same wherever a call is asked for.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

STATUSES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "invalid_number": 400,
        "not_allowed": 403,
        "premium": 403,
        "disabled": 403,
        "budget": 429,
        "concurrency": 429,
        "rate": 429,
        "bad_request": 400,
        "unknown_probe": 404,
        "unknown_node": 404,
        "unknown_gateway": 404,
        "not_connected": 503,
        "state_dir": 503,
        "stopping": 503,
    }
)


class Refused(Exception):
    """The call was not placed.

    Args:
        reason: a word of STATUSES.
        message: what is the matter, for people.
        hint: what to change.
        retry_after: seconds after which asking again makes sense; None if it never does by itself.
    """

    def __init__(self, reason: str, message: str, hint: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.hint = hint
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUSES[self.reason]
