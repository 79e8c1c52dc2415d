"""Telephones registered at the SIP profiles: their rows, and the events of their comings and goings.

Strategy: a row per telephone, as the profile's own table has it. `sofia::pre_register`,
`sofia::register_attempt`, PRESENCE_IN and MESSAGE_QUERY, which come with them, are left out.
"""

import uuid
from dataclasses import dataclass, field
from typing import Final

from exporter.simulator.core import Core
from exporter.simulator.events import Header

PROFILE: Final = "internal"
DOMAIN: Final = "lab.local"
PORT: Final = "5060"
EXPIRES: Final = 3600  # seconds
MARGIN: Final = 60  # seconds; sip-expires-late-margin


@dataclass(frozen=True, slots=True)
class Telephone:
    """One registration: user, where it is, and since when (epoch seconds)."""

    user: str
    address: str
    agent: str
    since: float
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def contact(self) -> str:
        """As registered."""
        return f'"" <sip:{self.user}@{self.address}:{PORT}>'


class Telephones:
    """Those of one FreeSWITCH; they outlive a restart of it.

    Attributes:
        rows: by user; of one that registers again the last.
        users: those of the directory that have ever had a telephone.
    """

    def __init__(self, core: Core) -> None:
        self.rows: dict[str, Telephone] = {}
        self.users: set[str] = set()
        self._core = core

    def register(self, user: str, address: str, agent: str) -> None:
        """A first REGISTER, with the right password."""
        self.users.add(user)
        phone = self.rows[user] = Telephone(user, address, agent, self._core.clock.now())
        self._fire(
            "register",
            [
                ("profile-name", PROFILE),
                ("from-user", user),
                ("from-host", DOMAIN),
                ("presence-hosts", "n/a"),
                ("contact", phone.contact),
                ("call-id", phone.call_id),
                ("rpid", "unknown"),
                ("status", "Registered(UDP)"),
                ("expires", str(EXPIRES)),
                ("to-user", user),
                ("to-host", DOMAIN),
                ("network-ip", address),
                ("network-port", PORT),
                ("username", user),
                ("realm", DOMAIN),
                ("user-agent", agent),
                *_of_directory(user),
            ],
        )

    def unregister(self, user: str) -> None:
        """A REGISTER with Expires: 0.

        Raises:
            KeyError: no telephone of that user is registered.
        """
        phone = self.rows.pop(user)
        self._fire(
            "unregister",
            [
                ("profile-name", PROFILE),
                ("username", user),
                ("from-user", user),
                ("from-host", DOMAIN),
                ("contact", phone.contact),
                ("call-id", phone.call_id),
                ("rpid", "unknown"),
                ("realm", DOMAIN),
                ("network-ip", phone.address),
                ("network-port", PORT),
                ("user-agent", phone.agent),
                ("expires", "0"),
                *_of_directory(user),
            ],
        )

    def expire(self, user: str) -> None:
        """The telephone did not refresh.

        Raises:
            KeyError: no telephone of that user is registered.
        """
        phone = self.rows.pop(user)
        self._fire(
            "expire",
            [
                ("profile-name", PROFILE),
                ("call-id", phone.call_id),
                ("user", user),
                ("username", user),
                ("host", DOMAIN),
                ("contact", phone.contact),
                ("expires", str(int(phone.since) + EXPIRES + MARGIN)),
                ("user-agent", phone.agent),
                ("realm", DOMAIN),
                ("network-ip", phone.address),
                ("network-port", PORT),
            ],
        )

    def ignore_options(self, user: str) -> None:
        """The telephone answers OPTIONS no more.

        Raises:
            KeyError: no telephone of that user is registered.
        """
        phone = self.rows[user]
        self._fire(
            "sip_user_state",
            [
                ("sip_contact", phone.contact),
                ("profile-name", PROFILE),
                ("sip_user", f"{user}@{DOMAIN}"),
                ("from-user", user),
                ("from-host", DOMAIN),
                ("call-id", phone.call_id),
                ("Ping-Status", "UNREACHABLE"),
                ("Status", "408"),
                ("Phrase", "Request Timeout"),
            ],
        )

    def _fire(self, subclass: str, headers: list[Header]) -> None:
        self._core.fire("CUSTOM", headers, subclass=f"sofia::{subclass}")


def _of_directory(user: str) -> list[Header]:
    """Variables of the user in the directory."""
    return [
        ("sip_number_alias", user),
        ("sip_auth_username", user),
        ("sip_auth_realm", DOMAIN),
        ("number_alias", user),
        ("user_name", user),
        ("domain_name", DOMAIN),
        ("user_context", "default"),
    ]
