"""BasicAuth: right and wrong passwords, remembered, and checked off the event loop."""

import asyncio
import threading
from collections.abc import Iterator

import bcrypt
import pytest

from exporter.config import Secret
from exporter.executors import Executor, QueueFull
from exporter.web import basic_auth
from exporter.web.basic_auth import BasicAuth


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
        assert await known.match(users, "anna", password)
        assert not await known.match(users, "anna", password + "x")
        assert not await known.match(users, "ben", password)
        assert not await known.match(users, "Anna", password)
        assert not await known.match(users, "nobody", password)
        assert not await known.match({}, "anna", password)


async def test_the_hash_of_htpasswd_and_a_password_longer_than_bcrypt_looks(known: BasicAuth) -> None:
    users = {"anna": Secret(hashed("x" * 72).reveal().replace("$2b$", "$2y$"))}
    assert await known.match(users, "anna", "x" * 100)
    assert not await known.match(users, "anna", "x" * 71)


async def test_each_pair_is_checked_once(known: BasicAuth, checks: list[tuple[str, str]]) -> None:
    users = {"anna": hashed("right")}
    assert await asyncio.gather(*[known.match(users, "anna", "right") for _ in range(50)]) == [True] * 50
    assert not any(await asyncio.gather(*[known.match(users, "anna", "wrong") for _ in range(50)]))
    assert not any(await asyncio.gather(*[known.match(users, "nobody", "wrong") for _ in range(50)]))
    assert len(checks) == 3


async def test_a_changed_hash_is_checked_anew(known: BasicAuth) -> None:
    assert await known.match({"anna": hashed("old")}, "anna", "old")
    changed = {"anna": hashed("new")}
    assert not await known.match(changed, "anna", "old")
    assert await known.match(changed, "anna", "new")
    assert not await known.match({}, "anna", "new")


async def test_a_user_who_does_not_exist_costs_as_much_as_the_highest_cost(
    known: BasicAuth, checks: list[tuple[str, str]]
) -> None:
    users = {"anna": hashed("a", 4), "ben": hashed("b", 6)}
    assert not await known.match(users, "nobody", "guess")
    assert [against.split("$")[2] for _, against in checks] == ["06"]


async def test_a_user_who_does_not_exist_has_no_password_at_all(
    known: BasicAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(basic_auth, "_matches", lambda *_: True)  # even if one matched the stand-in hash
    assert not await known.match({"anna": hashed("a")}, "nobody", "guess")


async def test_wrong_passwords_are_forgotten_and_never_displace_the_right_one(
    known: BasicAuth, checks: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(basic_auth, "_MAX_WRONG", 10)
    users = {"anna": hashed("right")}
    assert await known.match(users, "anna", "right")
    for number in range(30):
        assert not await known.match(users, "anna", f"guess {number}")
    assert len(known._wrong) == 10
    checks.clear()
    assert await known.match(users, "anna", "right")
    assert checks == []


async def test_the_loop_goes_on_while_a_password_is_checked(known: BasicAuth) -> None:
    users = {"anna": hashed("right", 11)}
    checking = asyncio.create_task(known.match(users, "anna", "right"))
    turns = 0
    while not checking.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert await checking
    assert turns > 10


async def test_past_the_queue_of_checks_a_password_is_refused(
    known: BasicAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(basic_auth, "_matches", lambda *_: go_on.wait(10))
    users = {"anna": hashed("right")}
    waiting = [asyncio.create_task(known.match(users, "anna", f"guess {number}")) for number in range(5)]
    await asyncio.sleep(0)  # one is being checked, four wait
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        await known.match(users, "anna", "guess 5")
    same = asyncio.create_task(known.match(users, "anna", "guess 0"))  # shares the check that is made
    go_on.set()
    assert await asyncio.gather(*waiting, same) == [True] * 6
    assert await known.match(users, "anna", "guess 5")
