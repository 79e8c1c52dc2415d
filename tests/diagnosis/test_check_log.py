"""FreeSWITCH's log on a connection of its own: counted, marked with gateways, bounded."""

import pytest

from exporter.clock import Clock
from exporter.config import NodeConfig, Secret
from exporter.diagnosis.check_log import LogCount
from exporter.esl.errors import EslError
from exporter.simulator import SimulatedSwitch, User
from exporter.switch.log_line import LogLine, parse_log_line
from exporter.watch.log_stream import LogStream
from tests.support.no_look_up import no_look_up

ERR, WARNING, NOTICE = 3, 4, 5


def line(level: str, file: str, text: str) -> str:
    return f"2026-01-31 12:00:00.000000 98.50% [{level}] {file}:123 {text}\n"


def put(count: LogCount, level: int, text: str) -> None:
    """Hand a line over as the log stream does."""
    parsed = parse_log_line(level, text)
    if parsed is not None:
        count.on_line(parsed)


@pytest.mark.parametrize(
    ("level", "text", "parsed"),
    [
        (
            WARNING,
            line("WARNING", "sofia_reg.c", "x"),
            LogLine(False, "sofia_reg.c", "[WARNING] sofia_reg.c:123 x\n"),
        ),
        (
            2,
            "2026-01-31 12:00:00.000000 [CRIT] mod_x.c:1 no CPU",
            LogLine(True, "mod_x.c", "[CRIT] mod_x.c:1 no CPU"),
        ),
        (ERR, "[ERR] no source", LogLine(True, "", "[ERR] no source")),
        (ERR, "no level", LogLine(True, "", "no level")),
        (NOTICE, line("NOTICE", "a.c", "x"), None),
    ],
)
def test_a_line_has_level_file_and_text(level: int, text: str, parsed: LogLine | None) -> None:
    assert parse_log_line(level, text) == parsed


async def test_lines_come_as_freeswitch_writes_them() -> None:
    async with SimulatedSwitch() as switch:
        count = LogCount(Clock())
        stream = LogStream(count.on_line)
        await stream.open(NodeConfig(port=switch.port), no_look_up)
        switch.log("err", "mod_sofia.c", "sofia_outgoing_channel", 4857, "Gateway is down! [telnyx]")
        switch.log("warning", "sofia_reg.c", "sofia_reg_handle", 2551, "telnyx Failed Registration [403]")
        switch.log("notice", "switch_core.c", "main", 1, "nothing that matters")
        await switch.until(
            lambda: sum(count.seen([]).errors.values()) == 1 and len(count.seen([]).warnings) == 1
        )
        seen = count.seen(["telnyx"])
        stream.close()
        await switch.until(lambda: not switch.clients)
    assert (dict(seen.errors), dict(seen.warnings)) == ({"mod_sofia.c": 1}, {"sofia_reg.c": 1})
    assert [line.gateway for line in seen.lines] == ["telnyx", "telnyx"]
    assert seen.lines[1].text == "[WARNING] sofia_reg.c:2551 telnyx Failed Registration [403]"


async def test_a_user_who_may_not_read_the_log_gets_the_reason_and_leaves_no_connection() -> None:
    users = {"exporter": User(password="own", log="false")}
    async with SimulatedSwitch(users=users) as switch:
        node = NodeConfig(port=switch.port, user="exporter@lab.local", password=Secret("own"))
        with pytest.raises(EslError, match=r"permission denied.*esl-allowed-log"):
            await LogStream(lambda _: None).open(node, no_look_up)
        await switch.until(lambda: not switch.clients)


async def test_a_switch_that_is_gone_refuses() -> None:
    async with SimulatedSwitch() as switch:
        port = switch.port
    with pytest.raises(EslError, match="refuses"):
        await LogStream(lambda _: None).open(NodeConfig(port=port), no_look_up)


def test_a_gateways_name_counts_only_as_a_whole_word() -> None:
    count = LogCount(Clock())
    for text in ("telnyx down", "telnyx-backup down", "mytelnyx down", "[telnyx] down", "telnyx2", "telnyx."):
        put(count, WARNING, line("WARNING", "a.c", text))
    marks = [line.gateway for line in count.seen(["telnyx", "telnyx-backup"]).lines]
    assert marks == ["telnyx", "telnyx-backup", "", "telnyx", "", "telnyx"]


def test_hostile_lines_are_bounded_and_printable() -> None:
    count = LogCount(Clock())
    for number in range(10_000):
        put(count, ERR, line("ERR", f"file{number}.c", "\x1b[31m" + "x" * 10_000))
    put(count, ERR, "\x1b]0;no source at all\x07")
    put(count, NOTICE, line("NOTICE", "a.c", "calm"))
    seen = count.seen(["x"])
    assert sum(seen.errors.values()) == 10_001
    assert len(seen.errors) <= 51
    assert len(seen.lines) <= 50
    for logged in seen.lines:
        assert logged.error
        assert logged.text.isprintable()
        assert len(logged.text) < 500
