"""Events about strangers: a wrong password, and a challenge that nobody answered.

Facts (facts-more.md A; sofia_reg.c, mod_sofia.c):
- sofia::register_failure comes with every 403 to a REGISTER or an INVITE with credentials. An unknown user
  and a wrong password look the same. It has no name of the user for INVITE (`to-user` is the number dialled).
- sofia::wrong_call_state comes about ten seconds after an INVITE whose challenge was not answered, the
  usual mark of a scanner. It does not name the profile; the leg's own end does (leg.py).
- An INVITE refused by an access list has neither; a REGISTER so refused, an OPTIONS and garbage have no
  event at all.

What strangers send is never shown but for their address, which is checked here.
"""

import re
from typing import Final, NamedTuple, Self

from exporter.esl import Event
from exporter.switch.gateway import is_profile_name

METHODS: Final = ("REGISTER", "INVITE")
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f.:]{2,45}(?:%[\w.-]{1,16})?", re.ASCII)


class AuthFailure(NamedTuple):
    """sofia::register_failure: FreeSWITCH answered 403.

    Attributes:
        profile: where it came in; empty if it is not a profile's name.
        method: one of METHODS.
        address: IPv4 or IPv6; empty if it is none.
    """

    profile: str
    method: str
    address: str

    @classmethod
    def from_event(cls, event: Event) -> Self:
        """Reads the event."""
        profile = event.get(b"profile-name") or ""
        return cls(
            profile if is_profile_name(profile) else "",
            "INVITE" if event.get(b"registration-type") == "INVITE" else "REGISTER",
            network_address(event.get(b"network-ip")),
        )


class Scan(NamedTuple):
    """sofia::wrong_call_state: an INVITE whose challenge was never answered. `address`: as AuthFailure's."""

    address: str

    @classmethod
    def from_event(cls, event: Event) -> Self:
        """Reads the event."""
        return cls(network_address(event.get(b"network_ip")))


def network_address(text: str | None) -> str:
    """The address if it is one in form, else the empty string."""
    return text if text is not None and _ADDRESS.fullmatch(text) is not None else ""
