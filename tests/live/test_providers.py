"""Codes of providers in what a real FreeSWITCH hands on of their answers; and the Call-IDs of probe calls."""

import signal
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.live.far_end import far_end
from tests.live.lab import Lab
from tests.live.rejecting import RejectingProvider, Rejection, rejecting
from tests.live.test_daemon import scrape
from tests.live.test_history import ask, registered, until
from tests.probe.daemons import Daemon, daemon

pytestmark = pytest.mark.live

PREFIX: Final = "+155500001"
REJECTIONS: Final = {
    f"{PREFIX}41": Rejection("603 Decline", ("X-Twilio-Error: 32203 Call blocked",)),
    f"{PREFIX}42": Rejection("486 Busy Here", ("x-twilio-error: 32001 Trunk CPS limit exceeded",)),
    f"{PREFIX}43": Rejection("503 Service Unavailable", ("X-Twilio-Error: 32999 Something new",)),
    f"{PREFIX}44": Rejection("486 Busy Here", ("X-Twilio-CallSid: CA1", "Server: Twilio")),
    f"{PREFIX}45": Rejection("403 Forbidden", ('Reason: ACME;cause=1204;text="no route"',)),
    f"{PREFIX}46": Rejection("403 Forbidden", ('Reason: Q.850;cause=21;text="no credit E7"',)),
    f"{PREFIX}47": Rejection("403 No credit left E7"),
}
TABLE: Final = "1204\t403\trouting\tno route\ttry later\n"


def config(folder: Path, lab: Lab, provider: str, **keys: Any) -> Path:
    """A daemon whose gateway is of this provider."""
    node = {"name": "fs1", "host": lab.host, "port": lab.port, "gateways": {"telnyx": {"provider": provider}}}
    document = {"listen": ["127.0.0.1:0"], "nodes": [node], "history": {"numbers": "full"}} | keys
    path = folder / "exporter.yml"
    path.write_text(yaml.safe_dump(document))
    return path


async def dial(lab: Lab, provider: RejectingProvider, *ends: str) -> None:
    """Call these numbers through the gateway `telnyx`, which this provider answers for once."""
    for end in ends:
        route = f"{{sip_route_uri=sip:{provider.address}}}"
        reply = await lab.cli(f"bgapi originate {route}sofia/gateway/telnyx/{PREFIX}{end} &park")
        assert reply.startswith("+OK"), reply


async def counted(running: Daemon, provider: str) -> dict[tuple[str, str], float]:
    """The rejections of the gateway by code and class, without those that are 0."""
    found = (await scrape(running)).get("freeswitch_call_provider_rejections_total", {})
    codes = {}
    for labels, value in found.items():
        parts = dict(part.split("=") for part in labels.replace('"', "").split(","))
        if value and (parts["gateway"], parts["provider"]) == ("telnyx", provider):
            codes[parts["code"], parts["class"]] = value
    return codes


async def hangups(running: Daemon) -> float:
    found = (await scrape(running)).get("freeswitch_call_hangups_total", {})
    return sum(value for labels, value in found.items() if 'gateway="telnyx"' in labels)


async def until_counted(running: Daemon, calls: int) -> None:
    async def all_counted() -> bool:
        return await hangups(running) == calls

    await until(f"{calls} calls are counted", all_counted, 20)


async def test_the_header_of_a_provider_is_counted_kept_and_told(lab: Lab, tmp_path: Path) -> None:
    async with daemon(config(tmp_path, lab, "twilio")) as running, rejecting(REJECTIONS) as provider:
        await dial(lab, provider, "41", "42", "43", "44")
        await until_counted(running, 4)
        assert await counted(running, "twilio") == {
            ("32203", "fraud"): 1,
            ("32001", "capacity"): 1,
            ("other", "other"): 1,
        }
        kept = {call["to"][-2:]: call for call in (await ask(running, "/api/calls?since=1h"))["calls"]}
        assert {end: call["providerCode"] for end, call in kept.items()} == {
            "41": "32203",
            "42": "32001",  # busy by its status, and failed by the provider's own reason
            "43": "32999",
        }
        assert {end: call["sipCallId"] for end, call in kept.items()} == {
            end: provider.call_ids[PREFIX + end] for end in kept
        }

        async def told() -> bool:
            findings = (await ask(running, "/api/diagnosis"))["nodes"][0]["findings"]
            return any("(32203, called number is blocked" in finding["summary"] for finding in findings)

        await until("the doctor says so", told, 30)


async def test_a_table_of_ones_own_is_changed_by_a_reload(lab: Lab, tmp_path: Path) -> None:
    table = tmp_path / "acme.tsv"
    table.write_text(TABLE)
    own = {"acme": {"file": "acme.tsv", "header": "Reason"}}
    path = config(tmp_path, lab, "acme", providers=own)
    async with daemon(path) as running, rejecting(REJECTIONS) as provider:

        async def reload() -> None:
            name = "freeswitch_exporter_config_last_reload_success_timestamp_seconds"
            before = (await scrape(running))[name]
            running.process.send_signal(signal.SIGHUP)

            async def reloaded() -> bool:
                return (await scrape(running))[name] != before

            await until("the config is reloaded", reloaded, 10)

        await dial(lab, provider, "45", "46")
        await until_counted(running, 2)
        assert await counted(running, "acme") == {("1204", "routing"): 1, ("other", "other"): 1}
        table.write_text(f"{TABLE}E7\t0\tbilling\tno credit left\ttop up\n")
        await reload()
        await dial(lab, provider, "46")
        await until_counted(running, 3)  # counters go on: the node did not connect again
        assert (await counted(running, "acme"))["E7", "billing"] == 1
        config(tmp_path, lab, "acme", providers={"acme": {"file": "acme.tsv", "phrase": True}})
        await reload()
        await dial(lab, provider, "45", "47")
        await until_counted(running, 5)
        assert (await counted(running, "acme"))["E7", "billing"] == 2
        assert (await counted(running, "acme"))["1204", "routing"] == 1


async def test_a_provider_that_gives_no_answer_rejects_nothing(lab: Lab, tmp_path: Path) -> None:
    async with daemon(config(tmp_path, lab, "telnyx")) as running, rejecting(REJECTIONS) as provider:
        provider._transport.close()  # its port refuses
        await dial(lab, provider, "41")
        await until_counted(running, 1)
        found = await scrape(running)
        leg = 'node="fs1",gateway="telnyx",direction="outbound"'
        assert found["freeswitch_call_local_failures_total"][f'{leg},reason="refused_port"'] == 1
        assert f'{leg},code="503"' not in found.get("freeswitch_call_sip_responses_total", {})
        (call,) = (await ask(running, "/api/calls?since=1h"))["calls"]
        assert (call["origin"], call["providerCode"]) == ("local", "")


async def test_a_probe_has_its_uuid_as_call_id_with_and_without_an_answer(lab: Lab, tmp_path: Path) -> None:
    probes = {
        name: {
            "gateway": "telnyx",
            "destination": f"+155500000{end}",
            "ring_timeout": "4s",
            "talk_time": "2s",
        }
        for name, end in (("busy", "02"), ("echo", "01"))
    }
    guard = {"allow": ["+155500000*"], "min_interval": "0s"}
    path = config(tmp_path, lab, "telnyx", probes=probes, guard=guard, state_dir=str(tmp_path / "state"))

    async def over(uuid: str) -> Any:
        record = await ask(running, f"/api/calls/{uuid}")
        return record if record["status"] == "ended" else None

    async with daemon(path) as running, far_end() as provider:
        await until("the trunk is well", lambda: registered(running), 20)
        busy = (await running.post("+15550000002"))[1]["callUuid"]
        record = await until("the call is over", lambda: over(busy), 20)
        await provider.until_ended("02")
        assert record["sipCallId"] == busy
        assert provider.call_ids["02"] == [busy]
        await lab.run("trunk-freeze")
        silent = (await running.post("+15550000001"))[1]["callUuid"]
        record = await until("the call is over", lambda: over(silent), 20)
        assert record["sipCallId"] == silent
        assert (record["cause"], record["sipCode"]) == ("NO_ANSWER", None)
        assert record["message"].startswith("The far end gave no sign")
        await lab.run("trunk-thaw")
