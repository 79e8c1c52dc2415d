"""mod_sofia of one switch: its profiles, their gateways, and the configuration both are made from.

Strategy: the configuration (`configure`) is apart from what runs, as in FreeSWITCH: a gateway exists after a
start, a rescan or a profile restart. Several profiles may have a gateway of one name; `profile::name` is
exact, a bare name finds the first. Every change of a gateway is announced as `sofia::gateway_state`.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from exporter.simulator.core import Core
from exporter.simulator.events import Header
from exporter.simulator.gateway_ticks import GatewayTicks
from exporter.simulator.gateways import Gateway, GatewayConfig
from exporter.simulator.providers import Answer, Provider

RESTART_GAP: Final = 1.9  # FreeSWITCH seconds between a profile's gateways going and coming back in a restart
SHUTDOWN_DELAY: Final = 0.6  # FreeSWITCH seconds from the restart command to the first gateway going

# Every switch has these: name, port, dialplan context.
PROFILES: Final = (("external", 5080, "public"), ("internal", 5060, "default"))
OTHER_PORT: Final = 5090


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
        """Where it is reached from outside."""
        return f"sip:mod_sofia@{self.external_ip or self.ip}:{self.port}"

    @property
    def bind_url(self) -> str:
        """Where it listens."""
        return f"sip:mod_sofia@{self.ip}:{self.port}"


class Sofia:
    """The profiles and gateways of one switch.

    Args:
        core: of the switch.
        tick: seconds that one of FreeSWITCH's seconds lasts.

    Attributes:
        profiles: by name, stopped ones included.
        configs: the configured gateways, by profile and name.
        providers: what answers each, by profile and name.
    """

    def __init__(self, core: Core, tick: float) -> None:
        self.profiles = {name: Profile(name, port, context) for name, port, context in PROFILES}
        self.configs: dict[tuple[str, str], GatewayConfig] = {}
        self.providers: dict[tuple[str, str], Provider] = {}
        self._core = core
        self._tick = tick
        self._timers: list[asyncio.TimerHandle] = []
        self._ticks = GatewayTicks(tick, core.clock, self._all, self._check, lambda: core.faults.hung)

    # The configuration.

    def configure(self, config: GatewayConfig) -> None:
        """Add a gateway to the configuration, or replace it there."""
        key = (config.profile, config.name)
        self.configs[key] = config
        self.providers.setdefault(key, Provider())
        self.profiles.setdefault(config.profile, Profile(config.profile, OTHER_PORT, "public"))

    def unconfigure(self, name: str) -> None:
        """Take a gateway (`name` or `profile::name`) out of the configuration: no rescan brings it back."""
        profile_name, _, short = name.rpartition("::")
        for profile, gateway in list(self.configs):
            if gateway == short and profile_name in ("", profile):
                del self.configs[profile, gateway]

    def provider(self, name: str) -> Provider:
        """The provider of a configured gateway, by `name` or `profile::name`.

        Raises:
            KeyError: no such gateway was ever configured.
        """
        profile_name, _, short = name.rpartition("::")
        for (profile, gateway), provider in self.providers.items():
            if gateway == short and profile_name in ("", profile):
                return provider
        raise KeyError(name)

    # What runs.

    def find(self, name: str) -> Gateway | None:
        """By `name` or `profile::name`, as mod_sofia looks it up: not when killed or its profile is down."""
        profile_name, _, short = name.rpartition("::")
        for profile in self.running():
            if profile_name not in ("", profile.name):
                continue
            for gateway in profile.gateways:
                if gateway.name == short and not gateway.deleted:
                    return gateway
        return None

    def running(self) -> list[Profile]:
        """The running profiles."""
        return [profile for profile in self.profiles.values() if profile.running]

    def running_profile(self, name: str) -> Profile | None:
        """The profile, if it runs."""
        profile = self.profiles.get(name)
        return profile if profile is not None and profile.running else None

    def listed(self) -> list[Gateway]:
        """The gateways of all running profiles."""
        return [gateway for profile in self.running() for gateway in profile.gateways]

    # Starting and stopping.

    def start(self) -> None:
        """All profiles start with the configured gateways, as a new process does."""
        for profile in self.profiles.values():
            profile.gateways.clear()
            profile.running = True
        for config in self.configs.values():
            self._add(config)
        self._ticks.start()

    def end(self) -> None:
        """Everything ends without an event, as a killed process does."""
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        self._ticks.stop()
        for gateway in self.listed():
            gateway.gone = True

    def catch_up(self) -> None:
        """The switch's clock was set, or its process stands still: see `GatewayTicks.catch_up`."""
        self._ticks.catch_up()

    def _all(self) -> list[Gateway]:
        return [gateway for profile in self.profiles.values() for gateway in profile.gateways]

    def _check(self) -> None:
        """Check every gateway once."""
        if self._core.faults.hung:
            return
        for profile in self.profiles.values():
            for gateway in list(profile.gateways):
                gateway.tick()
                if gateway.gone:
                    profile.gateways.remove(gateway)
                    self._fire_deleted(gateway)

    # Commands of an operator.

    def remove(self, name: str) -> None:
        """Take a gateway out of the configuration and kill it.

        Raises:
            KeyError: the gateway does not exist.
        """
        gateway = self.find(name)
        if gateway is None:
            raise KeyError(name)
        self.unconfigure(name)
        gateway.kill()

    def rescan(self, name: str) -> None:
        """Read the configuration again and add the gateways that are missing."""
        self._core.fire("RELOADXML")
        known = {gateway.name for gateway in self.profiles[name].gateways}
        for config in self.configs.values():
            if config.profile == name and config.name not in known:
                self._add(config)

    def stop_profile(self, name: str) -> None:
        """`sofia profile P stop`."""
        self._core.fire("RELOADXML")
        self._stop(name)

    def shut_down(self) -> None:
        """All profiles stop, as at a shutdown."""
        for profile in self.running():
            self._stop(profile.name)

    def _stop(self, name: str) -> None:
        """Its gateways go with it, those that register signal DOWN first."""
        profile = self.profiles[name]
        leaving = profile.gateways
        for gateway in [g for g in leaving if g.state == "NOREG"]:
            self._fire_deleted(gateway)
        registering = [g for g in leaving if g.state != "NOREG"]
        for gateway in registering:
            gateway.state, gateway.up = "DOWN", False
            self._fire_state(gateway, None)
        for gateway in registering:
            self._fire_deleted(gateway)
        for gateway in leaving:
            gateway.gone = True
        profile.gateways = []
        profile.running = False
        self._publish_service("UNPUBLISH", profile)

    def start_profile(self, name: str) -> None:
        """`sofia profile P start`."""
        self._core.fire("RELOADXML")
        self._start(name)

    def _start(self, name: str) -> None:
        profile = self.profiles[name]
        profile.running = True
        self._core.fire("CUSTOM", _profile_headers(profile), subclass="sofia::profile_start")
        self._publish_service("PUBLISH", profile)
        for config in self.configs.values():
            if config.profile == name:
                self._add(config)

    def restart_profile(self, name: str) -> None:
        """Stop and start again: the gateways are unknown for about two seconds in between."""
        self._core.fire("RELOADXML")
        loop = asyncio.get_running_loop()
        gone, back = SHUTDOWN_DELAY * self._tick, (SHUTDOWN_DELAY + RESTART_GAP) * self._tick
        self._timers = [
            loop.call_later(gone, self._stop, name),
            loop.call_later(back, self._start, name),
        ]

    # Events.

    def _add(self, config: GatewayConfig) -> None:
        gateway = Gateway(
            config,
            self.providers[config.profile, config.name],
            self._core.clock,
            self._tick,
            self._fire_state,
            self._log,
            self._core.rng,
            self._ticks.catch_up,
        )
        self._ticks.catch_up()  # before the new one: it has no part in the ticks that have passed
        self.profiles[config.profile].gateways.insert(0, gateway)
        self._ticks.catch_up()
        self._core.fire(
            "CUSTOM",
            [("Gateway", config.name), ("profile-name", config.profile)],
            subclass="sofia::gateway_add",
        )

    def _fire_state(self, gateway: Gateway, answer: Answer | None) -> None:
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
        self._core.fire("CUSTOM", headers, subclass="sofia::gateway_state")

    def _fire_deleted(self, gateway: Gateway) -> None:
        self._core.fire(
            "CUSTOM",
            [("profile-name", gateway.profile), ("Gateway", gateway.name)],
            subclass="sofia::gateway_delete",
        )

    def _publish_service(self, name: str, profile: Profile) -> None:
        service: list[Header] = [("service", "_sip._udp,_sip._tcp,_sip._sctp"), ("port", str(profile.port))]
        self._core.fire(name, service + _profile_headers(profile))

    def _log(self, level: str, function: str, line: int, text: str) -> None:
        self._core.log(level, "sofia.c" if "options" in function else "sofia_reg.c", function, line, text)


def _profile_headers(profile: Profile) -> list[Header]:
    return [
        ("module_name", "mod_sofia"),
        ("profile_name", profile.name),
        ("profile_uri", profile.url),
    ]
