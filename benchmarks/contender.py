"""One contender in a process of its own: reads COUNT events from PORT and prints its CPU seconds.

`python -m benchmarks.contender NAME PORT COUNT`. The exporter does its full work: metrics of calls, lag,
exemplars, kept calls. The others do the minimum: read two headers of each event.
"""

import asyncio
import sys
import time
from typing import Any

from benchmarks.stream import NAMES


async def resolve_nothing(_host: str, _port: int) -> list[Any]:
    """For an address literal, which is never looked up."""
    return []


def ours(port: int, count: int) -> float:
    """The exporter's own connection and node."""
    from exporter.clock import Clock
    from exporter.config import HistoryConfig, NodeConfig
    from exporter.esl import Connection, Disconnected
    from exporter.executors import Executor
    from exporter.history.history import History
    from exporter.watch.node import Node

    async def run() -> float:
        clock, config = Clock(), NodeConfig(name="bench")
        history = History(HistoryConfig(), None, clock, Executor("history"))
        history.start()
        node = Node(
            config, "0000", clock=clock, look_up=resolve_nothing, observer=history.observer(config.name)
        )
        history.attach(node)
        events = node.dispatcher
        connection = await Connection.open(
            "127.0.0.1",
            port,
            password="ClueCon",  # noqa: S106
            look_up=resolve_nothing,
            on_event=events.on_event,
        )
        began = time.process_time()
        await connection.subscribe("ALL")
        while sum(events.counts.values()) < count:  # noqa: ASYNC110 - nothing is to be added to the event path
            await asyncio.sleep(0.01)
        spent = time.process_time() - began
        connection.abort(Disconnected("done"))
        await history.stop()
        return spent

    return asyncio.run(run())


def genesis(port: int, count: int) -> float:
    """Genesis, asyncio."""
    from genesis import Inbound

    async def run() -> float:
        seen = 0
        done = asyncio.Event()

        async def handle(event: Any) -> None:
            nonlocal seen
            seen += 1
            if event["Event-Name"] and event["Unique-ID"] and seen >= count:
                done.set()

        async with Inbound("127.0.0.1", port, "ClueCon") as client:
            for name in NAMES:
                client.on(name, handle)
            began = time.process_time()
            await client.send("events plain ALL")
            await done.wait()
            return time.process_time() - began

    return asyncio.run(run())


def greenswitch(port: int, count: int) -> float:
    """greenswitch, gevent."""
    import gevent
    import gevent.event
    from greenswitch import InboundESL

    seen = 0
    done = gevent.event.Event()

    def handle(event: Any) -> None:
        nonlocal seen
        seen += 1
        if event.headers["Event-Name"] and event.headers["Unique-ID"] and seen >= count:
            done.set()

    client = InboundESL("127.0.0.1", port, "ClueCon")
    client.register_handle("*", handle)
    client.connect()
    began = time.process_time()
    client.send("events plain ALL")
    done.wait()
    return time.process_time() - began


CONTENDERS = {"exporter": ours, "genesis": genesis, "greenswitch": greenswitch}

if __name__ == "__main__":
    name, port, count = sys.argv[1:]
    print(CONTENDERS[name](int(port), int(count)))
