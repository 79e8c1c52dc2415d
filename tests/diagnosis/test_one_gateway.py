"""`doctor --gateway G`: FreeSWITCH is told and asked nothing about other gateways by name, look after look.

The other gateways are in every state that makes the doctor do something: one failed before it came and is due
again in hours, one is pinged, one registers again and again.
"""

import re
from collections.abc import Iterable

import pytest

from exporter.clock import Clock
from exporter.config import Config, GatewayConfig, NodeConfig
from exporter.diagnosis import doctor
from exporter.diagnosis.doctor import DoctorRun
from exporter.diagnosis.snapshot import Snapshot
from exporter.executors import Executors
from exporter.simulator import GatewayConfig as SimulatedGateway
from exporter.simulator import SimulatedSwitch
from tests.diagnosis.virtual import virtual_machine

HOURS = 30_000
GATEWAYS = (
    SimulatedGateway("telnyx", realm="telnyx", retry_seconds=HOURS),
    SimulatedGateway("failed", realm="failed.example.net", retry_seconds=HOURS),
    SimulatedGateway("pinged", realm="pinged", register=False, ping=5),
    SimulatedGateway("retrying", realm="retrying", retry_seconds=1),
)
OTHERS = {gateway.name for gateway in GATEWAYS} - {"telnyx"}
LOOK = 10.0
LOOKS_AGAIN = 3


async def look(gateway: str | None) -> tuple[list[str], Snapshot, list[str]]:
    """The commands that FreeSWITCH got, what was seen, and the host names that were looked up."""
    looked_up: list[str] = []

    async def look_up(names: Iterable[str], _: object) -> dict[str, object]:
        looked_up.extend(names)
        return {}

    clock, executors = Clock(), Executors()
    async with SimulatedSwitch(list(GATEWAYS), tick=1.0) as switch:
        for name in ("telnyx", "failed", "retrying"):
            switch.provider(name).rejects(403, "Forbidden")
            switch.gateway(name).ask_register()
            await switch.gateway_reaches(name, "FAIL_WAIT")
        await clock.sleep(20)
        expected = {gateway.name: GatewayConfig() for gateway in GATEWAYS}
        node = NodeConfig(name="fs1", port=switch.port, gateways=expected)
        run = DoctorRun(
            node,
            Config(),
            "ab12",
            clock=clock,
            executors=executors,
            look=LOOK,
            gateway=gateway,
            again=True,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(doctor, "look_up", look_up)
            snapshot = await run.run()
            for _ in range(LOOKS_AGAIN):
                await clock.sleep(20)
                snapshot = await run.look_again()
        await run.close()
        executors.shutdown()
        return list(switch.commands_seen), snapshot, looked_up


def looked_at(gateway: str | None) -> tuple[list[str], Snapshot, list[str]]:
    with virtual_machine() as clock:
        return clock.run(look(gateway))


def naming(commands: Iterable[str], names: Iterable[str]) -> list[str]:
    words = re.compile(rf"\b({'|'.join(names)})\b")
    return [command for command in commands if words.search(command)]


def test_no_command_names_another_gateway() -> None:
    commands, snapshot, looked_up = looked_at("telnyx")
    assert naming(commands, OTHERS) == []
    assert looked_up == []
    assert commands.count("api sofia profile external register telnyx") == 1
    (telnyx,) = (gateway for gateway in snapshot.gateways if gateway.name == "telnyx")
    assert (telnyx.problem, telnyx.answer_code) == ("auth_rejected", 403)


def test_without_it_the_others_are_asked_about() -> None:
    commands, _, looked_up = looked_at(None)
    assert commands.count("api sofia profile external register failed") == 1
    assert naming(commands, {"pinged"}) != []
    assert set(looked_up) == {"failed.example.net"}
