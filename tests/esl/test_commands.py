"""Commands and their replies over real sockets: order, deadlines, refusals."""

import asyncio

import pytest

from exporter.esl import CommandTimeout, PermissionDenied, ProtocolError
from tests.esl.conftest import Connect, Far, Listen, answering, ended
from tests.esl.recorded import raw


async def test_an_api_command_gives_its_output(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        assert await far.command() == "api sofia status gateway telnyx"
        far.frame("api/response", "Status \u00e9 \xff\n\n".encode("latin-1", "replace"))
        assert await far.command() == "api uptime"
        far.frame("api/response", b"")
        await far.gone()

    connection = await connect(await listen(script))
    assert await connection.api("sofia status gateway telnyx") == "Status \ufffd \ufffd\n\n"
    assert await connection.api("uptime") == ""


async def test_a_command_with_headers_is_one_write(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        assert await far.command() == "sendevent CUSTOM\nEvent-Subclass: exporter::tick\nNumber: 7"
        far.reply("+OK 1")
        assert await far.command() == "nolog"
        far.send(b"Content-Type: command/reply\n\n")
        assert await far.command() == "exit"
        far.reply("-ERR no")
        await far.gone()

    connection = await connect(await listen(script))
    headers = {"Event-Subclass": "exporter::tick", "Number": "7"}
    reply = await connection.command("sendevent CUSTOM", headers=headers)
    assert (reply.text, reply.ok) == ("+OK 1", True)
    reply = await connection.command("nolog")
    assert (reply.text, reply.ok) == ("", True)
    assert not (await connection.command("exit")).ok


async def test_pipelined_commands_are_answered_in_order_with_events_between(
    listen: Listen, connect: Connect
) -> None:
    count = 200

    async def script(far: Far) -> None:
        await far.welcome()
        for number in range(count):
            assert await far.command() == f"api echo {number}"
            far.event(f'{{"Event-Name":"CUSTOM","Number":"{number}"}}')
            far.frame("api/response", str(number).encode())
        await far.gone()

    numbers: list[int | None] = []
    connection = await connect(
        await listen(script), on_event=lambda event: numbers.append(event.get_int(b"Number"))
    )
    replies = await asyncio.gather(*(connection.api(f"echo {number}") for number in range(count)))
    assert replies == [str(number) for number in range(count)]
    assert numbers == list(range(count))


async def test_a_cancelled_caller_leaves_its_place_in_the_queue(listen: Listen, connect: Connect) -> None:
    go = asyncio.Event()

    async def script(far: Far) -> None:
        await far.welcome()
        names = [await far.command() for _ in range(3)]
        await go.wait()
        for name in names:
            far.reply(f"+OK {name}")
        await far.gone()

    connection = await connect(await listen(script))
    first, second, third = (asyncio.create_task(connection.command(name)) for name in ("one", "two", "three"))
    await asyncio.sleep(0)
    second.cancel()
    go.set()
    assert (await first).text == "+OK one"
    assert (await third).text == "+OK three"
    assert second.cancelled()
    assert not connection.closed.done()


async def test_a_missed_deadline_ends_the_connection_for_every_waiting_caller(
    listen: Listen, connect: Connect
) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        await far.command()
        far.reply("+OK")
        assert isinstance(await far.gone(), ConnectionResetError)

    connection = await connect(await listen(script))
    assert (await connection.command("noevents", deadline=0.1)).ok
    waiting = [
        asyncio.create_task(connection.api("sofia xmlstatus gateway a-secret-name", deadline=0.1)),
        asyncio.create_task(connection.api("status")),
        asyncio.create_task(connection.command("noevents")),
    ]
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    reason = await ended(connection)
    assert isinstance(reason, CommandTimeout)
    assert str(reason) == "no reply to 'api sofia' within 0.1 s"
    for answer in answers:
        assert isinstance(answer, CommandTimeout)
        assert str(answer) == str(reason)
    assert len({id(answer) for answer in [*answers, reason]}) == 4  # each with a traceback of its own
    with pytest.raises(CommandTimeout, match="api sofia") as late:
        await connection.command("noevents")
    assert late.value is not reason


async def test_a_cancelled_command_keeps_its_deadline(listen: Listen, connect: Connect) -> None:
    connection = await connect(await listen(answering()))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await connection.command("lost", deadline=0.1)
    assert isinstance(await ended(connection), CommandTimeout)


async def test_a_reply_nobody_asked_for_cannot_be_trusted(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        far.reply("+OK \x1b[2J surprise")
        await far.gone()

    connection = await connect(await listen(script))
    reason = await ended(connection)
    assert isinstance(reason, ProtocolError)
    assert str(reason) == "a reply nobody asked for: +OK  [2J surprise"


@pytest.mark.parametrize("line", ["api status\napi shutdown", "api status\r", "api \0", "api \ud800"])
async def test_what_is_no_single_command_is_not_sent(listen: Listen, connect: Connect, line: str) -> None:
    connection = await connect(await listen(answering("+OK")))
    with pytest.raises(ValueError, match=r"line end|surrogates"):
        await connection.command(line)
    with pytest.raises(ValueError, match=r"line end|surrogates"):
        await connection.command("sendevent CUSTOM", headers={"X": line})
    with pytest.raises(ValueError, match=r"line end|surrogates"):
        await connection.command("sendevent CUSTOM", headers={line: "X"})
    assert (await connection.command("noevents")).text == "+OK"


async def test_a_denied_api_command_costs_nothing_else(listen: Listen, connect: Connect) -> None:
    connection = await connect(
        await listen(answering("-ERR permission denied", "-ERR command not found", "+OK"))
    )
    with pytest.raises(PermissionDenied, match=r"^api sofia is not allowed to this user$"):
        await connection.api("sofia status")
    assert await connection.api("") == "-ERR command not found"
    assert (await connection.command("noevents")).ok


async def test_an_output_that_only_looks_like_a_denial(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        await far.command()
        far.frame("api/response", b"-ERR permission denied\n")
        await far.gone()

    connection = await connect(await listen(script))
    assert await connection.api("echo x") == "-ERR permission denied\n"


async def test_a_job_carries_the_id_chosen_here(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        assert await far.command() == "bgapi originate x &park\nJob-UUID: 7"
        far.reply("+OK Job-UUID: 7\nJob-UUID: 7")
        await far.command()
        far.reply("-ERR permission denied")
        await far.command()
        far.reply("-ERR command not found")
        await far.gone()

    connection = await connect(await listen(script))
    await connection.bgapi("originate x &park", "7")
    with pytest.raises(PermissionDenied, match=r"^bgapi originate is not allowed to this user$"):
        await connection.bgapi("originate x &park", "7")
    with pytest.raises(ProtocolError, match=r"^bgapi was answered with -ERR command not found$"):
        await connection.bgapi("originate x &park", "7")
    assert not connection.closed.done()


async def test_subscribing_name_by_name(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        assert await far.command() == "event json CUSTOM sofia::gateway_state"
        far.reply("+OK event listener enabled json")
        assert await far.command() == "event json HEARTBEAT"
        far.reply("-ERR permission denied")
        assert await far.command() == "event json NOSUCH"
        far.send(raw("cmd-event-bad-name"))
        await far.gone()

    connection = await connect(await listen(script))
    await connection.subscribe("CUSTOM sofia::gateway_state")
    with pytest.raises(PermissionDenied, match=r"^event HEARTBEAT is not allowed to this user$"):
        await connection.subscribe("HEARTBEAT")
    with pytest.raises(ProtocolError, match=r"^event NOSUCH was answered with -ERR no keywords supplied$"):
        await connection.subscribe("NOSUCH")
    assert not connection.closed.done()
