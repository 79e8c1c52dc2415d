"""The call table against a model of FreeSWITCH whose events are lost, doubled and delivered in any order."""

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from exporter.esl import Event
from exporter.switch.leg import ChannelEvent, LegStart, is_probe
from exporter.watch.calls import CallTable
from tests.watch.builders import event, not_by_country

HANDLERS = {
    "CHANNEL_CREATE": CallTable.on_create,
    "CHANNEL_PROGRESS": CallTable.on_progress,
    "CHANNEL_ANSWER": CallTable.on_answer,
    "CHANNEL_HANGUP_COMPLETE": CallTable.on_hangup,
    "CHANNEL_DESTROY": CallTable.on_destroy,
}
GATEWAYS = ("telnyx", "backup")  # `backup` comes and goes


@dataclass
class Leg:
    """A leg as FreeSWITCH knows it."""

    uuid: str
    gateway: str
    direction: str
    up: bool = True
    answered: bool = False

    def event(self, name: str, **headers: object) -> Event:
        return event(
            name,
            Unique_ID=self.uuid,
            Call_Direction=self.direction,
            variable_sip_gateway_name=self.gateway,
            variable_sip_gateway=self.gateway,
            Caller_Channel_Created_Time=1_000_000,
            Caller_Channel_Answered_Time=2_000_000 if self.answered else 0,
            **headers,
        )


@dataclass
class Switch:
    """All legs there ever were, and the events that are under way to the exporter."""

    legs: dict[str, Leg] = field(default_factory=dict)
    under_way: list[tuple[str, Event, Leg]] = field(default_factory=list)

    def fire(self, leg: Leg, *names: str, **headers: object) -> None:
        self.under_way += [(name, leg.event(name, **headers), leg) for name in names]


class CallsModel(RuleBasedStateMachine):
    """Rules are what FreeSWITCH, the network and the exporter may do; invariants hold after each."""

    def __init__(self) -> None:
        super().__init__()
        self.switch = Switch()
        self.known = set(GATEWAYS)
        self.unanswered: list[tuple[str, str]] = []
        self.ended: set[str] = set()
        self.told: list[str] = []
        self.refused: set[str] = set()
        self.calls = CallTable(
            lambda start: start.gateway if start.gateway in {"", *self.known} else "other",
            lambda gateway, profile: self.unanswered.append((gateway, profile)),
            lambda _event, end, _gateway, _code: self.told.append(end.uuid),
            not_by_country(),
        )
        for gateway in ("", *GATEWAYS):
            self.calls.start_tracking(gateway, None)

    # -- FreeSWITCH -----------------------------------------------------------------------------------------

    @rule(
        gateway=st.sampled_from(["telnyx", "telnyx", "backup", "nobody", ""]),
        direction=st.sampled_from(["inbound", "outbound", "outbound"]),
        kind=st.sampled_from(["call", "call", "call", "probe", "refused"]),
        steps=st.lists(st.sampled_from(["ring", "answer", "end", "end", "vanish"]), max_size=4),
    )
    def begins(self, gateway: str, direction: str, kind: str, steps: list[str]) -> None:
        number = len(self.switch.legs)
        if kind == "refused":  # one event, and the leg never was
            leg = Leg(f"r{number}-{len(self.refused)}", "", "outbound", up=False)
            self.refused.add(leg.uuid)
            self.switch.fire(leg, "CHANNEL_DESTROY", Channel_State="CS_NONE")
            return
        uuid = f"70726f62-{number}" if kind == "probe" else f"u{number}"
        leg = self.switch.legs[uuid] = Leg(uuid, gateway, direction)
        self.switch.fire(leg, "CHANNEL_CREATE")
        for step in steps:
            self._goes_on(leg, step)

    @precondition(lambda self: any(leg.up for leg in self.switch.legs.values()))
    @rule(data=st.data(), step=st.sampled_from(["ring", "answer", "end", "end", "vanish"]))
    def goes_on(self, data: st.DataObject, step: str) -> None:
        self._goes_on(data.draw(st.sampled_from([leg for leg in self.switch.legs.values() if leg.up])), step)

    def _goes_on(self, leg: Leg, step: str) -> None:
        match step if leg.up else "":
            case "ring":
                self.switch.fire(leg, "CHANNEL_PROGRESS")
            case "answer":
                leg.answered = True
                self.switch.fire(leg, "CHANNEL_ANSWER")
            case "end":
                leg.up = False
                self.switch.fire(leg, "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY")
            case "vanish":
                leg.up = False

    # -- the way --------------------------------------------------------------------------------------------

    @precondition(lambda self: self.switch.under_way)
    @rule(
        picks=st.lists(
            st.tuples(st.integers(0, 40), st.sampled_from(["deliver", "deliver", "twice", "twice", "lose"])),
            min_size=1,
            max_size=12,
        )
    )
    def delivers(self, picks: list[tuple[int, str]]) -> None:
        for pick, fate in picks:
            if not self.switch.under_way:
                return
            at = pick % len(self.switch.under_way)
            name, one, leg = self.switch.under_way[at]
            if fate != "twice":
                del self.switch.under_way[at]
            if fate != "lose":
                HANDLERS[name](self.calls, ChannelEvent(one))
                if name == "CHANNEL_HANGUP_COMPLETE" or leg.uuid in self.refused:
                    self.ended.add(leg.uuid)

    # -- the exporter ---------------------------------------------------------------------------------------

    @rule(what=st.sampled_from(["learn", "learn late", "ask", "ask", "disconnect", "backup"]))
    def exporter(self, what: str) -> None:
        match what:
            case "learn" | "learn late":  # the list outlives hang-ups
                for leg in self.switch.legs.values():
                    if leg.up or what == "learn late":
                        start = LegStart(leg.uuid, leg.direction, leg.gateway, "")
                        self.calls.learn(start, answered=leg.answered)
            case "ask":
                self._asks_whether_they_exist()
            case "disconnect":
                self.switch.under_way.clear()
                self.calls.lose()
                assert self.calls.live == 0
            case "backup":  # it goes, or comes back
                if "backup" not in self.known:
                    self.known.add("backup")
                    self.calls.start_tracking("backup", None)
                elif self.calls.stop_tracking("backup"):
                    self.known.discard("backup")

    def _asks_whether_they_exist(self) -> None:
        gone = {uuid for uuid in self.calls.uuids() if not self.switch.legs[uuid].up}
        self.calls.lose(gone)
        self.ended |= gone
        assert all(self.switch.legs[uuid].up for uuid in self.calls.uuids())

    # -- what always holds ----------------------------------------------------------------------------------

    @invariant()
    def the_counters_agree(self) -> None:
        for key, stats in self.calls.stats.items():
            ended = sum(count for count, _ in stats.hangups.values())
            assert stats.started + stats.learned == ended + stats.lost + stats.active, key
            assert stats.active >= 0, key
            assert stats.answered <= stats.started + stats.learned, key
        assert sum(stats.active for stats in self.calls.stats.values()) == self.calls.live

    @invariant()
    def labels_are_of_known_gateways(self) -> None:
        assert {gateway for gateway, _ in self.calls.stats} <= {"", "other", *GATEWAYS}

    @invariant()
    def nothing_is_counted_twice(self) -> None:
        legs = self.switch.legs.values()
        assert self.calls.creates <= len(legs)
        assert self.calls.refused_locally <= len(self.refused)
        assert len(self.unanswered) <= sum(leg.direction == "outbound" and bool(leg.gateway) for leg in legs)

    @invariant()
    def each_end_is_told_once(self) -> None:
        ended = sum(count for stats in self.calls.stats.values() for count, _ in stats.hangups.values())
        assert len(self.told) == len(set(self.told))
        assert ended <= len(self.told)  # the counters of a gateway that is gone went with it
        assert not any(is_probe(uuid) for uuid in self.told)

    @invariant()
    def what_has_ended_stays_ended(self) -> None:
        assert not self.ended & self.calls.uuids()
        assert not any(is_probe(uuid) for uuid in self.calls.uuids())

    def teardown(self) -> None:
        """Whatever was lost, nothing stays once FreeSWITCH has been asked."""
        for leg in self.switch.legs.values():
            leg.up = False
        self._asks_whether_they_exist()
        while self.switch.under_way:  # what is late brings nothing back
            name, one, _ = self.switch.under_way.pop()
            HANDLERS[name](self.calls, ChannelEvent(one))
        self._asks_whether_they_exist()
        self.the_counters_agree()
        assert self.calls.live == 0
        assert all(stats.active == 0 for stats in self.calls.stats.values())


TestCallsModel = CallsModel.TestCase
