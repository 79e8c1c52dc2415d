"""What is known of the switch as a whole: the latest of its status, its heartbeat, and its counts.

Everything here is gone when the node is lost: a fresh SwitchFacts takes its place. None means that
FreeSWITCH has not said, and is not exported.
"""

from collections.abc import Iterable

from exporter.switch.status import STATUS_FIELDS, Heartbeat, Profile, SwitchStatus


class SwitchFacts:
    """The switch, as last heard.

    Attributes:
        figures: metric family to value, for the families of STATUS_FIELDS.
        paused: direction to whether FreeSWITCH refuses new calls in it.
        profiles: profile name to the profile; one that stopped stays, not running.
    """

    def __init__(self) -> None:
        self.version = ""
        self.hostname = ""
        self.ready = True
        self.figures: dict[str, float] = {}
        self.paused: dict[str, bool] = {}
        self.profiles: dict[str, Profile] = {}
        self.stopped: set[str] = set()
        self.calls: int | None = None
        self.channels: int | None = None
        self.registrations: int | None = None

    def on_status(self, status: SwitchStatus) -> None:
        """The reply of `status`."""
        self.version = status.version
        self.ready = status.ready
        self._take(status)

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """A HEARTBEAT: the same variables of FreeSWITCH's core, less two that only `status` has."""
        self._take(heartbeat)

    def on_profiles(self, profiles: Iterable[Profile]) -> None:
        """The reply of `sofia status`, which lists running profiles only."""
        listed = {profile.name: profile for profile in profiles}
        self.stopped = {
            name for name in (*self.profiles, *listed) if name not in listed or not listed[name].running
        }
        self.profiles.update(listed)

    def _take(self, source: SwitchStatus | Heartbeat) -> None:
        for family, attribute in STATUS_FIELDS.items():
            value = getattr(source, attribute, None)
            if value is not None:
                self.figures[family] = value
