"""The list of SIP profiles as recorded, and as nobody should send it."""

import pytest
from hypothesis import given

from exporter.switch.profile import Profile, parse_profiles
from exporter.switch.reply import ReplyError
from tests.switch.replies import anything, damaged, read_or_refused, recorded, reply

PROFILES = [*recorded("gw*sofia-status.txt"), *recorded("gw*statusall.txt"), "api-sofia-status.txt"]


@pytest.mark.parametrize("name", PROFILES)
def test_recorded_profiles(name: str) -> None:
    external, internal = parse_profiles(reply(name))
    passing = tuple(gateway for gateway in ("temp", "black") if f"::{gateway}\t" in reply(name))
    assert external == Profile(
        name="external",
        url="sip:mod_sofia@127.0.0.1:5080",
        state="RUNNING",
        running=True,
        in_use=0,
        gateways=(*passing, "telnyx", "noreg", "backup"),
        aliases=(),
    )
    assert (internal.name, internal.gateways) == ("internal", ())


LINE = "=" * 97
TLS = f"""
                     Name\t   Type\t                                      Data\tState
{LINE}
                    inner\t  alias\t                                  internal\tALIASED
                 internal\tprofile\t              sip:mod_sofia@192.0.2.1:5060\tRUNNING (3)
                 internal\tprofile\t             sips:mod_sofia@192.0.2.1:5061\tRUNNING (3) (TLS)
       internal::carrier.1\tgateway\t                     sip:user@carrier.example\tFAIL_WAIT (retry: NEVER)
                   secure\tprofile\t             sips:mod_sofia@192.0.2.1:5081\tRUNNING (0) (TLS)
{LINE}
2 profiles 1 alias
"""


def test_a_profile_with_tls_is_one_profile() -> None:
    internal, secure = parse_profiles(TLS)
    assert internal == Profile(
        name="internal",
        url="sip:mod_sofia@192.0.2.1:5060",
        state="RUNNING",
        running=True,
        in_use=3,
        gateways=("carrier.1",),
        aliases=("inner",),
    )
    assert (secure.url, secure.in_use, secure.running) == ("sips:mod_sofia@192.0.2.1:5081", 0, True)


@pytest.mark.parametrize("name", ["x" * 129, "x" * 8192, "<b>", "a\x1fb", "\x7f"])
def test_a_profile_with_a_name_that_gateways_cannot_have_is_left_out(name: str) -> None:
    found = parse_profiles(TLS.replace("                   secure\tprofile", f"{name}\tprofile"))
    assert [profile.name for profile in found] == ["internal"]


def test_no_profile_runs() -> None:
    assert parse_profiles(f"Name\tType\tData\tState\n{LINE}\n{LINE}\n0 profiles 0 aliases\n") == []


def test_a_profile_that_is_down() -> None:
    internal, _ = parse_profiles(TLS.replace("RUNNING", "DOWN"))
    assert (internal.state, internal.running) == ("DOWN", False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sip:user@carrier.example", "sip:x\n  ghost\tprofile\tsip:ghost\tRUNNING (0)\n"),
        ("2 profiles", "3 profiles"),
        ("2 profiles 1 alias", ""),
        ("RUNNING (0)", "RUNNING"),
        ("RUNNING (0)", "RUNNING (" + "1" * 19 + ")"),
    ],
)
def test_profiles_that_do_not_add_up_are_refused(old: str, new: str) -> None:
    assert old in TLS
    with pytest.raises(ReplyError):
        parse_profiles(TLS.replace(old, new))


@given(anything | damaged(PROFILES))
def test_any_text_is_read_or_refused(text: str) -> None:
    for profile in read_or_refused(parse_profiles, text) or ():
        assert all(
            len(word) <= 210 for word in (profile.name, profile.url, *profile.gateways, *profile.aliases)
        )
