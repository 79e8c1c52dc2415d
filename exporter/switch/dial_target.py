"""What a dial was to reach: arguments of `originate` and `bridge`, reduced to targets that may be shown.

    originate {a=b}sofia/gateway/telnyx/+15550000001|user/1000@lab.local &park
              '---'                    |             '----------------------- the targets, in order
               variables, dropped      '- a number, kept without its last digits

Strategy: as FreeSWITCH reads it. The first pass takes the first word, in which '...' protects blanks; the
second takes off the variables in `<...>`, `{...}` and `[...]`, and splits at `:_:`, `|` and `,`. Arguments of
other clients carry numbers, passwords and anything else. So a name is kept only if it is made of the few
characters that names are made of, a number without its last four digits, and nothing else of the text. What
cannot be read is a target of the kind `other`; nothing is raised, and the work is bounded by MAX_LENGTH.

Facts (facts-more.md B; mod_commands.c: originate_function, switch_ivr_originate.c, mod_sofia.c:
sofia_outgoing_channel):
- `sofia/gateway/NAME` and `sofia/PROFILE` without a `/` behind are INVALID_URL; with it and no number
  FreeSWITCH dials.
- `sofia/PROFILE/USER` and `sofia/PROFILE/USER%DOMAIN` are looked up among the registrations;
  `sofia/PROFILE/NUMBER@HOST` and `sofia/PROFILE/sip:...` are not.
- A blank in braces ends the first word: what is left has no closing brace, and FreeSWITCH dials nothing.
"""

import re
from typing import Final, Literal, NamedTuple

TargetKind = Literal["gateway", "user", "profile", "endpoint", "other"]

MAX_LENGTH: Final = 16_384  # characters of an argument that is read; a longer one is `other`
MAX_TARGETS: Final = 16  # of one dial; FreeSWITCH takes 128
MAX_BRACES: Final = 32  # groups of variables before a target

_WORD: Final = re.compile(r" *+((?:[^\\' ]++|\\(?:.|\Z)|'(?:[^'\\]++|\\(?:.|\Z))*+(?:'|\Z))++)", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)|'|\\\Z", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "s": " ", "'": "'", '"': '"', "\\": "\\"}
_CLOSING: Final = {"<": ">", "{": "}", "[": "]"}
_BOUNDS: Final = {opening: re.compile(f"[{re.escape(opening + _CLOSING[opening])}]") for opening in _CLOSING}
_SEPARATOR: Final = re.compile(r"[,\[]")
_UUID: Final = re.compile(r"(?:^|[{,|:;])origination_uuid=([\w.:@+-]{1,128})", re.ASCII)
_NAME: Final = re.compile(r"[\w.:+-]{1,64}", re.ASCII)
_USER: Final = re.compile(r"[\w.+~-]{1,64}(?:@[\w.:-]{1,128})?", re.ASCII)
_NUMBER: Final = re.compile(r"\+?[0-9]{1,32}")
_SHORTEST: Final = 7  # digits; a shorter number is an extension
_HIDDEN: Final = 4  # digits


class DialTarget(NamedTuple):
    """One thing that was dialled; all texts are short, printable, and safe to show.

    Attributes:
        kind: `user` includes `sofia/PROFILE/USER`; `other` could not be read.
        name: of gateway, user (`1000@lab.local`, its digits hidden if it is a telephone number), profile, or
            endpoint type; empty if it is no name that may be shown.
        profile: the profile named in `sofia/PROFILE/...`; else empty.
        number: the number dialled, its last digits hidden; empty if there is none.
        complete: False for a gateway or profile without the `/` before what is dialled there.
    """

    kind: TargetKind
    name: str = ""
    profile: str = ""
    number: str = ""
    complete: bool = True


class Dial(NamedTuple):
    """What one `originate` or `bridge` was to reach.

    Attributes:
        targets: at least one, in the order written, the first MAX_TARGETS.
        uuid: the UUID asked for; empty if FreeSWITCH was to choose one.
    """

    targets: tuple[DialTarget, ...]
    uuid: str = ""


UNREADABLE: Final = DialTarget("other")


def read_originate(arguments: str) -> Dial:
    """The dial of `originate ARGUMENTS`."""
    found = _WORD.match(arguments) if len(arguments) <= MAX_LENGTH else None
    return read_dial_string(_ESCAPED.sub(_unescaped, found[1])) if found else Dial((UNREADABLE,))


def read_dial_string(text: str) -> Dial:
    """The dial of `bridge TEXT`."""
    if len(text) > MAX_LENGTH:
        return Dial((UNREADABLE,))
    uuid = ""
    targets: list[DialTarget] = []
    for part in text.split(":_:"):
        variables, rest = _without_variables(part, "<{")
        if asked := _UUID.search(variables):
            uuid = asked[1]
        if rest is None:
            targets.append(UNREADABLE)
            continue
        for one in (leg for alternative in rest.split("|") for leg in _legs(alternative)):
            variables, dialled = _without_variables(one, "[")
            if asked := _UUID.search(variables):
                uuid = asked[1]
            targets.append(UNREADABLE if dialled is None else _target(dialled))
            if len(targets) == MAX_TARGETS:
                return Dial(tuple(targets), uuid)
    return Dial(tuple(targets[:MAX_TARGETS]), uuid)


def _unescaped(found: re.Match[str]) -> str:
    escaped = found[1]
    if escaped is None:
        return ""
    return _ESCAPES.get(escaped, "\\" + escaped)


def _without_variables(text: str, openings: str) -> tuple[str, str | None]:
    """The variables before a dial string, and what follows them; None where a brace is not closed."""
    text = text.lstrip(" ")
    at = groups = 0
    while text[at : at + 1] in openings and at < len(text):
        groups += 1
        end = _end_of_braces(text, at)
        if end < 0 or groups > MAX_BRACES:
            return text[:at], None
        at = end + 1
        while text[at : at + 1] == " ":
            at += 1
    return text[:at], text[at:]


def _end_of_braces(text: str, at: int) -> int:
    """Where the brace at `at` is closed; -1 if nowhere."""
    opening, depth = text[at], 0
    for found in _BOUNDS[opening].finditer(text, at):
        depth += 1 if found[0] == opening else -1
        if depth == 0:
            return found.start()
    return -1


def _legs(text: str) -> list[str]:
    """Split at commas, but not at those between `[` and `]`."""
    legs, start, at = [], 0, 0
    while found := _SEPARATOR.search(text, at):
        at = found.end()
        if found[0] == ",":
            legs.append(text[start : found.start()])
            start = at
            if len(legs) == MAX_TARGETS:
                return legs
        else:
            end = _end_of_braces(text, found.start())
            if end < 0:
                break
            at = end + 1
    return [*legs, text[start:]]


def _target(text: str) -> DialTarget:
    endpoint, slash, data = text.strip(" ").partition("/")
    if endpoint == "sofia" and slash:
        return _sofia(data)
    if endpoint == "user" and slash:
        return DialTarget("user", _user(data))
    name = endpoint if _NAME.fullmatch(endpoint) else ""
    return DialTarget("endpoint", name) if name else UNREADABLE


def _sofia(text: str) -> DialTarget:
    profile, slash, dialled = text.partition("/")
    if profile.lower() == "gateway":
        gateway, slash, dialled = dialled.partition("/")
        return DialTarget("gateway", _name(gateway), "", _number(dialled), complete=bool(slash))
    number = dialled.partition("@")[0]
    if not dialled or "@" in dialled or dialled.lower().startswith(("sip:", "sips:")):
        name = _name(profile)
        return DialTarget("profile", name, name, _number(number), complete=bool(slash))
    return DialTarget("user", _user(dialled.replace("%", "@", 1)), _name(profile))


def _name(text: str) -> str:
    return text if _NAME.fullmatch(text) else ""


def _user(text: str) -> str:
    if _USER.fullmatch(text) is None:
        return ""
    user, at, domain = text.partition("@")
    return f"{_hidden(user)}{at}{domain}" if _NUMBER.fullmatch(user) else text


def _number(text: str) -> str:
    """A number without its last digits; empty for anything else."""
    number = text.partition("@")[0].partition(";")[0]
    return _hidden(number) if _NUMBER.fullmatch(number) else ""


def _hidden(number: str) -> str:
    """An extension stays as it is: it is a user's name."""
    return number if len(number) < _SHORTEST else f"{number[:-_HIDDEN]}{'x' * _HIDDEN}"
