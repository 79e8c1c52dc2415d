"""Codes of providers: in phrases, headers and Reasons, of the exporter's own tables and of others."""

import json

import pytest
from hypothesis import given

from exporter.config.provider_table import CLASSES
from exporter.esl.event import Event
from exporter.switch.cause import OF_THE_CALL
from exporter.switch.leg import ChannelEvent
from exporter.switch.provider import OTHER, PROVIDERS, REASON, Provider, ProviderCode, has_failed, provider
from exporter.switch.sip import SIP_CODES
from tests.switch.recordings import events
from tests.switch.replies import anything

TELNYX = provider("telnyx")
TWILIO = provider("twilio")
ACME_CODES = (
    ProviderCode("1204", 503, "routing", "no route", "try later"),
    ProviderCode("E-7", 0, "billing", "no credit", "top up"),
)


def json_event(**variables: str) -> Event:
    """The end of a leg with these variables, as FreeSWITCH writes it."""
    headers = {"Event-Name": "CHANNEL_HANGUP_COMPLETE", **variables}
    return Event(json.dumps(headers, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def in_phrase(phrase: str, of: Provider = TELNYX) -> ProviderCode | None:
    """The code in a rejection with this reason phrase."""
    return of.in_answer(json_event(variable_sip_invite_failure_phrase=phrase))


def in_header(value: str, name: str = "X-Twilio-Error", of: Provider = TWILIO) -> ProviderCode | None:
    """The code in a rejection with this header."""
    return of.in_answer(json_event(**{f"variable_sip_rh_{name}": value}))


def in_reason(value: str) -> ProviderCode | None:
    """The code in a rejection with this Reason, of a provider that sends them there."""
    return Provider("acme", ACME_CODES, REASON).in_answer(json_event(variable_sip_reason=value))


class Counting(Event):
    """An event that counts how often a header is looked up in it."""

    looked_up = 0

    def get(self, header: bytes) -> str | None:
        self.looked_up += 1
        return super().get(header)


def test_a_header_whose_value_repeats_the_name_of_another_costs_no_look_ups() -> None:
    name = "variable_sip_rh_x-twilio-error"
    other = "variable_sip_rh_X-TWILIO-ERROR"
    hostile = {f"variable_sip_rh_X-{n}": f'{other}":"32009" {other}: {other} ' * 300 for n in range(3)}
    event = Counting(json_event(**hostile, **{name: "32203"}).text)
    found = TWILIO.in_answer(event)
    assert found is not None
    assert found.code == "32203"
    assert event.looked_up <= 2


# -- the tables


@pytest.mark.parametrize(("name", "codes"), [("telnyx", 85), ("twilio", 31)])
def test_the_tables(name: str, codes: int) -> None:
    assert PROVIDERS == ("telnyx", "twilio")
    table = provider(name)
    assert provider(name) is table
    assert table.name == name
    assert len(table.codes) == codes + 1
    assert table.codes[-1] is OTHER
    assert len({code.code for code in table.codes}) == len(table.codes)
    for code in table.codes[:-1]:
        assert code.sip in SIP_CODES or (name == "twilio" and code.sip == 0)
        assert code.meaning
        assert code.remedy
        assert code.class_ in CLASSES
        assert table.find(code.code) is code
    assert table.find("no such code") is OTHER


def test_the_classes_of_telnyx_are_all_there_are() -> None:
    assert {code.class_ for code in TELNYX.codes} == {*CLASSES, "other"}


@pytest.mark.parametrize("name", ["", "Telnyx", "../causes", "acme"])
def test_other_providers(name: str) -> None:
    with pytest.raises(LookupError, match="telnyx"):
        provider(name)


# -- in the phrase


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
def test_codes_in_phrases(phrase: str, code: str, class_: str) -> None:
    found = in_phrase(phrase)
    assert found is not None
    assert (found.code, found.class_) == (code, class_)
    assert found.shown == phrase.split()[-1]


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
def test_no_code_in_the_phrase(phrase: str) -> None:
    assert in_phrase(phrase) is None


def test_a_code_of_an_own_table_may_have_any_form_in_the_phrase() -> None:
    acme = Provider("acme", ACME_CODES)
    assert in_phrase("No credit left E-7", acme) == ACME_CODES[1]
    assert in_phrase("No route 1204", acme) == ACME_CODES[0]
    assert in_phrase("No route 1205", acme) is None  # any number could stand there


@given(anything)
def test_any_phrase(phrase: str) -> None:
    found = in_phrase(phrase)
    assert found is None or found in TELNYX.codes
    after = in_phrase(phrase + " D1")
    assert after is not None
    assert after.code == "D1"


# -- in a header


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        ("32203 Call blocked", "32203", "32203"),
        ("10001", "10001", "10001"),
        ("  32001: Trunk CPS limit exceeded", "32001", "32001"),
        ('"32201" Source IP', "32201", "32201"),
        ("32999 Something new", "other", "32999"),
        ("E-12", "other", "E-12"),
    ],
)
def test_codes_in_headers(value: str, code: str, shown: str) -> None:
    found = in_header(value)
    assert found is not None
    assert (found.code, found.shown) == (code, shown)


@pytest.mark.parametrize("value", ["", "   ", "Account suspended 32203", "none", "3220300", "x" * 100_000])
def test_no_code_in_the_header(value: str) -> None:
    assert in_header(value) is None


@pytest.mark.parametrize("name", ["x-twilio-error", "X-TWILIO-ERROR", "X-Twilio-Error"])
def test_the_name_of_a_header_is_in_any_case(name: str) -> None:
    found = in_header("32203 Call blocked", name)
    assert found is not None
    assert found.code == "32203"


@pytest.mark.parametrize("name", ["X-Twilio-Error2", "X-Twilio", "P-Twilio-Error", "X-Twilio.Error"])
def test_another_header_has_no_code(name: str) -> None:
    assert in_header("32203 Call blocked", name) is None


@pytest.mark.parametrize("written", ["X-Twilio-Error", "x-twilio-error"])
def test_a_header_inside_another_value_is_none(written: str) -> None:
    forged = f'","variable_sip_rh_{written}":"32203'
    assert TWILIO.in_answer(json_event(variable_sip_from_display=forged)) is None


@given(anything)
def test_any_header(value: str) -> None:
    found = in_header(value)
    assert found is None or found in TWILIO.codes
    if found is not None:
        assert len(found.shown) <= 40
        assert found.shown.isprintable()


def test_early_answers_and_other_places_have_no_code() -> None:
    """Only the final answer rejects; of a 183 or of what FreeSWITCH itself sends nothing is read."""
    for name in ("variable_sip_ph_X-Twilio-Error", "variable_sip_h_X-Twilio-Error", "variable_sip_reason"):
        assert TWILIO.in_answer(json_event(**{name: "32203 Call blocked"})) is None
    assert TWILIO.in_answer(json_event(variable_sip_invite_failure_phrase="Forbidden 32203")) is None


# -- in the Reason


@pytest.mark.parametrize(
    ("reason", "code", "shown"),
    [
        ("ACME;cause=1204", "1204", "1204"),
        ('acme ; cause = 1204 ; text="no route"', "1204", "1204"),
        ("ACME;cause=77", "other", "77"),
        ('Q.850;cause=21;text="no credit E-7"', "E-7", "E-7"),
        ('SIP;cause=503;text="no route 1204"', "1204", "1204"),
        ('q.850;cause=21;text="new X9"', "other", "X9"),
    ],
)
def test_codes_in_reasons(reason: str, code: str, shown: str) -> None:
    found = in_reason(reason)
    assert found is not None
    assert (found.code, found.shown) == (code, shown)


@pytest.mark.parametrize(
    "reason",
    [
        "",
        'Q.850;cause=17;text="USER_BUSY"',
        "SIP;cause=480",
        "Q.850;cause=1204",
        "cause=1204",
        "ACME",
        'ACME;text="no route"',
    ],
)
def test_no_code_in_the_reason(reason: str) -> None:
    assert in_reason(reason) is None


@given(anything)
def test_any_reason(reason: str) -> None:
    found = in_reason(reason)
    assert found is None or found in (*ACME_CODES, OTHER)


# -- in a BYE


def test_the_code_with_which_the_far_end_hung_up() -> None:
    header = {"variable_sip_bye_h_X-Twilio-Error": "10001 Account suspended"}
    found = TWILIO.in_bye(json_event(variable_sip_hangup_disposition="recv_bye", **header))
    assert found is not None
    assert found.code == "10001"
    # What FreeSWITCH sends itself is not the far end's, and a BYE has no phrase.
    assert TWILIO.in_bye(json_event(variable_sip_hangup_disposition="send_bye", **header)) is None
    ended = json_event(variable_sip_hangup_disposition="recv_bye", variable_sip_invite_failure_phrase="D1")
    assert TELNYX.in_bye(ended) is None


# -- recorded


def test_the_recorded_phrase() -> None:
    story = events("ev-plain-call-403-D1-channel-limit")
    (ended,) = (event for event in story if event.name == "CHANNEL_HANGUP_COMPLETE")
    found = TELNYX.in_answer(ended)
    assert found is not None
    assert (found.code, found.sip, found.class_) == ("D1", 403, "capacity")


@pytest.mark.parametrize(
    "story", ["ev-json-evidence-183-then-486", "ev-json-evidence-302", "ev-json-evidence-403-without-reason"]
)
def test_the_recorded_header(story: str) -> None:
    ends = [event for event in events(story) if event.name == "CHANNEL_HANGUP_COMPLETE"]
    assert [found.code for event in ends if (found := TWILIO.in_answer(event))] == ["32203"]


def test_the_recorded_bye() -> None:
    ends = [
        event
        for event in events("ev-json-evidence-bridged-answered-b-ends")
        if event.name == "CHANNEL_HANGUP_COMPLETE" and not ChannelEvent(event).inbound
    ]
    assert [found.code for event in ends if (found := TWILIO.in_bye(event))] == ["32203"]


# -- a call that failed


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
    assert has_failed(cause, in_phrase(phrase)) is failed
    assert has_failed(cause, None) is (cause not in OF_THE_CALL)


# -- tables that change


def test_another_table_counts_from_the_next_call() -> None:
    acme = Provider("acme", ACME_CODES, "X-Acme-Error")
    assert in_header("E-7", "X-Acme-Error", acme) == ACME_CODES[1]
    acme.use(ACME_CODES[:1], None)
    assert acme.codes == (ACME_CODES[0], OTHER)
    assert in_header("E-7", "X-Acme-Error", acme) is None
    assert in_phrase("No route 1204", acme) == ACME_CODES[0]


def test_an_event_in_plain_text() -> None:
    event = Event(b"Event-Name: CHANNEL_HANGUP_COMPLETE\nvariable_sip_rh_x-twilio-error: 32203%20Blocked\n\n")
    found = TWILIO.in_answer(event)
    assert found is not None
    assert found.code == "32203"
