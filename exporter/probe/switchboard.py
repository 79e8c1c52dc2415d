"""What probes need of a node. `exporter.watch.node.Node` is one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from exporter.esl import Event
from exporter.watch.tick import Ticks


class GatewayList(Protocol):
    """The gateways a node has listed."""

    def named(self, name: str) -> Sequence[object]:
        """The gateways of that name; empty if it is unknown."""
        ...


class Switchboard(Protocol):
    """One FreeSWITCH on which calls can be placed and followed.

    Attributes:
        connected: authenticated, answering, events flowing.
        reason: why it is not connected, for people.
        attempts: how often connecting ended how; `connected` grows with every new connection.
        ticks: know how far FreeSWITCH's clock is from ours.
    """

    @property
    def name(self) -> str: ...
    @property
    def connected(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def attempts(self) -> Mapping[str, int]: ...
    @property
    def gateways(self) -> GatewayList: ...
    @property
    def ticks(self) -> Ticks: ...

    async def api(self, command: str, deadline: float = 5.0) -> str:
        """Run an api command. Raises EslError."""
        ...

    async def bgapi(self, command: str, job_uuid: str, deadline: float = 5.0) -> None:
        """Start a job. Raises EslError."""
        ...

    def follow_leg(self, uuid: str, callback: Callable[[Event], None]) -> None:
        """Call back for every event of one leg, and for the marks fired on it."""
        ...

    def unfollow_leg(self, uuid: str) -> None:
        """End of `follow_leg`."""
        ...

    def follow_job(self, job_uuid: str, callback: Callable[[Event], None]) -> None:
        """Call back for the BACKGROUND_JOB of one job."""
        ...

    def unfollow_job(self, job_uuid: str) -> None:
        """End of `follow_job`."""
        ...


def connection_number(board: Switchboard) -> int | None:
    """Which connection to FreeSWITCH this is; None while there is none. Events of another one were missed."""
    return board.attempts.get("connected", 0) if board.connected else None
