"""Basic authentication: checks a user's password against its bcrypt hash, off the event loop.

bcrypt takes 50 ms and more by design. It runs in the executor for hashes, one check at a time: a flood of
wrong passwords costs one core at most. Few checks may wait, and addresses have their turns: wrong passwords
of one address do not keep the right one of another waiting. Requests with the same user and password share
one check; it is given up when the last of them has left. Results are remembered: per user the last right
password, which then needs no check at all, and a bounded number of wrong ones. What is remembered is an HMAC
under a key of this process, never the password.

The time of an answer does not tell whether a user exists: a name that does not exist costs a check against a
hash that no password matches, and digests are compared in constant time.
"""

import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from exporter.config import Secret
from exporter.executors import Executor
from exporter.web.fair import FairSlots
from exporter.web.shared import Shared

MAX_WAITING: Final = 32  # checks
MAX_WAITING_OF_ONE: Final = 4  # of one address
_MAX_WRONG: Final = 1000
_MAX_PASSWORD: Final = 72  # bytes: bcrypt reads no more, and raises an error for more
_NOBODY_COST: Final = "10"  # bcrypt's cost, where there is no user to take it from


class BasicAuth:
    """The checks made so far. The users are passed in at each use, because a reload can change them.

    Args:
        hashes: the executor that runs bcrypt.
    """

    def __init__(self, hashes: Executor) -> None:
        self._hashes = hashes
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        self._wrong: dict[bytes, None] = {}
        self._checks: Shared[bytes, bool] = Shared()
        self._turns = FairSlots(1, per_party=1, waiting=MAX_WAITING, waiting_per_party=MAX_WAITING_OF_ONE)

    async def match(self, users: Mapping[str, Secret], user: str, password: str, of: str) -> bool:
        """Whether `password` is that of `user`.

        Args:
            users: bcrypt hashes by name.
            user: the name given.
            password: the password given.
            of: the party (`exporter.web.fair.party`) that gave them.

        Raises:
            Full: too many other passwords wait to be checked.
        """
        known = users.get(user)
        hashed = known.reveal() if known else _hash_without_password(users)
        digest = self._digest(user, hashed, password)
        if (remembered := self._recall(user, digest)) is not None:
            return remembered

        async def check() -> bool:
            async with self._turns.slot(of):
                right = await self._hashes.run(_matches, password, hashed) and known is not None
            self._remember(user, digest, right)
            return right

        return await self._checks.get(digest, check)

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
    import bcrypt  # here, because it costs memory and few installations set passwords

    candidate = password.encode(errors="surrogatepass")[:_MAX_PASSWORD]
    try:
        return bcrypt.checkpw(candidate, hashed.encode())
    except ValueError:
        return False


def _hash_without_password(users: Mapping[str, Secret]) -> str:
    """A well-formed hash that no password has, with the highest cost among `users`."""
    cost = max((known.reveal().split("$")[2] for known in users.values()), default=_NOBODY_COST)
    return f"$2b${cost}$" + "." * 53
