"""The lab of the live tests: a watched FreeSWITCH, a second one as its provider, and a command.

The command (FREESWITCH_LIVE_LAB) starts, stops, freezes and kills both, and sends them commands through
FreeSWITCH's own client; docs/live-tests.md lists its arguments. The tests read FreeSWITCH's own figures only
this way, never through the exporter, so that the two can be compared.

The command runs as a process, so that the tests' event loop reads events meanwhile.
"""

import asyncio
import functools
import re
import shlex
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from exporter.switch.channel import parse_channels

TELNYX: Final = "telnyx"
OUTBOUND: Final[dict[str, Any]] = {"gateway": TELNYX, "direction": "outbound"}
INBOUND: Final[dict[str, Any]] = {"gateway": "", "direction": "inbound"}  # no gateway is known
PROVIDER_PREFIX: Final = "+155500000"
_COMMAND_SECONDS: Final = 60.0

# The leg sends silence, which the far end returns; the application `echo` would send nothing.
TALK: Final = "'m:^:sleep:{milliseconds}^hangup' inline"


class LabFailed(AssertionError):
    """The lab itself failed; this says nothing about the exporter."""


class Lab:
    """The two switches.

    Args:
        command: the lab command, split into words.
        host, port: the event socket of the watched switch.
        environment: environment variables of the command.
    """

    def __init__(self, command: str, host: str, port: int, environment: Mapping[str, str]) -> None:
        self._command = shlex.split(command)
        self._environment = dict(environment)
        self.host = host
        self.port = port

    # -- the command ------------------------------------------------------------------------------------

    async def run(self, *words: str) -> str:
        """Run the lab command; its output.

        Raises:
            LabFailed: it failed, or took longer than a minute.
        """
        process = await asyncio.create_subprocess_exec(
            *self._command,
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
        )
        try:
            async with asyncio.timeout(_COMMAND_SECONDS):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise LabFailed(f"lab {' '.join(words)}: not done in {_COMMAND_SECONDS:g} s") from None
        text = output.decode(errors="replace").strip()
        if process.returncode:
            raise LabFailed(f"lab {' '.join(words)}: exit code {process.returncode}: {text}")
        return text

    async def cli(self, command: str) -> str:
        """Run an api command on the watched switch; its reply. For commands that answer within 3 s."""
        return await self.run("cli", command)

    async def trunk_cli(self, command: str) -> str:
        """The same on the provider's switch."""
        return await self.run("trunk-cli", command)

    async def until(self, what: str, condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Wait until the condition is true.

        Raises:
            LabFailed: it was not within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while not await condition():
            if time.monotonic() > deadline:
                raise LabFailed(f"{what}: not so within {seconds:g} s")
            await asyncio.sleep(0.2)

    # -- both switches ----------------------------------------------------------------------------------

    async def runs(self, node: str) -> bool:
        """Whether `switch` or `trunk` runs."""
        return f"{node} runs" in (await self.run("status")).splitlines()

    async def kill_switch(self) -> None:
        """Kill it with SIGKILL, and wait until the process is gone and can be started again."""
        await self.run("switch-kill")

        async def gone() -> bool:
            return not await self.runs("switch")

        await self.until("the killed switch is gone", gone, 15)

    async def restore(self) -> None:
        """Restore the initial state: both run, the gateways have recovered, and no call is up."""
        for node in ("trunk", "switch"):
            if await self.runs(node):
                await self.run(f"{node}-thaw")
        for node, cli in (("trunk", self.trunk_cli), ("switch", self.cli)):
            await self.until(f"the {node} answers", functools.partial(self._brought_up, node, cli), 40)
        await self.profile("start")
        await self.profile("rescan")
        await self.hang_up_all()
        for name, state in ((TELNYX, "REGED"), ("noreg", "FAIL_WAIT")):
            if (await self.gateway(name)).get("state") != state:
                await self.cli(f"sofia profile external register {name}")
        await self.until("the gateways have recovered", self._recovered, 60)
        await self.until("no call was dialled for a second", self._rested, 10)

    async def profile(self, order: str) -> None:
        """Start, stop, restart or rescan the profile `external`, as soon as FreeSWITCH permits it."""

        async def obeyed() -> bool:  # a profile does not stop or restart in its first ten seconds
            return "must be up for" not in await self.cli(f"sofia profile external {order}")

        await self.until(f"the profile may {order}", obeyed, 15)

    async def _brought_up(self, node: str, cli: Callable[[str], Awaitable[str]]) -> bool:
        if not await self.runs(node):
            await self.run(f"{node}-start")
        try:
            return "is ready" in await cli("status")
        except LabFailed:  # one that is shutting down runs, but does not answer
            return False

    async def _recovered(self) -> bool:
        states = {name: await self.gateway(name) for name in (TELNYX, "noreg", "backup")}
        return (
            (states[TELNYX].get("state"), states[TELNYX].get("status")) == ("REGED", "UP")
            and states["noreg"].get("state") == "FAIL_WAIT"
            and (states["backup"].get("state"), states["backup"].get("status")) == ("NOREG", "UP")
        )

    async def _rested(self) -> bool:
        """After more dials than its limit FreeSWITCH refuses the others of that second."""
        return (await self.cli("fsctl last_sps")).strip().endswith(": 0")

    # -- FreeSWITCH's own figures -----------------------------------------------------------------------

    async def gateway(self, name: str) -> dict[str, str]:
        """The figures of `sofia xmlstatus gateway NAME`; empty if FreeSWITCH does not have it."""
        text = await self.cli(f"sofia xmlstatus gateway {name}")
        if not text.startswith("<?xml"):
            return {}
        return {element.tag: (element.text or "").strip() for element in ET.fromstring(text)}

    async def channels(self) -> int:
        """`show channels count`."""
        return _number(r"(\d+) total", await self.cli("show channels count"))

    async def sessions(self) -> int:
        """Sessions since startup, of `status`."""
        return _number(r"(\d+) session\(s\) since startup", await self.cli("status"))

    async def core_uuid(self) -> str:
        """The Core-UUID, which changes with each start of the switch."""
        return await self.cli("global_getvar core_uuid")

    # -- calls ------------------------------------------------------------------------------------------

    async def dial(
        self, number: str, *, gateway: str = TELNYX, talk: float = 6.0, ring: int = 30, uuid: str = ""
    ) -> None:
        """Start a call that sends silence and hangs up after `talk` seconds; returns at once.

        Args:
            number: the last two digits of a number of the lab, or E.164.
            gateway: the gateway to dial through.
            talk: seconds from the answer to the hang-up.
            ring: seconds after which the call is cancelled.
            uuid: UUID of the leg; empty: FreeSWITCH makes one.
        """
        to = number if number.startswith("+") else PROVIDER_PREFIX + number
        variables = {
            "origination_caller_id_number": "+19495431333",
            "ignore_early_media": "true",
            "originate_timeout": str(ring),
            "send_silence_when_idle": "-1",
        }
        if uuid:
            variables["origination_uuid"] = uuid
        braces = "|".join(f"{name}={value}" for name, value in variables.items())
        application = TALK.format(milliseconds=round(talk * 1000))
        reply = await self.cli(f"bgapi originate {{^^|{braces}}}sofia/gateway/{gateway}/{to} {application}")
        assert reply.startswith("+OK"), reply

    async def hang_up_all(self) -> None:
        """End every call on the switch, one by one."""
        for channel in parse_channels(await self.cli("show channels as json")).channels:
            await self.cli(f"uuid_kill {channel.uuid}")
        await self.until("no call is up", self._quiet, 20)

    async def _quiet(self) -> bool:
        return await self.channels() == 0


def _number(pattern: str, text: str) -> int:
    match = re.search(pattern, text)
    if match is None:
        raise LabFailed(f"no number like {pattern!r} in {text!r}")
    return int(match[1])
