"""`python -m exporter.simulator`: a simulated switch as a process of its own.

Prints one line of JSON, {"port": ..., "control": ...}, once both answer, and runs until it is ended (SIGTERM,
SIGINT, or its standard input closing with --with-parent). `--help` documents the control port (control.py).
"""

import argparse
import asyncio
import contextlib
import json
import signal
import sys

from exporter.clock import Clock
from exporter.simulator.control import manual, serve_control
from exporter.simulator.demo import demo_switch
from exporter.simulator.simulated_switch import SimulatedSwitch


def main() -> None:
    """Run until ended."""
    parser = argparse.ArgumentParser(
        prog="python -m exporter.simulator",
        description="A stand-in FreeSWITCH. Prints its ports as one line of JSON: "
        '{"port": EVENT_SOCKET, "control": CONTROL}.',
        epilog=manual(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="event socket address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="event socket port (default: any free one)")
    parser.add_argument("--demo", action="store_true", help="the demo's gateways and traffic")
    parser.add_argument("--tick", type=float, default=1.0, help="length of a gateway's second, in seconds")
    parser.add_argument("--speed", type=float, default=1.0, help="how fast time runs inside calls")
    parser.add_argument("--heartbeat", type=float, default=20.0, help="seconds between HEARTBEATs")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(parser.parse_args(), Clock()))


async def _run(options: argparse.Namespace, clock: Clock) -> None:
    async with contextlib.AsyncExitStack() as stack:
        if options.demo:
            switch = await stack.enter_async_context(demo_switch(clock, host=options.host, port=options.port))
        else:
            switch = SimulatedSwitch(
                clock=clock, tick=options.tick, speed=options.speed, heartbeat=options.heartbeat
            )
            await switch.start(options.host, options.port)
            stack.push_async_callback(switch.stop)
        control = await serve_control(switch)
        ports = {"port": switch.port, "control": control.sockets[0].getsockname()[1]}
        print(json.dumps(ports), flush=True)
        await _until_ended(with_parent=options.with_parent)
        control.close()


async def _until_ended(*, with_parent: bool) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if with_parent:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        input_closed = asyncio.create_task(reader.read())
        input_closed.add_done_callback(lambda _: ended.set())
    await ended.wait()


if __name__ == "__main__":
    main()
