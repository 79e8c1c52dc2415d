"""One call leg: a channel, and the events that any step of a call fires.

Strategy: `Leg` is what all steps have in common: `fire`, the state machine's CHANNEL_STATE and
CHANNEL_CALLSTATE, dialplan applications, audio. The steps are functions of a leg, by subject: outgoing.py,
incoming.py, bridge.py, ending.py. Each applies the variables of that step (variables.py) and fires the events
in the order they were recorded. Nothing here waits; calls.py and dialling.py decide when a step happens.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from exporter.simulator.channel import Application, CallSetup, Channel
from exporter.simulator.channel_headers import (
    WITH_VARIABLES,
    application_headers,
    channel_headers,
    codec_headers,
    media_bug_headers,
    variable_headers,
)
from exporter.simulator.core import Core
from exporter.simulator.events import Header
from exporter.simulator.media import MediaReport, measured

if TYPE_CHECKING:
    from exporter.simulator.gateways import Gateway

STATE_NUMBERS: Final = {
    "CS_NEW": 0,
    "CS_INIT": 1,
    "CS_ROUTING": 2,
    "CS_EXECUTE": 4,
    "CS_EXCHANGE_MEDIA": 5,
    "CS_CONSUME_MEDIA": 7,
    "CS_HANGUP": 10,
    "CS_REPORTING": 11,
    "CS_DESTROY": 12,
}
CALL_STATE_NUMBERS: Final = {"RINGING": 2, "EARLY": 3, "ACTIVE": 4, "HANGUP": 7}
END_EVENTS: Final = frozenset({"CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY"})


class Leg(Channel):
    """A channel that fires events.

    Args:
        setup: what it is made from.
        session_id: FreeSWITCH's running number.
        core: of the switch.
        on_end: called once, when the leg is destroyed.

    Attributes:
        hung_up: set once the leg has ended; its `cause` says why.
        silent: fires no event of its end (a lost CHANNEL_HANGUP_COMPLETE and CHANNEL_DESTROY).
        media_bug: target of tone_detect, "" for none.
        gateway: whose counters the leg moves.
        muted_at: since when nothing is heard of the far end any more.
        on_reply: the originate that waits for this leg: called once, with FreeSWITCH's reply.
    """

    def __init__(
        self, setup: CallSetup, session_id: int, core: Core, on_end: Callable[["Leg"], None]
    ) -> None:
        super().__init__(setup, session_id, core.speed, core.clock)
        self.core = core
        self.hung_up = asyncio.Event()
        self.silent = False
        self.media_bug = ""
        self.gateway: Gateway | None = None
        self.on_reply: Callable[[str], None] | None = None
        self._on_end = on_end
        self.muted_at: int | None = None
        self._sent = 0.0
        self._sending_since: int | None = None

    # Events.

    def fire(
        self,
        name: str,
        *,
        before: Iterable[Header] = (),
        after: Iterable[Header] = (),
        subclass: str = "",
        source: str = "",
    ) -> None:
        """Fire one event of this channel.

        Args:
            name: of the event.
            before: headers between the common ones and the channel's.
            after: headers behind the variables.
            subclass: of a CUSTOM event.
            source: as in `events.built`.
        """
        if self.silent and name in END_EVENTS:
            return
        headers: list[Header] = []
        if self.core.wants(name, subclass):
            headers = [*before, *channel_headers(self)]
            if name in WITH_VARIABLES:
                headers += variable_headers(self)
            headers += after
        self.core.fire(name, headers, subclass=subclass, source=source, stamp=self.stamp())

    def run_state(self, state: str, number: int | None = None) -> None:
        """CHANNEL_STATE: the state machine's thread enters a state.

        Args:
            state: its name.
            number: shown with it; by default the state's own.
        """
        self.state = state
        self.state_number = STATE_NUMBERS[state] if number is None else number
        self.fire("CHANNEL_STATE")

    def enter_call_state(self, state: str) -> None:
        """CHANNEL_CALLSTATE."""
        before: list[Header] = [
            ("Original-Channel-Call-State", self.call_state),
            ("Channel-Call-State-Number", str(CALL_STATE_NUMBERS[state])),
        ]
        self.call_state = state
        self.fire("CHANNEL_CALLSTATE", before=before)

    def fire_codecs(self) -> None:
        """CODEC, once for reading and once for writing."""
        read, write = codec_headers(self)
        self.fire("CODEC", after=read)
        self.fire("CODEC", after=write, source="CODEC write")

    # Dialplan applications.

    def start_executing(self) -> None:
        """The dialplan's applications are about to run."""
        self.run_state("CS_EXECUTE")
        self.set([("call_uuid", self.uuid)])

    def execute(self, name: str, data: str = "") -> Application:
        """An application begins."""
        application = Application(name, data)
        self.application = application
        self.applications.append((name, data))
        self.variables.pop("current_application_data", None)
        self.variables.pop("current_application_response", None)
        self.set([("current_application", name)])
        if data:
            self.set([("current_application_data", data)])
        self.fire("CHANNEL_EXECUTE", after=application_headers(name, data, application.uuid))
        self.set([("current_application", name)])
        return application

    def complete(self, application: Application, response: str = "_none_") -> None:
        """An application returned, or was ended by the hang-up."""
        self.application = None
        if response != "_none_":
            self.set([("current_application_response", response)])
        headers = application_headers(application.name, application.data, application.uuid, response)
        self.fire("CHANNEL_EXECUTE_COMPLETE", after=headers)

    # Audio.

    def add_media_bug(self, target: str) -> None:
        """tone_detect listens until the leg ends: once, under the target it was first given."""
        if not self.media_bug:
            self.media_bug = target
            self.fire("MEDIA_BUG_START", before=media_bug_headers(target))

    def start_sending(self) -> None:
        """FreeSWITCH sends audio from now on."""
        if self._sending_since is None:
            self._sending_since = self.stamp()

    def stop_sending(self) -> None:
        """FreeSWITCH sends no more audio."""
        if self._sending_since is not None:
            self._sent += (self.stamp() - self._sending_since) / 1_000_000
            self._sending_since = None

    def mute(self) -> None:
        """The far end's audio arrives no more, from now on."""
        self.time.catch_up()
        if self.muted_at is None:
            self.muted_at = self.stamp()

    def live_report(self) -> MediaReport:
        """The RTP counters up to now; each grows from one report to the next."""
        return self._report(random.Random(self.uuid))  # noqa: S311 - nothing secret is made of it

    def media_report(self) -> MediaReport:
        """The RTP counters of the leg that has ended."""
        return self._report(self.core.rng)

    def _report(self, rng: random.Random) -> MediaReport:
        end = self.times["ended"] or self.stamp()
        answered, progress_media = self.times["answered"], self.times["progress_media"]
        early = ((answered or end) - progress_media) / 1_000_000 if progress_media else 0.0
        sending = (end - self._sending_since) / 1_000_000 if self._sending_since is not None else 0.0
        return measured(
            self.path,
            connected=(end - answered) / 1_000_000 if answered else 0.0,
            early=early,
            early_ignored=self.get("originate_early_media") == "false",
            sent=self._sent + sending,
            mute=(end - self.muted_at) / 1_000_000 if self.muted_at is not None else 0.0,
            packet_bytes=self.codec.bytes,
            rng=rng,
        )

    # The end (ending.py).

    def reply(self, text: str) -> None:
        """Answer the originate that waits for this leg, if one still does."""
        on_reply, self.on_reply = self.on_reply, None
        if on_reply:
            on_reply(text)

    def finish(self) -> None:
        """The leg is destroyed."""
        self.vanish()
        self._on_end(self)

    def vanish(self) -> None:
        """End without an event, as when the process dies."""
        self.time.stop()
        self.hung_up.set()
