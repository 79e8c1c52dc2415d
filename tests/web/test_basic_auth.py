"""BasicAuth: right and wrong passwords, remembered, and checked off the event loop."""

import asyncio
import threading
from collections.abc import Iterator

import bcrypt
import pytest

from exporter.config import Secret
from exporter.executors import Executor
from exporter.web import basic_auth
from exporter.web.basic_auth import BasicAuth
from exporter.web.fair import Full

ONE = "192.0.2.1"  # the party of a client
OTHER = "192.0.2.2"


def hashed(password: str, cost: int = 4, prefix: bytes = b"2b") -> Secret:
    return Secret(bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost, prefix)).decode())


@pytest.fixture
def known() -> Iterator[BasicAuth]:
    hashes = Executor("hashes", queue=4)
    yield BasicAuth(hashes)
    hashes.shutdown()


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The checks by bcrypt, which are still made."""
    made: list[tuple[str, str]] = []
    real = basic_auth._matches

    def noted(password: str, against: str) -> bool:
        made.append((password, against))
        return real(password, against)

    monkeypatch.setattr(basic_auth, "_matches", noted)
    return made


@pytest.mark.parametrize("password", ["right", "", "with:colon", "päß\N{PILE OF POO}", "nul\0nul"])
async def test_only_the_right_password_of_the_right_user_matches(known: BasicAuth, password: str) -> None:
    users = {"anna": hashed(password), "ben": hashed("another")}
    for _ in range(2):  # the second time from memory
        assert await known.match(users, "anna", password, ONE)
        assert not await known.match(users, "anna", password + "x", ONE)
        assert not await known.match(users, "ben", password, ONE)
        assert not await known.match(users, "Anna", password, ONE)
        assert not await known.match(users, "nobody", password, ONE)
        assert not await known.match({}, "anna", password, ONE)


async def test_the_hash_of_htpasswd_and_a_password_longer_than_bcrypt_looks(known: BasicAuth) -> None:
    users = {"anna": Secret(hashed("x" * 72).reveal().replace("$2b$", "$2y$"))}
    assert await known.match(users, "anna", "x" * 100, ONE)
    assert not await known.match(users, "anna", "x" * 71, ONE)


async def test_each_pair_is_checked_once(known: BasicAuth, checks: list[tuple[str, str]]) -> None:
    users = {"anna": hashed("right")}
    assert await asyncio.gather(*[known.match(users, "anna", "right", ONE) for _ in range(50)]) == [True] * 50
    assert not any(await asyncio.gather(*[known.match(users, "anna", "wrong", ONE) for _ in range(50)]))
    assert not any(await asyncio.gather(*[known.match(users, "nobody", "wrong", ONE) for _ in range(50)]))
    assert len(checks) == 3


async def test_a_changed_hash_is_checked_anew(known: BasicAuth) -> None:
    assert await known.match({"anna": hashed("old")}, "anna", "old", ONE)
    changed = {"anna": hashed("new")}
    assert not await known.match(changed, "anna", "old", ONE)
    assert await known.match(changed, "anna", "new", ONE)
    assert not await known.match({}, "anna", "new", ONE)


async def test_a_user_who_does_not_exist_costs_as_much_as_the_highest_cost(
    known: BasicAuth, checks: list[tuple[str, str]]
) -> None:
    users = {"anna": hashed("a", 4), "ben": hashed("b", 6)}
    assert not await known.match(users, "nobody", "guess", ONE)
    assert [against.split("$")[2] for _, against in checks] == ["06"]


async def test_a_user_who_does_not_exist_has_no_password_at_all(
    known: BasicAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(basic_auth, "_matches", lambda *_: True)  # even if one matched the stand-in hash
    assert not await known.match({"anna": hashed("a")}, "nobody", "guess", ONE)


async def test_wrong_passwords_are_forgotten_and_never_displace_the_right_one(
    known: BasicAuth, checks: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(basic_auth, "_MAX_WRONG", 10)
    users = {"anna": hashed("right")}
    assert await known.match(users, "anna", "right", ONE)
    for number in range(30):
        assert not await known.match(users, "anna", f"guess {number}", ONE)
    assert len(known._wrong) == 10
    checks.clear()
    assert await known.match(users, "anna", "right", ONE)
    assert checks == []


async def test_the_loop_goes_on_while_a_password_is_checked(known: BasicAuth) -> None:
    users = {"anna": hashed("right", 11)}
    checking = asyncio.create_task(known.match(users, "anna", "right", ONE))
    turns = 0
    while not checking.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert await checking
    assert turns > 10


class Held:
    """Checks that begin and do not end before the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[str] = []
        self.go_on = threading.Event()
        monkeypatch.setattr(basic_auth, "_matches", self._matches)

    async def begins(self) -> None:
        """Wait until a thread has begun with a check."""
        async with asyncio.timeout(30):
            while not self.begun:  # noqa: ASYNC110 - a thread sets it
                await asyncio.sleep(0.001)

    def _matches(self, password: str, _hashed: str) -> bool:
        self.begun.append(password)
        self.go_on.wait(10)
        return password == "right"


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_past_its_share_of_the_queue_an_address_is_refused_and_others_are_not(
    known: BasicAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    users = {"anna": hashed("right")}
    guesses = [
        asyncio.create_task(known.match(users, "anna", f"guess {number}", ONE))
        for number in range(1 + basic_auth.MAX_WAITING_OF_ONE)
    ]
    await held.begins()  # one is being checked, the others wait
    await settle()
    with pytest.raises(Full):
        await known.match(users, "anna", "one more", ONE)
    same = asyncio.create_task(known.match(users, "anna", "guess 0", ONE))  # shares the check that is made
    right = asyncio.create_task(known.match(users, "anna", "right", OTHER))
    await settle()
    held.go_on.set()
    assert await right
    assert held.begun[:3] == ["guess 0", "guess 1", "right"], "its address has the next turn but one"
    assert await asyncio.gather(*guesses, same) == [False] * (len(guesses) + 1)
    assert not await known.match(users, "anna", "one more", ONE)


async def test_a_right_password_that_is_remembered_needs_no_turn(
    known: BasicAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = {"anna": hashed("right")}
    assert await known.match(users, "anna", "right", ONE)
    held = Held(monkeypatch)
    guesses = [asyncio.create_task(known.match(users, "anna", f"{n}", ONE)) for n in range(10)]
    await held.begins()
    assert await known.match(users, "anna", "right", ONE)
    held.go_on.set()
    await asyncio.gather(*guesses, return_exceptions=True)


async def test_a_check_whose_clients_have_left_is_not_made(
    known: BasicAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    users = {"anna": hashed("right")}
    first = asyncio.create_task(known.match(users, "anna", "guess 0", ONE))
    await held.begins()
    for number in range(1, 50):  # each leaves before its turn; together they are more than may wait
        guess = asyncio.create_task(known.match(users, "anna", f"guess {number}", ONE))
        await settle()
        guess.cancel()
        await settle()
    first.cancel()
    right = asyncio.create_task(known.match(users, "anna", "right", ONE))
    await settle()
    held.go_on.set()
    assert await right
    assert held.begun == ["guess 0", "right"]
