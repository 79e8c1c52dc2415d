"""What is asked of FreeSWITCH's database, once the node is connected and then every COUNTS_INTERVAL.

In this order: how many channels there are; the calls that were up before the connection, until they are
learned, later those whose end was lost; how many calls and registrations there are; how many registrations
each running profile has, and those of the subscribers that the config names; once a connection, from which
addresses telephones are registered at each profile, for what is said of strangers.

All of it runs on the database lane: an answer that is late, too large or unusable makes its figures absent
and is asked for again in the next round, and nothing else waits for it. Where the lane had no connection, as
after a hang during a question, that round begins once it has one, QUERY_LIMIT after the last at the earliest.

Lost ends. Where more legs are tracked than FreeSWITCH has channels, those that it does not list are asked
for. Channels that are not tracked (probe calls) can hide such a leg from that comparison, so every
COMPARE_EVERY rounds the two lists are compared whatever their lengths.

Learning. FreeSWITCH's list outlives hang-ups and has no gateways, so each leg is asked for its gateway, which
also shows whether it is still up, TOGETHER at a time. Events go on meanwhile, and a leg that they have
entered or ended is not learned again (calls.py). What cannot be learned is counted as `call_limit`: legs
beyond MAX_LEARNED, legs whose UUID is not one word, and all of a list that does not fit into a reply.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from exporter.clock import Clock
from exporter.esl import EslError, PermissionDenied, ProtocolError
from exporter.switch.channel import Channel, ChannelList
from exporter.switch.leg import LegStart, is_probe
from exporter.switch.reply import ReplyError
from exporter.watch import commands
from exporter.watch.commands import Lane
from exporter.watch.connections import Connections
from exporter.watch.knowledge import Knowledge
from exporter.watch.optional_lane import QUERY_LIMIT
from exporter.watch.parts import in_parts
from exporter.watch.subscriptions import SUSPICION

if TYPE_CHECKING:
    from exporter.switch.registration import Registration

COUNTS_INTERVAL: Final = 60.0  # seconds
DOUBT: Final = 1.0  # seconds
MAX_LISTED: Final = 10_000  # registrations of a profile: a list of 4 MB, which takes 20 ms to read
COMPARE_EVERY: Final = 10  # rounds: a list of 2,000 channels has 1.5 MB
MAX_LEARNED: Final = 2000  # legs
TOGETHER: Final = 25  # commands sent at once: FreeSWITCH has 0.2 s for each until the answer is late
_ANSWERED: Final = ("ACTIVE", "HELD", "UNHELD")
LIST_LAG: Final = 1.0  # seconds; FreeSWITCH writes its list of channels a few tenths late
_NOT_ANSWERED: Final = ("DOWN", "DIALING", "RINGING", "EARLY")


class DatabasePoller:
    """Asks the database of one FreeSWITCH and writes down what it answers.

    Args:
        clock: the time.
        known: what is known of that FreeSWITCH.
        connections: open while `run` does.
    """

    def __init__(self, clock: Clock, known: Knowledge, connections: Connections) -> None:
        self._clock = clock
        self._known = known
        self._connections = connections
        self._ask = connections.ask
        self._learned = False
        self._too_large = False
        self._listed: set[str] = set()  # profiles whose registered addresses have been asked for

    async def run(self) -> None:
        """Ask until cancelled; on a new connection."""
        self._learned = self._too_large = False
        self._listed.clear()
        rounds = 0
        while True:
            began = self._clock.monotonic()
            await self._round(compare=rounds % COMPARE_EVERY == COMPARE_EVERY - 1)
            rounds += 1
            await self._pause(began)

    async def _pause(self, began: float) -> None:
        """Wait until the next round is due; `began` is when the last one did (monotonic seconds).

        Subscribers in doubt are asked for meanwhile, DOUBT seconds after the event: sofia::expire comes
        before FreeSWITCH deletes the row.
        """
        if self._connections.optional_answers.unconnected():
            await self._clock.sleep(began + QUERY_LIMIT - self._clock.monotonic())
            with suppress(TimeoutError):
                async with asyncio.timeout(COUNTS_INTERVAL):
                    await self._connections.opened(Lane.DATABASE)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(COUNTS_INTERVAL):
                await self._ask_doubtful()

    async def _ask_doubtful(self) -> None:
        subscribers = self._known.subscribers
        while True:
            await subscribers.in_doubt.wait()
            await self._clock.sleep(DOUBT)
            subscribers.in_doubt.clear()
            await self._list_subscribers(list(subscribers.doubtful))

    async def _round(self, *, compare: bool) -> None:
        switch = self._known.switch
        tracked = self._known.calls.uuids()
        self._note_size()
        switch.channels = await self._ask(commands.CHANNELS_COUNT)
        if not self._learned:
            await self._learn_calls(switch.channels)
        elif tracked and switch.channels is not None and (compare or len(tracked) > switch.channels):
            await self._drop_lost(tracked)
        switch.calls = await self._ask(commands.CALLS_COUNT)
        switch.registrations = await self._ask(commands.REGISTRATIONS_COUNT)
        await self._ask_profiles()

    # -- telephones ----------------------------------------------------------------------------------------

    async def _ask_profiles(self) -> None:
        """Registrations by profile, and of the watched subscribers in all profiles."""
        subscribers = self._known.subscribers
        counts: dict[str, int] = {}
        for name in self._running():
            count = await self._ask(commands.PROFILE_REGISTRATIONS.of(profile=name))
            if count is not None:
                counts[name] = count
            elif not self._connections.optional_answers.ok.get("profile_status", True):
                break  # nor would the next be answered
        subscribers.counts = counts
        if not counts and (self._running() or not self._known.switch.profiles):
            return  # not because all profiles are stopped
        if await self._list_subscribers(list(subscribers.watched)):
            subscribers.known = True
        await self._learn_addresses(counts)

    async def _learn_addresses(self, counts: Mapping[str, int]) -> None:
        """From where telephones are registered at the profiles that have not been asked yet."""
        if SUSPICION & self._connections.denied:
            return
        for name in counts.keys() - self._listed:
            self._listed.add(name)
            if 0 < counts[name] <= MAX_LISTED:
                addresses = await self._ask(commands.REGISTERED_ADDRESSES.of(profile=name))
                self._known.strangers.on_listed(addresses or ())

    async def _list_subscribers(self, accounts: Sequence[str]) -> bool:
        """The registrations of watched subscribers in all profiles; False if they could not be had."""
        try:
            for users in in_parts(accounts, TOGETHER):
                await self._ask_subscribers(users, self._running())
        except EslError:  # late, or its connection lost: the next round asks again
            return False
        return True

    def _running(self) -> list[str]:
        switch = self._known.switch
        return [name for name in switch.profiles if name not in switch.stopped and " " not in name]

    async def _ask_subscribers(self, users: Sequence[str], profiles: Sequence[str]) -> None:
        listed: dict[str, list[Registration]] = {user: [] for user in users}
        asked = self._clock.monotonic()
        for profile in profiles:
            answers = await self._connections.ask_all(
                [commands.SUBSCRIBER.of(profile=profile, user=user) for user in users]
            )
            for user, answer in zip(users, answers, strict=True):
                if isinstance(answer, list):
                    listed[user] += answer
                else:
                    listed.pop(user, None)  # not all of its registrations could be read
        for user, registrations in listed.items():
            self._known.subscribers.on_listed(user, registrations, asked)

    # -- calls that were up before -------------------------------------------------------------------------

    async def _learn_calls(self, channels: int | None) -> None:
        calls = self._known.calls
        listed = await self._list()
        if self._too_large:
            self._learned = True
            calls.over_limit += max(1, (channels or 0) - calls.live)
        if listed is None:
            return
        new = [leg for leg in listed.channels if leg.uuid not in calls and not is_probe(leg.uuid)]
        try:
            for legs in in_parts(new[:MAX_LEARNED], TOGETHER):
                await self._learn(legs)
        except EslError:
            return  # late, or its connection lost: the next round goes on
        self._learned = True
        if any(leg.callstate in _NOT_ANSWERED for leg in new):
            await self._clock.sleep(LIST_LAG)
            self._learn_answers(await self._list())
        calls.over_limit += listed.malformed + sum(leg.uuid not in calls for leg in new[MAX_LEARNED:])

    async def _learn(self, legs: Sequence[Channel]) -> None:
        calls = self._known.calls
        gateways = await self._connections.ask_all(
            [
                commands.LEG_VARIABLE.of(
                    uuid=leg.uuid,
                    variable="sip_gateway" if leg.direction == "inbound" else "sip_gateway_name",
                )
                for leg in legs
            ]
        )
        for leg, gateway in zip(legs, gateways, strict=True):
            if isinstance(gateway, PermissionDenied):
                calls.over_limit += 1
            elif not isinstance(gateway, ReplyError):  # else it has ended
                start = LegStart(leg.uuid, leg.direction, gateway or "", "", leg.number)
                calls.learn(start, answered=leg.callstate not in _NOT_ANSWERED)

    def _learn_answers(self, listed: ChannelList | None) -> None:
        """The list lags behind: a leg answered before the connection may have stood there as ringing."""
        for leg in listed.channels if listed is not None else ():
            if leg.callstate in _ANSWERED:
                self._known.calls.learn_answer(LegStart(leg.uuid, leg.direction, "", "", leg.number))

    # -- calls whose end was lost --------------------------------------------------------------------------

    async def _drop_lost(self, tracked: set[str]) -> None:
        """Ask for the tracked legs that FreeSWITCH does not list, and stop tracking those that are gone."""
        listed = await self._list()
        if listed is None:
            return
        self._learn_answers(listed)
        missing = tracked - {leg.uuid for leg in listed.channels}
        try:
            for uuids in in_parts(list(missing)[:MAX_LEARNED], TOGETHER):
                exist = await self._connections.ask_all([commands.LEG_EXISTS.of(uuid=uuid) for uuid in uuids])
                self._known.calls.lose(
                    uuid for uuid, exists in zip(uuids, exist, strict=True) if exists is False
                )
        except EslError:
            return

    async def _list(self) -> ChannelList | None:
        """All channels; None if they cannot be had, and never again on this connection if they do not fit."""
        if self._too_large:
            return None
        listed = await self._ask(commands.CHANNELS)
        self._note_size()
        return listed

    def _note_size(self) -> None:
        """A list that is too large for a reply ended the lane's connection, perhaps after its deadline."""
        if isinstance(self._connections.optional_answers.error(commands.CHANNELS.text), ProtocolError):
            self._too_large = True
