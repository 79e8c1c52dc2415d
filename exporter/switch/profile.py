"""The SIP profiles of mod_sofia, as `sofia status` lists them: the running ones only.

Source: mod_sofia.c (cmd_status).
"""

import re
from dataclasses import dataclass
from typing import Final

from exporter.esl.errors import printable, quoted
from exporter.switch.gateway import is_profile_name
from exporter.switch.reply import ReplyError, accepted


@dataclass(frozen=True, slots=True)
class Profile:
    """One running profile of mod_sofia.

    Attributes:
        url: its SIP address; that of its TLS side when it has no other.
        state: FreeSWITCH's word, `RUNNING`.
        running: the same as a fact. A profile that is not running is not listed at all.
        in_use: legs and others that hold the profile now.
        gateways: names of its gateways. aliases: other names of the profile.
    """

    name: str
    url: str
    state: str
    running: bool
    in_use: int
    gateways: tuple[str, ...]
    aliases: tuple[str, ...]


_PROFILE_STATE: Final = re.compile(r"(\w{1,32}) \((\d{1,18})\)( \(TLS\))?", re.ASCII)
_PROFILE_TOTAL: Final = re.compile(r"(\d{1,18}) profiles? \d+ alias(es)?", re.ASCII)


def parse_profiles(text: str) -> list[Profile]:
    """Reads the reply of `sofia status`.

    Rows are `name<tab>type<tab>data<tab>state`, padded with blanks. A profile with TLS has a second row
    with the TLS address and the same name. Gateways follow their profile as `profile::gateway`.

    The last line says how many profiles there are. A reply in which that does not come out is refused, for
    the table has no escapes: a newline in a gateway's configuration could write a row of its own.

    A profile whose name is not as gateways have it (`is_profile_name`) is left out.

    Raises:
        ReplyError: a refusal, or something else.
    """
    lines = accepted(text).split("\n")
    total = _PROFILE_TOTAL.fullmatch(lines[-1].strip())
    if not total:
        raise ReplyError(f"not a list of profiles: {quoted(text)}")
    profiles: dict[str, tuple[str, re.Match[str]]] = {}
    gateways: dict[str, list[str]] = {}
    aliases: dict[str, list[str]] = {}
    for line in lines:
        name, *cells = (cell.strip(" ") for cell in line.split("\t"))
        if len(cells) != 3:
            continue  # heading, rulers, total
        kind, data, said = cells
        if kind == "alias":
            aliases.setdefault(data, []).append(name)
        elif kind == "gateway":
            profile, _, gateway = name.rpartition("::")
            gateways.setdefault(profile, []).append(gateway)
        elif kind == "profile":
            state = _PROFILE_STATE.fullmatch(said)
            if not state:
                raise ReplyError(f"unknown state of a profile: {quoted(line)}")
            profiles.setdefault(name, (data, state))
    if len(profiles) != int(total[1]):
        raise ReplyError(f"{len(profiles)} profiles listed, but the list says {quoted(total[0])}")
    return [
        Profile(
            name=name,
            url=printable(url),
            state=state[1],
            running=state[1] == "RUNNING",
            in_use=int(state[2]),
            gateways=tuple(map(printable, gateways.get(name, ()))),
            aliases=tuple(map(printable, aliases.get(name, ()))),
        )
        for name, (url, state) in profiles.items()
        if is_profile_name(name)
    ]
