"""Which events are wanted, and how they are asked for.

One `event` command a name: with several, one denied name makes FreeSWITCH refuse them all (tried.md 1). A
denied name costs its families, not the node.

Before that a filter lets CHANNEL_DESTROY through only for legs that never began: the others repeat their
HANGUP_COMPLETE, and writing one costs FreeSWITCH 0.2 ms. An event passes if any filter matches, so every
other name has a filter of its own, in place before the first event is asked for. API has two, for
`originate` and `expand` (`expand originate`): FreeSWITCH fires it for every command of every client, the
exporter's polls among them. Where filters cannot be set, API is not asked for.

TOGETHER commands are sent at once, so that a distant FreeSWITCH is subscribed to in a fraction of a second;
no more, so that a slow one has a second for each.
"""

import asyncio
from contextlib import suppress
from typing import Final

from exporter.esl import Connection, PermissionDenied
from exporter.switch.events import (
    CHANNEL_DESTROY,
    DIAL_ENDED,
    EVENT_NAMES,
    REGISTER,
    REGISTER_FAILURE,
    TICK,
    WRONG_CALL_STATE,
)
from exporter.watch.parts import in_parts

SUBSCRIPTIONS: Final = tuple(f"CUSTOM {name}" if "::" in name else name for name in EVENT_NAMES)
TICK_SUBSCRIPTION: Final = f"CUSTOM {TICK.name}"
STRANGERS: Final = tuple(f"CUSTOM {kind.name}" for kind in (REGISTER_FAILURE, WRONG_CALL_STATE, REGISTER))
"""What strangers, and telephones gone wrong, can make FreeSWITCH fire as often as they like."""
SUSPICION: Final = frozenset(f"CUSTOM {kind.name}" for kind in (REGISTER_FAILURE, REGISTER))
"""Without one of these no guessed password can be noticed."""
TOGETHER: Final = 5
_IN_PART: Final = (CHANNEL_DESTROY.name, DIAL_ENDED.name)
_FILTERS: Final = (
    *sorted({f"Event-Name {name.partition(' ')[0]}" for name in SUBSCRIPTIONS if name not in _IN_PART}),
    "Channel-State CS_NONE",
    "API-Command originate",
    "API-Command expand",
)


async def subscribe(connection: Connection) -> set[str]:
    """Ask for all events; the subscriptions that the account may not have.

    Raises:
        PermissionDenied: it may have none of them.
        EslError: the connection ended.
    """
    filtered = await _filter(connection)
    wanted = [name for name in SUBSCRIPTIONS if filtered or name != DIAL_ENDED.name]
    denied = set()
    for names in in_parts(wanted, TOGETHER):
        asked = [connection.subscribe(name) for name in names]
        for name, result in zip(names, await asyncio.gather(*asked, return_exceptions=True), strict=True):
            if isinstance(result, PermissionDenied):
                denied.add(name)
            elif result is not None:
                raise result
    if len(denied) == len(wanted):
        raise PermissionDenied("this user may have none of the events; see esl-allowed-events")
    return denied


async def let_go_of_strangers(connection: Connection) -> None:
    """Ask for the events about strangers no more.

    Raises:
        EslError: the connection ended.
    """
    for name in STRANGERS:
        await connection.command(f"nixevent {name}")


async def subscribe_to_strangers(connection: Connection) -> None:
    """Ask for them again; what the account may not have is denied again.

    Raises:
        EslError: the connection ended.
    """
    for name in STRANGERS:
        with suppress(PermissionDenied):
            await connection.subscribe(name)


async def _filter(connection: Connection) -> bool:
    """Set all filters; False, and none is set, if FreeSWITCH takes one of them not."""
    for filters in in_parts(_FILTERS, TOGETHER):
        replies = await asyncio.gather(*(connection.command(f"filter {wanted}") for wanted in filters))
        if not all(reply.ok for reply in replies):
            await connection.command("filter delete all")
            return False
    return True
