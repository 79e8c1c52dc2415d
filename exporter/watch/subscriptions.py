"""Which events are wanted, and how they are asked for.

One `event` command a name: with several, one denied name makes FreeSWITCH refuse them all (tried.md 1). A
denied name costs its families, not the node.

Before that a filter lets CHANNEL_DESTROY through only for legs that never began: the others repeat their
HANGUP_COMPLETE, and writing one costs FreeSWITCH 0.2 ms. An event passes if any filter matches, so every
other name has a filter of its own, in place before the first event is asked for.
"""

from typing import Final

from exporter.esl import Connection, PermissionDenied
from exporter.switch.events import CHANNEL_DESTROY, EVENT_NAMES, TICK

SUBSCRIPTIONS: Final = tuple(f"CUSTOM {name}" if "::" in name else name for name in EVENT_NAMES)
TICK_SUBSCRIPTION: Final = f"CUSTOM {TICK.name}"
_FILTERS: Final = (
    *sorted(
        {f"Event-Name {name.partition(' ')[0]}" for name in SUBSCRIPTIONS if name != CHANNEL_DESTROY.name}
    ),
    "Channel-State CS_NONE",
)


async def subscribe(connection: Connection) -> set[str]:
    """Ask for all events; the subscriptions that the account may not have.

    Raises:
        PermissionDenied: it may have none of them.
        EslError: the connection ended.
    """
    await _filter(connection)
    denied = set()
    for name in SUBSCRIPTIONS:
        try:
            await connection.subscribe(name)
        except PermissionDenied:
            denied.add(name)
    if len(denied) == len(SUBSCRIPTIONS):
        raise PermissionDenied("this user may have none of the events; see esl-allowed-events")
    return denied


async def _filter(connection: Connection) -> None:
    for wanted in _FILTERS:
        reply = await connection.command(f"filter {wanted}")
        if not reply.ok:
            await connection.command("filter delete all")
            return
