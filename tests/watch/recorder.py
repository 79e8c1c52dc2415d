"""An observer that writes down what it is told."""

from typing import NamedTuple

from exporter.switch.leg import ChannelEvent, LegEnd
from exporter.switch.provider import ProviderCode
from exporter.watch.changes import Change
from exporter.watch.gateway import Answer, GatewayWatch
from exporter.watch.observer import NodeObserver


class Verdict(NamedTuple):
    """A gateway at the moment at which it was told of; `at` in monotonic seconds."""

    name: str
    problem: str
    answer: Answer | None
    readable: bool
    at: float


class Recorder(NodeObserver):
    """What a node told.

    Attributes:
        story: all of it in order, but for the verdicts: the method's word and what tells it from others.
        verdicts: those of all gateways.
        changes: of the switch.
    """

    def __init__(self) -> None:
        self.story: list[tuple[str, str]] = []
        self.verdicts: list[Verdict] = []
        self.changes: list[Change] = []

    @property
    def what(self) -> list[tuple[str, str]]:
        """The changes, each as its word and its subject."""
        return [(change.what, change.subject) for change in self.changes]

    def on_connected(self, now: float, epoch: float) -> None:
        self.story.append(("connected", ""))

    def on_not_connected(self, problem: str, reason: str, now: float, epoch: float) -> None:
        self.story.append(("not_connected", problem))

    def on_stopped(self, now: float, epoch: float) -> None:
        self.story.append(("stopped", ""))

    def on_verdict(self, gateway: GatewayWatch, now: float, epoch: float) -> None:
        self.verdicts.append(Verdict(gateway.name, gateway.problem, gateway.answer, gateway.readable, now))

    def on_forgotten(self, gateway: GatewayWatch, now: float, epoch: float) -> None:
        self.story.append(("forgotten", f"{gateway.profile}::{gateway.name}"))

    def on_call_ended(
        self, event: ChannelEvent, end: LegEnd, gateway: str, code: ProviderCode | None
    ) -> None:
        self.story.append(("call_ended", f"{gateway} {end.cause}"))

    def on_change(self, change: Change) -> None:
        self.changes.append(change)
