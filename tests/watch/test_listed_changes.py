"""Changes that lists of profiles and gateways show: what differs, and nothing that only seems to."""

import pytest

from exporter.switch.gateway import GatewayList, GatewayStatus
from exporter.watch.changes import Changes
from exporter.watch.gateway_table import MAX_GATEWAYS
from exporter.watch.listed_changes import ListedChanges
from exporter.watch.switch import MAX_PROFILES
from exporter.watch.verdict import ABSENT_GRACE
from tests.watch.builders import EPOCH, HandClock, status
from tests.watch.recorder import Recorder

TELNYX = status()
BACKUP = status(name="backup", proxy="sip:192.0.2.11")
SITE = ("external", "internal")


class Lists:
    """Lists of a switch with two profiles, and a clock that only goes where the test says."""

    def __init__(self, *, first: bool = True) -> None:
        self.clock = HandClock()
        self.told = Recorder()
        self.changes = ListedChanges(Changes("fs1", self.clock, self.told.on_change), self.clock)
        if first:
            self.lists(TELNYX, BACKUP)

    def after(self, seconds: float) -> "Lists":
        self.clock.now += seconds
        return self

    def lists(
        self, *gateways: GatewayStatus, profiles: tuple[str, ...] | None = SITE, malformed: int = 0
    ) -> "Lists":
        """Both lists, asked for and answered now; `profiles` None: the account may not list them."""
        if profiles is not None:
            self.changes.on_profiles(profiles, self.clock.now)
        return self.lists_gateways(*gateways, malformed=malformed)

    def lists_gateways(self, *gateways: GatewayStatus, malformed: int = 0) -> "Lists":
        self.changes.on_gateways(GatewayList(list(gateways), malformed, ()), self.clock.now)
        return self

    def starts(self, profile: str) -> "Lists":
        self.changes.on_profile_started(profile)
        return self

    def loses(self) -> "Lists":
        self.changes.on_lost()
        return self

    @property
    def what(self) -> list[tuple[str, str]]:
        return self.told.what


def test_the_first_lists_are_only_learned() -> None:
    assert Lists().what == []
    assert Lists().after(10).lists(TELNYX, BACKUP).what == []


def test_a_gateway_that_is_listed_anew_was_added() -> None:
    lists = Lists().after(10).lists(TELNYX, BACKUP, status(name="extra", proxy="sip:192.0.2.12"))
    assert lists.what == [("gateway_added", "external::extra")]
    assert lists.told.changes[0].after == "sip:192.0.2.12"
    assert lists.told.changes[0].at == EPOCH + 110


def test_a_gateway_that_stays_away_was_deleted_when_it_was_first_missed() -> None:
    lists = Lists().after(10).lists(TELNYX).after(ABSENT_GRACE)
    assert lists.what == []
    lists.lists(TELNYX)
    assert lists.what == [("gateway_deleted", "external::backup")]
    assert lists.told.changes[0].at == EPOCH + 110
    assert lists.after(10).lists(TELNYX).after(10).lists(TELNYX).what == [
        ("gateway_deleted", "external::backup")
    ]


def test_what_is_missed_is_looked_for_again_once_it_counts() -> None:
    lists = Lists().after(10).lists(TELNYX)
    due = []
    for _ in range(8):
        lists.after(0.5)
        due.append(lists.changes.confirmation_due())
    assert due == [False] * 5 + [True] + [False] * 2
    lists = Lists().after(10).lists(TELNYX).after(1).lists().after(2.5)
    assert lists.changes.confirmation_due()  # of the first
    lists.lists().after(1)
    assert lists.changes.confirmation_due()  # of the second
    assert lists.lists().what[-1] == ("gateway_deleted", "external::telnyx")


@pytest.mark.parametrize(
    ("changed", "before", "after"),
    [
        ({"proxy": "sip:192.0.2.99"}, "proxy sip:192.0.2.10:5060", "proxy sip:192.0.2.99"),
        ({"realm": "other.lab"}, "realm telnyx.lab", "realm other.lab"),
        ({"contact": "<sip:a@192.0.2.2>"}, "contact ", "contact <sip:a@192.0.2.2>"),
        ({"ping_interval": 10}, "ping 0", "ping 10"),
        ({"username": "secret-account"}, "", "another user name"),
        (
            {"proxy": "sip:b", "realm": "b"},
            "proxy sip:192.0.2.10:5060, realm telnyx.lab",
            "proxy sip:b, realm b",
        ),
    ],
)
def test_a_gateway_with_other_settings_was_read_anew(
    changed: dict[str, object], before: str, after: str
) -> None:
    lists = Lists().after(10).lists(status(**changed), BACKUP).after(10).lists(status(**changed), BACKUP)
    (change,) = lists.told.changes
    assert (change.what, change.subject) == ("gateway_changed", "external::telnyx")
    assert (change.before, change.after) == (before.strip(), after)


def test_what_freeswitch_measures_is_no_setting() -> None:
    lists = Lists().after(10)
    measured = {"state": "FAIL_WAIT", "status": "DOWN", "ping_next": 7, "ping_count": 1, "calls_out": 9}
    assert lists.lists(status(**measured, ping_seconds=0.1, retry_seconds=3), BACKUP).what == []


def test_a_gateway_that_is_killed_and_read_again_is_changed_if_it_differs() -> None:
    lists = Lists().after(10).lists(BACKUP).after(1).lists(status(proxy="sip:192.0.2.99"), BACKUP)
    assert lists.what == [("gateway_changed", "external::telnyx")]
    lists = Lists().after(10).lists(BACKUP).after(1).lists(TELNYX, BACKUP).after(10).lists(TELNYX, BACKUP)
    assert lists.what == []


def test_lists_of_profiles_that_cannot_be_read_any_more_are_not_asked_for_again_and_again() -> None:
    lists = Lists().after(10)
    asked = 0
    for _ in range(600):
        lists.after(1)
        if lists.changes.confirmation_due():
            asked += 1
            lists.lists(TELNYX, profiles=None)
        elif lists.clock.now % 10 == 0:
            lists.lists(TELNYX, profiles=None)
    assert asked == 1
    assert lists.what == []
    lists.lists(TELNYX)
    assert lists.what == [("gateway_deleted", "external::backup")]


def test_each_absence_begins_anew() -> None:
    lists = Lists().after(10)
    for _ in range(5):
        lists.lists(BACKUP).after(1).lists(TELNYX, BACKUP).after(10)
    assert lists.what == []


# -- profiles ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event_first", [True, False])
@pytest.mark.parametrize("seen_absent", [True, False])
def test_a_profile_restart_is_one_change(event_first: bool, seen_absent: bool) -> None:
    lists = Lists().after(10)
    if seen_absent:
        lists.lists(profiles=("internal",))
    lists.after(1.9)
    if event_first or not seen_absent:
        lists.starts("external").lists(TELNYX, BACKUP)
    else:
        lists.lists(TELNYX, BACKUP).after(0.01).starts("external")
    lists.after(10).lists(TELNYX, BACKUP)
    assert lists.what == [("profile_started", "external")]


def test_a_restart_in_which_a_gateway_became_another_one_is_two() -> None:
    lists = Lists().after(10).lists(profiles=("internal",)).after(1.9).starts("external")
    moved = status(proxy="sip:192.0.2.99")
    lists.lists(moved, BACKUP).after(10).lists(moved, BACKUP)
    assert lists.what == [("profile_started", "external"), ("gateway_changed", "external::telnyx")]


def test_a_profile_that_stops_takes_its_gateways_without_a_word() -> None:
    lists = Lists().after(10).lists(profiles=("internal",))
    for _ in range(5):
        lists.after(10).lists(profiles=("internal",))
    assert lists.what == [("profile_stopped", "external")]
    assert lists.told.changes[0].at == EPOCH + 110
    lists.after(100).starts("external").lists(TELNYX, BACKUP).after(10).lists(TELNYX, BACKUP)
    assert lists.what[1:] == [("profile_started", "external")]


def test_a_profile_s_gateways_may_be_missed_before_the_profile_is() -> None:
    lists = Lists().after(10).lists().after(ABSENT_GRACE)  # gateways go first, the profile 1.2 s later
    lists.lists(profiles=("internal",)).after(ABSENT_GRACE).lists(profiles=("internal",))
    assert lists.what == [("profile_stopped", "external")]


def test_a_list_of_gateways_alone_says_nothing_of_a_profile() -> None:
    lists = Lists().after(10).lists_gateways().after(ABSENT_GRACE).lists_gateways()
    assert lists.what == []
    lists.lists(profiles=("internal",)).after(ABSENT_GRACE).lists(profiles=("internal",))
    assert lists.what == [("profile_stopped", "external")]


def test_a_gateway_that_did_not_come_back_with_its_profile_was_deleted() -> None:
    lists = Lists().after(10).lists(profiles=("internal",)).after(10).lists(profiles=("internal",))
    lists.after(10).starts("external").lists(TELNYX).after(10).lists(TELNYX)
    assert lists.what == [
        ("profile_stopped", "external"),
        ("profile_started", "external"),
        ("gateway_deleted", "external::backup"),
    ]


def test_a_profile_that_cannot_bind_its_address_starts_and_stops() -> None:
    lists = Lists().after(10).starts("trunk")  # the event comes first, whatever follows
    lists.after(1).lists(TELNYX, BACKUP).after(ABSENT_GRACE).lists(TELNYX, BACKUP)
    assert lists.what == [("profile_started", "trunk"), ("profile_stopped", "trunk")]


def test_a_profile_without_an_event_is_told_by_the_list() -> None:
    lists = Lists().after(10).lists(TELNYX, BACKUP, profiles=(*SITE, "trunk"))
    lists.after(0.1).starts("trunk").after(10).lists(TELNYX, BACKUP, profiles=(*SITE, "trunk"))
    assert lists.what == [("profile_started", "trunk")]


def test_without_a_list_of_profiles_gateways_that_all_go_are_their_profile_s() -> None:
    lists = Lists(first=False).lists(TELNYX, BACKUP, profiles=None).after(10)
    for _ in range(3):
        lists.lists(profiles=None).after(10)
    assert lists.what == []
    lists.lists(TELNYX, profiles=None).after(10).lists(TELNYX, profiles=None)
    assert lists.what == [("gateway_deleted", "external::backup")]


# -- losses and bounds ---------------------------------------------------------------------------------------


def test_after_a_loss_only_what_really_differs_is_told() -> None:
    lists = Lists().after(10).loses().after(600).lists(TELNYX, BACKUP).after(10).lists(TELNYX, BACKUP)
    assert lists.what == []
    lists.loses().after(600).lists(TELNYX, status(name="extra")).after(10).lists(TELNYX, status(name="extra"))
    assert lists.what == [("gateway_added", "external::extra"), ("gateway_deleted", "external::backup")]


def test_a_switch_that_still_starts_has_lost_nothing() -> None:
    lists = Lists().loses().after(5).lists(profiles=()).after(1).starts("external").starts("internal")
    lists.lists(TELNYX, BACKUP).after(10).lists(TELNYX, BACKUP)
    assert sorted(lists.what) == [("profile_started", "external"), ("profile_started", "internal")]


def test_the_time_of_a_loss_is_no_absence() -> None:
    lists = Lists().after(10).lists(TELNYX).loses().after(60).lists(TELNYX)
    assert lists.what == []
    lists = Lists().after(10).lists(profiles=("internal",)).loses().after(60).lists(profiles=("internal",))
    assert lists.what == []


def test_fifty_gateways_that_flap_with_their_profile_are_one_change_each_time() -> None:
    many = [status(name=f"g{number}") for number in range(50)]
    lists = Lists(first=False).lists(*many)
    for _ in range(20):
        lists.after(10).lists(profiles=("internal",)).after(2).starts("external").lists(*many)
    assert lists.what == 20 * [("profile_started", "external")]


def test_a_list_with_entries_that_cannot_be_read_deletes_nothing() -> None:
    lists = Lists().after(10)
    for _ in range(3):
        lists.lists(TELNYX, malformed=1).after(10)
    assert lists.what == []


def test_with_more_gateways_than_are_watched_nothing_is_told() -> None:
    many = [status(name=f"g{number}") for number in range(MAX_GATEWAYS + 1)]
    lists = Lists(first=False).lists(*many).after(10).lists(*many[1:]).after(10).lists(*many).after(10)
    assert lists.lists(*many[:5]).after(10).lists(*many[:5]).what == []


def test_gateways_of_a_stopped_profile_leave_room_for_others() -> None:
    many = [status(name=f"g{number}") for number in range(MAX_GATEWAYS)]
    lists = Lists(first=False).lists(*many).after(10)
    others = [status(name=f"h{number}", profile="internal") for number in range(MAX_GATEWAYS)]
    lists.lists(profiles=("internal",)).after(10).lists(*others, profiles=("internal",))
    assert sum(what == "gateway_added" for what, _ in lists.what) == MAX_GATEWAYS
    assert sum(what == "gateway_deleted" for what, _ in lists.what) == 0


def test_profiles_are_bounded() -> None:
    lists = Lists(first=False).lists(profiles=())
    for number in range(3 * MAX_PROFILES):
        lists.starts(f"p{number}")
    assert len(lists.what) == MAX_PROFILES
