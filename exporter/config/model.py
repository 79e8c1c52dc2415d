"""The config as the rest of the program sees it: frozen, complete, every duration in seconds.

Each key of the config file is declared here and nowhere else (see `key`): its kind, its default, the variable
and the flag that overrule it, and a sentence for people. A loaded `Config` has passed every rule, so its
users check nothing again. Fields without a `Key` are not in the file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec

from exporter.config import kinds, values
from exporter.config.address import Listen
from exporter.config.destinations import DestinationsConfig
from exporter.config.key import Key, ListOf, MapOf, SecretOf, Section
from exporter.config.live_quality import LiveQualityConfig
from exporter.config.numbers import permits
from exporter.config.rates import RateTable
from exporter.config.secret import Secret
from exporter.config.variables import is_header
from exporter.config.web_model import WebConfig

# FreeSWITCH's own default, published with it (event_socket.conf.xml).
DEFAULT_PASSWORD = Secret("ClueCon")

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "console"]
Application = Literal["echo", "tone"]
ExpectedResult = Literal["answered", "rejected"]
Schedule = Literal["shared", "always"]
StoredNumbers = Literal["masked", "full", "none"]
LogStream = Literal["warning", "error", "off"]

_DAY = 86400


class LogConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How much is logged, and in which form."""

    level: Annotated[
        LogLevel,
        Key(
            kinds.choice(*get_args(LogLevel)),
            "Lines below this level are not written.",
            env="EXPORTER_LOG_LEVEL",
            flag="--log-level",
        ),
    ] = "info"
    format: Annotated[
        LogFormat,
        Key(
            kinds.choice(*get_args(LogFormat)),
            "`auto`: `console` on a terminal, else `json`.",
            env="EXPORTER_LOG_FORMAT",
            flag="--log-format",
        ),
    ] = "auto"


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that must exist.

    `register` None: expected to register once it was seen in a registering state. `profile` "": not known
    before FreeSWITCH reports it.
    """

    register: Annotated[
        bool | None,
        Key(
            kinds.YES_NO_AUTO,
            "Whether the gateway must be registered. `auto`: from the time it was first seen registering.",
        ),
    ] = None
    profile: Annotated[
        str,
        Key(kinds.PROFILE, "The SIP profile of the gateway.", default="what FreeSWITCH reports"),
    ] = ""
    max_calls: Annotated[
        int | None,
        Key(kinds.integer(1, 1_000_000), "How many calls the provider allows at a time.", default="no limit"),
    ] = None
    provider: Annotated[
        str | None,
        Key(kinds.PROVIDER, "Whose rejection codes to read from the SIP reason phrase.", default="none"),
    ] = None


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One FreeSWITCH. With `user` set (`name@domain`) the login is `userauth`, else `auth`."""

    name: Annotated[str, Key(kinds.TEXT, "The label `node` of its metrics.", default='"host:port"')] = (
        "127.0.0.1:8021"
    )
    host: Annotated[str, Key(kinds.HOST, "Where its event socket listens.", env="FREESWITCH_HOST")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Key(kinds.PORT, "Port of the event socket.", env="FREESWITCH_PORT")] = 8021
    user: Annotated[
        str | None,
        Key(
            kinds.USER,
            "User of FreeSWITCH's directory, to log in with `userauth` instead of `auth`.",
            env="FREESWITCH_USER",
            default="none",
        ),
    ] = None
    password: Annotated[
        Secret,
        Key(
            SecretOf(kinds.PASSWORD),
            "Password of the event socket, or of `user`.",
            env="FREESWITCH_PASSWORD",
            default=f"`{DEFAULT_PASSWORD.reveal()}`",
        ),
    ] = DEFAULT_PASSWORD
    poll_interval: Annotated[
        float, Key(kinds.duration(1, 300), "How often the state of gateways and switch is asked for.")
    ] = 10.0
    gateways: Annotated[
        dict[str, GatewayConfig],
        Key(
            MapOf(
                kinds.GATEWAY_KEY,
                Section(GatewayConfig),
                split=values.split_gateway_key,
                from_text=values.gateway_list,
            ),
            "Gateways that must exist, by name. Every other gateway found is watched too. "
            "The variable has a list: `a,b:noreg`; `a` must be registered, `b` need not.",
            env="FREESWITCH_GATEWAYS",
        ),
    ] = {}
    subscribers: Annotated[
        tuple[str, ...],
        Key(
            ListOf(kinds.SUBSCRIBER),
            "Users of FreeSWITCH's directory, `name@domain`, that must be registered.",
        ),
    ] = ()


class Expect(msgspec.Struct, frozen=True, kw_only=True):
    """What the call of a probe must result in. A cause or SIP status given must be that of the call."""

    result: Annotated[
        ExpectedResult,
        Key(kinds.choice(*get_args(ExpectedResult)), "Whether the call must be answered or rejected."),
    ] = "answered"
    cause: Annotated[str | None, Key(kinds.CAUSE, "The hang-up cause of a rejected call.", default="any")] = (
        None
    )
    sip: Annotated[
        int | None,
        Key(kinds.integer(300, 699), "The SIP status of a rejected call.", default="any"),
    ] = None


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Past one of these a successful call counts as degraded. Seconds; `packet_loss` a ratio 0-1."""

    post_dial_delay: Annotated[
        float | None,
        Key(
            kinds.duration(0.001, 600),
            "Longest time to the first ringing or early media.",
            default="no limit",
        ),
    ] = None
    answer: Annotated[
        float | None,
        Key(kinds.duration(0.001, 600), "Longest time to the answer.", default="no limit"),
    ] = None
    mos: Annotated[
        float | None, Key(kinds.number(1, 5), "Lowest mean opinion score.", default="no limit")
    ] = None
    packet_loss: Annotated[
        float | None,
        Key(kinds.number(0, 1), "Highest share of packets lost: 0.05 is 5 %.", default="no limit"),
    ] = None
    jitter: Annotated[float | None, Key(kinds.duration(0.001, 60), "Highest jitter.", default="no limit")] = (
        None
    )
    round_trip: Annotated[
        float | None,
        Key(
            kinds.duration(0.001, 60),
            "Longest round trip of the audio: application `tone` only, in steps of 20 ms.",
            default="no limit",
        ),
    ] = None


class ProbeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A synthetic call. `interval` None: only on demand. `caller_id` None: what the gateway itself sends."""

    name: str
    node: Annotated[str, Key(kinds.TEXT, "The node to call from, by name.", default="the only node")] = ""
    gateway: Annotated[
        str,
        Key(
            kinds.GATEWAY_NAME,
            "The gateway to call through, by its name without the profile.",
            missing="the name of the gateway to call through",
        ),
    ]
    destination: Annotated[
        str,
        Key(
            kinds.E164_NUMBER,
            "The number to call. `guard.allow` must list it.",
            missing='a number such as "+15550000001"',
        ),
    ]
    caller_id: Annotated[
        str | None,
        Key(kinds.E164_NUMBER, "The calling number.", default="what the gateway sends"),
    ] = None
    application: Annotated[
        Application,
        Key(
            kinds.choice(*get_args(Application)),
            "What happens once the call is answered. `echo`: the far end returns what the exporter sends. "
            "`tone`: a tone is sent and must come back.",
        ),
    ] = "echo"
    ring_timeout: Annotated[float, Key(kinds.duration(3, 180), "How long the call may ring.")] = 20.0
    talk_time: Annotated[
        float, Key(kinds.duration(1, 600), "How long the call lasts once it is answered.")
    ] = 10.0
    interval: Annotated[
        float | None,
        Key(kinds.duration(10, 7 * _DAY), "How often the call is placed.", default="only on demand"),
    ] = None
    schedule: Annotated[
        Schedule,
        Key(
            kinds.choice(*get_args(Schedule)),
            "Which of several exporters on one switch runs a probe of this name every `interval`. "
            "`shared`: one of them. `always`: this one, whatever the others do.",
        ),
    ] = "shared"
    variables: Annotated[
        dict[str, str],
        Key(
            MapOf(kinds.VARIABLE_NAME, kinds.VARIABLE, hides=is_header),
            "Channel variables of the call; only these names are allowed.",
        ),
    ] = {}
    expect: Annotated[Expect, Key(Section(Expect), "What the call must result in.")] = Expect()
    thresholds: Annotated[
        Thresholds, Key(Section(Thresholds), "Past one of these limits a successful call counts as degraded.")
    ] = Thresholds()


class GuardConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which numbers may be called, how often and how much. `allow` empty: none."""

    allow: Annotated[
        tuple[str, ...],
        Key(
            ListOf(kinds.ALLOW_PATTERN),
            "Numbers that may be called, or prefixes of such numbers. Empty: the endpoints that place calls "
            "are disabled.",
        ),
    ] = ()
    max_concurrent: Annotated[
        int, Key(kinds.integer(1, 100), "How many calls may run at a time, of all probes together.")
    ] = 1
    min_interval: Annotated[
        float,
        Key(
            kinds.duration(0, _DAY),
            "Shortest time between two calls to one destination; within it the earlier result is served.",
        ),
    ] = 30.0
    max_calls_per_day: Annotated[
        int, Key(kinds.integer(0, 1_000_000), "Budget of calls. A day is 00:00-24:00 UTC.")
    ] = 400
    max_minutes_per_day: Annotated[
        int, Key(kinds.integer(0, 1_000_000), "Budget of minutes of talk time.")
    ] = 60

    def permits(self, number: str) -> bool:
        """Whether the E.164 `number` is listed, exactly or by a prefix."""
        return permits(self.allow, number)


class HistoryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of the past, and for how long. `keep` in seconds; without `state_dir` 24 hours at most."""

    keep: Annotated[
        float,
        Key(
            kinds.duration(3600, 3650 * _DAY),
            "How long outages, changes, calls and availability are kept. Without `state_dir`, 24 hours "
            "at most.",
        ),
    ] = 90.0 * _DAY
    calls: Annotated[
        int,
        Key(
            kinds.integer(0, 100_000),
            "How many failed, silent and bad-sounding calls of each node are kept: the newest. 0: none.",
        ),
    ] = 2000
    numbers: Annotated[
        StoredNumbers,
        Key(
            kinds.choice(*get_args(StoredNumbers)),
            "How the telephone numbers of kept calls are stored. `masked`: without their last four digits.",
        ),
    ] = "masked"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What the config file, the environment and the flags say.

    `web`: the content of `web_config_file`, `rates` that of `destinations.rates`. `path`: the file the
    config came from. `warnings`: what is allowed and yet unwise, a line each for people.
    """

    listen: Annotated[
        tuple[Listen, ...],
        Key(
            ListOf(kinds.LISTEN, empty='write ["127.0.0.1:9282"], or leave it out'),
            'Where to serve HTTP. `":9282"` is every interface. The variable has a list with commas.',
            env="EXPORTER_LISTEN",
            flag="--listen",
        ),
    ] = (Listen(),)
    web_config_file: Annotated[
        Path | None,
        Key(
            kinds.FILE,
            "TLS and basic authentication, in the format of the Prometheus exporter-toolkit.",
            default="plain HTTP, no password",
        ),
    ] = None
    token: Annotated[
        Secret | None,
        Key(
            SecretOf(kinds.TOKEN, in_place=False),
            "Bearer token of the endpoints that place calls or reload.",
            env="EXPORTER_TOKEN",
            default="none",
        ),
    ] = None
    state_dir: Annotated[
        Path | None,
        Key(
            kinds.FOLDER,
            "Where probe history and budget are kept.",
            env="EXPORTER_STATE_DIR",
            default="in memory, lost at a restart",
        ),
    ] = None
    log_stream: Annotated[
        LogStream,
        Key(
            kinds.LOG_STREAM,
            "How much of FreeSWITCH's log is read, on a connection of its own to each node: lines at "
            "`warning` and above, at `error` and above, or none.",
        ),
    ] = "warning"
    backend_url: Annotated[
        str | None,
        Key(kinds.URL, "The application that places calls, for the doctor.", default="none"),
    ] = None
    log: Annotated[LogConfig, Key(Section(LogConfig), "The exporter's own log.")] = LogConfig()
    nodes: Annotated[
        tuple[NodeConfig, ...],
        Key(
            ListOf(
                Section(NodeConfig),
                empty="write at least one node, or leave it out for 127.0.0.1:8021",
                one_by_default=True,
            ),
            "The FreeSWITCH servers to watch. The variables describe the only one; with several nodes they "
            "are refused.",
            default="one, of defaults",
        ),
    ] = (NodeConfig(),)
    probes: Annotated[
        dict[str, ProbeConfig],
        Key(
            MapOf(kinds.NAME, Section(ProbeConfig), split=lambda name: (name, {"name": name})),
            "Synthetic calls, by name.",
        ),
    ] = {}
    guard: Annotated[
        GuardConfig, Key(Section(GuardConfig), "Which numbers may be called, how often and how much.")
    ] = GuardConfig()
    history: Annotated[
        HistoryConfig, Key(Section(HistoryConfig), "What is kept of the past, and for how long.")
    ] = HistoryConfig()
    destinations: Annotated[
        DestinationsConfig,
        Key(Section(DestinationsConfig), "Countries and prices of the numbers dialled."),
    ] = DestinationsConfig()
    live_quality: Annotated[
        LiveQualityConfig,
        Key(Section(LiveQualityConfig), "The audio of calls while they are up."),
    ] = LiveQualityConfig()
    hosts: Annotated[
        tuple[str, ...],
        Key(
            ListOf(kinds.HOST),
            "Names under which it may be asked, beside the addresses of its listeners and loopback: those "
            "under which a proxy passes requests to a loopback listener. Beyond loopback any name will do.",
        ),
    ] = ()
    web: WebConfig | None = None
    rates: RateTable | None = None
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
