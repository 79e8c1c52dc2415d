"""What is known of the switch itself: its status, its heartbeat, its profiles, its counts.

All of it is forgotten when the node is lost. None means that FreeSWITCH has not said, and is not exported.
"""

from collections.abc import Iterable
from typing import Final

from exporter.switch.profile import Profile
from exporter.switch.status import Heartbeat, SwitchFigures, SwitchStatus

MAX_PROFILES: Final = 200  # kept: those listed first, then those that stopped


class SwitchFacts:
    """The switch, as last heard.

    Attributes:
        version: of `status` only, since a HEARTBEAT writes the same version in another form.
        hostname: empty until it is known.
        domain: of a user who is dialled without one; empty until it is known.
        ready: False while FreeSWITCH starts or shuts down.
        figures: the numbers of `status` and HEARTBEAT.
        paused: direction to whether FreeSWITCH refuses new calls in it.
        shutdown_requested: `fsctl shutdown elegant` or `asap` waits for calls to end; looked at only while
            FreeSWITCH is not ready.
        no_rtp_port_at: when a call last found no RTP port, monotonic seconds; None: none did.
        over_rate_at: when new legs were last seen to exceed their limit, monotonic seconds; None: never.
        profiles: profile name to the profile, MAX_PROFILES at most; one that stopped stays, and its name is
            in `stopped`.
        calls, channels, registrations: counts of FreeSWITCH's database.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """The node is lost: nothing is known."""
        self.version = ""
        self.hostname = ""
        self.domain = ""
        self.ready = True
        self.figures = SwitchFigures()
        self.paused: dict[str, bool] = {}
        self.shutdown_requested = False
        self.no_rtp_port_at: float | None = None
        self.over_rate_at: float | None = None
        self.profiles: dict[str, Profile] = {}
        self.stopped: set[str] = set()
        self.calls: int | None = None
        self.channels: int | None = None
        self.registrations: int | None = None

    def on_status(self, status: SwitchStatus) -> None:
        """The reply of `status`."""
        self.version = status.version
        self.ready = status.ready
        self.figures = self.figures.updated(status)

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """A HEARTBEAT."""
        self.figures = self.figures.updated(heartbeat)

    def on_profiles(self, profiles: Iterable[Profile]) -> None:
        """The reply of `sofia status`, which lists running profiles only."""
        listed = {profile.name: profile for profile in profiles}
        stopped = {name: profile for name, profile in self.profiles.items() if name not in listed}
        self.profiles = dict([*listed.items(), *stopped.items()][:MAX_PROFILES])
        self.stopped = {name for name in self.profiles if name in stopped or not self.profiles[name].running}
