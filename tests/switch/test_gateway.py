"""Both forms of a gateway's status: all recorded ones, and what nobody should ever send."""

import html
import re
import time
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given

from exporter.switch import gateway as gateway_module
from exporter.switch.gateway import (
    STATES,
    GatewayReader,
    GatewayStatus,
    is_failed_ping,
    parse_gateway_text,
    parse_gateways_xml,
)
from exporter.switch.reply import CommandNotFound, EmptyReply, GatewayNotFound, ReplyError
from tests.switch.replies import anything, damaged, read_or_refused, recorded, reply

TEXT = [name for name in recorded("gw*-status.txt") if not name.endswith("sofia-status.txt")]
TEXT += recorded("gwcounters-*.txt") + recorded("api-sofia-status-gateway-*.txt")
XML_ONE = recorded("gw*-xmlstatus.txt") + recorded("api-sofia-xmlstatus-gateway-*.txt")
XML_ALL = recorded("gw*-xmlstatus-all.txt") + recorded("api-sofia-xmlstatus-gateway.txt")
# replies to other commands, recorded in the same states
NEITHER = [
    *recorded("gw*-status-all.txt"),
    *recorded("gw*sofia-status.txt"),
    *recorded("gw*statusall.txt"),
    *recorded("api-sofia-status-profile-external*.txt"),
    *recorded("api-sofia-jsonstatus*.txt"),
    "api-sofia-status-gateway.txt",
    "api-sofia-xmlstatus.txt",
    "api-sofia-xmlstatus-profile-external.txt",
    "api-sofia-usage.txt",
    "api-sofia-gwlist.txt",
    "api-sofia-gwlist2-up.txt",
    "api-sofia_gateway_data.txt",
    "api-nosuchcommand.txt",
    "api-json-status.txt",
    "api-uptime.txt",
]
GONE = ("gw-telnyx-killed", "gw-temp-killed", "gw-state-gone", "nonexist")


def test_every_gateway_capture_is_tried() -> None:
    assert set(recorded("gw*.txt")) <= {*TEXT, *XML_ONE, *XML_ALL, *NEITHER}


@pytest.mark.parametrize("name", TEXT)
def test_recorded_text(name: str) -> None:
    text = reply(name)
    if any(gone in name for gone in GONE):
        with pytest.raises(GatewayNotFound):
            parse_gateway_text(text)
        return
    gateway = parse_gateway_text(text)

    said = dict(re.findall(r"^(\w+) *\t(.*)$", text, re.MULTILINE))
    assert (gateway.name, gateway.profile, gateway.state) == (said["Name"], said["Profile"], said["State"])
    assert (gateway.proxy, gateway.realm) == (said["Proxy"], said["Realm"])
    assert gateway.status + (" (ping)" if gateway.pinging else "") == said["Status"]
    assert (gateway.ping_next, gateway.ping_interval) == (int(said["Ping"]), int(said["PingFreq"]))
    assert f"{gateway.ping_min}/{gateway.ping_count}/{gateway.ping_max}" == said["PingState"]
    assert f"{(gateway.ping_seconds or 0) * 1000:.2f}" == said["PingTime"]
    assert f"{gateway.uptime_seconds:.0f}s" == said["Uptime"]
    assert [gateway.calls_in, gateway.calls_out] == [int(said["CallsIN"]), int(said["CallsOUT"])]
    assert gateway.failed_calls_in == int(said["FailedCallsIN"])
    assert gateway.failed_calls_out == int(said["FailedCallsOUT"])
    assert gateway.retry_seconds is None
    assert gateway.state in STATES

    if promised := re.match(r"gw-(?:state-)?([A-Z_]+)(?:-(UP|DOWN)\b)?(-ping)?", name):
        state, status, pinging = promised.groups()
        assert gateway.state == state
        assert status is None or gateway.status == status
        assert gateway.pinging == bool(pinging)


@pytest.mark.parametrize("name", XML_ONE + XML_ALL)
def test_recorded_xml_says_what_an_xml_parser_reads(name: str) -> None:
    text = reply(name)
    if name in XML_ONE and any(gone in name for gone in GONE):
        with pytest.raises(GatewayNotFound):
            parse_gateways_xml(text)
        return
    found = parse_gateways_xml(text)
    assert (found.malformed, found.problems) == (0, ())

    root = ElementTree.fromstring(text)
    elements = [root] if root.tag == "gateway" else list(root)
    assert root.tag == ("gateway" if name in XML_ONE else "gateways")
    for gateway, element in zip(found.gateways, elements, strict=True):
        said = {field.tag: field.text or "" for field in element}
        retry = said.get("retry", "NEVER")
        assert gateway == GatewayStatus(
            name=said["name"],
            profile=said["profile"],
            state=said["state"],
            status=said["status"],
            pinging=said["pinging"] == "1",
            ping_next=int(said["ping"]),
            ping_interval=int(said["pingfreq"]),
            ping_seconds=None if said["pingtime"] == "0.00" else float(said["pingtime"]) / 1000,
            ping_min=int(said["pingmin"]),
            ping_count=int(said["pingcount"]),
            ping_max=int(said["pingmax"]),
            uptime_seconds=int(said["uptime-usec"]) / 1e6,
            calls_in=int(said["calls-in"]),
            calls_out=int(said["calls-out"]),
            failed_calls_in=int(said["failed-calls-in"]),
            failed_calls_out=int(said["failed-calls-out"]),
            retry_seconds=None if retry == "NEVER" else int(retry.removesuffix("s")),
            proxy=said["proxy"],
            realm=said["realm"],
            contact=said["contact"],
            username=said["username"],
        )


def test_one_recorded_list_by_hand() -> None:
    telnyx, noreg, backup = parse_gateways_xml(reply("api-sofia-xmlstatus-gateway.txt")).gateways
    assert telnyx == GatewayStatus(
        name="telnyx",
        profile="external",
        state="REGED",
        status="UP",
        pinging=False,
        ping_next=1795391722,
        ping_interval=10,
        ping_seconds=0.81 / 1000,
        ping_min=1,
        ping_count=1,
        ping_max=1,
        uptime_seconds=11.409031,
        calls_in=0,
        calls_out=0,
        failed_calls_in=0,
        failed_calls_out=0,
        retry_seconds=None,
        proxy="sip:127.0.0.1:5070",
        realm="telnyx.lab",
        contact="<sip:gw+telnyx@127.0.0.1:5080;transport=udp;gw=telnyx>",
        username="telnyxuser",
    )
    assert (noreg.state, noreg.status, noreg.retry_seconds) == ("FAIL_WAIT", "DOWN", 19)
    assert (noreg.ping_next, noreg.ping_interval, noreg.ping_seconds) == (0, 0, None)
    assert (backup.state, backup.status, backup.realm) == ("NOREG", "UP", "127.0.0.1")


@pytest.mark.parametrize("text", ["<sip:a@192.0.2.1>", '"O\'Neill & Sons" <sip:a@b;x=&lt;>', "&amp;lt;", ""])
def test_a_contact_is_read_as_it_was_before_freeswitch_escaped_it(text: str) -> None:
    escaped = html.escape(text).replace("&#x27;", "&apos;")  # as switch_amp_encode writes it
    (in_xml,) = parse_gateways_xml(block(contact=escaped)).gateways
    assert in_xml.contact == text


def test_counters_before_and_after_calls() -> None:
    counters = [parse_gateway_text(reply(name)) for name in recorded("gwcounters-*.txt")]
    assert [(g.calls_out, g.failed_calls_out) for g in counters] == [
        (16, 10),
        (17, 10),
        (18, 11),
        (19, 12),
        (22, 15),
    ]


@pytest.mark.parametrize("name", NEITHER)
def test_replies_to_other_commands_are_refused(name: str) -> None:
    with pytest.raises(ReplyError):
        parse_gateway_text(reply(name))
    with pytest.raises(ReplyError):
        parse_gateways_xml(reply(name))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Invalid Gateway!\n", GatewayNotFound),
        ("Invalid Profile!\n", GatewayNotFound),
        ("-ERR sofia xmlstatus gateway Command not found!\n", CommandNotFound),
        ("-ERR no reply\n", EmptyReply),
        ("", EmptyReply),
        ("=====\n=====\n", ReplyError),
        ("=====\nName\ttelnyx\n=====\n", ReplyError),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>\n', ReplyError),
        ("<gateways/>", ReplyError),
    ],
)
def test_no(text: str, error: type[ReplyError]) -> None:
    for parse in (parse_gateway_text, parse_gateways_xml):
        with pytest.raises(error):
            parse(text)


def test_a_switch_without_gateways() -> None:
    found = parse_gateways_xml('<?xml version="1.0" encoding="ISO-8859-1"?>\n<gateways>\n</gateways>\n')
    assert (found.gateways, found.malformed) == ([], 0)


def block(name: str = "a", /, **changed: str | None) -> str:
    """One gateway as FreeSWITCH writes it; keywords change or (None) leave out fields."""
    fields: dict[str, str | None] = {
        "name": name,
        "profile": "external",
        "realm": "example.org",
        "username": "user",
        "proxy": "sip:192.0.2.1",
        "expires": "60",
        "ping": "0",
        "pingfreq": "10",
        "pingtime": "12.50",
        "pinging": "0",
        "state": "REGED",
        "status": "UP",
        "uptime-usec": "2500000",
        "calls-out": "7",
    }
    fields.update({tag.replace("_", "-"): value for tag, value in changed.items()})
    lines = [f"    <{tag}>{value}</{tag}>" for tag, value in fields.items() if value is not None]
    return "\n".join(["  <gateway>", *lines, "  </gateway>", ""])


def gateways(*blocks: str) -> str:
    return "\n".join(
        ['<?xml version="1.0" encoding="ISO-8859-1"?>', "<gateways>", *blocks, "</gateways>", ""]
    )


@pytest.mark.parametrize(
    "raw", ["a&b", "a & b", "x<y", "x>y", "<b>bold</b>", 'q"q', "é", "&lt;", "a</username>b"]
)
def test_raw_markup_in_a_value_costs_nothing(raw: str) -> None:
    found = parse_gateways_xml(gateways(block(username=raw, realm=raw.replace("username", "realm"))))
    assert found.malformed == 0
    assert found.gateways[0].realm == raw.replace("username", "realm")
    assert found.gateways[0].state == "REGED"


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"name": None},
        {"name": "two words"},
        {"name": 'x",node="y'},
        {"name": "x" * 129},
        {"name": "größe"},
        {"profile": None},
        {"profile": "<b>"},
        {"profile": "p" * 129},
        {"state": None},
        {"state": "NOT A STATE"},
        {"status": None},
        {"realm": "two\nlines"},
        {"realm": "two\n"},
        {"realm": "x</realm>\n    <state>REGED</state>\n    <realm>"},
        {"realm": "x</realm>\n  </gateway>"},
        {"calls_out": "many"},
        {"calls_out": "1" * 19},
        {"pingtime": "nan"},
        {"pingtime": "inf"},
        {"pingtime": "1e3"},
        {"pingfreq": "1_0"},
        {"ping": "\u0661"},
        {"uptime_usec": ""},
        {"retry": "soon"},
        {"extra": "</gateway>\n"},
    ],
    ids=str,
)
def test_what_cannot_be_read_costs_that_gateway_only(changed: dict[str, str | None]) -> None:
    found = parse_gateways_xml(gateways(block("before"), block("bad", **changed), block("after")))
    assert [gateway.name for gateway in found.gateways] == ["before", "after"]
    assert found.malformed == 1
    assert len(found.problems) == 1
    assert "\n" not in found.problems[0]


def test_an_unclosed_gateway_costs_itself_only() -> None:
    unclosed = block("bad").replace("  </gateway>\n", "")
    found = parse_gateways_xml(gateways(unclosed, block("after"), unclosed.replace("bad", "last")))
    assert [gateway.name for gateway in found.gateways] == ["after"]
    assert found.malformed == 2


def test_a_cut_reply_keeps_the_whole_gateways() -> None:
    text = gateways(block("a"), block("b"))
    found = parse_gateways_xml(text[: text.rindex("<state>")])
    assert ([gateway.name for gateway in found.gateways], found.malformed) == (["a"], 1)


def test_a_value_cannot_speak_for_another_gateway() -> None:
    victim = block("victim", state="FAIL_WAIT", status="DOWN", realm="victim.example")
    forged = block("victim", realm="OPEN").partition("OPEN")[0]
    evil = block("evil", realm="x</realm>\n" + block("evil").partition("</realm>\n")[2] + forged)
    for text in (gateways(victim, evil), gateways(evil, victim)):
        found = parse_gateways_xml(text)
        assert [gateway.name for gateway in found.gateways] == ["evil"]
        assert found.malformed == 1
        assert "victim" in found.problems[0]


def test_of_a_gateway_listed_twice_alike_the_newer_counts() -> None:
    old = block("a", state="UNREGISTER", calls_out="35", uptime_usec="8889672")
    new = block("a", state="TRYING", status="DOWN", calls_out="0", uptime_usec="0", retry="3s")
    found = parse_gateways_xml(gateways(new, old))
    assert [(g.state, g.calls_out) for g in found.gateways] == [("TRYING", 0)]
    assert found.malformed == 0


def test_one_name_in_two_profiles_is_two_gateways() -> None:
    found = parse_gateways_xml(gateways(block("a"), block("a", profile="internal")))
    assert [g.profile for g in found.gateways] == ["external", "internal"]
    assert found.malformed == 0


def test_fields_of_other_versions() -> None:
    (gateway,) = parse_gateways_xml(gateways(block(pingmin=None, future="x", state="BRAND_NEW"))).gateways
    assert (gateway.ping_min, gateway.state) == (0, "BRAND_NEW")


@pytest.mark.parametrize(
    ("changed", "attribute", "value"),
    [
        ({"pingtime": "12.50"}, "ping_seconds", 0.0125),
        ({"pingtime": "0.00"}, "ping_seconds", None),
        ({"pingtime": "-3.00"}, "ping_seconds", None),
        ({"pingtime": "12.50", "pingfreq": "0"}, "ping_seconds", None),
        ({"pinging": "1"}, "pinging", True),
        ({"uptime_usec": "-1"}, "uptime_seconds", 0.0),
        ({"retry": "19s"}, "retry_seconds", 19),
        ({"retry": "0s"}, "retry_seconds", 0),
        ({"retry": "NEVER"}, "retry_seconds", None),
        ({"proxy": "sip:\x1b[31m"}, "proxy", "sip: [31m"),
    ],
)
def test_values(changed: dict[str, str | None], attribute: str, value: object) -> None:
    (gateway,) = parse_gateways_xml(gateways(block(**changed))).gateways
    assert getattr(gateway, attribute) == value


def test_only_so_many_reasons_are_kept() -> None:
    found = parse_gateways_xml(gateways(*[block("bad", state=None)] * 50))
    assert found.malformed == 50
    assert len(found.problems) == 5


RULER = "=" * 97


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Realm   \ttelnyx.lab", "Realm   \tx\nState   \tREGED"),
        ("Realm   \ttelnyx.lab", "Realm   \tx\ny"),
        ("PingState\t1/1/1", "PingState\t1/1"),
        ("Name    \ttelnyx", "Name    \ta b"),
        ("Status  \tUP", "Status  \tUP (pong)"),
        ("Uptime  \t11s", "Uptime  \t11m"),
        ("CallsIN \t0", "CallsIN \t-"),
        ("State   \tREGED\n", ""),
        (RULER + "\nName", "Name"),
        (RULER + "\nName", "Heading\nName"),
        ("FailedCallsOUT\t0\n" + RULER, "FailedCallsOUT\t0"),
        ("FailedCallsOUT\t0\n" + RULER, "FailedCallsOUT\t0\nEnd\t0"),
    ],
)
def test_text_that_is_not_as_written_is_refused(old: str, new: str) -> None:
    text = reply("api-sofia-status-gateway-telnyx.txt")
    assert old in text
    with pytest.raises(ReplyError):
        parse_gateway_text(text.replace(old, new))


def check_bounds(gateway: GatewayStatus) -> None:
    for text in (gateway.name, gateway.profile, gateway.state, gateway.status, gateway.proxy, gateway.realm):
        assert len(text) <= 210
        assert "\n" not in text
    for number in (gateway.ping_next, gateway.ping_interval, gateway.calls_in, gateway.failed_calls_out):
        assert 0 <= number < 10**18
    assert 0 <= gateway.uptime_seconds < 1e12
    assert gateway.ping_seconds is None or 0 < gateway.ping_seconds < 1e9


@given(anything | damaged([name for name in TEXT if "nonexist" not in name]))
def test_any_text_is_read_or_refused(text: str) -> None:
    gateway = read_or_refused(parse_gateway_text, text)
    if gateway:
        check_bounds(gateway)


@given(anything | damaged(XML_ONE + XML_ALL))
def test_any_list_is_read_or_refused(text: str) -> None:
    found = read_or_refused(parse_gateways_xml, text)
    if found:
        assert len({(gateway.profile, gateway.name) for gateway in found.gateways}) == len(found.gateways)
        for gateway in found.gateways:
            check_bounds(gateway)
        assert all(len(problem) < 1000 and "\n" not in problem for problem in found.problems)


# -- many gateways ------------------------------------------------------------------------------------------

BLOCK = re.search(r"  <gateway>\n.*?  </gateway>\n", reply("api-sofia-xmlstatus-gateway.txt"), re.DOTALL)
assert BLOCK is not None
NAME = re.search(r"<name>.*</name>", BLOCK[0])
assert NAME is not None
RECORDED = BLOCK[0].replace(NAME[0], "<name>{}</name>")

SHAPES: dict[str, Callable[[int], str]] = {
    "healthy": RECORDED.format,
    "listed twice": lambda number: RECORDED.format(number // 2),
    "all of one name": lambda _: RECORDED.format("same"),
    "not in FreeSWITCH's order": lambda number: block(f"g{number}"),
    "unreadable": lambda number: block(f"g{number}", state=None),
    "without an end": lambda _: "  <gateway>\n",
    "without a beginning": lambda _: "  </gateway>\n",
    "one value": lambda _: "<name>",
}


@given(damaged(XML_ONE + XML_ALL))
def test_a_block_in_freeswitchs_layout_reads_as_line_by_line(text: str) -> None:
    for found in gateway_module._LAYOUT.finditer(text):
        fields = gateway_module._fields(found[0])
        assert gateway_module._from_layout(found) == gateway_module._typed(fields)


@pytest.mark.parametrize("name", XML_ALL)
def test_recorded_gateways_have_the_layout_that_is_read_at_once(name: str) -> None:
    text = reply(name)
    assert len(gateway_module._LAYOUT.findall(text)) == text.count("<gateway>")


def test_a_list_is_read_a_few_gateways_at_a_time() -> None:
    text = gateways(*(RECORDED.format(number) for number in range(10)), block("bad", state=None))
    reader = GatewayReader(text)
    assert [reader.read(4), reader.read(4), reader.read(4)] == [True, True, False]
    assert reader.result() == parse_gateways_xml(text)
    assert (len(reader.result().gateways), reader.result().malformed) == (10, 1)


@pytest.mark.parametrize("shape", SHAPES)
def test_twice_as_many_gateways_take_twice_as_long(shape: str) -> None:
    def seconds(count: int) -> float:
        text = gateways("".join(SHAPES[shape](number) for number in range(count)))
        best = float("inf")
        for _ in range(7):
            began = time.process_time()
            parse_gateways_xml(text)
            best = min(best, time.process_time() - began)
        return best

    assert min(seconds(2000) / seconds(1000) for _ in range(3)) < 2.6


def test_every_status_outside_200_to_599_is_a_failed_ping_and_two_within() -> None:
    failed = {code for code in range(1, 1000) if is_failed_ping(code)}
    assert failed == {*range(1, 200), 408, 503, *range(600, 1000)}
