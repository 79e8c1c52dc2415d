"""Which field feeds which family, and what is on the page of a node that is connected or is not."""

from dataclasses import fields

import pytest

from exporter.config import DestinationsConfig, GatewayConfig, NodeConfig, ProviderTable
from exporter.config.provider_table import CodeRow
from exporter.config.rates import Rate, RateTable
from exporter.esl import Disconnected
from exporter.metrics import families
from exporter.metrics.exposition import Page, render
from exporter.switch.gateway import GatewayList
from exporter.switch.local_failure import LOCAL_FAILURES
from exporter.switch.provider import provider
from exporter.switch.status import SwitchFigures, parse_status
from exporter.watch.accepting import REFUSAL_REASONS
from exporter.watch.call_stats import CallStats
from exporter.watch.collector import CALL_COUNTERS, CALL_HISTOGRAMS, COUNTS, FIGURES, NodeCollector
from exporter.watch.node import Node
from exporter.watch.providers import Providers
from exporter.watch.switch import SwitchFacts
from tests.support.no_look_up import no_look_up
from tests.support.openmetrics import families as read_families
from tests.switch.recordings import events
from tests.switch.replies import reply
from tests.watch.builders import HandClock, event, status


def test_every_figure_of_the_switch_feeds_one_family() -> None:
    assert sorted(field for _, field in FIGURES) == sorted(field.name for field in fields(SwitchFigures))


def test_no_family_is_fed_twice_and_every_field_exists() -> None:
    tables = (*FIGURES, *COUNTS, *CALL_COUNTERS, *CALL_HISTOGRAMS)
    assert len({family for family, _ in tables}) == len(tables)
    assert all(hasattr(SwitchFacts(), field) for _, field in COUNTS)
    assert {field for _, field in (*CALL_COUNTERS, *CALL_HISTOGRAMS)} <= set(CallStats.__slots__)


class Shown:
    """A node that is fed by hand, and its page."""

    def __init__(self) -> None:
        self.clock = HandClock()
        config = NodeConfig(name="fs1", gateways={"telnyx": GatewayConfig(max_calls=10)})
        self.node = Node(config, "abcd", clock=self.clock, look_up=no_look_up)

    def connect(self) -> None:
        self.node.lifecycle.began()
        self.node.lifecycle.opened()
        self.node.lifecycle.synced()
        self.node.switch.on_status(parse_status(reply("api-json-status.txt")))
        self.node.gateways.on_list(GatewayList([status()], 0, ()), self.clock.now, 0.0)

    async def page(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        page = Page(families.FAMILIES.values(), openmetrics=True)
        text = b"".join(await render(page, [NodeCollector(self.node, self.clock)], self.clock)).decode()
        return {
            sample.name: {
                tuple(sorted(other.labels.items())): other.value
                for other in family.samples
                if other.name == sample.name
            }
            for family in read_families(text)
            for sample in family.samples
        }


async def test_before_the_first_outcome_there_is_neither_up_nor_a_problem() -> None:
    page = await Shown().page()
    assert "freeswitch_up" not in page
    assert "freeswitch_connection_problem" not in page
    assert page["freeswitch_connection_attempts_total"]
    assert page["freeswitch_gateway_calls_limit"]


async def test_gauges_are_there_while_connected_and_counters_always() -> None:
    shown = Shown()
    shown.connect()
    connected = await shown.page()
    assert connected["freeswitch_up"] == {(("node", "fs1"),): 1}
    assert connected["freeswitch_max_sessions"] == {(("node", "fs1"),): 1000}
    shown.clock.now += 60
    shown.node.lifecycle.ended(Disconnected("gone"))
    shown.node.known.forget()
    lost = await shown.page()
    assert lost["freeswitch_up"] == {(("node", "fs1"),): 0}
    gone = set(connected) - set(lost)
    assert {"freeswitch_max_sessions", "freeswitch_gateway_state", "freeswitch_calls_active"} <= gone
    # FreeSWITCH's own number, passed through: unknown like its gauges.
    assert {name for name in gone if name.endswith("_total")} == {"freeswitch_sessions_total"}


async def test_a_scrape_brings_the_time_up_to_now() -> None:
    shown = Shown()
    shown.connect()
    for passed in (0, 60):
        shown.clock.now += passed
        seconds = (await shown.page())["freeswitch_gateway_seconds_total"]
        series = next(value for labels, value in seconds.items() if ("state", "REGED") in labels)
        assert series == passed


async def test_every_code_of_a_provider_is_there_from_the_start() -> None:
    """A first rejection is an increase then; also of a table that comes later, by a reload."""
    providers, clock = Providers(), HandClock()
    gateways = {name: GatewayConfig(provider=name) for name in ("telnyx", "twilio", "acme")}
    config = NodeConfig(name="fs1", gateways=gateways)
    shown = Shown()
    shown.node = Node(config, "abcd", clock=clock, look_up=no_look_up, providers=providers)

    async def codes(name: str) -> dict[str, float]:
        series = (await shown.page())["freeswitch_call_provider_rejections_total"]
        found = {dict(key)["code"]: value for key, value in series.items() if ("provider", name) in key}
        assert {dict(key)["direction"] for key in series} == {"outbound"}
        return found

    for name in ("telnyx", "twilio"):
        assert await codes(name) == {code.code: 0 for code in provider(name).codes}
    for row in (CodeRow("1", 0, "routing", "a", "b"), CodeRow("2", 0, "billing", "a", "b")):
        providers.configure({"acme": ProviderTable((row,), None)})
        assert await codes("acme") == {row.code: 0, "other": 0}


async def test_accepting_and_its_reason_for_each_direction() -> None:
    shown = Shown()
    shown.connect()
    assert "freeswitch_accepting_calls" not in await shown.page()  # the pauses are not known
    shown.node.switch.paused.update(inbound=True, outbound=False)
    page = await shown.page()
    by_direction = {
        dict(key)["direction"]: value for key, value in page["freeswitch_accepting_calls"].items()
    }
    assert by_direction == {"inbound": 0, "outbound": 1}
    reasons = page["freeswitch_refusal_reason"]
    assert {(dict(key)["direction"], dict(key)["reason"]) for key, value in reasons.items() if value} == {
        ("inbound", "paused"),
        ("outbound", "none"),
    }
    assert len(reasons) == 2 * len(REFUSAL_REASONS)


async def test_calls_without_an_rtp_port_make_it_refuse_for_a_minute() -> None:
    shown = Shown()
    shown.connect()
    shown.node.switch.paused.update(inbound=False, outbound=False)

    async def accepting() -> set[float]:
        return set((await shown.page())["freeswitch_accepting_calls"].values())

    for recorded in events("ev-json-originate-no-rtp-ports"):
        shown.node.dispatcher.on_event(recorded)
    assert await accepting() == {0}
    shown.clock.now += 59.9
    assert await accepting() == {0}
    shown.clock.now += 0.1
    assert await accepting() == {1}


async def test_local_failures_are_there_from_the_start_and_counted_once() -> None:
    shown = Shown()
    shown.connect()
    own = {"node": "fs1", "gateway": "telnyx"}

    async def counted() -> dict[tuple[str, str], float]:
        page = await shown.page()
        return {
            (labels["direction"], labels["reason"]): value
            for key, value in page["freeswitch_call_local_failures_total"].items()
            if own.items() <= (labels := dict(key)).items()
        }

    begun = dict.fromkeys([("outbound", reason) for reason in LOCAL_FAILURES], 0)
    assert await counted() == {**begun, ("inbound", "no_rtp_ports"): 0}
    shown.node.gateways.on_list(GatewayList([status(name="backup"), status()], 0, ()), shown.clock.now, 0.0)
    for recorded in events("ev-json-originate-no-rtp-ports"):
        shown.node.dispatcher.on_event(recorded)
    own["gateway"] = "backup"
    assert (await counted())["outbound", "no_rtp_ports"] == 1


async def test_calls_are_on_the_page_by_country_once_there_are_any() -> None:
    shown = Shown()
    countries = shown.node.known.countries
    countries.destinations.configure(DestinationsConfig(currency="USD"), RateTable({"92": Rate(0.6)}, 2))
    shown.connect()
    assert not {name for name in await shown.page() if "country" in name or "expensive" in name}
    for name in ("CHANNEL_CREATE", "CHANNEL_ANSWER"):
        shown.node.dispatcher.on_event(
            event(
                name,
                Unique_ID="u1",
                Call_Direction="outbound",
                variable_sip_gateway_name="telnyx",
                variable_sip_req_uri="+923001234567@192.0.2.1",
            )
        )
    shown.clock.now += 30
    page = await shown.page()
    own = (("country", "PK"), ("gateway", "telnyx"), ("node", "fs1"))
    assert page["freeswitch_country_talk_seconds_total"] == {own: 30}
    assert page["freeswitch_country_cost_total"] == {
        (own[0], ("currency", "USD"), *own[1:]): pytest.approx(0.3)
    }
    assert "freeswitch_country_calls_total" not in page
    shown.node.lifecycle.ended(Disconnected("gone"))
    assert "freeswitch_country_talk_seconds_total" in await shown.page()
    countries.destinations.configure(DestinationsConfig(countries=False), None)
    assert not {name for name in await shown.page() if "country" in name}
