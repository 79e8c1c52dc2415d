"""`python -m exporter.simulator`: a simulated switch as a process of its own.

Prints one line of JSON, {"port": ..., "control": ...}, once both answer, and runs until it is told to end
(SIGTERM, SIGINT, or its standard input closing with --with-parent). What the control port takes is in
control.py.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import sys

from exporter.simulator.control import serve_control
from exporter.simulator.demo import demo_switch
from exporter.simulator.faults import SimulatedSwitch


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m exporter.simulator", description="A stand-in FreeSWITCH")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="event socket port (default: any free one)")
    parser.add_argument("--demo", action="store_true", help="the demo's gateways and traffic")
    parser.add_argument("--tick", type=float, default=1.0, help="length of a gateway's second, in seconds")
    parser.add_argument("--speed", type=float, default=1.0, help="how fast time runs inside calls")
    parser.add_argument("--heartbeat", type=float, default=20.0, help="seconds between HEARTBEATs")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(parser.parse_args()))


async def _run(options: argparse.Namespace) -> None:
    async with contextlib.AsyncExitStack() as stack:
        if options.demo:
            switch = await stack.enter_async_context(demo_switch(host=options.host, port=options.port))
        else:
            switch = SimulatedSwitch(tick=options.tick, speed=options.speed, heartbeat=options.heartbeat)
            await switch.start(options.host, options.port)
            stack.push_async_callback(switch.stop)
        control = await serve_control(switch)
        ports = {"port": switch.port, "control": control.sockets[0].getsockname()[1]}
        print(json.dumps(ports), flush=True)
        await _until_told(with_parent=options.with_parent)
        control.close()


async def _until_told(*, with_parent: bool) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    if with_parent:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        ended = asyncio.create_task(reader.read())
        ended.add_done_callback(lambda _: told.set())
    await told.wait()


if __name__ == "__main__":
    main()
