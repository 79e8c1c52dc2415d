"""The config as the rest of the program sees it: frozen, complete, every duration in seconds.

Nothing here reads or checks; `load` does. What stands in a loaded `Config` has passed every rule, so users of
it check nothing again. The defaults written here are the contract's, and the only place where they stand.
"""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from exporter.config.numbers import permits
from exporter.config.secret import Secret

# FreeSWITCH's own default, published with it (event_socket.conf.xml).
DEFAULT_PASSWORD = Secret("ClueCon")

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "console"]
ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
TlsVersion = Literal["TLS12", "TLS13"]


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """An address to serve HTTP on. Host "" is every interface, port 0 any free port."""

    host: str = "127.0.0.1"
    port: int = 9282

    def __str__(self) -> str:
        return address(self.host, self.port)

    @property
    def loopback(self) -> bool:
        """Whether nothing but this machine can reach it."""
        return is_loopback(self.host)


class LogConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How much is logged, and in which form (`auto`: console on a terminal, else JSON)."""

    level: LogLevel = "info"
    format: LogFormat = "auto"


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that must exist.

    `register` None: expected to register once it was seen in a registering state. `profile` "": not known
    before FreeSWITCH tells. `max_calls`: what the provider allows at a time. `provider`: a name of
    exporter.switch.provider.
    """

    register: bool | None = None
    profile: str = ""
    max_calls: int | None = None
    provider: str | None = None


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One FreeSWITCH. With `user` set (`name@domain`) the login is `userauth`, else `auth`."""

    name: str = "127.0.0.1:8021"
    host: str = "127.0.0.1"
    port: int = 8021
    user: str | None = None
    password: Secret = DEFAULT_PASSWORD
    poll_interval: float = 10.0
    gateways: dict[str, GatewayConfig] = {}


class Expect(msgspec.Struct, frozen=True, kw_only=True):
    """What the probe's call must come to. With `rejected`, a cause or SIP status given must be the call's."""

    result: Literal["answered", "rejected"] = "answered"
    cause: str | None = None
    sip: int | None = None


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Past one of these a successful call counts as degraded. Seconds; `packet_loss` a ratio 0-1."""

    post_dial_delay: float | None = None
    answer: float | None = None
    mos: float | None = None
    packet_loss: float | None = None
    jitter: float | None = None
    round_trip: float | None = None


class ProbeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A synthetic call. `interval` None: only on demand. `caller_id` None: what the gateway itself sends."""

    name: str
    node: str
    gateway: str
    destination: str
    caller_id: str | None = None
    application: Literal["echo", "tone"] = "echo"
    ring_timeout: float = 20.0
    talk_time: float = 10.0
    interval: float | None = None
    variables: dict[str, str] = {}
    expect: Expect = Expect()
    thresholds: Thresholds = Thresholds()


class GuardConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Who may be called, how often and how much. `allow` empty: nobody."""

    allow: tuple[str, ...] = ()
    max_concurrent: int = 1
    min_interval: float = 30.0
    max_calls_per_day: int = 400
    max_minutes_per_day: int = 60

    def permits(self, number: str) -> bool:
        """Whether the E.164 `number` is listed, exactly or by a prefix."""
        return permits(self.allow, number)


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How HTTPS is served. Of each pair `x_file`, `x` (PEM text) one is set, or for the client CA none."""

    cert_file: Path | None = None
    cert: str | None = None
    key_file: Path | None = None
    key: Secret | None = None
    client_ca_file: Path | None = None
    client_ca: str | None = None
    client_auth_type: ClientAuth = "NoClientCert"
    client_allowed_sans: tuple[str, ...] = ()
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"

    def files(self) -> tuple[Path, ...]:
        """The files whose change asks for a new context."""
        return tuple(path for path in (self.cert_file, self.key_file, self.client_ca_file) if path)


class WebConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The web config file: TLS, headers for every answer, users with the bcrypt hashes of their passwords."""

    path: Path
    tls: TlsConfig | None = None
    headers: dict[str, str] = {}
    users: dict[str, Secret] = {}

    def secrets(self) -> Iterator[Secret]:
        """Every secret in it."""
        yield from self.users.values()
        if self.tls and self.tls.key:
            yield self.tls.key


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. `path`: the file it came from. `warnings`: what is allowed and yet unwise, for people."""

    listen: tuple[Listen, ...] = (Listen(),)
    web: WebConfig | None = None
    token: Secret | None = None
    state_dir: Path | None = None
    backend_url: str | None = None
    log: LogConfig = LogConfig()
    nodes: tuple[NodeConfig, ...] = (NodeConfig(),)
    probes: dict[str, ProbeConfig] = {}
    guard: GuardConfig = GuardConfig()
    path: Path | None = None
    warnings: tuple[str, ...] = ()

    def secrets(self) -> Iterator[Secret]:
        """Every secret in it, for the log to mask should one turn up in a text from elsewhere."""
        for node in self.nodes:
            yield node.password
        if self.token:
            yield self.token
        if self.web:
            yield from self.web.secrets()


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, "" for every interface) is this machine and nothing beyond it."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address(host: str, port: int) -> str:
    """`host:port`, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
