"""Every fault of the simulator: the doctor's conclusion names that one and no other.

A row injects one fault into a healthy switch and has the (check, fault) that must be the conclusion's cause.
The doctor is the real one, on sockets of its own; only its look is shorter than an operator's. No row may
leave a second cause: what the fault causes must be among the consequences.

Most of a drill is waiting for deadlines, so drills run in virtual time, but for those with work in threads.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp.web
import msgspec
import pytest

from exporter.clock import Clock
from exporter.config import Config, GatewayConfig, GuardConfig, NodeConfig, ProbeConfig, Secret
from exporter.diagnosis.command import _place, _runner
from exporter.diagnosis.conclusion import Diagnosis, diagnose
from exporter.diagnosis.doctor import DoctorRun
from exporter.executors import Executors
from exporter.simulator import PCMU, FarEnd, Path, SimulatedSwitch, User, refuses
from exporter.simulator import GatewayConfig as SimulatedGateway
from tests.diagnosis.virtual import virtual_machine

TICK = 0.02
CALLER = "+19495431333"
NUMBER = "+15550000099"


def trunk(**changes: object) -> SimulatedGateway:
    """A healthy gateway: registers, and is pinged often enough for a short look; no name to look up."""
    plain = SimulatedGateway(
        "telnyx", realm="telnyx", from_domain="telnyx.lab", ping=10, expire_seconds=600, retry_seconds=5
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


@dataclass
class Scene:
    """A switch, and what the doctor is to do."""

    switch: SimulatedSwitch
    node: NodeConfig
    config: Config = field(default_factory=Config)
    calls: Callable[[SimulatedSwitch], object] | None = None
    call: str = ""
    look: float = 0.4
    clean_up: Callable[[], Awaitable[None]] | None = None


Arrange = Callable[[Scene], Awaitable[None] | None]


@dataclass
class Drill:
    """One row.

    Attributes:
        cause: check and fault that the conclusion must name.
        arrange: injects the fault.
        status: of the conclusion.
        says: must be in the conclusion's text or in its evidence.
        threads: it needs work in threads, which takes real time.
        acknowledged: it needs the kernel's acknowledgements.
    """

    name: str
    cause: tuple[str, str]
    arrange: Arrange
    status: str = "fail"
    says: str = ""
    gateways: tuple[SimulatedGateway, ...] = (trunk(),)
    tick: float = TICK
    users: dict[str, User] = field(default_factory=dict)
    threads: bool = False
    acknowledged: bool = False


def configure(scene: Scene, **changes: object) -> None:
    """Change the doctor's configuration of the node."""
    scene.node = msgspec.structs.replace(scene.node, **changes)


def until(name: str, state: str, change: Callable[[SimulatedSwitch], object]) -> Arrange:
    """Change the provider, have the gateway register anew, wait for the state it comes to."""

    async def arrange(scene: Scene) -> None:
        change(scene.switch)
        scene.switch.gateway(name).ask_register()
        await scene.switch.gateway_reaches(name, state)

    return arrange


def fallen_off(scene: Scene) -> None:
    configure(scene, subscribers=("1000@lab.local",))
    scene.switch.register("1000")

    def act(switch: SimulatedSwitch) -> None:
        if switch.telephones.rows and any("user 1000" in line for line in switch.commands_seen):
            switch.expire("1000")

    scene.calls = act


def guessed(scene: Scene) -> None:
    def act(switch: SimulatedSwitch) -> None:
        for _ in range(25):
            switch.guess_password("203.0.113.5")

    scene.calls = act


def scanned(scene: Scene) -> None:
    def act(switch: SimulatedSwitch) -> None:
        switch.limit_rate(1000)  # each scan is a session, and is not what this drill is about
        for _ in range(25):
            switch.scan("203.0.113.5")

    scene.calls = act


def silent(scene: Scene) -> None:
    scene.switch.provider("telnyx").falls_silent()
    scene.switch.gateway("telnyx").ask_register()


async def ping_in_flight(scene: Scene) -> None:
    scene.switch.provider("telnyx").ignores_pings()
    await scene.switch.until(lambda: scene.switch.gateway("telnyx").pinging)


async def pings_fail(scene: Scene) -> None:
    scene.switch.provider("telnyx").answers_pings(503, "Service Unavailable")
    await scene.switch.until(lambda: not scene.switch.gateway("telnyx").up)


async def provider_back(scene: Scene) -> None:
    """The provider is back; FreeSWITCH notices in some hours."""
    scene.switch.provider("telnyx").refuses_port()
    scene.switch.gateway("telnyx").ask_register()
    await scene.switch.gateway_reaches("telnyx", "FAIL_WAIT")
    scene.switch.provider("telnyx").accepts()


async def unregister(scene: Scene) -> None:
    scene.switch.gateway("telnyx").ask_unregister()
    await scene.switch.gateway_reaches("telnyx", "DOWN")


def outbound(far_end: FarEnd, seconds: float = 0.1) -> Callable[[SimulatedSwitch], object]:
    return lambda switch: switch.calls.outbound(
        "telnyx", NUMBER, far_end, caller=CALLER, seconds=seconds, codec=PCMU
    )


def calls(far_end: FarEnd, seconds: float = 0.1, look: float = 1.0) -> Arrange:
    """Calls while the doctor looks."""

    def arrange(scene: Scene) -> None:
        scene.calls = outbound(far_end, seconds)
        scene.look = look

    return arrange


def without_ports(scene: "Scene") -> None:
    scene.switch.use_up_rtp_ports()
    calls(FarEnd(answer=0.1))(scene)


def deaf(scene: Scene) -> None:
    """Telephones call out and hear nothing."""
    far_end = FarEnd(answer=0.1, path=Path(speaks=True, heard=False))
    scene.calls = lambda switch: switch.calls.bridged("telnyx", NUMBER, far_end, caller="1000", seconds=6)
    scene.look = 1.5


def probe(number: str) -> Arrange:
    """The doctor places a call."""

    def arrange(scene: Scene) -> None:
        settings = ProbeConfig(
            name="echo", node="fs1", gateway="telnyx", destination=number, talk_time=2.0, ring_timeout=3.0
        )
        scene.config = Config(
            nodes=(scene.node,), probes={"echo": settings}, guard=GuardConfig(allow=(number,))
        )
        scene.call = "echo"

    return arrange


def dials(name: str) -> Arrange:
    """Something that reports no target dials a gateway that does not exist."""

    def arrange(scene: Scene) -> None:
        scene.calls = lambda switch: switch.calls.outbound(
            name, NUMBER, FarEnd(answer=0.1), caller=CALLER, seconds=1
        )

    return arrange


def bridges(name: str) -> Arrange:
    """A telephone calls, and the dialplan bridges it to a gateway that does not exist."""

    def arrange(scene: Scene) -> None:
        scene.calls = lambda switch: switch.calls.bridged(
            name, NUMBER, FarEnd(answer=0.1), caller=CALLER, seconds=1
        )

    return arrange


def backend(status: int, body: str) -> Arrange:
    async def arrange(scene: Scene) -> None:
        async def health(_: aiohttp.web.Request) -> aiohttp.web.Response:
            return aiohttp.web.Response(text=body, status=status, content_type="application/json")

        app = aiohttp.web.Application()
        app.router.add_get("/api/calls/health", health)
        runner = aiohttp.web.AppRunner(app)
        await runner.setup()
        site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        scene.config = Config(backend_url=site.name)
        scene.clean_up = runner.cleanup

    return arrange


def wrong_password(scene: Scene) -> None:
    configure(scene, password=Secret("guess"))


def no_name(scene: Scene) -> None:
    configure(scene, host="switch.invalid")


def as_user(scene: Scene) -> None:
    configure(scene, user="exporter@lab.local", password=Secret("own"))


def mute_sofia(scene: Scene) -> None:
    scene.switch.sofia_loaded = False


def few_idle(scene: Scene) -> None:
    scene.switch.min_idle_cpu, scene.switch.idle_cpu = 20.0, 12.0


def announce_private(scene: Scene) -> None:
    scene.switch.profiles["external"].external_ip = "10.1.2.3"


def stop_all(scene: Scene) -> None:
    scene.switch.stop_profile("external")
    scene.switch.stop_profile("internal")


def renamed(scene: Scene) -> None:
    configure(scene, gateways={"telnix": GatewayConfig()})


def no_such_gateway(scene: Scene) -> None:
    configure(scene, gateways={"telnyx": GatewayConfig(), "carrier": GatewayConfig()})


def should_register(scene: Scene) -> None:
    configure(scene, gateways={"telnyx": GatewayConfig(register=True)})


def profile_known(scene: Scene) -> None:
    configure(scene, gateways={"telnyx": GatewayConfig(profile="external")})
    scene.switch.stop_profile("external")


def slow(seconds: float, command: str) -> Arrange:
    """Answers that come so much later; the doctor looks long enough to be in doubt about them."""

    def arrange(scene: Scene) -> None:
        scene.switch.delay_replies(seconds, command)
        scene.look = 1.5

    return arrange


DRILLS = (
    Drill("no such host", ("port", "dns"), no_name, threads=True),
    Drill("refused", ("port", "refused"), lambda s: s.switch.refuse_connections()),
    Drill("killed", ("port", "refused"), lambda s: s.switch.kill_process()),
    Drill("filtered", ("port", "timeout"), lambda s: s.switch.filter_port()),
    Drill("wrong service: ssh", ("port", "protocol_error"), lambda s: s.switch.speak_ssh(), says="SSH-2.0"),
    Drill(
        "wrong service: http", ("port", "protocol_error"), lambda s: s.switch.speak_http(), says="HTTP/1.1"
    ),
    Drill("wrong password", ("password", "auth_rejected"), wrong_password),
    Drill("acl", ("password", "acl_denied"), lambda s: s.switch.deny_by_acl(), says="127.0.0.1"),
    Drill(
        "user may do nothing",
        ("password", "permission_denied"),
        as_user,
        users={"exporter": User(password="own", api="version", events="API")},
    ),
    Drill("hung process", ("commands", "hung"), lambda s: s.switch.hang()),
    Drill("hung commands", ("commands", "hung"), lambda s: s.switch.hang_commands(), acknowledged=True),
    Drill("dispatcher stalled", ("events", "events_stalled"), lambda s: s.switch.stall_events()),
    Drill(
        "events of FreeSWITCH 1.2", ("events", "unreadable"), lambda s: s.switch.indent_events(), says="1.8"
    ),
    Drill("paused", ("commands", "paused"), lambda s: s.switch.pause()),
    Drill("paused, outbound", ("commands", "paused"), lambda s: s.switch.pause("outbound"), says="outbound"),
    Drill("shutdown asap", ("commands", "shutting_down"), lambda s: s.switch.request_shutdown("asap")),
    Drill("no RTP port left", ("commands", "no_rtp_ports"), without_ports),
    Drill("session limit", ("commands", "session_limit"), lambda s: s.switch.limit_sessions(0)),
    Drill("rate limit", ("commands", "rate_limit"), lambda s: s.switch.limit_rate(1)),
    Drill(
        "slow database",
        ("database", "slow_database"),
        slow(7, "api show registrations count"),
        "warn",
        "show registrations count",
    ),
    Drill(
        "stuck database",
        ("database", "slow_database"),
        slow(600, "api show"),
        "warn",
        "no answer for",
    ),
    Drill("wrong passwords", ("strangers", "guessing"), guessed, "warn", "guess passwords"),
    Drill("scanner", ("strangers", "scanning"), scanned, "warn", "scan FreeSWITCH"),
    Drill("subscriber expired", ("subscribers", "not_registered"), fallen_off, "warn", "did not refresh"),
    Drill("too little idle CPU", ("commands", "idle_cpu"), few_idle),
    Drill("clock skew", ("commands", "clock_skew"), lambda s: s.switch.skew_clock(-90), "warn", "behind"),
    Drill("mod_sofia not loaded", ("commands", "unreadable"), mute_sofia),
    Drill("profile down", ("profile", "profile_down"), lambda s: s.switch.stop_profile("external")),
    Drill("profile down, by its name", ("profile", "profile_down"), profile_known),
    Drill("no profile", ("profile", "no_profile"), stop_all),
    Drill(
        "private address",
        ("profile", "private_address"),
        announce_private,
        "warn",
        "10.1.2.3",
        gateways=(trunk(proxy="8.8.8.8:5060"),),
    ),
    Drill("gateway missing", ("gateway", "missing"), no_such_gateway, says="carrier"),
    Drill("gateway misspelt", ("gateway", "misspelt"), renamed, says="did you mean telnyx?"),
    Drill(
        "403 on register",
        ("registration", "auth_rejected"),
        until("telnyx", "FAIL_WAIT", lambda s: s.provider("telnyx").rejects(403, "Forbidden")),
        says="403 Forbidden",
    ),
    Drill(
        "401 on register, for ever",
        ("registration", "auth_rejected"),
        until("telnyx", "FAIL_WAIT", lambda s: s.provider("telnyx").repeats_challenge()),
        says="904",
    ),
    Drill(
        "404 on register",
        ("registration", "rejected"),
        until("telnyx", "FAIL_WAIT", lambda s: s.provider("telnyx").rejects(404, "Not Found")),
        says="404 Not Found",
    ),
    Drill("registration timeout", ("registration", "unreachable"), silent, says="408"),
    Drill("registration without an answer", ("registration", "unreachable"), silent, tick=0.3),
    Drill(
        "unreachable",
        ("registration", "unreachable"),
        until("telnyx", "FAIL_WAIT", lambda s: s.provider("telnyx").refuses_port()),
        says="503",
    ),
    Drill(
        "registers as soon as it is made to try",
        ("registration", "revived"),
        provider_back,
        "warn",
        gateways=(trunk(retry_seconds=30_000),),
    ),
    Drill("unregistered", ("registration", "unregistered"), unregister),
    Drill(
        "NOREG expected to register",
        ("registration", "not_registering"),
        should_register,
        gateways=(trunk(register=False),),
    ),
    Drill(
        "unmonitored",
        ("registration", "unmonitored"),
        lambda s: None,
        "warn",
        gateways=(trunk(register=False, ping=0),),
    ),
    Drill("ping overdue", ("registration", "ping_overdue"), ping_in_flight, tick=0.2),
    Drill("ping failed", ("registration", "ping_failed"), pings_fail, gateways=(trunk(register=False),)),
    Drill(
        "provider's name does not resolve",
        ("provider", "name_not_resolved"),
        until("telnyx", "FAIL_WAIT", lambda s: s.provider("telnyx").loses_its_name()),
        says="127.0.0.1",
    ),
    Drill(
        "capacity, D1",
        ("calls", "capacity"),
        calls(refuses(403, "User channel limit exceeded D1")),
        says="D1",
    ),
    Drill("billing, D19", ("calls", "billing"), calls(refuses(404, "Account blocked D19")), says="D19"),
    Drill(
        "caller id, D35",
        ("calls", "caller_id"),
        calls(refuses(403, "Caller Origination Number is Invalid D35")),
        says="D35",
    ),
    Drill(
        "no media",
        ("calls", "no_media"),
        deaf,
    ),
    Drill(
        "calls fail at the provider",
        ("calls", "NORMAL_TEMPORARY_FAILURE"),
        calls(refuses(503, "Service Unavailable")),
    ),
    Drill("something dials an unknown gateway", ("calls", "unknown_gateway"), dials("telnix"), "warn"),
    Drill(
        "a dialplan bridges to a misspelt gateway",
        ("calls", "unknown_gateway"),
        bridges("telnix"),
        "warn",
        "dials to gateway telnix, which does not exist: did you mean telnyx? (INVALID_GATEWAY)",
    ),
    Drill("probe: busy far end", ("call", "USER_BUSY"), probe("+15550000002"), threads=True),
    Drill("probe: capacity, D1", ("call", "capacity"), probe("+15550000021"), says="D1", threads=True),
    Drill("probe: no media", ("call", "no_media"), probe("+15550000031"), threads=True),
    Drill(
        "application not connected",
        ("backend", "disconnected"),
        backend(503, '{"connected": false, "message": "ECONNREFUSED"}'),
        says="ECONNREFUSED",
    ),
    Drill("application gives no such answer", ("backend", "unclear"), backend(404, "not found")),
)


@asynccontextmanager
async def scene_of(drill: Drill) -> AsyncIterator[Scene]:
    switch = SimulatedSwitch(list(drill.gateways), tick=drill.tick, speed=10, users=drill.users)
    async with switch:
        await switch.until(lambda: switch.gateway("telnyx").state in ("REGED", "NOREG"))
        if drill.gateways[0].ping:
            await switch.until(lambda: switch.gateway("telnyx").ping_milliseconds > 0)
        expected = {"telnyx": GatewayConfig(provider="telnyx")}
        node = NodeConfig(name="fs1", host="127.0.0.1", port=switch.port, gateways=expected)
        scene = Scene(switch, node)
        try:
            yield scene
        finally:
            if scene.clean_up is not None:
                await scene.clean_up()


async def examine(scene: Scene) -> Diagnosis:
    call = None
    runner = None
    clock, executors = Clock(), Executors()
    if scene.call:
        runner = await _runner(scene.config, "ab12", clock, executors.disk)
        call = _place(scene.call, runner, scene.config)
    run = DoctorRun(
        scene.node, scene.config, "ab12", clock=clock, executors=executors, look=scene.look, call=call
    )

    async def place_calls() -> None:
        while scene.calls is not None:
            scene.calls(scene.switch)
            await asyncio.sleep(0.1)

    placing = asyncio.ensure_future(place_calls())
    try:
        return diagnose(await run.run())
    finally:
        placing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await placing
        if runner is not None:
            await runner.stop()
        await run.close()
        executors.shutdown()


async def faultless(drill: Drill) -> str:
    """What is wrong in the doctor's conclusion; empty if it named the fault and no other."""
    async with scene_of(drill) as scene:
        arranged = drill.arrange(scene)
        if arranged is not None:
            await arranged
        conclusion = (await examine(scene)).conclusion
    cause = conclusion.cause
    if cause is None or (cause.check, cause.fault) != drill.cause:
        return f"{drill.name}: {conclusion}"
    if conclusion.others:
        return f"{drill.name}: other causes beside it: {conclusion.others}"
    if conclusion.status != drill.status or drill.says not in f"{conclusion.text} {cause.seen}":
        return f"{drill.name}: {conclusion.status}, {conclusion.text} {cause.seen}"
    return "" if conclusion.remedy.advice else f"{drill.name}: no remedy"


async def complaints(drills: Iterable[Drill]) -> list[str]:
    wrong = await asyncio.gather(*map(faultless, drills))
    return [complaint for complaint in wrong if complaint]


IN_VIRTUAL_TIME = [drill for drill in DRILLS if not (drill.threads or drill.acknowledged)]


@pytest.mark.parametrize("check", dict.fromkeys(drill.cause[0] for drill in IN_VIRTUAL_TIME))
def test_names_the_fault_and_no_other(check: str) -> None:
    with virtual_machine() as clock:
        assert clock.run(complaints(d for d in IN_VIRTUAL_TIME if d.cause[0] == check)) == []


def test_names_a_fault_that_the_kernel_shows() -> None:
    with virtual_machine(acknowledged=True) as clock:
        assert clock.run(complaints(drill for drill in DRILLS if drill.acknowledged)) == []


async def test_names_a_fault_that_takes_real_time() -> None:
    assert await complaints(drill for drill in DRILLS if drill.threads) == []


HEALTHY = {
    "registers and is pinged": (trunk(),),
    "registers, no pings": (trunk(ping=0),),
    "does not register, is pinged": (trunk(register=False),),
}


async def of_a_healthy_switch(gateways: tuple[SimulatedGateway, ...]) -> Diagnosis:
    async with scene_of(Drill("healthy", ("", ""), lambda s: None, gateways=gateways)) as scene:
        scene.calls = outbound(FarEnd(ring=0.1, answer=0.3, path=Path(speaks=True)), 3.0)
        scene.look = 1.2
        return await examine(scene)


@pytest.mark.parametrize("gateways", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_switch_yields_none(gateways: tuple[SimulatedGateway, ...]) -> None:
    with virtual_machine() as clock:
        diagnosis = clock.run(of_a_healthy_switch(gateways))
    assert diagnosis.conclusion.cause is None, diagnosis.conclusion
    assert diagnosis.conclusion.status == "pass"
    assert {finding.check for finding in diagnosis.findings if finding.status == "pass"} >= {
        *(
            "port",
            "password",
            "commands",
            "events",
            "profile",
            "gateway",
            "registration",
            "provider",
            "calls",
        ),
        "log",
    }


async def of_a_busy_line() -> Diagnosis:
    async with scene_of(Drill("busy", ("", ""), lambda s: None)) as scene:
        scene.calls = outbound(refuses(486, "Busy Here"))
        return await examine(scene)


def test_a_busy_line_is_no_fault() -> None:
    with virtual_machine() as clock:
        diagnosis = clock.run(of_a_busy_line())
    (calls,) = [finding for finding in diagnosis.findings if finding.check == "calls"]
    assert "USER_BUSY" in calls.seen or calls.status == "pass"
    assert diagnosis.conclusion.cause is None, diagnosis.conclusion
