"""The log on a connection of its own: counted, marked, bounded, and nobody else's business."""

from exporter.config import NodeConfig, Secret
from exporter.diagnosis.logtail import LogTail
from exporter.simulator import SimulatedSwitch, User
from tests.support.no_look_up import no_look_up

ERR, WARNING, NOTICE = 3, 4, 5


def line(level: str, file: str, text: str) -> str:
    return f"2026-01-31 12:00:00.000000 98.50% [{level}] {file}:123 {text}\n"


async def test_lines_come_as_freeswitch_writes_them() -> None:
    async with SimulatedSwitch() as switch:
        tail = LogTail()
        assert await tail.open(NodeConfig(port=switch.port), no_look_up) is None
        switch.log("err", "mod_sofia.c", "sofia_outgoing_channel", 4857, "Gateway is down! [telnyx]")
        switch.log("warning", "sofia_reg.c", "sofia_reg_handle", 2551, "telnyx Failed Registration [403]")
        switch.log("notice", "switch_core.c", "main", 1, "nothing that matters")
        await switch.until(
            lambda: sum(tail.seen([]).errors.values()) == 1 and len(tail.seen([]).warnings) == 1
        )
        seen = tail.seen(["telnyx"])
        tail.close()
        await switch.until(lambda: not switch.clients)
    assert (dict(seen.errors), dict(seen.warnings)) == ({"mod_sofia.c": 1}, {"sofia_reg.c": 1})
    assert [line.gateway for line in seen.lines] == ["telnyx", "telnyx"]
    assert seen.lines[1].text == "[WARNING] sofia_reg.c:2551 telnyx Failed Registration [403]"


async def test_a_user_who_may_not_see_the_log_is_told_so() -> None:
    users = {"exporter": User(password="own", log="false")}
    async with SimulatedSwitch(users=users) as switch:
        node = NodeConfig(port=switch.port, user="exporter@lab.local", password=Secret("own"))
        refusal = await LogTail().open(node, no_look_up)
        assert refusal is not None
        assert "permission denied" in refusal
        await switch.until(lambda: not switch.clients)


async def test_a_switch_that_is_gone_is_told_so() -> None:
    async with SimulatedSwitch() as switch:
        port = switch.port
    assert "refuses" in (await LogTail().open(NodeConfig(port=port), no_look_up) or "")


def test_a_gateways_name_counts_only_as_a_whole_word() -> None:
    tail = LogTail()
    for text in ("telnyx down", "telnyx-backup down", "mytelnyx down", "[telnyx] down", "telnyx2", "telnyx."):
        tail.on_line(WARNING, line("WARNING", "a.c", text))
    marks = [line.gateway for line in tail.seen(["telnyx", "telnyx-backup"]).lines]
    assert marks == ["telnyx", "telnyx-backup", "", "telnyx", "", "telnyx"]


def test_hostile_lines_are_bounded_and_printable() -> None:
    tail = LogTail()
    for number in range(10_000):
        tail.on_line(ERR, line("ERR", f"file{number}.c", "\x1b[31m" + "x" * 10_000))
    tail.on_line(ERR, "\x1b]0;no source at all\x07")
    tail.on_line(NOTICE, line("NOTICE", "a.c", "calm"))
    seen = tail.seen(["x"])
    assert sum(seen.errors.values()) == 10_001
    assert len(seen.errors) <= 51
    assert len(seen.lines) <= 50
    for logged in seen.lines:
        assert logged.error
        assert logged.text.isprintable()
        assert len(logged.text) < 500
