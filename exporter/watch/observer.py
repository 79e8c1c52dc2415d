"""What somebody outside may be told of a node, at the moment it happens.

A node calls these methods in its own step: they must not wait, and must not raise. The base class takes no
notice of anything; whoever wants to know (the history) overrides what it needs.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.switch.leg import ChannelEvent, LegEnd
    from exporter.switch.provider import ProviderCode
    from exporter.watch.changes import Change
    from exporter.watch.gateway import GatewayWatch


class NodeObserver:
    """Is told of one node; this one takes no notice. Times are monotonic seconds, epochs epoch seconds."""

    def on_connected(self, now: float, epoch: float) -> None:
        """The node is connected and its gateways have been read."""

    def on_not_connected(self, problem: str, reason: str, now: float, epoch: float) -> None:
        """An attempt to connect failed, or the connection was lost; `reason` is a sentence, safe to show."""

    def on_standstill(self, now: float, epoch: float) -> None:
        """The exporter stood still from `now` on; nothing was watched, and the node counts as lost next."""

    def on_stopped(self, now: float, epoch: float) -> None:
        """The exporter watches the node no longer (it stops, or a reload removes or replaces the node)."""

    def on_verdict(self, gateway: "GatewayWatch", now: float, epoch: float) -> None:
        """A gateway's problem, its explanation, or whether it can be read has changed, as of `now`."""

    def on_forgotten(self, gateway: "GatewayWatch", now: float, epoch: float) -> None:
        """A gateway is watched no longer: it is gone, and nobody expects it."""

    def on_call_ended(
        self, event: "ChannelEvent", end: "LegEnd", gateway: str, code: "ProviderCode | None"
    ) -> None:
        """A leg ended, for the first time; legs of synthetic calls are left out.

        Args:
            event: its CHANNEL_HANGUP_COMPLETE or CHANNEL_DESTROY.
            end: what was read of it for the counters.
            gateway: the label under which it is counted; empty if it used none.
            code: the provider's, in the rejection of the leg or its BYE; None without one.
        """

    def on_change(self, change: "Change") -> None:
        """The switch was changed."""
