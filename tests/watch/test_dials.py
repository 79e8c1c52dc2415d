"""Dials of others that never became a leg: counted once, by the right cause and target, on evidence only."""

import json

import pytest

from exporter.config import GatewayConfig, NodeConfig
from exporter.esl import Event
from exporter.switch.gateway import GatewayList, GatewayStatus
from exporter.switch.profile import Profile
from exporter.switch.registration import Registration
from exporter.switch.registration_event import Gone, Registered
from exporter.watch.dials import MAX_WAITING, NEAR, SETTLE, LogEvidence
from exporter.watch.dispatcher import Dispatcher, wire
from exporter.watch.knowledge import Knowledge
from exporter.watch.refused_dials import MAX_TARGETS, RefusedKey
from exporter.watch.registration_memory import RegistrationMemory
from tests.switch.recordings import events, lines
from tests.watch.builders import HandClock, status
from tests.watch.recorder import Recorder

OUT_OF_ORDER = "DESTINATION_OUT_OF_ORDER"
PROBE = "70726f62-abcd-4010-8000-000000000000"


def profile(name: str, *aliases: str) -> Profile:
    return Profile(name=name, url="", state="RUNNING", running=True, in_use=0, gateways=(), aliases=aliases)


class Side:
    """The lab as the captures found it: telnyx and backup up, noreg down, two profiles."""

    def __init__(self, subscribers: tuple[str, ...] = ("1000@lab.local", "15550000001@lab.local")) -> None:
        self.clock = HandClock()
        config = NodeConfig(name="fs1", gateways={"telnyx": GatewayConfig()}, subscribers=subscribers)
        memory = RegistrationMemory(None, clock=self.clock)
        self.known = Knowledge(config, "abcd", self.clock, memory, Recorder())
        self.known.subscribers.known = True
        self.dispatcher = Dispatcher("fs1", self.clock, self.known.dropped)
        wire(self.dispatcher, self.known)
        self.known.on_profiles([profile("internal", "lab.local"), profile("external")], self.clock.now)
        self.lists(
            status(),
            status(name="backup", state="NOREG"),
            status(name="noreg", state="FAIL_WAIT", status="DOWN"),
        )
        self.sequence = 100

    def lists(self, *gateways: GatewayStatus) -> None:
        self.known.on_list(GatewayList(list(gateways), 0, ()), self.clock.now)

    def fire(self, name: str, **headers: object) -> None:
        """An event that FreeSWITCH writes now."""
        sequence = headers.pop("sequence", None)
        began = headers.pop("began", None) or self.clock.epoch()
        self.sequence += 1
        written = {
            "Event-Name": name,
            "Event-Date-Timestamp": str(int(float(str(began)) * 1e6)),
            "Event-Sequence": str(sequence or self.sequence),
            **{key.replace("__", "-"): value for key, value in headers.items()},
        }
        self.dispatcher.on_event(Event(json.dumps(written, separators=(",", ":")).encode()))

    def replay(self, capture: str) -> None:
        """The events of a recording."""
        for event in events(f"ev-json-{capture}"):
            self.dispatcher.on_event(event)

    def api(self, arguments: str, sequence: int | None = None) -> None:
        self.fire("API", API__Command="originate", API__Command__Argument=arguments, sequence=sequence)

    def job(self, arguments: str, reply: str) -> None:
        self.fire("BACKGROUND_JOB", Job__Command="originate", Job__Command__Arg=arguments, _body=reply)

    def bgapi(self, arguments: str, reply: str) -> None:
        self.api(arguments)
        self.job(arguments, reply)

    def drops(self, uuid: str = "") -> None:
        self.fire("CHANNEL_DESTROY", Channel__State="CS_NONE", Unique__ID=uuid or f"u{self.sequence}")

    def refuses(self, arguments: str) -> None:
        """An api dial that mod_sofia refuses: the session is dropped, then the command ends."""
        began = self.sequence = self.sequence + 1
        self.drops()
        self.api(arguments, sequence=began)

    def ends(self, cause: str, gateway: str) -> None:
        uuid = f"leg{self.sequence}"
        headers = {
            "Unique__ID": uuid,
            "Call__Direction": "outbound",
            "variable_sip_gateway_name": gateway,
        }
        self.fire("CHANNEL_CREATE", **headers)
        self.fire("CHANNEL_HANGUP_COMPLETE", Hangup__Cause=cause, **headers)

    def counted(self) -> dict[RefusedKey, int]:
        self.clock.now += SETTLE
        self.known.advance()
        assert self.known.dropped["handler_error"] == 0
        return {key: count for key, count in self.known.dials.refused.counts.items() if count}

    def shown(self) -> list[tuple[str, str, str, int]]:
        self.counted()
        return [
            (target.cause, target.kind, target.name, target.count)
            for target in self.known.dials.refused.targets(600)
        ]


CAPACITY = RefusedKey("DESTINATION_OUT_OF_ORDER", "capacity", "", "client")

REPLAYED: dict[str, tuple[RefusedKey, str] | None] = {
    "bgapi-originate-gateway-down": (RefusedKey("GATEWAY_DOWN", "gateway", "noreg", "client"), "noreg"),
    "bgapi-originate-invalid-gateway": (
        RefusedKey("INVALID_GATEWAY", "gateway", "other", "client"),
        "nosuchgw",
    ),
    "bgapi-originate-busy": None,
    "bgapi-originate-403": None,
    "originate-gateway-down": (RefusedKey("GATEWAY_DOWN", "gateway", "noreg", "client"), "noreg"),
    "originate-invalid-gateway": (RefusedKey("INVALID_GATEWAY", "gateway", "other", "client"), "nosuchgw"),
    "originate-nosuchprofile": (RefusedKey("INVALID_PROFILE", "profile", "", "client"), "nosuchprofile"),
    "originate-empty-number-no-slash": (RefusedKey("INVALID_URL", "gateway", "telnyx", "client"), "telnyx"),
    "originate-empty-number": None,
    "originate-sofia-internal-user-percent": (
        RefusedKey("USER_NOT_REGISTERED", "user", "", "client"),
        "1000@lab.local",
    ),
    "originate-sofia-internal-user": None,
    "originate-sequential-failover": (RefusedKey("GATEWAY_DOWN", "gateway", "noreg", "client"), "noreg"),
    "originate-paused": (CAPACITY, ""),
    "originate-over-session-limit": (CAPACITY, ""),
    "originate-usage": (RefusedKey("other", "other", "", "client"), ""),
    # Without the log nothing shows these: no session was dropped.
    "originate-user-unregistered": None,
    "originate-user-nobody": None,
    "originate-nosuchendpoint": None,
    "originate-error-endpoint": None,
    "originate-brace-error": None,
    "originate-duplicate-uuid": None,
    "bridge-gateway-down": (RefusedKey("GATEWAY_DOWN", "gateway", "noreg", "bridge"), "noreg"),
    "bridge-invalid-gateway": (RefusedKey("INVALID_GATEWAY", "gateway", "other", "bridge"), "nosuchgw"),
    "inbound-bridge-busy": None,
}


@pytest.mark.parametrize("capture", REPLAYED)
def test_a_recorded_dial_gives_its_cause_kind_and_target_once(capture: str) -> None:
    side = Side()
    side.replay(capture)
    expected = REPLAYED[capture]
    assert side.counted() == ({expected[0]: 1} if expected else {})
    assert [name for _, _, name, _ in side.shown()] == ([expected[1]] if expected else [])


@pytest.mark.parametrize(
    ("arguments", "reply", "told"),
    [
        ("user/1000@lab.local &park", "USER_NOT_REGISTERED", ("user", "1000@lab.local")),
        ("user/nobody@lab.local &park", "SUBSCRIBER_ABSENT", ("user", "nobody@lab.local")),
        ("sofia/internal/1000 &park", "USER_NOT_REGISTERED", ("user", "1000")),
        ("sofia/gateway/nosuchgw/1 &park", "INVALID_GATEWAY", ("gateway", "nosuchgw")),
        ("sofia/gateway/external::noreg/1 &park", "GATEWAY_DOWN", ("gateway", "external::noreg")),
        ("sofia/nosuch/1@h &park", "INVALID_PROFILE", ("profile", "nosuch")),
        ("sofia/nosuch/1000 &park", "INVALID_PROFILE", ("profile", "nosuch")),
        ("sofia/gateway/telnyx &park", "INVALID_URL", ("gateway", "telnyx")),
        ("sofia/external &park", "INVALID_URL", ("profile", "external")),
        ("sofia/gateway/internal::noreg/1 &park", "INVALID_GATEWAY", ("gateway", "internal::noreg")),
        ("soffia/x &park", "CHAN_NOT_IMPLEMENTED", ("endpoint", "soffia")),
        ("nosuchendpoint/x &park", "CHAN_NOT_IMPLEMENTED", ("endpoint", "")),
        ("15550000001 &park", "CHAN_NOT_IMPLEMENTED", ("endpoint", "")),
        ("sofia/gateway/15550000001/1 &park", "INVALID_GATEWAY", ("gateway", "1555000xxxx")),
        ("sofia/15550000001/1@h &park", "INVALID_PROFILE", ("profile", "1555000xxxx")),
        ("user/15550000001@h &park", "SUBSCRIBER_ABSENT", ("user", "1555000xxxx@h")),
        ("error/user_busy &park", "USER_BUSY", ("endpoint", "error")),
        ("sofia/gateway/telnyx/1 &park", "DESTINATION_OUT_OF_ORDER", ("capacity", "")),
        ("{a=b c=d}sofia/gateway/telnyx/1 &park", "DESTINATION_OUT_OF_ORDER", ("other", "")),
        ("sofia/gateway/telnyx/1|sofia/gateway/nosuch/1 &park", "INVALID_GATEWAY", ("gateway", "nosuch")),
        ("sofia/gateway/no/1|sofia/gateway/nosuch/1 &park", "INVALID_GATEWAY", ("gateway", "")),
    ],
)
def test_a_refused_bgapi_dial_has_the_cause_of_its_reply(
    arguments: str, reply: str, told: tuple[str, str]
) -> None:
    side = Side()
    side.bgapi(arguments, f"-ERR {reply}\n")
    assert side.shown() == [(reply, *told, 1)]


def test_a_dial_with_too_few_arguments_is_counted_without_a_cause() -> None:
    side = Side()
    side.bgapi("sofia/gateway/telnyx/1", "-USAGE: <call url> <exten>\n")
    assert side.counted() == {RefusedKey("other", "other", "", "client"): 1}


def test_a_uuid_in_use_is_no_lack_of_capacity() -> None:
    side = Side()
    side.fire("CHANNEL_CREATE", Unique__ID="aaaa", Call__Direction="outbound")
    side.bgapi("{origination_uuid=aaaa}sofia/gateway/telnyx/1 &park", "-ERR DESTINATION_OUT_OF_ORDER\n")
    assert side.shown() == [("DESTINATION_OUT_OF_ORDER", "other", "", 1)]


@pytest.mark.parametrize("reply", ["+OK aaaa\n", "-ERR USER_BUSY\n", "-ERR CALL_REJECTED\n", "", "nonsense"])
def test_a_dial_that_became_a_leg_is_none(reply: str) -> None:
    side = Side()
    side.bgapi("sofia/gateway/telnyx/1 &park", reply)
    assert side.counted() == {}


@pytest.mark.parametrize("late", [False, True])
def test_a_cause_that_a_far_end_gave_is_none_and_explains_one_dial_only(late: bool) -> None:
    side = Side()
    arguments = "sofia/gateway/telnyx/1 &park"
    for _ in range(2):
        if not late:
            side.ends("DESTINATION_OUT_OF_ORDER", "telnyx")
        side.bgapi(arguments, "-ERR DESTINATION_OUT_OF_ORDER\n")
        if late:
            side.ends("DESTINATION_OUT_OF_ORDER", "telnyx")
    side.bgapi(arguments, "-ERR DESTINATION_OUT_OF_ORDER\n")
    side.ends("DESTINATION_OUT_OF_ORDER", "backup")
    assert side.counted() == {CAPACITY: 1}


def test_the_synthetic_calls_of_any_exporter_are_left_out() -> None:
    side = Side()
    arguments = f"{{^^|origination_uuid={PROBE}}}sofia/gateway/noreg/1 &park"
    side.drops(PROBE)
    side.bgapi(arguments, "-ERR GATEWAY_DOWN\n")
    side.api("sofia/gateway/noreg/1 &park", sequence=100)
    assert side.counted() == {}
    side.refuses(arguments)
    assert side.counted() == {}


def test_a_job_may_arrive_before_its_api() -> None:
    side = Side()
    side.drops()
    side.job("sofia/gateway/noreg/1 &park", "-ERR GATEWAY_DOWN\n")
    side.api("sofia/gateway/noreg/1 &park", sequence=100)
    assert side.counted() == {RefusedKey("GATEWAY_DOWN", "gateway", "noreg", "client"): 1}


def test_an_api_dial_without_a_dropped_session_is_not_counted() -> None:
    side = Side()
    for arguments in ("sofia/gateway/noreg/1 &park", "sofia/gateway/nosuch/1 &park", "user/1000 &park"):
        side.api(arguments)
    assert side.counted() == {}


def test_a_dropped_session_alone_and_a_usable_gateway_are_not_counted() -> None:
    side = Side()
    side.drops()
    side.refuses("sofia/gateway/telnyx/1 &park")
    assert side.counted() == {}


def test_each_dropped_session_shows_one_dial() -> None:
    side = Side()
    began = side.sequence + 1
    side.sequence += 3
    side.drops()
    side.drops()
    for sequence in range(began, began + 3):
        side.api("sofia/gateway/nosuch/1 &park", sequence=sequence)
    assert sum(side.counted().values()) == 2


@pytest.mark.parametrize("others", ["", "|sofia/gateway/telnyx/1", ":_:sofia/gateway/telnyx/1"])
def test_a_session_dropped_long_after_the_dial_began_is_not_of_its_first_target(others: str) -> None:
    side = Side()
    arguments = f"sofia/gateway/noreg/1{others} &park"
    began = int(side.clock.epoch() * 1e6)
    side.clock.now += 60
    side.drops()
    side.fire(
        "API",
        API__Command="originate",
        API__Command__Argument=arguments,
        sequence=side.sequence - 1,
        Event__Date__Timestamp=str(began),
    )
    assert side.counted() == {}


def test_of_a_dial_that_went_on_the_first_refusal_is_found_whenever_it_ends() -> None:
    side = Side()
    began = side.sequence = side.sequence + 1
    stamp = str(int(side.clock.epoch() * 1e6))
    side.drops()
    side.clock.now += 60
    arguments = "sofia/gateway/nosuch/1|sofia/gateway/telnyx/1 &park"
    side.fire(
        "API",
        API__Command="originate",
        API__Command__Argument=arguments,
        sequence=began,
        Event__Date__Timestamp=stamp,
    )
    side.job(arguments, "+OK aaaa\n")
    assert side.counted() == {RefusedKey("INVALID_GATEWAY", "gateway", "other", "client"): 1}


def test_the_session_dropped_for_a_job_shows_no_other_dial() -> None:
    side = Side()
    began = side.sequence
    side.drops()
    side.api("sofia/gateway/noreg/1 &park", sequence=began)
    side.job("sofia/gateway/noreg/1 &park", "-ERR GATEWAY_DOWN\n")
    side.api("sofia/gateway/nosuch/1 &park", sequence=began)
    assert side.counted() == {RefusedKey("GATEWAY_DOWN", "gateway", "noreg", "client"): 1}


def test_a_job_that_made_a_leg_is_none_whatever_was_dropped() -> None:
    side = Side()
    began = side.sequence
    side.drops()
    side.api("sofia/gateway/noreg/1 &park", sequence=began)
    side.job("sofia/gateway/noreg/1 &park", "-ERR USER_BUSY\n")
    assert side.counted() == {}


def test_a_leg_that_ended_at_another_time_explains_nothing() -> None:
    side = Side()
    side.ends("DESTINATION_OUT_OF_ORDER", "telnyx")
    side.clock.now += 1.5 * SETTLE
    side.bgapi("sofia/gateway/telnyx/1 &park", "-ERR DESTINATION_OUT_OF_ORDER\n")
    assert side.counted() == {CAPACITY: 1}


def test_a_profile_that_has_stopped_is_none() -> None:
    side = Side()
    side.known.on_profiles([profile("external")], side.clock.now)
    side.refuses("sofia/internal/1000 &park")
    assert side.shown() == [("INVALID_PROFILE", "profile", "internal", 1)]


def test_a_gateway_that_is_named_after_its_number_is_shown() -> None:
    side = Side()
    side.lists(status(name="15550000001", status="DOWN"))
    side.refuses("sofia/gateway/15550000001/1 &park")
    assert side.shown() == [("GATEWAY_DOWN", "gateway", "15550000001", 1)]


def test_a_gateway_of_another_profile_and_one_without_a_name_do_not_exist() -> None:
    side = Side()
    side.refuses("sofia/gateway/internal::noreg/1 &park")
    side.refuses("sofia/gateway//1 &park")
    assert side.counted() == {RefusedKey("INVALID_GATEWAY", "gateway", "other", "client"): 2}
    assert side.shown() == [
        ("INVALID_GATEWAY", "gateway", "internal::noreg", 1),
        ("INVALID_GATEWAY", "gateway", "", 1),
    ]


def test_a_gateway_whose_name_cannot_be_read_is_not_guessed_among_other_events() -> None:
    side = Side()
    began = side.sequence + 1
    side.sequence += 2
    side.drops()
    side.api("sofia/gateway/my=trunk/1 &park", sequence=began)
    assert side.counted() == {}


@pytest.mark.parametrize("user", ["1000@lab.local", "1000@LAB.local", "15550000001@lab.local"])
def test_a_dial_to_a_watched_subscriber_who_is_not_registered_is_counted(user: str) -> None:
    side = Side()
    for name in ("1000@lab.local", "15550000001@lab.local"):
        side.known.subscribers.on_listed(name, [], side.clock.now)
    side.clock.now += 1
    side.api(f"user/{user} &park")
    assert side.shown() == [("USER_NOT_REGISTERED", "user", user, 1)]
    side.bgapi(f"user/{user} &park", "-ERR USER_NOT_REGISTERED\n")
    assert side.shown() == [("USER_NOT_REGISTERED", "user", user, 2)]


@pytest.mark.parametrize(
    "arguments",
    [
        "user/1001@lab.local &park",
        "user/1000@other.local &park",
        "sofia/internal/1000 &park",  # a registration of the profile's, in whatever domain
        "user/1000@lab.local|sofia/gateway/telnyx/1 &park",
    ],
)
def test_a_dial_that_may_have_reached_somebody_is_not_counted(arguments: str) -> None:
    side = Side()
    side.known.switch.domain = "lab.local"
    side.known.subscribers.on_listed("1000@lab.local", [], side.clock.now)
    side.clock.now += 1
    side.api(arguments)
    assert side.counted() == {}


@pytest.mark.parametrize("case", ["unknown", "registered", "unregistered since", "took long"])
def test_a_dial_to_a_watched_subscriber_counts_only_if_nobody_can_have_been_there(case: str) -> None:
    side = Side()
    began = str(int(side.clock.epoch() * 1e6))
    if case != "unknown":
        listed = [] if case == "took long" else [Registration("call-1", "192.0.2.1", "phone")]
        side.known.subscribers.on_listed("1000@lab.local", listed, side.clock.now)
    if case == "took long":
        side.clock.now += 1
        began = str(int(side.clock.epoch() * 1e6))
        side.clock.now += 30
    if case == "unregistered since":
        side.clock.now += 0.5
        side.known.subscribers.on_listed("1000@lab.local", [], side.clock.now)
    side.fire(
        "API",
        API__Command="originate",
        API__Command__Argument="user/1000@lab.local &park",
        Event__Date__Timestamp=began,
    )
    assert side.counted() == {}


def test_the_poller_is_woken_and_told_when_to_look_again() -> None:
    side = Side()
    side.known.gateways.poll_wanted.clear()
    quiet = side.known.dials.quiet_for()
    side.api("user/1000 &park")
    assert quiet == float("inf")
    assert side.known.gateways.poll_wanted.is_set()
    assert side.known.quiet_for() <= SETTLE
    side.counted()
    assert side.known.dials.quiet_for() == float("inf")


def test_an_alias_is_the_profile_and_no_user_is_guessed_among_other_events() -> None:
    side = Side()
    side.refuses("sofia/lab.local/1000 &park")
    assert side.shown() == [("USER_NOT_REGISTERED", "user", "1000", 1)]
    began = side.sequence + 1
    side.sequence += 2
    side.drops()
    side.api("sofia/internal/1001 &park", sequence=began)
    assert side.shown() == [("USER_NOT_REGISTERED", "user", "1000", 1)]


def test_a_profile_without_a_destination_is_an_incomplete_dial() -> None:
    side = Side()
    side.refuses("sofia/external &park")
    assert side.shown() == [("INVALID_URL", "profile", "external", 1)]


def test_a_gateway_that_is_expected_and_missing_has_its_label() -> None:
    side = Side()
    side.lists(status(name="backup"))
    side.clock.now += 60
    side.lists(status(name="backup"))
    side.refuses("sofia/gateway/telnyx/1 &park")
    assert side.counted() == {RefusedKey("INVALID_GATEWAY", "gateway", "telnyx", "client"): 1}


def test_while_gateways_cannot_be_read_none_is_unknown() -> None:
    side = Side()
    side.known.gateways.on_lost()
    side.known.gateways.malformed = 1
    side.refuses("sofia/gateway/nosuch/1 &park")
    side.refuses("sofia/gateway/noreg/1 &park")
    assert side.counted() == {}


@pytest.mark.parametrize(
    ("arguments", "evidence", "told"),
    [
        (
            "user/nobody@lab.local &park",
            LogEvidence("SUBSCRIBER_ABSENT", "nobody@lab.local"),
            ("user", "nobody@lab.local"),
        ),
        (
            "nosuchendpoint/x &park",
            LogEvidence("CHAN_NOT_IMPLEMENTED", "nosuchendpoint"),
            ("endpoint", ""),
        ),
        ("sofia/gateway/telnyx/1 &park", LogEvidence("DESTINATION_OUT_OF_ORDER", ""), ("capacity", "")),
    ],
)
def test_a_line_of_the_log_shows_one_api_dial(
    arguments: str, evidence: LogEvidence, told: tuple[str, str]
) -> None:
    side = Side()
    side.known.dials.on_log_evidence(evidence)
    side.api(arguments)
    side.api(arguments)
    side.api("user/another &park")
    assert side.shown() == [(evidence.cause, *told, 1)]


REPLAYED_WITH_LOG: dict[str, list[tuple[str, str, str, int]]] = {
    "originate-gateway-down": [("GATEWAY_DOWN", "gateway", "noreg", 1)],
    "originate-invalid-gateway": [("INVALID_GATEWAY", "gateway", "nosuchgw", 1)],
    "originate-nosuchprofile": [("INVALID_PROFILE", "profile", "nosuchprofile", 1)],
    "originate-empty-number-no-slash": [("INVALID_URL", "gateway", "telnyx", 1)],
    "originate-sofia-internal-user-percent": [("USER_NOT_REGISTERED", "user", "1000@lab.local", 1)],
    "originate-user-nobody": [("SUBSCRIBER_ABSENT", "user", "nobody@lab.local", 1)],
    "originate-nosuchendpoint": [("CHAN_NOT_IMPLEMENTED", "endpoint", "", 1)],
    # One by api, one by bgapi.
    "originate-paused": [("DESTINATION_OUT_OF_ORDER", "capacity", "", 2)],
    "originate-over-session-limit": [("DESTINATION_OUT_OF_ORDER", "capacity", "", 2)],
}


@pytest.mark.parametrize("log_first", [True, False])
@pytest.mark.parametrize("capture", REPLAYED_WITH_LOG)
def test_a_recorded_dial_and_what_freeswitch_logged_of_it_are_one(capture: str, log_first: bool) -> None:
    """Whichever comes first, as the two come on connections of their own."""
    side = Side()

    def log() -> None:
        for line in lines(f"log-debug-{capture}"):
            written = f"2026-11-26 12:04:08.964128 99.70% {line.text}"
            side.known.log.on_line({"crit": 2, "err": 3, "warning": 4}[line.level], written)

    if log_first:
        log()
    side.replay(capture)
    if not log_first:
        log()
    assert side.shown() == REPLAYED_WITH_LOG[capture]


@pytest.mark.parametrize(
    ("arguments", "reply", "evidence"),
    [
        ("sofia/gateway/telnyx/1 &park", "-ERR DESTINATION_OUT_OF_ORDER\n", LogEvidence(OUT_OF_ORDER, "")),
        (
            f"{{origination_uuid={PROBE}}}sofia/gateway/telnyx/1 &park",
            "-ERR DESTINATION_OUT_OF_ORDER\n",
            LogEvidence(OUT_OF_ORDER, ""),
        ),
        ("sofia/gateway/noreg/1 &park", "-ERR GATEWAY_DOWN\n", LogEvidence("GATEWAY_DOWN", "noreg")),
    ],
)
@pytest.mark.parametrize("log_first", [True, False])
def test_the_line_of_a_job_is_not_left_for_an_api_dial(
    arguments: str, reply: str, evidence: LogEvidence, log_first: bool
) -> None:
    side = Side()
    if log_first:
        side.known.dials.on_log_evidence(evidence)
    side.bgapi(arguments, reply)
    if not log_first:
        side.known.dials.on_log_evidence(evidence)
    for dialled in ("sofia/gateway/noreg/2 &park", "sofia/gateway/telnyx/2 &park"):
        side.api(dialled)
    assert sum(side.counted().values()) == (0 if PROBE in arguments else 1)


def test_the_line_of_a_bridge_is_not_left_for_an_api_dial() -> None:
    side = Side()
    side.known.dials.on_log_evidence(LogEvidence("GATEWAY_DOWN", "noreg"))
    side.replay("bridge-gateway-down")
    side.lists(status(), status(name="noreg"))
    side.api("sofia/gateway/noreg/2 &park")
    assert [key.source for key in side.counted()] == ["bridge"]


def test_a_refusal_that_names_no_target_must_be_of_that_moment() -> None:
    side = Side()
    side.known.dials.on_log_evidence(LogEvidence(OUT_OF_ORDER, ""))
    side.clock.now += 2 * NEAR
    side.api("sofia/gateway/telnyx/1 &park")
    assert side.counted() == {}


def test_the_log_tells_of_a_gateway_that_has_recovered_since() -> None:
    side = Side()
    side.known.dials.on_log_evidence(LogEvidence("GATEWAY_DOWN", "external::telnyx"))
    side.refuses("sofia/gateway/external::telnyx/1 &park")
    side.refuses("sofia/gateway/noreg/1 &park")
    assert side.shown() == [
        ("GATEWAY_DOWN", "gateway", "external::telnyx", 1),
        ("GATEWAY_DOWN", "gateway", "noreg", 1),
    ]


def test_a_user_of_the_log_is_shown_as_one_that_was_dialled() -> None:
    side = Side()
    side.known.dials.on_log_evidence(LogEvidence("SUBSCRIBER_ABSENT", "+15551234567@lab.local"))
    side.api("user/+15551234567@lab.local &park")
    [(cause, kind, name, count)] = side.shown()
    assert (cause, kind, count) == ("SUBSCRIBER_ABSENT", "user", 1)
    assert "4567" not in name


@pytest.mark.parametrize(
    ("dialled", "took", "gone_for", "told"),
    [
        ("user/1000@lab.local &park", 0.0, 60.0, 1),
        ("user/1000@lab.local &park", 30.0, 60.0, 0),  # its dial string is another one: it rang
        ("user/1000@lab.local &park", 0.0, 0.0, 0),  # it was registered when it was dialled
        ("user/1000@lab.local &park", 0.0, None, 0),  # it is registered
        ("user/1001@lab.local &park", 0.0, 60.0, 0),  # nobody watches it
        ("user/1000@lab.local|user/1001@lab.local &park", 0.0, 60.0, 0),
    ],
)
def test_a_dial_to_a_watched_subscriber_that_is_gone_was_refused(
    dialled: str, took: float, gone_for: float | None, told: int
) -> None:
    side = Side(subscribers=("1000@lab.local",))
    subscribers = side.known.subscribers
    subscribers.on_registered(Registered("1000@lab.local", "internal", "c", "192.0.2.1", ""))
    if gone_for:
        subscribers.on_gone(Gone("1000@lab.local", "internal", "c", "unregistered"))
        side.clock.now += gone_for
    began = side.clock.epoch()
    side.clock.now += took
    side.fire("API", began=began, API__Command="originate", API__Command__Argument=dialled)
    if gone_for == 0.0:
        side.clock.now += 0.5
        subscribers.on_gone(Gone("1000@lab.local", "internal", "c", "unregistered"))
    assert sum(side.counted().values()) == told


@pytest.mark.parametrize(
    ("domain", "told"), [("lab.local", 1), ("LAB.local", 1), ("other.local", 0), ("", 0)]
)
def test_a_user_dialled_without_a_domain_is_one_of_freeswitchs_own(domain: str, told: int) -> None:
    side = Side()
    side.known.switch.domain = domain
    side.known.subscribers.on_listed("1000@lab.local", [], side.clock.now)
    side.clock.now += 1
    side.api("user/1000 &park")
    assert side.shown() == [("USER_NOT_REGISTERED", "user", "1000", 1)] * told
    side.known.switch.forget()
    side.api("user/1000 &park")
    assert side.shown() == [("USER_NOT_REGISTERED", "user", "1000", 1)] * told


@pytest.mark.parametrize("by", ["reply", "line"])
def test_a_second_target_finds_the_uuid_of_the_first_in_use_which_is_no_limit(by: str) -> None:
    side = Side()
    arguments = "{origination_uuid=u7}sofia/gateway/telnyx/1|sofia/gateway/backup/1 &park"
    leg = {"Unique__ID": "u7", "Call__Direction": "outbound", "variable_sip_gateway_name": "telnyx"}
    side.fire("CHANNEL_CREATE", **leg)
    side.fire("CHANNEL_HANGUP_COMPLETE", Hangup__Cause="USER_BUSY", **leg)
    if by == "line":
        side.known.dials.on_log_evidence(LogEvidence(OUT_OF_ORDER, ""))
        side.api(arguments)
    else:
        side.bgapi(arguments, f"-ERR {OUT_OF_ORDER}\n")
    assert {key.kind: count for key, count in side.counted().items()} == {"other": 1}


def test_a_line_about_a_gateway_is_of_a_dial_that_names_it_likewise() -> None:
    side = Side()
    side.known.dials.on_log_evidence(LogEvidence("GATEWAY_DOWN", "noreg"))
    side.api("sofia/gateway/internal::noreg/1 &park")
    assert side.counted() == {}
    side.known.dials.on_log_evidence(LogEvidence("INVALID_GATEWAY", "internal::noreg"))
    side.api("sofia/gateway/internal::noreg/1 &park")
    assert side.shown() == [("INVALID_GATEWAY", "gateway", "internal::noreg", 1)]


def test_many_lines_and_claims_stay_bounded() -> None:
    side = Side()
    for number in range(3 * MAX_WAITING):
        side.known.dials.on_log_evidence(LogEvidence("INVALID_GATEWAY", f"x{number}"))
        side.job(f"sofia/gateway/y{number}/1 &park", "-ERR INVALID_GATEWAY\n")
    assert len(side.known.dials._log) <= MAX_WAITING
    assert len(side.known.dials._claims) <= MAX_WAITING


def test_a_line_of_the_log_is_of_a_dial_at_that_time() -> None:
    side = Side()
    side.known.dials.on_log_evidence(LogEvidence("SUBSCRIBER_ABSENT", "nobody"))
    side.clock.now += 2 * SETTLE
    side.api("user/nobody &park")
    assert side.counted() == {}


@pytest.mark.parametrize(("direction", "counts"), [("inbound", 1), ("outbound", 0)])
def test_a_caller_who_went_on_to_a_mailbox_is_counted(direction: str, counts: int) -> None:
    side = Side()
    side.fire(
        "CHANNEL_HANGUP_COMPLETE",
        Unique__ID="a-leg",
        Call__Direction=direction,
        Hangup__Cause="NORMAL_CLEARING",
        variable_originate_failed_cause="USER_NOT_REGISTERED",
        variable_last_app="voicemail",
        variable_dialed_user="1000",
        variable_dialed_domain="lab.local",
    )
    told = [("USER_NOT_REGISTERED", "user", "1000@lab.local", 1)]
    assert side.shown() == (told if counts else [])


def test_after_a_lost_connection_nothing_old_shows_a_dial() -> None:
    side = Side()
    side.drops()
    side.api("sofia/gateway/telnyx &park", sequence=100)
    side.bgapi("user/nobody &park", "-ERR SUBSCRIBER_ABSENT\n")
    side.known.forget()
    assert side.counted() == {}


def test_what_waits_and_what_is_kept_is_bounded_and_no_dial_is_lost() -> None:
    side = Side()
    for number in range(3 * MAX_WAITING):
        side.bgapi(f"sofia/gateway/telnyx/{number} &park", "-ERR DESTINATION_OUT_OF_ORDER\n")
        side.bgapi(f"user/a{number} &park", "-ERR SUBSCRIBER_ABSENT\n")
        side.api("user/1000 &park")
        side.drops()
    dials = side.known.dials
    for waiting in (dials._ended, dials._jobs, dials._early_jobs, dials._dropped, dials._legs, dials._log):
        assert len(waiting) <= MAX_WAITING
    assert sum(side.counted().values()) == 6 * MAX_WAITING
    assert len(dials.refused.targets(600)) <= MAX_TARGETS


def test_the_most_frequent_targets_are_kept() -> None:
    side = Side()
    for _ in range(3):
        side.bgapi("sofia/gateway/telnix/1 &park", "-ERR INVALID_GATEWAY\n")
    for number in range(2 * MAX_TARGETS):
        side.bgapi(f"sofia/gateway/g{number}/1 &park", "-ERR INVALID_GATEWAY\n")
    assert side.shown()[0] == ("INVALID_GATEWAY", "gateway", "telnix", 3)


def test_a_gateway_that_is_gone_takes_its_series_with_it() -> None:
    side = Side()
    side.refuses("sofia/gateway/noreg/1 &park")
    assert any(key.gateway == "noreg" for key in side.counted())
    side.lists(status(), status(name="backup"))
    side.clock.now += 3700
    side.lists(status(), status(name="backup"))
    side.known.advance()
    assert not any(key.gateway == "noreg" for key in side.known.dials.refused.counts)


def test_a_target_that_is_dialled_no_more_is_forgotten_and_counted_anew() -> None:
    side = Side()
    side.bgapi("user/nobody &park", "-ERR SUBSCRIBER_ABSENT\n")
    side.counted()
    side.clock.now += 4000
    assert side.shown() == []
    side.bgapi("user/nobody &park", "-ERR SUBSCRIBER_ABSENT\n")
    assert side.shown() == [("SUBSCRIBER_ABSENT", "user", "nobody", 1)]
