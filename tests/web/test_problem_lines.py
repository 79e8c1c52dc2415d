"""What is wrong, in lines: counted, ranked over nodes, and gateways with the same fault in one."""

from dataclasses import replace

from exporter.diagnosis.conclusion import Diagnosis, diagnose
from exporter.diagnosis.snapshot import GatewaySeen
from exporter.history.past import Past
from exporter.web.problem_lines import MAX_NAMED, count_text, problem_lines
from tests.diagnosis.snapshots import calls, gateway, lost, snapshot, switch
from tests.support.made_up_past import outage

NOW = 1_795_000_000.0


def rejected(name: str, **changes: object) -> GatewaySeen:
    fields = {"problem": "auth_rejected", "usable": False, "answer_code": 403, "answer_phrase": "Forbidden"}
    return gateway(name=name, **(fields | changes))


def node(*gateways: GatewaySeen, **changes: object) -> Diagnosis:
    return diagnose(snapshot(gateways=gateways, taken_at=NOW, **changes))


def test_problems_and_warnings_are_counted() -> None:
    lines = problem_lines(
        [node(rejected("a"), gateway(name="b", problem="unmonitored"), switch=switch(clock_skew=5.0))]
    )
    assert count_text(lines) == "1 problem, 2 warnings"
    assert [line.status for line in lines] == ["fail", "warn", "warn"]
    assert count_text(problem_lines([node(gateway())])) == ""


def test_gateways_with_the_same_fault_share_a_line_that_has_the_commands_of_each() -> None:
    names = [f"trunk{number}" for number in range(8)]
    (line,) = problem_lines([node(*(rejected(name) for name in names))])
    assert line.text == (
        f"8 gateways: the provider rejects the credentials ({', '.join(names[:MAX_NAMED])} and 3 more)"
    )
    assert not line.remedy.commands
    assert line.remedy.section == "auth_rejected"
    assert [member.remedy.commands[-1] for member in line.members] == [
        f"fs_cli -x 'sofia status gateway {name}'" for name in names
    ]


def test_of_forty_gateways_each_is_counted_with_its_fault() -> None:
    rejects = [rejected(f"a{number:02}") for number in range(30)]
    silent = [rejected(f"b{number}", problem="unreachable") for number in range(9)]
    lines = problem_lines([node(*rejects, *silent, rejected("c", problem="unregistered"))])
    assert [line.text for line in lines] == [
        "30 gateways: the provider rejects the credentials (a00, a01, a02, a03, a04 and 25 more)",
        "9 more gateways: the provider is unreachable",
        "Gateway c: a command unregistered it",
    ]
    assert lines[0].members[-1].text == "10 more gateways: the provider rejects the credentials"
    assert lines[0].members[-1].seen == "a20, a21, a22, a23, a24 and 5 more"
    strays = [rejected(f"a{number:02}", expected=number == 7) for number in range(30)]
    (line,) = problem_lines([node(*strays)])
    assert line.text.startswith("30 gateways: the provider rejects the credentials (a07, a00, a01,")
    assert line.members[-1].text == "10 more gateways: the provider rejects the credentials"
    missing = [
        gateway(name=f"m{number:02}", listed=False, expected=True, problem="missing") for number in range(25)
    ]
    (line,) = problem_lines([node(*missing)])
    assert line.text.startswith("25 gateways: FreeSWITCH does not have them (m00,")


def test_gateways_of_two_nodes_do_not_share_a_line() -> None:
    lines = problem_lines([node(rejected("a"), node="east"), node(rejected("a"), node="west")])
    assert [(line.node, line.text.partition(":")[0]) for line in lines] == [
        ("east", "Gateway a"),
        ("west", "Gateway a"),
    ]
    assert len({line.key for line in lines}) == 2


def test_over_all_nodes_what_costs_most_calls_comes_first() -> None:
    idle = node(rejected("a"), node="idle")
    busy = node(rejected("telnyx"), node="busy", recent=calls(answered=0, refused=40))
    gone = diagnose(lost("refused", node="gone"))
    lines = problem_lines([idle, busy, gone])
    assert [line.node for line in lines] == ["gone", "busy", "idle"]
    assert lines[1].cost == "40 calls failed"
    assert lines[1].follows == ("FreeSWITCH refused 40 dials because gateway telnyx was down",)


def test_a_line_says_how_long() -> None:
    long, short = (Past(outage=outage(NOW - seconds, None, NOW)) for seconds in (420, 60))
    lines = problem_lines([node(rejected("a", past=short), rejected("b", past=long))])
    assert [line.lasts for line in lines] == ["for 7 min"]


def test_every_line_and_member_has_a_key_of_its_own() -> None:
    recent = calls(silent=1)
    inbound = replace(recent.calls[0], direction="inbound")
    recent = replace(recent, calls=(*recent.calls, inbound))
    lines = problem_lines([node(rejected("a"), rejected("b"), gateway(), recent=recent)])
    keys = [line.key for line in lines] + [member.key for line in lines for member in line.members]
    assert len(keys) == len(set(keys))
