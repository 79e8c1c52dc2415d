"""The drills: what is broken, which alert must fire with which text, and how it is repaired.

One row per value of `freeswitch_gateway_problem` and `freeswitch_connection_problem` and per phase of a
probe, each on a switch of its own with one gateway, `telnyx`. Every value has an alert. One row has a slow
database, which is no problem of the connection, one has a switch that refuses calls in silence, one has
dials to a misspelt gateway, one has calls whose audio dies, and one has calls and a probe that fail because
of a dead gateway: no alert.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.simulator import (
    FAR_ENDS,
    FarEnd,
    Gateway,
    GatewayConfig,
    Leg,
    Provider,
    SimulatedSwitch,
    User,
    refuses,
)
from exporter.simulator.media import SPEAKING

PASSWORD = "ClueCon"
ECHO = "+15550000001"
CALLER = "+19495431333"
NOWHERE = "switch.invalid"  # RFC 6761: this name never resolves
TICK = 0.1
STANDS_STILL = 1_000.0

REGISTERS = GatewayConfig("telnyx", ping=10, expire_seconds=60, retry_seconds=5)
PINGED = GatewayConfig("telnyx", register=False, ping=10)
UNMONITORED = GatewayConfig("telnyx", register=False)
RENEWS_ALL_THE_TIME = replace(REGISTERS, expire_seconds=2)


class Scene:
    """The objects that a drill may change.

    Attributes:
        move: gives the exporter another host for the switch.
        stand_in: a server on the switch's port, while the switch is down.
    """

    def __init__(self, switch: SimulatedSwitch, move: Callable[[str], None]) -> None:
        self.switch = switch
        self.move = move
        self.stand_in: asyncio.Server | None = None

    @property
    def provider(self) -> Provider:
        return self.switch.provider("telnyx")

    @property
    def gateway(self) -> Gateway:
        return self.switch.gateway("telnyx")


Act = Callable[[Scene], object]


@dataclass(frozen=True)
class Drill:
    """One row.

    Attributes:
        kind: `gateway`, `switch`, `database`, `log`, `refusal`, `dials`, `audio`, `strangers`, `subscriber`,
            `probe` or `outage`.
        word: the problem or the phase.
        breaks, mends: break and repair it; awaited if awaitable.
        alert, says, labels: name of the alert, parts of its text, and labels that it must have.
        at_start: it is broken before the exporter starts; otherwise once Prometheus has seen no problem.
        also: other alerts that may fire before, during or after.
        harms: calls and the probe must have failed before it is repaired, without an alert about them.
        gateway, tick: configuration and time step of the simulated gateway.
        users: users of the switch; the exporter is the first of them, if there is one.
        subscribers: those that the exporter watches.
        probe: settings of the probe, if there is one.
    """

    kind: str
    word: str
    breaks: Act
    mends: Act
    alert: str
    says: tuple[str, ...]
    labels: dict[str, str] = field(default_factory=dict)
    at_start: bool = False
    also: frozenset[str] = frozenset()
    harms: bool = False
    gateway: GatewayConfig = REGISTERS
    tick: float = TICK
    users: dict[str, User] = field(default_factory=dict)
    subscribers: tuple[str, ...] = ()
    probe: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """The name of its node."""
        return f"{self.kind}-{self.word.replace('_', '-')}"


# -- gateways ---------------------------------------------------------------------------------------------

# An outage also uses error budget, which is a ticket.
BUDGET = "FreeswitchGatewayAvailabilityBurnSlow"
# Of a fault that is there before the first scrape the rates of the budget see nothing else, and are at their
# most at once; the rule that leaves it to the alert on the fault itself needs a past of two minutes.
BUDGET_AT_START = "FreeswitchGatewayAvailabilityBurnFast"


def gateway(word: str, breaks: Act, mends: Act, alert: str, *says: str, **more: Any) -> Drill:
    at_start = {BUDGET_AT_START} if more.get("at_start") else set()
    also = frozenset({BUDGET, *at_start, *more.pop("also", ())})
    labels = {"gateway": "telnyx", "profile": "external", "problem": word}
    return Drill("gateway", word, breaks, mends, alert, says, labels, also=also, **more)


def rejects(code: int, phrase: str) -> Act:
    """The provider rejects REGISTER, starting with one that is sent now."""

    def act(scene: Scene) -> None:
        scene.provider.rejects(code, phrase)
        scene.gateway.ask_register()

    return act


def nobody_there(scene: Scene) -> None:
    scene.provider.refuses_port()
    scene.gateway.ask_register()


def accepts(scene: Scene) -> None:
    scene.provider.accepts()
    scene.gateway.ask_register()


def reconfigured(config: GatewayConfig) -> Act:
    """As in the runbook: killgw, then rescan."""

    async def act(scene: Scene) -> None:
        scene.gateway.kill()
        await scene.switch.until(lambda: not scene.switch.listed_gateways())
        scene.switch.configure_gateway(config)
        scene.switch.rescan("external")

    return act


async def rejected_before_the_start(scene: Scene) -> None:
    """The rejection came before the exporter connected, and the next attempt is far away."""
    rejects(403, "Forbidden")(scene)
    await scene.switch.gateway_reaches("telnyx", "FAIL_WAIT")


def not_looked_at(scene: Scene) -> None:
    """It would register, but FreeSWITCH does not process its gateways."""
    scene.provider.latency = 0.0
    scene.gateway.ask_register()


async def looked_at(scene: Scene) -> None:
    scene.gateway.tick()
    await scene.switch.gateway_reaches("telnyx", "REGISTER")
    scene.gateway.tick()


async def ping_gets_stuck(scene: Scene) -> None:
    scene.provider.latency = STANDS_STILL / TICK
    await scene.switch.until(lambda: scene.gateway.pinging)


def profile_restarted(scene: Scene) -> None:
    scene.provider.latency = 0.0
    scene.switch.restart_profile("external")


def sofia(*, loaded: bool) -> Act:
    """Load or unload mod_sofia, which has the gateways."""

    def act(scene: Scene) -> None:
        scene.switch.sofia_loaded = loaded

    return act


DOWN = "FreeswitchGatewayDown"
FAILING = "FreeswitchGatewayRegistrationFailing"
NOT_REGISTERED = "FreeswitchGatewayNotRegistered"

GATEWAY_DRILLS = (
    gateway(
        "missing",
        lambda scene: scene.gateway.kill(),
        lambda scene: scene.switch.rescan("external"),
        "FreeswitchGatewayMissing",
        "gateway-missing does not have gateway telnyx",
        "INVALID_GATEWAY",
    ),
    gateway(
        "profile_down",
        lambda scene: scene.switch.stop_profile("external"),
        lambda scene: scene.switch.start_profile("external"),
        DOWN,
        "is down: profile_down",
        "(its SIP profile does not run)",
    ),
    gateway(
        "auth_rejected",
        rejects(403, "Forbidden"),
        accepts,
        "FreeswitchGatewayCredentialsRejected",
        "rejects the credentials of gateway telnyx",
        "REGISTER in the last hour: 403.",
    ),
    gateway(
        "rejected",
        rejects(500, "Server Internal Error"),
        accepts,
        FAILING,
        "cannot register: rejected",
        "(the provider answers with an error other than wrong credentials)",
        "REGISTER in the last hour: 500.",
    ),
    gateway(
        "unreachable",
        nobody_there,
        accepts,
        DOWN,
        "is down: unreachable",
        "(no answer to REGISTER, or 408 or 503)",
        "REGISTER in the last hour: 503.",
    ),
    gateway(
        "unregistered",
        lambda scene: scene.gateway.ask_unregister(),
        lambda scene: scene.gateway.ask_register(),
        NOT_REGISTERED,
        "not registered but should be: unregistered",
        "(somebody unregistered it)",
    ),
    gateway(
        "not_registering",
        reconfigured(PINGED),
        reconfigured(REGISTERS),
        NOT_REGISTERED,
        "not registered but should be: not_registering",
        "(NOREG: FreeSWITCH has it with register=false)",
    ),
    gateway(
        "registering",
        not_looked_at,
        looked_at,
        FAILING,
        "cannot register: registering",
        "(it has been trying for over a minute)",
        at_start=True,
        tick=STANDS_STILL,
    ),
    gateway(
        "register_failed",
        rejected_before_the_start,
        accepts,
        FAILING,
        "cannot register: register_failed",
        "(the reason is known after FreeSWITCH's next attempt)",
        at_start=True,
        gateway=replace(REGISTERS, retry_seconds=100_000),
    ),
    gateway(
        "ping_failed",
        lambda scene: scene.provider.answers_pings(503, "Service Unavailable"),
        lambda scene: scene.provider.accepts(),
        DOWN,
        "is down: ping_failed",
        "(the provider does not answer OPTIONS, or answers 408, 503, or 600 and above)",
        gateway=PINGED,
    ),
    gateway(
        "ping_overdue",
        ping_gets_stuck,
        profile_restarted,
        DOWN,
        "is down: ping_overdue",
        "(an OPTIONS has had no answer for over 3 s, and FreeSWITCH has not noticed)",
        also=["FreeswitchGatewayPingOverdue"],  # the early warning
        gateway=PINGED,
    ),
    gateway(
        "unmonitored",
        lambda _: "nothing to do",
        reconfigured(PINGED),
        "FreeswitchGatewayUnmonitored",
        "Gateway telnyx on gateway-unmonitored is not monitored: no registration, no ping",
        "does not register, and sends no OPTIONS",
        at_start=True,
        gateway=UNMONITORED,
    ),
    gateway(
        "unknown",
        sofia(loaded=False),
        sofia(loaded=True),
        "FreeswitchGatewayUnknown",
        "state of gateway telnyx on gateway-unknown cannot be read",
        "its list of gateways failed",
    ),
)

# -- switches ---------------------------------------------------------------------------------------------


def switch(word: str, breaks: Act, mends: Act, alert: str, *says: str, **more: Any) -> Drill:
    labels = {"problem": more.pop("problem", word)}
    return Drill("switch", word, breaks, mends, alert, says, labels, **more)


def recovers(scene: Scene) -> None:
    scene.switch.recover()


async def gone_behind_a_proxy(scene: Scene) -> None:
    """FreeSWITCH was shut down; a port forwarder (of a container) accepts and closes connections."""
    scene.switch.shut_down()
    scene.stand_in = await asyncio.start_server(
        lambda _, writer: writer.close(), scene.switch.host, scene.switch.port
    )


async def started_again(scene: Scene) -> None:
    if scene.stand_in is not None:
        scene.stand_in.close()
    await scene.switch.start_process()


def permissions_taken(scene: Scene) -> None:
    scene.switch.users["watch"] = User(PASSWORD, api="none", events="")
    scene.switch.drop_connections(mid_frame=False)


def permissions_given(scene: Scene) -> None:
    scene.switch.users["watch"] = User(PASSWORD)


UNREACHABLE = "FreeswitchUnreachable"
DENIED = "FreeswitchAccessDenied"

SWITCH_DRILLS = (
    switch(
        "dns",
        lambda scene: scene.move(NOWHERE),
        lambda scene: scene.move(scene.switch.host),
        UNREACHABLE,
        "cannot be reached: dns",
        "(its host name has no address)",
    ),
    switch(
        "refused",
        lambda scene: scene.switch.refuse_connections(),
        lambda scene: scene.switch.accept_connections(),
        UNREACHABLE,
        "cannot be reached: refused",
        "(nothing listens on that port",
    ),
    switch(
        "timeout",
        lambda scene: scene.switch.filter_port(),
        lambda scene: scene.switch.accept_connections(),
        UNREACHABLE,
        "cannot be reached: timeout",
        "(no answer: host or network is down",
        at_start=True,
    ),
    switch(
        "auth_rejected",
        lambda scene: scene.switch.change_password("another"),
        lambda scene: scene.switch.change_password(PASSWORD),
        "FreeswitchPasswordRejected",
        "rejects the exporter's password",
    ),
    switch(
        "acl_denied",
        lambda scene: scene.switch.deny_by_acl(),
        recovers,
        DENIED,
        "denies access to the exporter: acl_denied",
        "(its address is not on apply-inbound-acl)",
    ),
    switch(
        "protocol_error",
        lambda scene: scene.switch.speak_ssh(),
        recovers,
        UNREACHABLE,
        "cannot be reached: protocol_error",
        "(the answer is not Event Socket protocol",
    ),
    switch(
        "permission_denied",
        permissions_taken,
        permissions_given,
        DENIED,
        "denies access to the exporter: permission_denied",
        "(the userauth user lacks a permission)",
        users={"watch": User(PASSWORD)},
    ),
    switch(
        "hung",
        lambda scene: scene.switch.hang(),
        recovers,
        "FreeswitchHung",
        "FreeSWITCH switch-hung hangs",
        "accepts connections and answers no command",
        # A question that was stuck keeps its lane closed for up to 30 s, which are 10 min for the rules. The
        # ping that hung with the switch stays without an answer until the next one.
        also=frozenset({"FreeswitchDatabaseSlow", "FreeswitchGatewayPingOverdue"}),
    ),
    switch(
        "events_stalled",
        lambda scene: scene.switch.stall_events(),
        recovers,
        "FreeswitchEventsStalled",
        "FreeSWITCH switch-events-stalled delivers no events",
        "answers commands and delivers no events",
    ),
    switch(
        "shutdown",
        gone_behind_a_proxy,
        started_again,
        UNREACHABLE,
        "cannot be reached: shutdown",
        "(FreeSWITCH announced its shutdown and has not returned)",
    ),
)

# -- the database -----------------------------------------------------------------------------------------

# Its figures are asked for each minute, so it is slow from the start. No other alert may fire: FreeSWITCH
# answers all else.
DATABASE_DRILL = Drill(
    "database",
    "slow",
    lambda scene: scene.switch.delay_replies(8.0, "api show calls count"),
    lambda scene: scene.switch.delay_replies(0.0, "api show calls count"),
    "FreeswitchDatabaseSlow",
    (
        "FreeSWITCH database-slow does not answer from its database in time",
        "no usable answer within 5 s (freeswitch_optional_answers_ok is 0) to show_calls.",
    ),
    at_start=True,
)

# -- the log ----------------------------------------------------------------------------------------------

_MANY = ("err", "switch_ivr_originate.c", "switch_ivr_originate", 2306, "Parse Error!")


async def errors_for_a_while(scene: Scene) -> None:
    """Dial strings that cannot be read, ten a second."""
    for _ in range(120):
        scene.switch.log(*_MANY)
        scene.switch.log(*_MANY)
        await asyncio.sleep(0.2)


def queue_is_full(scene: Scene) -> None:
    """Another client does not read."""
    text = "Log enqueue ERROR [11] | [Resource temporarily unavailable] Queue size: [100000/100000]"
    for _ in range(20):
        scene.switch.log("crit", "mod_event_socket.c", "socket_logger", 191, text)


def database_is_locked(scene: Scene) -> None:
    """Somebody holds a lock for half a minute."""
    busy = "SQLite is BUSY, sane=1 [select * from registrations]"
    failed = "SQL ERR: [select * from registrations] database is locked"
    for _ in range(20):
        scene.switch.log("warning", "switch_core_db.c", "switch_core_db_exec", 92, busy)
        scene.switch.log("err", "switch_core_sqldb.c", "switch_cache_db_execute_sql", 1322, failed)


# All of it ends by itself.
LOG_DRILLS = (
    Drill(
        "log",
        "errors",
        errors_for_a_while,
        lambda _scene: None,
        "FreeswitchLogErrors",
        ("FreeSWITCH log-errors logs errors all the time", "they tell of: nothing known."),
    ),
    Drill(
        "log",
        "queue_full",
        queue_is_full,
        lambda _scene: None,
        "FreeswitchEventQueueFull",
        ("A client of FreeSWITCH log-queue-full does not read its event socket",),
    ),
    Drill(
        "log",
        "database",
        database_is_locked,
        lambda _scene: None,
        "FreeswitchDatabaseErrors",
        ("FreeSWITCH log-database cannot read or write its database", "SQL errors in the last ten minutes"),
    ),
)

# -- refusals ---------------------------------------------------------------------------------------------

# The provider's pings are answered all the while, so no other alert may fire.
REFUSAL_DRILL = Drill(
    "refusal",
    "paused",
    lambda scene: scene.switch.pause("inbound"),
    lambda scene: scene.switch.unpause(),
    "FreeswitchRefusesCalls",
    (
        "FreeSWITCH refusal-paused refuses inbound calls",
        "Reason: paused.",
        "of 1000. Callers and phones get 503",
    ),
    labels={"direction": "inbound"},
)

# -- dials ------------------------------------------------------------------------------------------------


async def people_dial_a_misspelt_gateway(scene: Scene) -> None:
    """A dialplan bridges to a gateway that FreeSWITCH does not have."""
    for _ in range(10):
        scene.switch.calls.bridged("telnix", ECHO, FAR_ENDS[ECHO], caller=CALLER, seconds=1)
        await asyncio.sleep(0.1)  # a rate far below FreeSWITCH's own limit


# It ends by itself: nobody dials the wrong name any more.
DIALS_DRILL = Drill(
    "dials",
    "invalid_gateway",
    people_dial_a_misspelt_gateway,
    lambda scene: None,
    "FreeswitchDialsRefused",
    ("with INVALID_GATEWAY (gateway other)",),
    {"cause": "INVALID_GATEWAY", "gateway": "other"},
)

# -- audio ------------------------------------------------------------------------------------------------


async def audio_dies_in_mid_call(scene: Scene) -> None:
    """Six people talk, and then hear nothing."""
    talking = FarEnd(answer=0.04, path=SPEAKING)
    legs = [
        scene.switch.calls.outbound("telnyx", f"{ECHO}{number}", talking, caller=CALLER, seconds=100_000)
        for number in range(6)
    ]
    await scene.switch.until(lambda: all(isinstance(leg, Leg) and _heard(leg) for leg in legs))
    scene.switch.mute_calls()


def _heard(leg: Leg) -> bool:
    leg.time.catch_up()
    return leg.live_report().in_packets > 50


def people_hang_up(scene: Scene) -> None:
    for leg in list(scene.switch.legs.values()):
        scene.switch.kill(leg, "NORMAL_CLEARING")


AUDIO_DRILL = Drill(
    "audio",
    "died",
    audio_dies_in_mid_call,
    people_hang_up,
    "FreeswitchLiveCallsSilent",
    ("6 running outbound calls of gateway telnyx on audio-died", "100% of those looked at"),
    {"gateway": "telnyx", "direction": "outbound"},
)

# -- probes -----------------------------------------------------------------------------------------------


def probe(phase: str, cause: str, far_end: FarEnd, **settings: Any) -> Drill:
    """The called number behaves differently from before."""

    def breaks(scene: Scene) -> None:
        scene.switch.far_ends[ECHO] = far_end

    def mends(scene: Scene) -> None:
        scene.switch.far_ends[ECHO] = usual(settings)

    return Drill(
        "probe",
        phase,
        breaks,
        mends,
        "FreeswitchProbeFailing",
        (f"Test calls through gateway telnyx on probe-{phase} fail", f"phase (cause): {phase} ({cause})."),
        {"gateway": "telnyx", "probe": f"probe-{phase}"},
        probe=settings,
    )


def usual(settings: dict[str, Any]) -> FarEnd:
    """The far end that makes such a probe succeed."""
    return FAR_ENDS["+15550000002"] if "expect" in settings else FAR_ENDS[ECHO]


PROBE_DRILLS = (
    probe("originate", "NORMAL_TEMPORARY_FAILURE", refuses(503, "Service Unavailable")),
    probe("ringing", "NO_ANSWER", FarEnd(ring=0.04)),
    probe("answer", "NORMAL_CLEARING", FAR_ENDS[ECHO], expect={"result": "rejected"}),
    probe("media", "NORMAL_CLEARING", FarEnd(answer=0.02)),
    probe("hangup", "NORMAL_CLEARING", FarEnd(answer=0.04, hang_up=2.0)),
)

# -- strangers --------------------------------------------------------------------------------------------


def attack(scene: Scene) -> None:
    """Below the rates from which on the exporter lets go, and sessions are near their limit."""
    for _ in range(300):
        scene.switch.guess_password("203.0.113.5")
    for _ in range(5):
        scene.switch.scan("203.0.113.6")


STRANGERS_DRILL = Drill(
    "strangers",
    "attack",
    attack,
    lambda _scene: None,  # it is over
    "FreeswitchStrangersAttack",
    ("wrong passwords and scans at strangers-attack", "REGISTER to internal", "scans of internal"),
)


def guess(scene: Scene) -> None:
    """Until the password is right."""
    for _ in range(25):
        scene.switch.guess_password("203.0.113.7")
    scene.switch.register("1001", "203.0.113.7")


GUESSED_DRILL = Drill(
    "strangers",
    "guessed",
    guess,
    lambda _scene: None,  # it is over
    "FreeswitchPasswordGuessed",
    ("registrations at strangers-guessed", "Profiles: internal"),
)

# -- subscribers ------------------------------------------------------------------------------------------

SUBSCRIBER_DRILL = Drill(
    "subscriber",
    "missing",
    lambda _scene: None,  # nobody has registered yet
    lambda scene: scene.switch.register("1000"),
    "FreeswitchSubscriberMissing",
    ("1000@lab.local has not been registered",),
    {"subscriber": "1000@lab.local"},
    at_start=True,
    subscribers=("1000@lab.local",),
)
USER_DRILLS = (STRANGERS_DRILL, GUESSED_DRILL, SUBSCRIBER_DRILL)

# -- what follows from an outage --------------------------------------------------------------------------


async def rejects_while_people_call(scene: Scene) -> None:
    """FreeSWITCH refuses dials through a gateway that is down."""
    rejects(403, "Forbidden")(scene)
    await scene.switch.gateway_reaches("telnyx", "FAIL_WAIT")
    for _ in range(30):
        scene.switch.calls.outbound("telnyx", ECHO, FAR_ENDS[ECHO], caller=CALLER, seconds=1)
        await asyncio.sleep(0.1)  # a rate far below FreeSWITCH's own limit


OUTAGE_DRILL = Drill(
    "outage",
    "with_calls",
    rejects_while_people_call,
    accepts,
    "FreeswitchGatewayCredentialsRejected",
    ("rejects the credentials of gateway telnyx",),
    {"problem": "auth_rejected"},
    also=frozenset({BUDGET}),
    harms=True,
    probe={},
)

DRILLS = (
    *GATEWAY_DRILLS,
    *SWITCH_DRILLS,
    DATABASE_DRILL,
    REFUSAL_DRILL,
    DIALS_DRILL,
    AUDIO_DRILL,
    *USER_DRILLS,
    *LOG_DRILLS,
    *PROBE_DRILLS,
    OUTAGE_DRILL,
)
