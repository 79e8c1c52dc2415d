"""Events that tell of dials: as recorded, and with what nobody should send."""

import json

import pytest
from hypothesis import given

from exporter.esl import Event
from exporter.switch.dial_event import (
    USAGE,
    DialEnded,
    DialJob,
    Dropped,
    RefusedBridge,
    read_refused_bridge,
)
from exporter.switch.dial_target import UNREADABLE, Dial, DialTarget
from exporter.switch.leg import ChannelEvent
from tests.switch.recordings import events
from tests.switch.replies import anything

NOREG = DialTarget("gateway", "noreg", "", "+1555000xxxx")
NOSUCHGW = DialTarget("gateway", "nosuchgw", "", "+1555000xxxx")


def made(name: str, /, **headers: str) -> Event:
    written = {"Event-Name": name, **{key.replace("__", "-"): value for key, value in headers.items()}}
    return Event(json.dumps(written, separators=(",", ":")).encode())


def one(capture: str, name: str) -> Event:
    (found,) = [event for event in events(capture) if event.name == name]
    return found


def test_a_recorded_api_originate_has_its_target_and_its_start() -> None:
    ended = DialEnded.from_event(one("ev-json-originate-gateway-down", "API"))
    assert ended is not None
    assert ended.dial == Dial((NOREG,))
    dropped = Dropped.of(ChannelEvent(one("ev-json-originate-gateway-down", "CHANNEL_DESTROY")))
    assert dropped.sequence == ended.sequence + 1
    assert dropped.at == ended.began


def test_a_recorded_api_command_that_dials_nothing_is_none() -> None:
    read = [DialEnded.from_event(event) for event in events("ev-json-originate-user-unregistered")]
    assert [ended is None for ended in read] == [True, False]


@pytest.mark.parametrize(
    ("capture", "refusal", "name"),
    [
        ("bgapi-originate-gateway-down", "GATEWAY_DOWN", "noreg"),
        ("bgapi-originate-invalid-gateway", "INVALID_GATEWAY", "nosuchgw"),
        ("bgapi-originate-busy", "USER_BUSY", "telnyx"),
        ("bgapi-originate-403", "CALL_REJECTED", "telnyx"),
        ("originate-paused", "DESTINATION_OUT_OF_ORDER", "telnyx"),
    ],
)
def test_a_recorded_job_has_the_cause_and_the_arguments_of_its_api(
    capture: str, refusal: str, name: str
) -> None:
    recorded = events(f"ev-json-{capture}")
    (job,) = [DialJob.from_event(event) for event in recorded if event.name == "BACKGROUND_JOB"]
    assert job is not None
    assert job.refusal == refusal
    assert [target.name for target in job.dial.targets] == [name]
    dials = [DialEnded.from_event(event) for event in recorded if event.name == "API"]
    assert job.key in [ended.key for ended in dials if ended is not None]


@pytest.mark.parametrize("command", ["originate", "ORIGINATE", "Originate"])
def test_the_command_in_any_case_and_the_blanks_around_its_arguments_change_nothing(command: str) -> None:
    plain, written = "sofia/gateway/telnix/1 &park", "  sofia/gateway/telnix/1 &park \t"
    ended = DialEnded.from_event(made("API", API__Command=command, API__Command__Argument=plain))
    job = DialJob.from_event(made("BACKGROUND_JOB", Job__Command=command, Job__Command__Arg=written))
    assert ended is not None
    assert job is not None
    assert (job.key, job.dial) == (ended.key, ended.dial)


@pytest.mark.parametrize(
    ("arguments", "dials"),
    [
        ("originate {a=${b}}sofia/gateway/telnix/1 &park", True),
        ("Originate  sofia/gateway/telnix/1 &park", True),
        ("echo originate sofia/gateway/telnix/1 &park", False),
        ("", False),
    ],
)
def test_an_originate_whose_variables_are_expanded_is_one(arguments: str, dials: bool) -> None:
    ended = DialEnded.from_event(made("API", API__Command="expand", API__Command__Argument=arguments))
    job = DialJob.from_event(made("BACKGROUND_JOB", Job__Command="expand", Job__Command__Arg=arguments))
    read = [value.dial.targets for value in (ended, job) if value is not None]
    assert read == [(DialTarget("gateway", "telnix", "", "1"),)] * 2 * dials


def test_a_job_that_dials_nothing_is_none() -> None:
    headers = {"Job__Command": "show", "Job__Command__Arg": "channels", "_body": "-ERR INVALID_GATEWAY"}
    assert DialJob.from_event(made("BACKGROUND_JOB", **headers)) is None


def test_too_few_arguments_are_a_refusal_without_a_cause() -> None:
    reply = "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>]\n"
    job = DialJob.from_event(made("BACKGROUND_JOB", Job__Command="originate", _body=reply))
    assert job is not None
    assert job.refusal == USAGE


@pytest.mark.parametrize(
    ("capture", "refused"),
    [
        ("bridge-gateway-down", RefusedBridge("GATEWAY_DOWN", Dial((NOREG,)))),
        ("bridge-invalid-gateway", RefusedBridge("INVALID_GATEWAY", Dial((NOSUCHGW,)))),
        ("inbound-bridge-busy", None),
    ],
)
def test_recorded_bridges(capture: str, refused: RefusedBridge | None) -> None:
    ends = [event for event in events(f"ev-json-{capture}") if event.name == "CHANNEL_HANGUP_COMPLETE"]
    read = [read_refused_bridge(ChannelEvent(event)) for event in ends]
    assert [bridge for bridge in read if bridge is not None] == ([refused] if refused else [])


def hangup(**variables: str) -> ChannelEvent:
    return ChannelEvent(
        made("CHANNEL_HANGUP_COMPLETE", **{f"variable_{name}": value for name, value in variables.items()})
    )


def test_a_call_that_went_on_to_a_mailbox_still_tells_whom_it_did_not_reach() -> None:
    end = hangup(
        originate_failed_cause="USER_NOT_REGISTERED",
        last_app="voicemail",
        last_arg="default lab.local 1000",
        dialed_user="1000",
        dialed_domain="lab.local",
    )
    assert read_refused_bridge(end) == RefusedBridge(
        "USER_NOT_REGISTERED", Dial((DialTarget("user", "1000@lab.local"),))
    )


def test_a_user_who_is_not_in_the_directory_is_not_the_one_dialled_before() -> None:
    end = hangup(
        originate_failed_cause="SUBSCRIBER_ABSENT",
        originate_disposition="SUBSCRIBER_ABSENT",
        last_app="sleep",
        last_arg="300",
        dialed_user="1000",
        dialed_domain="lab.local",
    )
    assert read_refused_bridge(end) == RefusedBridge("SUBSCRIBER_ABSENT", Dial((UNREADABLE,)))


def test_without_a_target_the_cause_is_told() -> None:
    end = hangup(originate_failed_cause="GATEWAY_DOWN", last_app="playback", last_arg="sorry.wav")
    assert read_refused_bridge(end) == RefusedBridge("GATEWAY_DOWN", Dial((UNREADABLE,)))


@pytest.mark.parametrize(
    ("disposition", "target"),
    [
        ("GATEWAY_DOWN", DialTarget("gateway", "telnyx", "", "1")),
        ("failure", DialTarget("gateway", "telnyx", "", "1")),
        ("SUCCESS", UNREADABLE),
        ("USER_BUSY", UNREADABLE),
    ],
)
def test_the_target_of_a_later_bridge_is_not_the_refused_one(disposition: str, target: DialTarget) -> None:
    end = hangup(
        originate_failed_cause="GATEWAY_DOWN",
        originate_disposition=disposition,
        last_app="bridge",
        last_arg="sofia/gateway/telnyx/1",
    )
    assert read_refused_bridge(end) == RefusedBridge("GATEWAY_DOWN", Dial((target,)))


@pytest.mark.parametrize("causes", ["u1;SUBSCRIBER_ABSENT", ["u0;USER_BUSY", "u1;SUBSCRIBER_ABSENT"]])
def test_a_cause_that_a_leg_ended_with_is_no_refusal(causes: str) -> None:
    end = hangup(
        originate_failed_cause="SUBSCRIBER_ABSENT",
        originate_causes=causes,
        last_app="bridge",
        last_arg="sofia/gateway/telnyx/+15550000001",
    )
    assert read_refused_bridge(end) is None


@given(anything, anything)
def test_any_text_is_read(first: str, second: str) -> None:
    api = {"API__Command": "originate", "API__Command__Argument": first + second * 9}
    assert DialEnded.from_event(made("API", **api)) is not None
    job = {"Job__Command": "originate", "Job__Command__Arg": first, "_body": second}
    assert DialJob.from_event(made("BACKGROUND_JOB", **job)) is not None
    read_refused_bridge(
        hangup(originate_failed_cause="GATEWAY_DOWN", last_app="bridge", last_arg=first + second)
    )
