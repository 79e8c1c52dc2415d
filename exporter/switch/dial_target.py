"""What a dial was to reach: arguments of `originate` and `bridge`, reduced to targets that may be shown.

    originate {a=b}sofia/gateway/telnyx/+15550000001|user/1000@lab.local &park
              '---'                    |             '----------------------- the targets, in order
               variables, dropped      '- a number, kept without its last digits

Strategy: as FreeSWITCH reads it. The first pass takes the first word, in which '...' protects blanks; the
second takes off the variables in `<...>`, `{...}` and `[...]`, and splits at `:_:`, `|` and `,`. Arguments of
other clients carry numbers, passwords and anything else. So a name is kept only if it is made of the few
characters that names are made of, a number without its last four digits, and nothing else of the text; less
still is shown to people (`shown`). What cannot be read is a target of the kind `other`; nothing is raised,
and the work is bounded by MAX_LENGTH.

Facts (facts-more.md B; mod_commands.c: originate_function, switch_ivr_originate.c, mod_sofia.c:
sofia_outgoing_channel):
- `sofia/gateway/NAME` and `sofia/PROFILE` without a `/` behind are INVALID_URL; with it and no number
  FreeSWITCH dials.
- `sofia/PROFILE/USER` and `sofia/PROFILE/USER%DOMAIN` are looked up among the registrations;
  `sofia/PROFILE/NUMBER@HOST` and `sofia/PROFILE/sip:...` are not.
- Endpoints are found in any case (`SOFIA/...`), gateways, profiles and users are not.
- A blank in braces ends the first word: what is left has no closing brace, and FreeSWITCH dials nothing.
"""

import difflib
import re
from typing import Final, Literal, NamedTuple, Self

TargetKind = Literal["gateway", "user", "profile", "endpoint", "other"]

MAX_LENGTH: Final = 16_384  # characters of an argument that is read; a longer one is `other`
MAX_TARGETS: Final = 16  # of one dial; FreeSWITCH takes 128
MAX_BRACES: Final = 32  # groups of variables before a target

_WORD: Final = re.compile(r" *+((?:[^\\' ]++|\\(?:.|\Z)|'(?:[^'\\]++|\\(?:.|\Z))*+(?:'|\Z))++)", re.DOTALL)
_WORDS: Final = range(2, 8)  # what is dialled and where it goes, dialplan, context, name, number, timeout
_ESCAPED: Final = re.compile(r"\\(.)|'|\\\Z", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "s": " ", "'": "'", '"': '"', "\\": "\\"}
_CLOSING: Final = {"<": ">", "{": "}", "[": "]"}
_BOUNDS: Final = {opening: re.compile(f"[{re.escape(opening + _CLOSING[opening])}]") for opening in _CLOSING}
_SEPARATOR: Final = re.compile(r"[,\[]")
_UUID: Final = re.compile(r"(?:^|[{,|:;])origination_uuid=([\w.:@+-]{1,128})", re.ASCII)
_NAME: Final = re.compile(r"(?=.{1,64}\Z)[\w.+-]++(?:::[\w.+-]++)?+", re.ASCII)  # `user:password` is none
_USER: Final = re.compile(r"[\w.+~-]{1,64}(?:@[\w.:-]{1,128})?", re.ASCII)
_NUMBER: Final = re.compile(r"\+?[0-9]{1,32}")
_SHORTEST: Final = 7  # digits; a shorter number is an extension
_HIDDEN: Final = 4  # digits
_IN_USER: Final = re.compile(rf"[0-9](?:[.~-]?[0-9]){{{_SHORTEST - 1},}}")  # as people write numbers
_IN_HOST: Final = re.compile(rf"[0-9]{{{_SHORTEST},}}")  # not an address
_ENDPOINTS: Final = (
    *("sofia", "user", "error", "group", "pickup", "loopback", "null", "rtc", "verto", "verto.rtc", "rtmp"),
    *("skinny", "rtp", "modem", "lcr", "vlc", "alsa", "portaudio", "freetdm", "opal", "dingaling", "gsmopen"),
)
_LONGEST: Final = 16  # characters of an endpoint
_NEAR: Final = 0.75  # of difflib: one letter of four is another


class DialTarget(NamedTuple):
    """One thing that was dialled; all texts are short and printable. For people: `shown`.

    Attributes:
        kind: `user` includes `sofia/PROFILE/USER`; `other` could not be read.
        name: of gateway, user (`1000@lab.local`), profile, or endpoint type; empty if it cannot be one.
        profile: the profile named in `sofia/PROFILE/...`; else empty.
        number: the number dialled, its last digits hidden; empty if there is none.
        complete: False for a gateway or profile without the `/` before what is dialled there.
    """

    kind: TargetKind
    name: str = ""
    profile: str = ""
    number: str = ""
    complete: bool = True

    def shown(self) -> Self:
        """The same, as it may be shown: without the last digits of telephone numbers.

        Of what stands where an endpoint should, only what is, or is spelt much like, one of FreeSWITCH's: it
        may as well be a number, or a piece of a password with a brace in it.
        """
        if self.kind == "endpoint":
            return self._replace(name=self.name if _is_like_an_endpoint(self.name) else "")
        user, at, host = self.name.partition("@")
        user = (_IN_USER if self.kind == "user" else _IN_HOST).sub(_without_last, user)
        profile = _IN_HOST.sub(_without_last, self.profile)
        return self._replace(name=f"{user}{at}{_IN_HOST.sub(_without_last, host)}", profile=profile)


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


def takes_words(arguments: str) -> bool:
    """Whether `originate` takes so many words; else it dials nothing, and answers with its usage."""
    words = at = 0
    while words <= max(_WORDS) and (found := _WORD.match(arguments, at)) is not None:
        words, at = words + 1, found.end()
    return words in _WORDS


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
    if endpoint.lower() == "sofia" and slash:
        return _sofia(data)
    if endpoint.lower() == "user" and slash:
        return DialTarget("user", _user(data))
    name = _name(endpoint)
    return DialTarget("endpoint", name) if name else UNREADABLE


def _sofia(text: str) -> DialTarget:
    profile, slash, dialled = text.partition("/")
    if profile.lower() == "gateway":
        gateway, slash, dialled = dialled.partition("/")
        return DialTarget("gateway", _name(gateway), "", _number(dialled), complete=bool(slash))
    name = _name(profile)
    if not dialled or "@" in dialled or dialled.lower().startswith(("sip:", "sips:")):
        return DialTarget("profile", name, name, _number(dialled), complete=bool(slash))
    return DialTarget("user", _user(dialled.replace("%", "@", 1)), name)


def _name(text: str) -> str:
    return text if _NAME.fullmatch(text) else ""


def _user(text: str) -> str:
    return text if _USER.fullmatch(text) else ""


def _number(text: str) -> str:
    """A number without its last digits, but for a short one, an extension; empty for anything else."""
    number = text.partition("@")[0].partition(";")[0]
    return _IN_HOST.sub(_without_last, number) if _NUMBER.fullmatch(number) else ""


def _without_last(found: re.Match[str]) -> str:
    number = list(found[0])
    for at in [at for at, character in enumerate(number) if character.isdigit()][-_HIDDEN:]:
        number[at] = "x"
    return "".join(number)


def _is_like_an_endpoint(name: str) -> bool:
    small = name.lower()
    return small in _ENDPOINTS or (
        len(name) <= _LONGEST
        and not any(map(str.isdigit, name))
        and bool(difflib.get_close_matches(small, _ENDPOINTS, n=1, cutoff=_NEAR))
    )
