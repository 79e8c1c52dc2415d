"""Events and log lines over real sockets: handed out in order; a handler that fails ends the connection."""

from typing import Any

import pytest

from exporter.esl import Event, FellBehind, HandlerFailed
from tests.esl.conftest import Connect, Far, Listen, ended
from tests.esl.recorded import frames


@pytest.mark.parametrize("capture", ["ev-plain-profile-restart", "ev-json-call-success"])
async def test_events_are_handed_out_in_order_while_commands_run(
    listen: Listen, connect: Connect, capture: str
) -> None:
    stream = [frame for frame in frames(capture) if frame.content_type.startswith("text/event-")]
    handed: list[Event] = []

    async def script(far: Far) -> None:
        await far.welcome()
        await far.command()
        for frame in stream:
            far.send(frame.headers + b"\n\n" + frame.body)
        far.reply("+OK")
        await far.gone()

    connection = await connect(await listen(script), on_event=handed.append)
    assert (await connection.command("noevents")).ok
    assert [event.text for event in handed] == [frame.body for frame in stream]


async def test_log_lines(listen: Listen, connect: Connect) -> None:
    lines: list[tuple[int, str]] = []

    async def script(far: Far) -> None:
        await far.welcome()
        for level in ("7", "", "-1", "\u0665", "9" * 5000, "seven"):
            head = f"Content-Type: log/data\nContent-Length: 4\nLog-Level: {level}\n\n"
            far.send(head.encode() + b"ab\n\xff")
        await far.command()
        far.reply("+OK")
        await far.gone()

    def on_log(level: int, line: str) -> None:
        lines.append((level, line))

    connection = await connect(await listen(script), on_log=on_log)
    assert (await connection.command("nolog")).ok
    assert lines == [(7, "ab\n\ufffd")] + [(-1, "ab\n\ufffd")] * 5


async def test_handlers_are_optional(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        far.event('{"Event-Name":"HEARTBEAT"}')
        far.frame("log/data", b"x")
        far.frame("text/event-xml", b"<event/>")
        await far.command()
        far.reply("+OK")
        await far.gone()

    connection = await connect(await listen(script))
    assert (await connection.command("noevents")).ok


async def test_a_handler_that_fails_ends_the_connection_and_says_so(
    listen: Listen, connect: Connect, loop_errors: list[dict[str, Any]]
) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        await far.command()
        far.event('{"Event-Name":"A"}')
        far.event('{"Event-Name":"B"}')
        far.reply("+OK")
        assert isinstance(await far.gone(), ConnectionResetError)

    seen = []

    def on_event(event: Event) -> None:
        seen.append(event.name)
        raise KeyError("\x1b[2J" + event.name)

    connection = await connect(await listen(script), on_event=on_event)
    with pytest.raises(HandlerFailed):
        await connection.command("noevents")
    reason = await ended(connection)
    assert isinstance(reason, HandlerFailed)
    assert str(reason) == r"the exporter's handler failed: KeyError('\x1b[2JA')"
    assert seen == ["A"]
    assert isinstance(loop_errors.pop()["exception"], KeyError)  # where asyncio logs it, with its traceback


async def test_an_exporter_without_memory_names_its_own_limit(
    listen: Listen, connect: Connect, loop_errors: list[dict[str, Any]]
) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        far.event('{"Event-Name":"A"}')
        await far.gone()

    def on_event(event: Event) -> None:
        raise MemoryError

    reason = await ended(await connect(await listen(script), on_event=on_event))
    assert reason.problem == "exporter_limit"
    assert isinstance(loop_errors.pop()["exception"], MemoryError)


async def test_a_handler_may_say_why_it_ends_the_connection(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        far.frame("log/data", b"x")
        await far.gone()

    def on_log(level: int, line: str) -> None:
        raise FellBehind("too much to read")

    connection = await connect(await listen(script), on_log=on_log)
    assert str(await ended(connection)) == "too much to read"


async def test_a_handler_may_abort_and_gets_nothing_more(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        await far.command()
        far.send(b"Content-Type: text/event-json\nContent-Length: 2\n\n{}" * 10)
        await far.gone()

    seen = []

    def on_event(event: Event) -> None:
        seen.append(event)
        connection.abort(FellBehind("enough"))

    connection = await connect(await listen(script), on_event=on_event)
    with pytest.raises(FellBehind, match=r"^enough$"):
        await connection.command("noevents")
    assert len(seen) == 1
