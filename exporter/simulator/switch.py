"""The state of one FreeSWITCH: core, mod_sofia and sessions, and what an operator does to them.

Strategy: this is what replies are written from and calls are made on; nothing here knows of a client or a
socket. `SimulatedSwitch` (simulated_switch.py) adds those, and the faults.
"""

from collections import deque
from collections.abc import Sequence
from typing import TypedDict

from exporter.clock import Clock
from exporter.simulator.clock import SwitchClock
from exporter.simulator.core import Core, uptime_text
from exporter.simulator.events import Identity
from exporter.simulator.farends import FAR_ENDS, FarEnd
from exporter.simulator.gateways import Gateway, GatewayConfig
from exporter.simulator.leg import Leg
from exporter.simulator.modules import Modules
from exporter.simulator.profiles import Profile, Sofia
from exporter.simulator.providers import Provider
from exporter.simulator.sessions import Load, Sessions
from exporter.simulator.strangers import Strangers
from exporter.simulator.telephones import Telephones
from exporter.simulator.users import User

DIRECTIONS = ("inbound", "outbound")
MAX_COMMANDS_SEEN = 10_000
DEFAULT_GATEWAY = GatewayConfig(
    "telnyx", from_domain="telnyx.lab", ping=10, expire_seconds=60, retry_seconds=5
)


class Settings(TypedDict, total=False):
    """The keyword arguments of `Switch`, for what passes them on."""

    clock: Clock | None
    password: str
    users: dict[str, User] | None
    tick: float
    speed: float
    heartbeat: float
    seed: int
    hostname: str
    switchname: str
    max_sessions: int
    max_sps: int


class Switch:
    """A FreeSWITCH 1.11.2 without its event socket.

    Args:
        gateways: the configured gateways; by default one, `telnyx`, that registers and is pinged.
        clock: what its time is taken from; by default the machine's clocks.
        password: of the event socket.
        users: directory users for `userauth`.
        tick: seconds that one of FreeSWITCH's seconds lasts for gateways and profiles.
        speed: how many times faster than the clock the time inside calls runs.
        heartbeat: seconds between HEARTBEATs.
        seed: of everything random.
        hostname: as events and replies show it.
        switchname: as events and replies show it.
        max_sessions: FreeSWITCH's limit of live legs.
        max_sps: FreeSWITCH's limit of new legs per second.

    Attributes:
        far_ends: what answers at which number (farends.py); tests may change it.
        commands_seen: every command line received after authentication.
        scripted_replies: api line to reply text, in place of the simulator's own reply.
        registrations: how many telephones are registered, beside those of `telephones`.
        telephones: those that have names (telephones.py).
        sofia_loaded: mod_sofia is loaded; else its command is unknown.
        local_ip: its IPv4 address; events go on to show the first.
        modules: what is loaded (modules.py).
        strangers: who guess passwords and scan (strangers.py).
        min_idle_cpu: percent of idle CPU below which FreeSWITCH refuses calls, 0 for no limit.
    """

    def __init__(
        self,
        gateways: Sequence[GatewayConfig] | None = None,
        *,
        clock: Clock | None = None,
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
        self.clock = SwitchClock(clock or Clock())
        self.core = Core(Identity("", hostname, switchname), self.clock, speed=speed, seed=seed)
        self.sofia = Sofia(self.core, tick)
        self.sessions = Sessions(self.core, max_sessions, max_sps)
        self.telephones = Telephones(self.core)
        self.strangers = Strangers(self.core, self.sessions)
        self.password = password
        self.users = users or {}
        self.heartbeat = heartbeat
        self.far_ends: dict[str, FarEnd] = dict(FAR_ENDS)
        self.commands_seen: deque[str] = deque(maxlen=MAX_COMMANDS_SEEN)
        self.scripted_replies: dict[str, str] = {}
        self.registrations = 0
        self.sofia_loaded = True
        self.local_ip = self.core.identity.ipv4
        self.modules = Modules(self.core)
        self.min_idle_cpu = 0.0
        for config in [DEFAULT_GATEWAY] if gateways is None else gateways:
            self.sofia.configure(config)

    # State.

    @property
    def identity(self) -> Identity:
        """Core-UUID, host name and addresses."""
        return self.core.identity

    @property
    def speed(self) -> float:
        """How many times faster than the clock the time inside calls runs."""
        return self.core.speed

    @property
    def idle_cpu(self) -> float:
        """Percent."""
        return self.core.idle_cpu

    @idle_cpu.setter
    def idle_cpu(self, percent: float) -> None:
        self.core.idle_cpu = percent

    @property
    def legs(self) -> dict[str, Leg]:
        """Live legs by uuid."""
        return self.sessions.legs

    @property
    def load(self) -> Load:
        """The session counters."""
        return self.sessions.load

    @property
    def ready(self) -> bool:
        """As `status` shows it."""
        return len(self.sessions.paused) < len(DIRECTIONS)

    @property
    def profiles(self) -> dict[str, Profile]:
        """Sofia profiles by name."""
        return self.sofia.profiles

    def provider(self, gateway: str) -> Provider:
        """The far end of a gateway, whose answers a test sets (providers.py).

        Raises:
            KeyError: no such gateway was ever configured.
        """
        return self.sofia.provider(gateway)

    def gateway(self, name: str) -> Gateway:
        """The live gateway.

        Raises:
            KeyError: FreeSWITCH does not know it at this moment.
        """
        gateway = self.sofia.find(name)
        if gateway is None:
            raise KeyError(name)
        return gateway

    def listed_gateways(self) -> list[Gateway]:
        """The gateways of all running profiles."""
        return self.sofia.listed()

    # What an operator does.

    def configure_gateway(self, config: GatewayConfig) -> None:
        """Put a gateway into the configuration; it exists after a start, a rescan or a profile restart."""
        self.sofia.configure(config)

    def unconfigure_gateway(self, name: str) -> None:
        """Take a gateway out of the configuration, so that no rescan brings it back."""
        self.sofia.unconfigure(name)

    def remove_gateway(self, name: str) -> None:
        """Take a gateway out of the configuration and kill it.

        Raises:
            KeyError: the gateway does not exist.
        """
        self.sofia.remove(name)

    def rescan(self, profile: str) -> None:
        """`sofia profile P rescan`: add the configured gateways that are missing."""
        self.sofia.rescan(profile)

    def stop_profile(self, profile: str) -> None:
        """`sofia profile P stop`: its gateways end with it."""
        self.sofia.stop_profile(profile)

    def start_profile(self, profile: str) -> None:
        """`sofia profile P start`."""
        self.sofia.start_profile(profile)

    def restart_profile(self, profile: str) -> None:
        """`sofia profile P restart`: its gateways are unknown for about two seconds."""
        self.sofia.restart_profile(profile)

    def reload_xml(self) -> None:
        """`reloadxml`."""
        self.core.fire("RELOADXML")

    def load_module(self, name: str) -> None:
        """`load`: one MODULE_LOAD for each interface.

        Raises:
            KeyError: no such module (modules.py).
        """
        self.modules.load(name)

    def unload_module(self, name: str) -> None:
        """`unload`: one MODULE_UNLOAD for each interface; most do not name the module.

        Raises:
            KeyError: it is not loaded.
        """
        self.modules.unload(name)

    def change_address(self, address: str) -> None:
        """The machine has another IPv4 address, and FreeSWITCH has noticed it."""
        before, self.local_ip = self.local_ip, address
        self.core.fire(
            "TRAP",
            [
                ("condition", "network-address-change"),
                ("network-address-previous-v4", before),
                ("network-address-change-v4", address),
            ],
        )

    def pause(self, *directions: str) -> None:
        """`fsctl pause inbound|outbound` (both when none is named)."""
        self.sessions.paused |= set(directions or DIRECTIONS)

    def unpause(self) -> None:
        """`fsctl resume`."""
        self.sessions.paused.clear()

    def request_shutdown(self, how: str) -> None:
        """`fsctl shutdown elegant|asap` with calls up, which never end; asap refuses new ones."""
        self.sessions.shutdown_requested = True
        if how == "asap":
            self.sessions.paused |= set(DIRECTIONS)

    def cancel_shutdown(self) -> None:
        """`fsctl shutdown cancel`."""
        self.sessions.shutdown_requested = False
        self.sessions.paused.clear()

    def limit_sessions(self, sessions: int) -> None:
        """`fsctl max_sessions N`; 0 refuses every new call."""
        self.sessions.max_sessions = sessions

    def limit_rate(self, per_second: int) -> None:
        """`fsctl sps N`: FreeSWITCH lets N - 1 calls per second pass."""
        self.sessions.max_sps = per_second

    def kill(self, leg: Leg, cause: str) -> None:
        """`uuid_kill`."""
        self.sessions.kill(leg, cause)

    def shut_down(self) -> None:
        """`fsctl shutdown`: SHUTDOWN event, legs end, modules go, profiles stop."""
        self.core.fire("SHUTDOWN", [("Event-Info", "System Shutting Down")])
        for leg in list(self.legs.values()):
            self.kill(leg, "SYSTEM_SHUTDOWN")
        self.modules.shut_down()
        self.sofia.shut_down()

    def guess_password(self, address: str, method: str = "REGISTER", user: str = "1000") -> None:
        """A stranger at `address` sends a REGISTER or an INVITE with a wrong password."""
        self.strangers.guess(address, method, user)

    def scan(self, address: str, number: str = "900442037") -> None:
        """A stranger at `address` sent an INVITE and never answered the challenge."""
        self.strangers.scan(address, number)

    def register(self, user: str, address: str = "203.0.113.9", agent: str = "labphone/1.0") -> None:
        """A telephone at `address` registers as `user`@lab.local."""
        self.telephones.register(user, address, agent)

    def unregister(self, user: str) -> None:
        """The telephone of `user` unregisters."""
        self.telephones.unregister(user)

    def expire(self, user: str) -> None:
        """The registration of `user` ends, because it was not refreshed."""
        self.telephones.expire(user)

    def ignore_options(self, user: str) -> None:
        """The telephone of `user` answers OPTIONS no more."""
        self.telephones.ignore_options(user)

    # Events and log.

    def log(self, level: str, file: str, function: str, line: int, text: str) -> None:
        """A line of FreeSWITCH's log; see `Core.log`."""
        self.core.log(level, file, function, line, text)

    async def run_heartbeat(self) -> None:
        """One HEARTBEAT every `heartbeat` seconds."""
        while True:
            await self.clock.sleep(self.heartbeat)
            if not self.core.faults.hung:
                self.beat()

    def beat(self) -> None:
        """Fire one HEARTBEAT."""
        load = self.load
        uptime = self.core.uptime_microseconds
        self.core.fire(
            "HEARTBEAT",
            [
                ("Event-Info", "System Ready"),
                ("Up-Time", uptime_text(uptime)),
                ("FreeSWITCH-Version", self.core.version_full),
                ("Uptime-msec", str(uptime // 1000)),
                ("Session-Count", str(len(self.legs))),
                ("Max-Sessions", str(self.sessions.max_sessions)),
                (
                    "Session-Per-Sec",
                    str(self.sessions.max_sps),
                ),  # what is left of the limit, not a rate (facts.md 4.5)
                ("Session-Per-Sec-Last", str(load.per_second)),
                ("Session-Per-Sec-Max", str(load.per_second_peak)),
                ("Session-Per-Sec-FiveMin", str(load.per_second_five_minutes)),
                ("Session-Since-Startup", str(load.since_startup)),
                ("Session-Peak-Max", str(load.peak)),
                ("Session-Peak-FiveMin", str(load.peak_five_minutes)),
                ("Idle-CPU", f"{self.core.idle_cpu:.6f}"),
            ],
        )
        self.core.fire(
            "RE_SCHEDULE",
            [
                ("Task-ID", "1"),
                ("Task-Desc", "heartbeat"),
                ("Task-Group", "core"),
                ("Task-Runtime", str(int(self.clock.now() + self.heartbeat))),
            ],
        )
