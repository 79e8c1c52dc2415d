"""Strangers at a SIP profile: wrong passwords and scans, as events show them.

Strategy: FreeSWITCH answers them by itself, so that all there is of them are events. An INVITE that is never
authenticated has a session and a leg, of which only the end is fired, with the few headers that a leg has
before its caller is known. sofia::pre_register and sofia::register_attempt are left out.
"""

import uuid
from typing import TYPE_CHECKING, Final

from exporter.simulator.causes import shown_q850
from exporter.simulator.core import Core
from exporter.simulator.sessions import Sessions
from exporter.simulator.telephones import DOMAIN, PORT, PROFILE

if TYPE_CHECKING:
    from exporter.simulator.events import Header

CODECS: Final = "CORE_PCM_MODULE.PCMU@8000h@20i@64000b,CORE_PCM_MODULE.PCMA@8000h@20i@64000b"


class Strangers:
    """What strangers do to one FreeSWITCH."""

    def __init__(self, core: Core, sessions: Sessions) -> None:
        self._core = core
        self._sessions = sessions

    def guess(self, address: str, method: str, user: str) -> None:
        """A wrong password, or an unknown user; `method` is REGISTER or INVITE."""
        self._core.fire(
            "CUSTOM",
            [
                ("profile-name", PROFILE),
                ("to-user", user),
                ("to-host", DOMAIN),
                ("network-ip", address),
                ("user-agent", "friendly-scanner"),
                ("profile-name", PROFILE),
                ("network-port", PORT),
                ("registration-type", method),
            ],
            subclass="sofia::register_failure",
        )
        if method == "INVITE":
            self._end(user, "CALL_REJECTED")

    def scan(self, address: str, number: str) -> None:
        """The challenge of an INVITE was not answered, which is over by now."""
        self._core.fire(
            "CUSTOM",
            [("from_user", number), ("network_ip", address), ("network_port", PORT)],
            subclass="sofia::wrong_call_state",
        )
        self._end(number, "WRONG_CALL_STATE")

    def _end(self, user: str, cause: str) -> None:
        self._sessions.load.began(len(self._sessions.legs) + 1)
        self._sessions.load.count = len(self._sessions.legs)
        leg, name = str(uuid.uuid4()), f"sofia/{PROFILE}/{user}@{DOMAIN}"
        for event, state in (("CHANNEL_HANGUP_COMPLETE", "11"), ("CHANNEL_DESTROY", "12")):
            before: list[Header] = [
                ("Channel-State", "CS_REPORTING"),
                ("Channel-Call-State", "HANGUP"),
                ("Channel-State-Number", state),
                ("Channel-Name", name),
                ("Unique-ID", leg),
                ("Call-Direction", "inbound"),
                ("Presence-Call-Direction", "inbound"),
                ("Channel-HIT-Dialplan", "true"),
                ("Channel-Call-UUID", leg),
                ("Answer-State", "hangup"),
            ]
            if event == "CHANNEL_HANGUP_COMPLETE":
                before.insert(0, ("Hangup-Cause", cause))
            self._core.fire(
                event,
                [
                    *before,
                    ("Hangup-Cause", cause),
                    ("variable_direction", "inbound"),
                    ("variable_uuid", leg),
                    ("variable_call_uuid", leg),
                    ("variable_session_id", str(self._sessions.load.since_startup)),
                    ("variable_sip_from_user", user),
                    ("variable_sip_from_uri", f"{user}@{DOMAIN}"),
                    ("variable_sip_from_host", DOMAIN),
                    ("variable_video_media_flow", "disabled"),
                    ("variable_audio_media_flow", "disabled"),
                    ("variable_text_media_flow", "disabled"),
                    ("variable_channel_name", name),
                    ("variable_sip_call_id", uuid.uuid4().hex),
                    ("variable_ep_codec_string", CODECS),
                    ("variable_hangup_cause", cause),
                    ("variable_hangup_cause_q850", str(shown_q850(cause))),
                ],
            )
