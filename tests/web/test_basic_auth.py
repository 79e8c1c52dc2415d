"""BasicAuth: right and wrong, remembered, and never in the loop's way."""

import asyncio

import bcrypt
import pytest

from exporter.config import Secret
from exporter.web import basic_auth
from exporter.web.basic_auth import BasicAuth


def hashed(password: str, cost: int = 4, prefix: bytes = b"2b") -> Secret:
    return Secret(bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost, prefix)).decode())


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The checks by bcrypt that are made, which still are."""
    made: list[tuple[str, str]] = []
    real = basic_auth._matches

    def noted(password: str, against: str) -> bool:
        made.append((password, against))
        return real(password, against)

    monkeypatch.setattr(basic_auth, "_matches", noted)
    return made


@pytest.mark.parametrize("password", ["right", "", "with:colon", "päß\N{PILE OF POO}", "nul\0nul"])
async def test_only_the_right_password_of_the_right_user_matches(password: str) -> None:
    users = {"anna": hashed(password), "ben": hashed("another")}
    known = BasicAuth()
    for _ in range(2):  # the second time from memory
        assert await known.match(users, "anna", password)
        assert not await known.match(users, "anna", password + "x")
        assert not await known.match(users, "ben", password)
        assert not await known.match(users, "Anna", password)
        assert not await known.match(users, "nobody", password)
        assert not await known.match({}, "anna", password)


async def test_the_hash_of_htpasswd_and_a_password_longer_than_bcrypt_looks() -> None:
    users = {"anna": Secret(hashed("x" * 72).reveal().replace("$2b$", "$2y$"))}
    assert await BasicAuth().match(users, "anna", "x" * 100)
    assert not await BasicAuth().match(users, "anna", "x" * 71)


async def test_each_pair_is_checked_once(checks: list[tuple[str, str]]) -> None:
    users = {"anna": hashed("right")}
    known = BasicAuth()
    assert await asyncio.gather(*[known.match(users, "anna", "right") for _ in range(50)]) == [True] * 50
    assert not any(await asyncio.gather(*[known.match(users, "anna", "wrong") for _ in range(50)]))
    assert not any(await asyncio.gather(*[known.match(users, "nobody", "wrong") for _ in range(50)]))
    assert len(checks) == 3


async def test_a_changed_hash_is_checked_anew() -> None:
    known = BasicAuth()
    assert await known.match({"anna": hashed("old")}, "anna", "old")
    changed = {"anna": hashed("new")}
    assert not await known.match(changed, "anna", "old")
    assert await known.match(changed, "anna", "new")
    assert not await known.match({}, "anna", "new")


async def test_who_does_not_exist_costs_what_the_costliest_does(checks: list[tuple[str, str]]) -> None:
    users = {"anna": hashed("a", 4), "ben": hashed("b", 6)}
    assert not await BasicAuth().match(users, "nobody", "guess")
    assert [against.split("$")[2] for _, against in checks] == ["06"]


async def test_who_does_not_exist_has_no_password_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic_auth, "_matches", lambda *_: True)  # even if one were found for the stand-in
    assert not await BasicAuth().match({"anna": hashed("a")}, "nobody", "guess")


async def test_wrong_guesses_do_not_pile_up_or_push_out_what_was_right(
    checks: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(basic_auth, "_MAX_WRONG", 10)
    users = {"anna": hashed("right")}
    known = BasicAuth()
    assert await known.match(users, "anna", "right")
    for number in range(30):
        assert not await known.match(users, "anna", f"guess {number}")
    assert len(known._wrong) == 10
    checks.clear()
    assert await known.match(users, "anna", "right")
    assert checks == []


async def test_the_loop_goes_on_while_a_password_is_checked() -> None:
    users = {"anna": hashed("right", 11)}
    checking = asyncio.create_task(BasicAuth().match(users, "anna", "right"))
    turns = 0
    while not checking.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert await checking
    assert turns > 10
