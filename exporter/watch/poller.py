"""What is asked of FreeSWITCH on the vital lane, and when: the sync of a new connection, polls and ticks.

====================  =====================================================================================
at each sync          core UUID, a tick, status, pauses, profiles, gateways; then the tick must come back;
                      beside it the configuration folder and the users' domain
every poll_interval   profiles, all gateways
every 9 s at most     status, pauses; more often near a limit and while calls are refused
                      (accepting_poller.py)
when marked           one gateway, or the list where more are marked; marks come from events and from OPTIONS
                      in flight (gateway_table.py)
every TICK_INTERVAL   a tick; then: is the exporter behind, do events flow (event_flow.py), are strangers
                      too many (strangers.py)
====================  =====================================================================================

Whatever the events, FreeSWITCH gets two commands a second at most over a minute, with polls every 10 s: half
a command for ticks, half for polls of everything, one for what is marked or is to be known soon, since after
each command about that the next waits SPACING seconds. Marks that come meanwhile wait, and several of one
gateway become one poll.

No answer within a command's deadline ends the connection, and with it all of this (commands.py). Questions
for FreeSWITCH's database are asked elsewhere (database.py).
"""

import asyncio
from typing import Final

import structlog

from exporter.clock import Clock
from exporter.config import NodeConfig
from exporter.esl import FellBehind, PermissionDenied
from exporter.switch.reply import GatewayNotFound, ReplyError
from exporter.watch import commands
from exporter.watch.accepting_poller import AcceptingPoller
from exporter.watch.connections import Connections
from exporter.watch.event_flow import TICK_OVERDUE
from exporter.watch.knowledge import Knowledge
from exporter.watch.subscriptions import TICK_SUBSCRIPTION

TICK_INTERVAL: Final = 2.0  # seconds
LOOK: Final = 1.0  # seconds between looks at what is due, without a mark, while there may be something
MAX_SINGLE_POLLS: Final = 3
GATEWAYS_AT_ONCE: Final = 200  # of a list, read before something else has its turn: a millisecond
MAX_BACKLOG: Final = 1 << 20  # bytes unread at two looks TICK_INTERVAL apart: the exporter is too slow
SPACING: Final = 1.1  # seconds for each command about marked gateways

log = structlog.get_logger(__name__)


class Poller:
    """Asks one FreeSWITCH and writes down what it answers.

    Args:
        config: the node's.
        known: what is known of it.
        connections: open while a method runs.
    """

    def __init__(self, config: NodeConfig, clock: Clock, known: Knowledge, connections: Connections) -> None:
        self._node = config.name
        self._interval = config.poll_interval
        self._clock = clock
        self._known = known
        self._connections = connections
        self._ask = connections.ask
        self._accepting = AcceptingPoller(config.poll_interval, clock, known, connections.ask)

    # -- a new connection ---------------------------------------------------------------------------------

    async def sync(self) -> None:
        """Learn the state of switch and gateways, and see a tick come back.

        Raises:
            PermissionDenied: the account may run none of the commands.
            EventsStalled: the tick did not come back; or EventsUnreadable.
            EslError: the connection ended.
        """
        known, denied = self._known, self._connections.denied
        core_uuid = await self._ask(commands.CORE_UUID)
        known.on_connection(core_uuid)
        await self._tick()
        await self._accepting.poll()
        known.switch.hostname = await self._ask(commands.HOSTNAME) or ""
        if not await self._poll_gateways() and {"api sofia", "api json"} <= denied:
            raise PermissionDenied("this user may run none of the commands; see esl-allowed-api")
        if TICK_SUBSCRIPTION not in denied:
            try:
                async with asyncio.timeout(TICK_OVERDUE):
                    await known.ticks.came_back.wait()
            except TimeoutError:
                raise known.no_events(
                    f"commands are answered, but the exporter's own event did not come back within "
                    f"{TICK_OVERDUE:g} s"
                ) from None

    async def ask_settings(self) -> None:
        """What connecting does not wait for: where the configuration is, and users' domain.

        Raises:
            EslError: the connection ended.
        """
        self._known.conf_dir = await self._ask(commands.CONF_DIR) or self._known.conf_dir
        self._known.switch.domain = await self._ask(commands.DOMAIN) or ""

    # -- while connected: each runs until cancelled or until the connection is of no use ---------------------

    async def poll(self) -> None:
        """Poll the switch and its gateways.

        Raises:
            EslError: the connection ended.
        """
        known, gateways, accepting = self._known, self._known.gateways, self._accepting
        due = self._clock.monotonic() + self._interval
        spacing = 0.0
        while True:
            await self._rest(spacing)
            quiet = min(known.quiet_for(), accepting.quick_in())
            await self._look_is_due(min(max(LOOK - spacing, quiet), due - self._clock.monotonic()))
            known.advance()
            the_list, names = gateways.take_wanted()
            if self._clock.monotonic() >= due:
                due = self._clock.monotonic() + self._interval
                await self._poll_gateways()
                spacing = 0.0
            else:
                asked = await self._poll_marked(the_list, names)
                spacing = SPACING * (asked + await accepting.ask_one())

    async def _rest(self, seconds: float) -> None:
        """Let so many seconds pass, in which FreeSWITCH is asked nothing but whether it accepts calls."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(left, self._accepting.due_in()))
            await self._accepting.poll_if_due()

    async def _look_is_due(self, seconds: float) -> None:
        """Wait until something is marked, so many seconds at most."""
        accepting = self._accepting
        until = self._clock.monotonic() + seconds
        while not await self._marked(min(until - self._clock.monotonic(), accepting.due_in())):
            if await accepting.poll_if_due():
                until = min(until, self._clock.monotonic() + accepting.quick_in())
            if self._clock.monotonic() >= until:
                return

    async def _marked(self, seconds: float) -> bool:
        """Wait until something is marked, so many seconds at most; whether it is."""
        wanted, marked = self._known.gateways.poll_wanted, True

        def give_up() -> None:
            nonlocal marked
            marked = False
            wanted.set()

        at_last = asyncio.get_running_loop().call_later(seconds, give_up)
        try:
            await wanted.wait()
        finally:
            at_last.cancel()
        wanted.clear()
        return marked

    async def _poll_marked(self, the_list: bool, names: list[str]) -> int:
        """Poll what is marked, and return how many commands that took."""
        if the_list:
            await self._poll_gateways()
            return 2
        # What the list cannot show has to be asked for alone.
        if len(names) > (MAX_SINGLE_POLLS if self._known.gateways.malformed else 1):
            await self._poll_list()
            return 1
        for name in names:
            await self._poll_gateway(name)
        return len(names)

    async def watch_events(self) -> None:
        """Send ticks, and end the connection when events do not flow or pile up.

        Raises:
            FellBehind: events come faster than the exporter reads them.
            EventsStalled: events do not come; or EventsUnreadable.
            EslError: the connection ended.
        """
        behind = 0
        while True:
            await self._clock.sleep(TICK_INTERVAL)
            await self._tick()
            behind = behind + 1 if self._connections.backlog() > MAX_BACKLOG else 0
            if behind > 1:
                self._known.dropped["behind"] += 1
                raise FellBehind(
                    "events come faster than this exporter reads them; it disconnects and starts anew"
                )
            stalled = self._known.flow.stalled(self._clock.monotonic(), self._connections.denied)
            if stalled is not None:
                raise self._known.no_events(stalled)
            await self._mind_strangers()

    async def _mind_strangers(self) -> None:
        """Let go of the events about strangers while there are too many, and try again."""
        strangers = self._known.strangers
        if strangers.too_many():
            await self._connections.let_go_of_strangers()
            strangers.let_go()
            line = "wrong passwords, scans or registrations come too fast; they are not counted for a while"
            log.warning(line, limit=(line, self._node), node=self._node)
        elif strangers.try_again():
            await self._connections.subscribe_to_strangers()
            strangers.on_connection()

    # -- one question each --------------------------------------------------------------------------------

    async def _tick(self) -> None:
        ticks = self._known.ticks
        number, headers = ticks.send(self._clock.monotonic(), self._clock.epoch())
        if await self._connections.send_event(headers, commands.VITAL_DEADLINE):
            ticks.accepted(number, self._clock.monotonic())

    async def _poll_gateways(self) -> bool:
        """Ask for all profiles and all gateways; False if the gateways cannot be read."""
        asked = self._clock.monotonic()
        profiles = await self._ask(commands.PROFILES)
        if profiles is not None:
            self._known.on_profiles(profiles, asked)
        return await self._poll_list()

    async def _poll_list(self) -> bool:
        """Ask for all gateways; False if they cannot be read."""
        known = self._known
        asked = self._clock.monotonic()
        reader = await self._ask(commands.GATEWAYS)
        if reader is None:
            known.gateways.on_lost()
            return False
        while reader.read(GATEWAYS_AT_ONCE):  # noqa: ASYNC110 - it does not wait: events have their turn
            await asyncio.sleep(0)
        reply = reader.result()
        for problem in reply.problems:
            self._log_unread(reason=problem)
        known.on_list(reply, asked)
        return True

    async def _poll_gateway(self, name: str) -> None:
        """Ask for one gateway, in the text form where the list could not be read."""
        gateways, connections = self._known.gateways, self._connections
        asked = self._clock.monotonic()
        try:
            if gateways.malformed:
                one = commands.GATEWAY_TEXT.of(name=name)
                found = [one.parse(await connections.api(one.text))]
            else:
                some = commands.GATEWAY.of(name=name)
                found = some.parse(await connections.api(some.text)).gateways
        except GatewayNotFound:
            gateways.on_not_found()
            return
        except (ReplyError, PermissionDenied) as error:
            self._log_unread(gateway=name, reason=str(error))
            return
        for status in found:
            gateways.on_one(status, asked, self._known.skew)

    def _log_unread(self, **keys: str) -> None:
        line = "a gateway could not be read"
        log.warning(line, limit=(line, self._node), node=self._node, **keys)
