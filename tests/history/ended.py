"""Ends of legs for the tests of kept calls: recorded ones, and recorded ones with other values."""

import json
from collections.abc import Iterator

from exporter.config import GatewayConfig, HistoryConfig, NodeConfig
from exporter.esl import Event
from exporter.history.kept_calls import KeptCalls
from exporter.history.model import KeptCall
from exporter.switch.leg import ChannelEvent
from exporter.switch.provider import provider
from exporter.watch.call_stats import CallStats
from tests.history.kept import AT
from tests.switch.recordings import events
from tests.watch.builders import HandClock

NODE = NodeConfig(name="fs1", gateways={"telnyx": GatewayConfig(provider="telnyx")})
REFUSED = "ev-json-evidence-403-without-reason"
ANSWERED = "ev-json-call-success"
BRIDGED = "ev-json-evidence-bridged-403"


class FrozenClock(HandClock):
    """The monotonic time is the test's; the epoch is AT whenever a call ends."""

    def epoch(self) -> float:
        return AT


class Kept:
    """The calls that are kept of those that end here, one a second unless the test moves the clock itself."""

    def __init__(self, node: NodeConfig = NODE, config: HistoryConfig | None = None) -> None:
        self.config = config or HistoryConfig(numbers="full")
        self.clock = FrozenClock()
        self.calls = list[KeptCall]()
        self.picker = KeptCalls(node, lambda: self.config, self.calls.append, self.clock)

    def end(self, *ends: Event) -> "Kept":
        for event in ends:
            tell(self.picker, ChannelEvent(event))
        return self


def tell(picker: KeptCalls, leg: ChannelEvent) -> None:
    """Tell of the end of a leg as the counters do: codes are the providers' of outbound legs."""
    end, gateway = leg.end(), leg.start().gateway
    config = picker.node.gateways.get(gateway)
    named = config.provider if config is not None and not leg.inbound else None
    code = CallStats(gateway, provider(named) if named else None).count_end(leg, end, None)
    picker.on_call_ended(leg, end, gateway, code)


def ends(capture: str, name: str = "CHANNEL_HANGUP_COMPLETE") -> list[Event]:
    """The last events of the legs of a capture."""
    return [event for event in events(capture) if event.name == name]


def changed(event: Event, **values: object) -> Event:
    """A JSON event with other values, without those that are None; `A_B` stands for the header `A-B`."""
    headers = json.loads(event.text.decode(), strict=False)
    for key, value in values.items():
        header = key if key.startswith("variable_") else key.replace("_", "-")
        headers.pop(header, None)
        if value is not None:
            headers[header] = value if isinstance(value, list) else str(value)
    return Event(json.dumps(headers, separators=(",", ":")).encode())


def refused(**values: object) -> Event:
    """The end of a call that the gateway `fake` refused with 403."""
    return changed(ends(REFUSED)[0], **values)


def answered(seconds: float = 20.0, **values: object) -> Event:
    """The end of a call through `telnyx` that was answered and had audio for so long."""
    event = ends("ev-json-evidence-408-no-answer-to-invite")[0]
    began = event.get_int(b"Caller-Channel-Answered-Time")
    assert began
    return changed(event, Caller_Channel_Hangup_Time=began + round(seconds * 1e6), **values)


def many(count: int) -> Iterator[Event]:
    """The ends of so many different calls that were refused."""
    return (refused(Unique_ID=f"leg-{number}") for number in range(count))
