"""What mod_sofia's events say of gateways and profiles.

Facts (facts.md 3, tried.md 2; sofia_reg.c):
- `sofia::gateway_state` names the gateway and no profile, so a name that two profiles have is ambiguous.
- `Ping-Status` is the gateway's Status (UP or DOWN). `Status` and `Phrase` are the SIP answer, where an
  answer caused the event. The event with a rejection still says UP; Status DOWN follows a second later.
- A failed OPTIONS of a registered gateway looks like a rejected REGISTER, but for `Ping-Status: DOWN`.

Names and phrases may come from a configuration or a far end that nobody checked: a name that FreeSWITCH
itself would skip makes the event unusable, a phrase is cut and made printable.
"""

from typing import NamedTuple, Self

from exporter.esl import Event
from exporter.esl.errors import printable
from exporter.switch.gateway import is_gateway_name, is_profile_name, is_state


class GatewayEvent(NamedTuple):
    """`sofia::gateway_state`: a gateway changed its state, or an answer to REGISTER or OPTIONS came.

    Attributes:
        state: a word, usually of `gateway.STATES`; `UNKNOWN` where the event has none.
        ping_up: the gateway's Status is UP.
        code: SIP status of the answer that caused the event, 100 to 999; 0 if none did.
        phrase: the reason phrase with it, one printable line of at most 203 characters.
    """

    name: str
    state: str
    ping_up: bool
    code: int
    phrase: str

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Reads the event; None without a usable gateway name."""
        name = event.get(b"Gateway") or ""
        if not is_gateway_name(name):
            return None
        state = event.get(b"State") or ""
        code = event.get_int(b"Status") or 0
        return cls(
            name=name,
            state=state if is_state(state) else "UNKNOWN",
            ping_up=event.get(b"Ping-Status") == "UP",
            code=code if 100 <= code <= 999 else 0,
            phrase=printable(event.get(b"Phrase") or ""),
        )


class GatewayAdded(NamedTuple):
    """`sofia::gateway_add`: FreeSWITCH made a gateway (start of a profile, rescan)."""

    name: str
    profile: str

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Reads the event; None without usable names."""
        names = _names(event)
        return cls(*names) if names is not None else None


class GatewayDeleted(NamedTuple):
    """`sofia::gateway_delete`: FreeSWITCH removed a gateway (killgw, stop or restart of its profile)."""

    name: str
    profile: str

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Reads the event; None without usable names."""
        names = _names(event)
        return cls(*names) if names is not None else None


class ProfileStarted(NamedTuple):
    """`sofia::profile_start`: a profile starts; also one that then cannot bind its address (tried.md 2)."""

    name: str

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Reads the event; None without a usable name."""
        name = event.get(b"profile_name") or ""
        return cls(name) if is_profile_name(name) else None


def _names(event: Event) -> tuple[str, str] | None:
    name, profile = event.get(b"Gateway") or "", event.get(b"profile-name") or ""
    return (name, profile) if is_gateway_name(name) and is_profile_name(profile) else None
