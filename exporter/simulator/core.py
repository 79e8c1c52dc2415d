"""The core of one switch: its identity and version, its clock, and its events on the way to the clients.

Strategy: every part of the simulator that has something to announce calls `fire`. An event gets its sequence
number in any case, and is built only if a client subscribed to it. Events that a fault loses are lost in
`publish`.
"""

import random
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from exporter.simulator import events
from exporter.simulator.clock import SwitchClock, local
from exporter.simulator.events import Event, Header, Identity
from exporter.simulator.faults import Faults
from exporter.simulator.subscription import LOG_LEVELS, Subscription

RELEASE: Final = "1.11.2-release"

FIRST_SEQUENCE: Final = 500  # a switch has sent about so many events before its event socket listens


class Core:
    """What the parts of one switch share.

    Args:
        identity: what every event says of the switch; its Core-UUID is replaced at each start.
        clock: of the switch.
        speed: how many times faster than the clock the time inside calls runs.
        seed: of everything random.

    Attributes:
        faults: what is wrong at this moment.
        subscriptions: of every connected client.
        idle_cpu: percent, as FreeSWITCH shows it.
        release: the version, as `version short` shows it.
    """

    def __init__(self, identity: Identity, clock: SwitchClock, *, speed: float, seed: int) -> None:
        self.identity = identity
        self.clock = clock
        self.speed = speed
        self.rng = random.Random(seed)  # noqa: S311 - nothing secret is made of it
        self.faults = Faults()
        self.subscriptions: set[Subscription] = set()
        self.idle_cpu = 93.5
        self.release = RELEASE
        self._sequence = 0
        self._started = 0.0

    def restart(self) -> None:
        """Become a new process: another Core-UUID, uptime zero."""
        self.identity = replace(self.identity, core_uuid=str(uuid.uuid4()))
        self._sequence = FIRST_SEQUENCE
        self._started = self.clock.monotonic()

    @property
    def version_human(self) -> str:
        """As `status` shows it."""
        return f"{self.release} git 3f13ad1 2026-08-09 16:23:10Z 64bit"

    @property
    def version_full(self) -> str:
        """As HEARTBEAT shows it."""
        return f"{self.release}+git~20260809T162310Z~3f13ad1b1d~64bit"

    @property
    def uptime_microseconds(self) -> int:
        """Since the process started."""
        return int((self.clock.monotonic() - self._started) * 1_000_000)

    def wants(self, name: str, subclass: str) -> bool:
        """Whether any client subscribed to this event."""
        for subscription in self.subscriptions:  # noqa: SIM110 - twice as fast as `any`, at each event
            if subscription.wants(name, subclass):
                return True
        return False

    def fire(
        self,
        name: str,
        headers: Iterable[Header] = (),
        *,
        subclass: str = "",
        source: str = "",
        stamp: int | None = None,
        sequence: int | None = None,
        body: str = "",
    ) -> None:
        """Fire an event to every client that subscribed to it; the arguments are those of `events.built`."""
        if sequence is None:
            sequence = self._next_sequence()
        if self.wants(name, subclass):
            self.publish(
                events.built(
                    self.identity,
                    name,
                    stamp=self.clock.stamp() if stamp is None else stamp,
                    sequence=sequence,
                    headers=headers,
                    body=body,
                    subclass=subclass,
                    source=source,
                )
            )

    def build(self, name: str, headers: Iterable[Header]) -> Event:
        """An event that is shown, not fired (`uuid_dump`); it takes a sequence number all the same."""
        return events.built(
            self.identity, name, stamp=self.clock.stamp(), sequence=self._next_sequence(), headers=headers
        )

    def publish(self, event: Event) -> None:
        """Send a built event, unless it is one of those that are lost."""
        lost = self.faults.lost_events
        if event.name in lost or event.subclass in lost:
            return
        event.indented = self.faults.events_indented
        for subscription in list(self.subscriptions):
            subscription.offer(event)

    def fire_renamed(self, headers: list[Header], given: dict[str, str], stamp: int) -> None:
        """mod_dptools' `event`: built as CHANNEL_APPLICATION, then renamed by its own arguments.

        Args:
            headers: of the channel.
            given: the arguments, `Event-Name` and `Event-Subclass` among them.
            stamp: epoch microseconds.
        """
        name = given.get("Event-Name", "CHANNEL_APPLICATION")
        subclass = given.get("Event-Subclass", "")
        event = events.built(
            self.identity,
            "CHANNEL_APPLICATION",
            stamp=stamp,
            sequence=self._next_sequence(),
            source="event application",
        )
        front: list[Header] = [("Event-Subclass", subclass)] if subclass else []
        common = [pair for pair in event.headers if pair[0] != "Event-Name" or "Event-Name" not in given]
        rest = [(key, value) for key, value in given.items() if key != "Event-Subclass"]
        self.publish(Event(name, subclass, [*front, *common, *rest, *headers]))

    def fire_sent(self, name: str, headers: list[tuple[str, str]], body: str, event_uuid: str) -> None:
        """`sendevent`: the subclass comes first, then the command's own headers as they were sent.

        A name that FreeSWITCH does not know leaves a CUSTOM event without subclass.

        Args:
            name: as the client wrote it.
            headers: of the command.
            body: of the command.
            event_uuid: as in the reply.
        """
        command = f"sendevent {name}"
        name = name.upper() if name.upper() in events.EVENT_NAMES else "CUSTOM"
        subclass = ""
        if name == "CUSTOM":
            subclass = next((value for key, value in headers if key.lower() == "event-subclass"), "")
        first: list[Header] = [("Event-Subclass", subclass)] if subclass else []
        first.append(("Command", command))
        first += [(key, value) for key, value in headers if not subclass or key.lower() != "event-subclass"]
        first.append(("Event-UUID", event_uuid))
        event = events.built(
            self.identity,
            name,
            stamp=self.clock.stamp(),
            sequence=self._next_sequence(),
            body=body,
            source="sendevent",
            first=first,
        )
        event.subclass = subclass
        self.publish(event)

    def api_event(self, command: str, arguments: str) -> Callable[[], None]:
        """The API event of a command: stamped and numbered now, fired when the function is called."""
        stamp, sequence = self.clock.stamp(), self._next_sequence()
        headers: list[Header] = [("API-Command", command)]
        if arguments.strip():
            headers.append(("API-Command-Argument", arguments.strip()))
        return lambda: self.fire("API", headers, stamp=stamp, sequence=sequence)

    def log(self, level: str, file: str, function: str, line: int, text: str) -> None:
        """A line of FreeSWITCH's log, to clients that asked with `log`.

        Args:
            level: a word of LOG_LEVELS.
            file: of FreeSWITCH's source.
            function: in that file.
            line: in that file.
            text: of the line.
        """
        number = LOG_LEVELS.index(level)
        date = local(self.clock.now()).strftime("%Y-%m-%d %H:%M:%S.%f")
        shown = {"err": "ERR", "crit": "CRIT"}.get(level, level.upper())
        line_text = f"{date} {self.idle_cpu:.2f}% [{shown}] {file}:{line} {text}\n"
        head = (
            f"Log-Level: {number}\nText-Channel: 0\nLog-File: {file}\nLog-Func: {function}\n"
            f"Log-Line: {line}\nUser-Data: \n"
        )
        for subscription in list(self.subscriptions):
            subscription.offer_log(number, head, line_text)

    def _next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence


def uptime_parts(microseconds: int) -> dict[str, int]:
    """An uptime cut into the parts that `status` and HEARTBEAT show."""
    seconds, micro = divmod(microseconds, 1_000_000)
    milli, micro = divmod(micro, 1000)
    days, rest = divmod(seconds, 86400)
    years, days = divmod(days, 365)
    return {
        "years": years,
        "days": days,
        "hours": rest // 3600,
        "minutes": rest % 3600 // 60,
        "seconds": rest % 60,
        "milliseconds": milli,
        "microseconds": micro,
    }


def uptime_text(microseconds: int) -> str:
    """`0 years, 0 days, 0 hours, 1 minute, 0 seconds, 28 milliseconds, 37 microseconds`."""
    parts = uptime_parts(microseconds)
    return ", ".join(f"{value} {name[:-1] if value == 1 else name}" for name, value in parts.items())
