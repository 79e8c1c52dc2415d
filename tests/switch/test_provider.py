"""Provider codes in reason phrases."""

import pytest
from hypothesis import given

from exporter.esl.event import Event
from exporter.esl.protocol import Protocol
from exporter.switch.cause import OF_THE_CALL
from exporter.switch.provider import OTHER, PROVIDERS, has_failed, provider
from exporter.switch.sip import SIP_CODES
from tests.switch.replies import CAPTURES, anything

TELNYX = provider("telnyx")


def test_the_table() -> None:
    assert PROVIDERS == ("telnyx",)
    assert provider("telnyx") is TELNYX
    assert TELNYX.name == "telnyx"
    assert len(TELNYX.codes) == 85 + 1
    assert TELNYX.codes[-1] is OTHER
    assert len({code.code for code in TELNYX.codes}) == len(TELNYX.codes)
    for code in TELNYX.codes[:-1]:
        assert code.sip in SIP_CODES
        assert code.meaning
        assert code.remedy
    assert {code.class_ for code in TELNYX.codes} == set(
        "account authentication billing caller_id capacity configuration destination fraud media other"
        " protocol provider routing".split()
    )


@pytest.mark.parametrize(
    ("phrase", "code", "class_"),
    [
        ("User channel limit exceeded D1", "D1", "capacity"),
        ("Not Found D19", "D19", "billing"),
        ("Forbidden D35 ", "D35", "caller_id"),
        ("Service Unavailable PE1", "PE1", "routing"),
        ("D13", "D13", "destination"),
        ("Forbidden  P01", "P01", "protocol"),
        ("Forbidden D999", "other", "other"),
        ("Forbidden XYZ1", "other", "other"),
        ("D1 D999", "other", "other"),
    ],
)
def test_codes(phrase: str, code: str, class_: str) -> None:
    found = TELNYX.find(phrase)
    assert found is not None
    assert (found.code, found.class_) == (code, class_)


@pytest.mark.parametrize(
    "phrase",
    [
        "",
        " ",
        "Forbidden",
        "CANCEL",
        "D1 is not at the end",
        "User channel limit exceeded d1",
        "exceeded(D1)",
        "exceeded D1.",
        "exceeded-D1",
        "exceededD1",
        "exceeded D-1",
        "exceeded D\u0661",
        "exceeded%20D1",
        "exceeded ABCD1",
        "exceeded D1234",
        "Call/Transaction Does Not Exist",
        "503",
        "x" * 100_000 + "D1",
    ],
    ids=lambda phrase: phrase[:30],
)
def test_no_code(phrase: str) -> None:
    assert TELNYX.find(phrase) is None


def test_the_recorded_rejection() -> None:
    data = (CAPTURES / "ev-plain-call-403-D1-channel-limit.txt").read_bytes()
    phrases = {
        event.get(b"variable_sip_invite_failure_phrase")
        for event in (Event(frame.body) for frame in Protocol().receive(data))
        if event.name == "CHANNEL_HANGUP_COMPLETE"
    }
    assert phrases == {"User channel limit exceeded D1"}
    found = TELNYX.find(phrases.pop() or "")
    assert found is not None
    assert (found.code, found.sip, found.class_) == ("D1", 403, "capacity")


@pytest.mark.parametrize("name", ["", "Telnyx", "../causes", "acme"])
def test_other_providers(name: str) -> None:
    with pytest.raises(LookupError, match="telnyx"):
        provider(name)


@given(anything)
def test_any_phrase(phrase: str) -> None:
    found = TELNYX.find(phrase)
    assert found is None or found in TELNYX.codes
    after = TELNYX.find(phrase + " D1")
    assert after is not None
    assert after.code == "D1"


@pytest.mark.parametrize(
    ("cause", "phrase", "failed"),
    [
        ("CALL_REJECTED", "Forbidden", True),
        ("A_NEW_CAUSE", "", True),
        ("UNALLOCATED_NUMBER", "Not Found", False),
        ("UNALLOCATED_NUMBER", "Account blocked D19", True),  # 404
        ("UNALLOCATED_NUMBER", "No route D40", True),
        ("UNALLOCATED_NUMBER", "Number not valid D14", False),  # the number is the caller's doing
        ("UNALLOCATED_NUMBER", "Something new D999", True),
        ("USER_BUSY", "Busy Here", False),
        ("USER_BUSY", "Channel limit D4", True),  # 486
        ("NO_USER_RESPONSE", "Not registered RG1", True),  # 480
        ("CALL_REJECTED", "Forbidden D11", True),
    ],
)
def test_a_call_failed_by_its_cause_or_by_the_providers_code(cause: str, phrase: str, failed: bool) -> None:
    assert has_failed(cause, TELNYX.find(phrase)) is failed
    assert has_failed(cause, None) is (cause not in OF_THE_CALL)
