"""What is wrong with the switch at this moment: the table that its parts consult before they act.

To add a fault: a field here, the place that consults it, a method of `SimulatedSwitch` that sets it, and the
method's row in control.py. `SimulatedSwitch.recover` replaces the table by a fresh one. What goes wrong
at a provider is in providers.py.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Faults:
    """The faults in force; by default none.

    Attributes:
        hung: nothing is read or written.
        commands_hung: no command is answered.
        events_stalled: no event is sent.
        events_indented: JSON events are written as FreeSWITCH 1.2 wrote them (cJSON_Print).
        acl_denies: new connections are refused.
        banner: what another service, in FreeSWITCH's place, sends to a new connection.
        reply_delays: seconds until the reply, by the beginning of the command line; "" fits every command.
        distance: seconds that everything sent takes to the client.
        lost_events: names and subclasses of events that are dropped.
        unsent_ends: how many more legs end without an event.
        rtp_ports_used_up: no leg gets an RTP port.
    """

    hung: bool = False
    commands_hung: bool = False
    events_stalled: bool = False
    events_indented: bool = False
    acl_denies: bool = False
    banner: str | None = None
    reply_delays: dict[str, float] = field(default_factory=dict)
    distance: float = 0.0
    lost_events: set[str] = field(default_factory=set)
    unsent_ends: int = 0
    rtp_ports_used_up: bool = False

    def reply_delay(self, line: str) -> float:
        """Seconds until the reply to this command line; the longest beginning that fits decides."""
        fitting = [beginning for beginning in self.reply_delays if line.startswith(beginning)]
        return self.reply_delays[max(fitting, key=len)] if fitting else 0.0

    def ends_unsent(self) -> bool:
        """Whether the leg that ends now sends no event; counts it."""
        if self.unsent_ends:
            self.unsent_ends -= 1
            return True
        return False
