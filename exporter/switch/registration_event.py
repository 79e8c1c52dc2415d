"""Events about telephones: registered, gone, and whether they answer OPTIONS.

Facts (facts-more.md A.1; sofia_reg.c):
- The names are crossed: `from-user` and `from-host` are the address that is registered.
- A refresh looks the same as a first registration. sofia::expire uses names of its own (`user`, `host`), and
  comes up to 90 s after the registration ended; it also follows `flush_inbound_reg`, and a telephone that
  answered no OPTIONS where the profile has unregister-on-options-fail.
- One user may have several registrations; the SIP Call-ID tells them apart.
- sofia::sip_user_state comes only where telephones are sent OPTIONS (all-reg-options-ping and others), when
  a telephone stops answering or answers again. Anything but 200 and 486 is no answer. A refresh makes it
  reachable in FreeSWITCH's table, without an event.
- Without multiple-registrations a REGISTER from another telephone, or from the same with a new Call-ID, takes
  the place of the row before without an event, and an `Expires: 0` deletes all rows of the user, whatever its
  Call-ID.
"""

from typing import Literal, NamedTuple, Self

from exporter.esl import Event
from exporter.esl.errors import printable
from exporter.switch.gateway import is_profile_name
from exporter.switch.stranger_event import network_address

How = Literal["expired", "unregistered"]
MAX_TEXT = 100  # characters that are kept of a Call-ID or User-Agent


class Registered(NamedTuple):
    """sofia::register: a telephone registered, or refreshed its registration.

    Attributes:
        user: `name@domain`, as `account` writes it. profile: empty if it is not a profile's name.
        call_id: of SIP, cut. address: IPv4 or IPv6, empty if it is none. agent: printable.
    """

    user: str
    profile: str
    call_id: str
    address: str
    agent: str

    @classmethod
    def from_event(cls, event: Event) -> Self:
        """Reads the event."""
        return cls(
            account(event.get(b"from-user"), event.get(b"from-host")),
            _profile(event),
            _call_id(event),
            network_address(event.get(b"network-ip")),
            printable((event.get(b"user-agent") or "")[:MAX_TEXT]),
        )


class Gone(NamedTuple):
    """A registration ended. Attributes as those of Registered; `how` it ended."""

    user: str
    profile: str
    call_id: str
    how: How

    @classmethod
    def expired(cls, event: Event) -> Self:
        """Reads sofia::expire."""
        user = account(event.get(b"user"), event.get(b"host"))
        return cls(user, _profile(event), _call_id(event), "expired")

    @classmethod
    def unregistered(cls, event: Event) -> Self:
        """Reads sofia::unregister."""
        user = account(event.get(b"from-user"), event.get(b"from-host"))
        return cls(user, _profile(event), _call_id(event), "unregistered")


class Reachability(NamedTuple):
    """sofia::sip_user_state: a telephone answers OPTIONS no more, or again."""

    user: str
    call_id: str
    reachable: bool

    @classmethod
    def from_event(cls, event: Event) -> Self:
        """Reads the event."""
        user = account(event.get(b"from-user"), event.get(b"from-host"))
        return cls(user, _call_id(event), event.get(b"Ping-Status") != "UNREACHABLE")


def account(user: str | None, host: str | None) -> str:
    """`name@domain`, the domain in small letters."""
    return f"{user or ''}@{(host or '').lower()}"


def _profile(event: Event) -> str:
    profile = event.get(b"profile-name") or ""
    return profile if is_profile_name(profile) else ""


def _call_id(event: Event) -> str:
    return (event.get(b"call-id") or "")[:MAX_TEXT]
