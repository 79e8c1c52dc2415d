r"""The channel variables that a probe may set, by name and value.

A variable in an originate can run applications, move the call to another host or lift its time limits
(`execute_on_answer`, `sip_route_uri`, `originate_timeout`, ...), and a value with a comma, brace or backslash
ends the variable and begins another (FreeSWITCH's originate grammar). So the names are a fixed list of those
that only describe the call, and the values have no character that means something in that grammar.
"""

import re

NAMES = (
    "absolute_codec_string",  # offers exactly this codec
    "accountcode",  # marks the call's record
    "call_direction",
    "codec_string",
    "rtp_secure_media",  # asks for SRTP
    "sip_cid_type",  # which header carries the caller id: none, pid, rpid
)
HEADER = "sip_h_X-*"  # a SIP header of its own: X- headers mean nothing to SIP itself

HEADER_PATTERN = r"sip_h_X-[A-Za-z0-9-]{1,64}"
VALUE_PATTERN = r"[A-Za-z0-9_.+-]{1,128}"

_HEADER = re.compile(HEADER_PATTERN)
_VALUE = re.compile(VALUE_PATTERN)


def is_name(name: str) -> bool:
    """Whether a probe may set the variable `name`."""
    return name in NAMES or _HEADER.fullmatch(name) is not None


def is_header(name: str) -> bool:
    """Whether the variable is a SIP header, whose value may be a secret between the probe and its far end."""
    return _HEADER.fullmatch(name) is not None


def is_value(value: str) -> bool:
    """Whether `value` may be in an originate command."""
    return _VALUE.fullmatch(value) is not None
