"""The simulated switch: profiles, gateways, sessions, events and the clients that hear of them.

Strategy: this file holds the state of one FreeSWITCH process and the two loops that run in it, the
gateways' tick and the heartbeat. What is said is in replies.py, who hears it in server.py, what a call
does in calls.py and leg.py, what goes wrong in faults.py. Everything runs in one asyncio loop.
"""

import asyncio
import random
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from exporter.simulator import events, replies
from exporter.simulator.calls import Calls, count_end
from exporter.simulator.clock import Clock
from exporter.simulator.events import Event, Header, Identity
from exporter.simulator.farends import FAR_ENDS, FarEnd
from exporter.simulator.gateways import Answer, Gateway, GatewayConfig, Provider
from exporter.simulator.leg import Leg
from exporter.simulator.load import Load
from exporter.simulator.server import LOG_LEVELS, SHUTTING_DOWN, Client, Faults, User

if TYPE_CHECKING:
    import socket

RESTART_GAP = 1.9  # s between a profile's gateways going and coming back in a restart
SHUTDOWN_DELAY = 0.6  # s from the command to the first gateway going


@dataclass(slots=True)
class Profile:
    """One sofia profile.

    Attributes:
        gateways: newest first, as FreeSWITCH lists them.
        external_ip: what `ext-sip-ip` announces, "" for none.
    """

    name: str
    port: int
    context: str
    ip: str = "127.0.0.1"
    external_ip: str = ""
    running: bool = True
    gateways: list[Gateway] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"sip:mod_sofia@{self.external_ip or self.ip}:{self.port}"

    @property
    def bind_url(self) -> str:
        return f"sip:mod_sofia@{self.ip}:{self.port}"


class Switch:
    """A FreeSWITCH 1.11.2 in which nothing goes wrong by itself; `SimulatedSwitch` adds the faults.

    Args:
        gateways: the configured gateways; by default one, `telnyx`, that registers and is pinged.
        password: of the event socket.
        users: directory users for `userauth`.
        tick: seconds that one of FreeSWITCH's seconds lasts for gateways and profiles.
        speed: how many times faster than ours the time inside calls runs.
        heartbeat: seconds between HEARTBEATs.
        seed: of everything random.
        max_sessions, max_sps: FreeSWITCH's limits.

    Attributes:
        legs: live legs by uuid.
        far_ends: who answers at which number (farends.py); change it at will.
        commands_seen: every command line received after authentication.
        scripted_replies: api line to reply text, for what the real replies do not cover.
        registrations: how many telephones are registered, as `show registrations count` says.
    """

    def __init__(
        self,
        gateways: Sequence[GatewayConfig] | None = None,
        *,
        password: str = "ClueCon",  # noqa: S107 - published default
        users: dict[str, User] | None = None,
        tick: float = 1.0,
        speed: float = 1.0,
        heartbeat: float = 20.0,
        seed: int = 0,
        hostname: str = "vm",
        switchname: str = "lab",
        max_sessions: int = 1000,
        max_sps: int = 30,
    ) -> None:
        if gateways is None:
            gateways = [
                GatewayConfig("telnyx", from_domain="telnyx.lab", ping=10, expire_seconds=60, retry_seconds=5)
            ]
        self.password = password
        self.users = users or {}
        self.tick = tick
        self.speed = speed
        self.heartbeat = heartbeat
        self.rng = random.Random(seed)  # noqa: S311 - nothing secret is made of it
        self.max_sessions = max_sessions
        self.max_sps = max_sps
        self.min_idle_cpu = 0.0
        self.idle_cpu = 93.5
        self.registrations = 0
        self.sofia_loaded = True
        self.clock = Clock()
        self.faults = Faults()
        self.paused: set[str] = set()
        self.clients: set[Client] = set()
        self.far_ends: dict[str, FarEnd] = dict(FAR_ENDS)
        self.commands_seen: deque[str] = deque(maxlen=10_000)
        self.scripted_replies: dict[str, str] = {}
        self.providers: dict[str, Provider] = {}
        self.gateway_configs: dict[tuple[str, str], GatewayConfig] = {}
        self.profiles: dict[str, Profile] = {}
        self.legs: dict[str, Leg] = {}
        self.load = Load()
        self.host = "127.0.0.1"
        self.port = 0
        self.identity: Identity = Identity("", hostname, switchname)
        self.calls = Calls(self)
        self._sequence = 0
        self._started = 0.0
        self._server: asyncio.Server | None = None
        self._loops: list[asyncio.Task[None]] = []
        self._timers: list[asyncio.TimerHandle] = []
        self._filter_sockets: list[socket.socket] = []
        self._configured = list(gateways)
        for name, port, context in (("external", 5080, "public"), ("internal", 5060, "default")):
            self.profiles[name] = Profile(name, port, context)
        for config in gateways:
            self.configure_gateway(config)

    # Starting and stopping.

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Self:
        """Listen, and let the gateways register. `port` 0: any; see `self.port`.

        Raises:
            OSError: the address cannot be bound.
        """
        self.host, self.port = host, port
        await self.start_process()
        return self

    async def start_process(self) -> None:
        """A fresh FreeSWITCH process with the same configuration."""
        self.identity = Identity(str(uuid.uuid4()), self.identity.hostname, self.identity.switchname)
        self._sequence = 500
        self._started = time.monotonic()
        self.load = Load()
        self.legs.clear()
        self.paused.clear()
        for profile in self.profiles.values():
            profile.gateways.clear()
            profile.running = True
        for config in self.gateway_configs.values():
            self._add_gateway(config)
        self._tick_gateways()
        self._loops = [asyncio.create_task(self._tick_loop()), asyncio.create_task(self._heartbeat_loop())]
        await self._listen(self.host, self.port)

    async def stop(self) -> None:
        """End everything; no client is told."""
        self._die()
        self._drop_clients()
        for filler in self._filter_sockets:
            filler.close()
        self._filter_sockets.clear()
        if self._server is not None:
            await self._stop_listening()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def _listen(self, host: str, port: int) -> None:
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: Client(self), host, port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def shut_down(self) -> None:
        """`fsctl shutdown`: SHUTDOWN event, gateways unregister, every client gets a notice; then refuses."""
        self.fire("SHUTDOWN", [("Event-Info", "System Shutting Down")])
        for leg in list(self.legs.values()):
            self.kill(leg, "SYSTEM_SHUTDOWN")
        for profile in self.profiles.values():
            if profile.running:
                self.stop_profile(profile.name)
        for client in list(self.clients):
            client.say_goodbye(SHUTTING_DOWN)
        self._die()

    def _die(self) -> None:
        self.calls.stop()
        for task in self._loops:
            task.cancel()
        for timer in self._timers:
            timer.cancel()
        for gateway in self.listed_gateways():
            gateway.gone = True
        self._loops, self._timers = [], []
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _drop_clients(self) -> None:
        for client in list(self.clients):
            client.abort()

    def _drop_strangers(self) -> None:
        """Clients that were never greeted as by a FreeSWITCH have nothing to hope for."""
        for client in list(self.clients):
            if client.stranger:
                client.abort()

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait until `condition()` holds.

        Raises:
            TimeoutError: it did not within `seconds`.
        """
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - nothing tells when any condition changes
                await asyncio.sleep(0.005)

    async def gateway_reaches(self, name: str, state: str, seconds: float = 5.0) -> Gateway:
        """Wait until the gateway is in `state`, and return it."""

        def there() -> bool:
            gateway = self.find_gateway(name)
            return gateway is not None and gateway.state == state

        await self.until(there, seconds)
        return self.gateway(name)

    # Profiles and gateways.

    def configure_gateway(self, config: GatewayConfig) -> None:
        """Put a gateway into the configuration; it exists after `start`, a rescan or a profile restart."""
        self.gateway_configs[config.profile, config.name] = config
        self.providers.setdefault(config.name, Provider())
        self.profiles.setdefault(config.profile, Profile(config.profile, 5090, "public"))

    def unconfigure_gateway(self, name: str) -> None:
        """Take a gateway out of the configuration, so that no rescan brings it back."""
        for key in [key for key in self.gateway_configs if key[1] == name]:
            del self.gateway_configs[key]

    def provider(self, gateway: str) -> Provider:
        """The far end of a gateway, to script (gateways.py)."""
        return self.providers[gateway]

    def gateway(self, name: str) -> Gateway:
        """The live gateway.

        Raises:
            KeyError: FreeSWITCH does not know it just now.
        """
        gateway = self.find_gateway(name)
        if gateway is None:
            raise KeyError(name)
        return gateway

    def find_gateway(self, name: str) -> Gateway | None:
        """By `name` or `profile::name`, as mod_sofia looks it up: not when killed or its profile is down."""
        profile_name, _, short = name.rpartition("::")
        for profile in self.profiles.values():
            if not profile.running or (profile_name and profile.name != profile_name):
                continue
            for gateway in profile.gateways:
                if gateway.name == short and not gateway.deleted:
                    return gateway
        return None

    def listed_gateways(self) -> list[Gateway]:
        return [
            gateway for profile in self.profiles.values() if profile.running for gateway in profile.gateways
        ]

    def remove_gateway(self, name: str) -> None:
        """The gateway is gone for good: out of the configuration and killed."""
        self.unconfigure_gateway(name)
        self.gateway(name).kill()

    def _add_gateway(self, config: GatewayConfig) -> None:
        gateway = Gateway(
            config,
            self.providers[config.name],
            self.clock,
            self.tick,
            self._gateway_changed,
            self._sofia_log,
            self.rng,
        )
        self.profiles[config.profile].gateways.insert(0, gateway)
        self.fire(
            "CUSTOM",
            [("Gateway", config.name), ("profile-name", config.profile)],
            subclass="sofia::gateway_add",
        )

    def running_profile(self, name: str) -> Profile | None:
        profile = self.profiles.get(name)
        return profile if profile is not None and profile.running else None

    def calls_of(self, profile: Profile) -> int:
        return sum(leg.sip.profile == profile.name for leg in self.legs.values())

    def rescan(self, name: str) -> None:
        """Read the configuration again and add the gateways that are missing."""
        self._reloaded()
        profile = self.profiles[name]
        known = {gateway.name for gateway in profile.gateways}
        for config in self.gateway_configs.values():
            if config.profile == name and config.name not in known:
                self._add_gateway(config)

    def stop_profile(self, name: str) -> None:
        """The profile goes, and all its gateways with it: unregistering ones say DOWN first."""
        profile = self.profiles[name]
        leaving = profile.gateways
        for gateway in [g for g in leaving if g.state == "NOREG"]:
            self._tell_deleted(gateway)
        registering = [g for g in leaving if g.state != "NOREG"]
        for gateway in registering:
            gateway.state, gateway.up = "DOWN", False
            self._gateway_changed(gateway, None)
        for gateway in registering:
            self._tell_deleted(gateway)
        for gateway in leaving:
            gateway.gone = True
        profile.gateways = []
        profile.running = False
        self._publish_profile("UNPUBLISH", profile)

    def start_profile(self, name: str) -> None:
        """`sofia profile P start`."""
        profile = self.profiles[name]
        profile.running = True
        self.fire("CUSTOM", self._profile_headers(profile), subclass="sofia::profile_start")
        self._publish_profile("PUBLISH", profile)
        for config in self.gateway_configs.values():
            if config.profile == name:
                self._add_gateway(config)

    def restart_profile(self, name: str) -> None:
        """Stop and start again: the gateways are unknown for about two seconds in between."""
        self._reloaded()
        loop = asyncio.get_running_loop()
        gone, back = SHUTDOWN_DELAY * self.tick, (SHUTDOWN_DELAY + RESTART_GAP) * self.tick
        self._timers = [
            loop.call_later(gone, self.stop_profile, name),
            loop.call_later(back, self.start_profile, name),
        ]

    def _profile_headers(self, profile: Profile) -> list[Header]:
        return [
            ("module_name", "mod_sofia"),
            ("profile_name", profile.name),
            ("profile_uri", profile.url),
        ]

    def _publish_profile(self, name: str, profile: Profile) -> None:
        service: list[Header] = [("service", "_sip._udp,_sip._tcp,_sip._sctp"), ("port", str(profile.port))]
        self.fire(name, service + self._profile_headers(profile))

    def _reloaded(self) -> None:
        self.fire("RELOADXML")

    def _tell_deleted(self, gateway: Gateway) -> None:
        self.fire(
            "CUSTOM",
            [("profile-name", gateway.profile), ("Gateway", gateway.name)],
            subclass="sofia::gateway_delete",
        )

    def _gateway_changed(self, gateway: Gateway, answer: Answer | None) -> None:
        headers: list[Header] = [
            ("Gateway", gateway.name),
            ("State", gateway.state),
            ("Ping-Status", "UP" if gateway.up else "DOWN"),
        ]
        if gateway.network:
            headers.append(("Register-Network-IP", gateway.network[0]))
            headers.append(("Register-Network-Port", gateway.network[1]))
        if answer is not None:
            headers += [("Phrase", answer.phrase), ("Status", str(answer.code))]
        self.fire("CUSTOM", headers, subclass="sofia::gateway_state")

    async def _tick_loop(self) -> None:
        loop = asyncio.get_running_loop()
        following = loop.time()
        while True:
            following = max(following + self.tick, loop.time())
            await asyncio.sleep(following - loop.time())
            self._tick_gateways()

    def _tick_gateways(self) -> None:
        if self.faults.hung:
            return
        for profile in self.profiles.values():
            for gateway in list(profile.gateways):
                gateway.tick()
                if gateway.gone:
                    profile.gateways.remove(gateway)
                    self._tell_deleted(gateway)

    # Sessions.

    @property
    def call_count(self) -> int:
        """Calls as `show calls count` sees them: two legs of a bridge are one."""
        return sum(leg.leads() for leg in self.legs.values())

    @property
    def ready(self) -> bool:
        return not self.paused

    @property
    def uptime_microseconds(self) -> int:
        return int((time.monotonic() - self._started) * 1_000_000)

    def refuses_session(self, way: str) -> bool:
        """FreeSWITCH's own reasons to make no session: pause, session limit, rate limit (facts.md 6.4)."""
        if way in self.paused:
            return True
        if len(self.legs) >= self.max_sessions:
            self.log(
                "crit",
                "switch_core_session.c",
                "switch_core_session_request_uuid",
                2425,
                "Over Session Limit!",
            )
            return True
        if self.load.per_second >= self.max_sps - 1:
            self.log(
                "crit", "switch_core_session.c", "switch_core_session_request_uuid", 2433, "Throttle Error!"
            )
            return True
        return False

    def next_session(self) -> int:
        self.load.began(len(self.legs) + 1)
        return self.load.since_startup

    def forget(self, leg: Leg) -> None:
        """A leg is destroyed."""
        self.legs.pop(leg.uuid, None)
        self.load.count = len(self.legs)
        if leg.gateway is not None:
            count_end(leg, leg.gateway)

    def kill(self, leg: Leg, cause: str) -> None:
        """`uuid_kill`."""
        leg.time.catch_up()
        leg.end_by_us(cause)

    def ends_unsent(self) -> bool:
        """Whether the leg that ends now keeps it to itself."""
        if self.faults.unsent_ends:
            self.faults.unsent_ends -= 1
            return True
        return False

    # Events.

    def stamp(self) -> int:
        return self.clock.stamp()

    def next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    def wants(self, name: str, subclass: str) -> bool:
        return any(client.wants(name, subclass) for client in self.clients)

    def fire(
        self,
        name: str,
        headers: Iterable[Header] = (),
        *,
        subclass: str = "",
        source: str = "",
        stamp: int | None = None,
        body: str = "",
    ) -> None:
        """Fire an event to whoever subscribed to it."""
        sequence = self.next_sequence()
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
            self.identity, name, stamp=self.clock.stamp(), sequence=self.next_sequence(), headers=headers
        )

    def publish(self, event: Event) -> None:
        lost = self.faults.lost_events
        if event.name in lost or event.subclass in lost:
            return
        for client in list(self.clients):
            client.send_event(event)

    def fire_named_late(
        self, name: str, subclass: str, headers: list[Header], given: dict[str, str], stamp: int
    ) -> None:
        """mod_dptools' `event`: made as CHANNEL_APPLICATION, renamed by its own arguments, so named late."""
        event = events.built(
            self.identity,
            "CHANNEL_APPLICATION",
            stamp=stamp,
            sequence=self.next_sequence(),
            source="event application",
        )
        given = dict(given)
        front: list[Header] = [("Event-Subclass", given.pop("Event-Subclass"))] if subclass else []
        common = [pair for pair in event.headers if pair[0] != "Event-Name" or "Event-Name" not in given]
        self.publish(Event(name, subclass, [*front, *common, *given.items(), *headers]))

    def client_event(self, name: str, headers: list[tuple[str, str]], body: str, event_uuid: str) -> None:
        """`sendevent`: the subclass moves to the front, then the command's own headers as they were sent.

        A name that FreeSWITCH does not know leaves a CUSTOM event without subclass.
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
            sequence=self.next_sequence(),
            body=body,
            source="sendevent",
            first=first,
        )
        event.subclass = subclass
        self.publish(event)

    def api_event(self, command: str, arguments: str) -> Callable[[], None]:
        """The API event of a command: stamped when it begins, fired when the returned function is called."""
        stamp = self.clock.stamp()
        headers: list[Header] = [("API-Command", command)]
        if arguments:
            headers.append(("API-Command-Argument", arguments))
        return lambda: self.fire("API", headers, stamp=stamp)

    def run_job(self, job: str, command: str, arguments: str) -> None:
        """A bgapi thread: it goes on whatever becomes of the client that asked."""
        api_event = self.api_event(command, arguments)

        def finished(reply: str) -> None:
            api_event()
            headers: list[Header] = [("Job-UUID", job), ("Job-Command", command)]
            if arguments:
                headers.append(("Job-Command-Arg", arguments))
            self.fire("BACKGROUND_JOB", headers, body=reply)

        if command == "originate":
            self.calls.originate(arguments, finished)
        else:
            finished(replies.answer(self, command, arguments))

    def log(self, level: str, file: str, function: str, line: int, text: str) -> None:
        """A line of FreeSWITCH's log, to clients that asked with `log`."""
        number = LOG_LEVELS.index(level)
        date = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.clock.now()))
        fraction = int(self.clock.now() % 1 * 1_000_000)
        shown = {"err": "ERR", "crit": "CRIT"}.get(level, level.upper())
        line_text = f"{date}.{fraction:06d} {self.idle_cpu:.2f}% [{shown}] {file}:{line} {text}\n"
        head = (
            f"Log-Level: {number}\nText-Channel: 0\nLog-File: {file}\nLog-Func: {function}\n"
            f"Log-Line: {line}\nUser-Data: \n"
        )
        for client in list(self.clients):
            client.send_log(number, head, line_text)

    def _sofia_log(self, level: str, function: str, line: int, text: str) -> None:
        self.log(level, "sofia.c" if "options" in function else "sofia_reg.c", function, line, text)

    def after_reply(self, action: Callable[[], None]) -> None:
        """Do it once the reply that is being made has been written."""
        asyncio.get_running_loop().call_soon(action)

    def globals(self) -> dict[str, str]:
        """What `global_getvar` knows."""
        return {
            "core_uuid": self.identity.core_uuid,
            "hostname": self.identity.hostname,
            "switchname": self.identity.switchname,
            "local_ip_v4": self.identity.ipv4,
            "domain": "lab.local",
        }

    async def _heartbeat_loop(self) -> None:
        while True:
            await asyncio.sleep(self.heartbeat)
            if not self.faults.hung:
                self.beat()

    def beat(self) -> None:
        """One HEARTBEAT."""
        load = self.load
        uptime = self.uptime_microseconds
        self.fire(
            "HEARTBEAT",
            [
                ("Event-Info", "System Ready"),
                ("Up-Time", replies.uptime_text(uptime)),
                ("FreeSWITCH-Version", replies.VERSION_FULL),
                ("Uptime-msec", str(uptime // 1000)),
                ("Session-Count", str(len(self.legs))),
                ("Max-Sessions", str(self.max_sessions)),
                ("Session-Per-Sec", str(self.max_sps)),  # the budget left, not a rate (facts.md 4.5)
                ("Session-Per-Sec-Last", str(load.per_second)),
                ("Session-Per-Sec-Max", str(load.per_second_peak)),
                ("Session-Per-Sec-FiveMin", str(load.per_second_five_minutes)),
                ("Session-Since-Startup", str(load.since_startup)),
                ("Session-Peak-Max", str(load.peak)),
                ("Session-Peak-FiveMin", str(load.peak_five_minutes)),
                ("Idle-CPU", f"{self.idle_cpu:.6f}"),
            ],
        )
        self.fire(
            "RE_SCHEDULE",
            [
                ("Task-ID", "1"),
                ("Task-Desc", "heartbeat"),
                ("Task-Group", "core"),
                ("Task-Runtime", str(int(self.clock.now() + self.heartbeat))),
            ],
        )
