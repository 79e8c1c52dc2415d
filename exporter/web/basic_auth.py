"""Checks a user's password against its bcrypt hash without holding up the loop, and in the same time whoever
it is.

bcrypt is slow on purpose: 50 ms and more. So it runs in a thread, one check at a time (a flood of wrong
passwords costs one core at most), and what it found is remembered: per user the last password that was right,
and a bounded number that were wrong. Remembered is an HMAC under a key of this process, never the password. A
user that does not exist costs a check against a hash that nothing matches; that and comparing digests in
constant time leaves nothing to measure.
"""

import asyncio
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from exporter.config import Secret

_MAX_WRONG: Final = 1000
_MAX_PASSWORD: Final = 72  # bytes: bcrypt looks at no more, and says so by an error
_NOBODY_COST: Final = "10"  # where there is no user to take it from


class BasicAuth:
    """Remembers what was checked; the users are passed in at each use, for a reload can change them."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        self._wrong: dict[bytes, None] = {}
        self._turn = asyncio.Lock()

    async def match(self, users: Mapping[str, Secret], user: str, password: str) -> bool:
        """Whether `password` is that of `user`, one of `users` (name to bcrypt hash)."""
        known = users.get(user)
        hashed = known.reveal() if known else _nobody(users)
        digest = self._digest(user, hashed, password)
        if (remembered := self._recall(user, digest)) is not None:
            return remembered
        async with self._turn:
            # Whoever waited here may find that the one before asked the same.
            if (remembered := self._recall(user, digest)) is not None:
                return remembered
            right = await asyncio.to_thread(_matches, password, hashed) and known is not None
            self._remember(user, digest, right)
            return right

    def _digest(self, user: str, hashed: str, password: str) -> bytes:
        message = b"\0".join(part.encode(errors="surrogatepass") for part in (hashed, user, password))
        return hmac.digest(self._key, message, "sha256")

    def _recall(self, user: str, digest: bytes) -> bool | None:
        if hmac.compare_digest(self._right.get(user, b""), digest):
            return True
        return False if digest in self._wrong else None

    def _remember(self, user: str, digest: bytes, right: bool) -> None:
        if right:
            self._right[user] = digest
            return
        self._wrong[digest] = None
        if len(self._wrong) > _MAX_WRONG:
            del self._wrong[next(iter(self._wrong))]


def _matches(password: str, hashed: str) -> bool:
    import bcrypt  # late: few set passwords, and it costs memory

    candidate = password.encode(errors="surrogatepass")[:_MAX_PASSWORD]
    try:
        return bcrypt.checkpw(candidate, hashed.encode())
    except ValueError:
        return False


def _nobody(users: Mapping[str, Secret]) -> str:
    """A well-formed hash that no password has, as costly as the costliest of `users`."""
    cost = max((known.reveal().split("$")[2] for known in users.values()), default=_NOBODY_COST)
    return f"$2b${cost}$" + "." * 53
