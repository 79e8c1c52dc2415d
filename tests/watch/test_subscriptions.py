"""What is subscribed to, where filters can be set and where they cannot."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from exporter.switch.events import DIAL_ENDED
from exporter.watch.subscriptions import SUBSCRIPTIONS, subscribe

if TYPE_CHECKING:
    from exporter.esl import Connection


class Answers:
    """A connection to a FreeSWITCH that takes filters, or does not; what it was asked, in order."""

    def __init__(self, *, filters: bool) -> None:
        self.asked: list[str] = []
        self._filters = filters

    async def command(self, line: str) -> SimpleNamespace:
        self.asked.append(line)
        return SimpleNamespace(ok=self._filters)

    async def subscribe(self, name: str) -> None:
        self.asked.append(name)


async def asked(*, filters: bool) -> list[str]:
    connection = Answers(filters=filters)
    assert await subscribe(cast("Connection", connection)) == set()
    return connection.asked


async def test_the_filters_are_there_before_the_first_event() -> None:
    asked_for = await asked(filters=True)
    first = min(asked_for.index(name) for name in SUBSCRIPTIONS)
    assert set(asked_for[first:]) == set(SUBSCRIPTIONS)
    assert all(line.startswith("filter ") for line in asked_for[:first])
    of_commands = {"filter API-Command originate", "filter API-Command expand"}
    assert of_commands | {"filter Channel-State CS_NONE"} < set(asked_for[:first])
    assert "filter Event-Name API" not in asked_for


async def test_without_filters_every_command_would_be_repeated_so_api_is_left_out() -> None:
    asked_for = await asked(filters=False)
    assert "filter delete all" in asked_for
    assert set(SUBSCRIPTIONS) - set(asked_for) == {DIAL_ENDED.name}
