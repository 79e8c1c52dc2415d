"""The look-up of names by the system's resolver, in the threads of an executor."""

import asyncio
import socket
import threading
from functools import partial

import pytest

from exporter import names
from exporter.esl import Connection, NameNotResolved
from exporter.executors import Executor


async def test_a_name_is_looked_up_in_a_thread_of_the_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    real = socket.getaddrinfo

    def getaddrinfo(*args: object, **kwargs: object) -> object:
        threads.append(threading.current_thread().name)
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    executor = Executor("names")
    found = await names.look_up(executor, "localhost", 8021)
    executor.shutdown()
    assert {(kind, address[1]) for _, kind, _, _, address in found} == {(socket.SOCK_STREAM, 8021)}
    assert {address[0] for *_, address in found} <= {"127.0.0.1", "::1"}
    assert threads == ["names 1"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70, ""])
async def test_a_name_without_an_address(host: str) -> None:
    executor = Executor("names")
    with pytest.raises(NameNotResolved, match=f"^{host}: ."):
        await Connection.open(host, 8021, password="ClueCon", look_up=partial(names.look_up, executor))
    executor.shutdown()


async def test_beyond_the_queue_a_name_is_not_looked_up() -> None:
    executor = Executor("names", queue=0)
    release = threading.Event()
    busy = asyncio.create_task(executor.run(release.wait, 5))
    await asyncio.sleep(0)
    text = r"^switch: not looked up: too many calls wait for names$"
    with pytest.raises(NameNotResolved, match=text):
        await Connection.open("switch", 8021, password="ClueCon", look_up=partial(names.look_up, executor))
    release.set()
    await busy
    executor.shutdown()
