r"""The grammar of `originate`, traps included (facts.md 6.1).

    originate <legs> <exten>|&app[(args)] [dialplan] [context] [cid_name] [cid_num] [timeout_sec]

Strategy: two passes, as FreeSWITCH does it. The first splits the line at blanks, honours '...' and removes
quotes and backslash escapes, so quotes protect blanks and nothing else. The second reads the variables in
braces and the dial string. What FreeSWITCH answers to a malformed line is raised as `Refused` with the
complete reply; where FreeSWITCH dials something unexpected, so does the simulator.

Not simulated: more than one leg (`,` `|` `:_:`), `<...>`, and calls to a telephone that is registered
(telephones.py); they are refused with CHAN_NOT_IMPLEMENTED.
"""

import re
from dataclasses import dataclass
from typing import Final

USAGE: Final = (
    "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] "
    "[<cid_name>] [<cid_num>] [<timeout_sec>]\n"
)
DEFAULT_RING_SECONDS: Final = 60

# What the lab's XML dialplan knows (context default).
EXTENSIONS: Final[dict[str, list[tuple[str, str]]]] = {
    "9196": [("answer", ""), ("echo", "")],
    "9664": [("answer", ""), ("endless_playback", "tone_stream://%(10000,0,1004)")],
    "9999": [("answer", ""), ("park", "")],
}


_SOFIA: Final = ("mod_sofia.c", "sofia_outgoing_channel")


class Refused(Exception):
    """FreeSWITCH dials nothing.

    Attributes:
        reply: what it answers.
        session: it is mod_sofia that refuses, with a session made and thrown away.
        logged: the line that FreeSWITCH logs, as `Core.log` takes it.
        user: the user of the directory, `name@domain`, that was dialled; empty for other targets.
    """

    def __init__(
        self,
        reply: str,
        *,
        session: bool = False,
        logged: tuple[str, str, str, int, str] | None = None,
        user: str = "",
    ) -> None:
        super().__init__(reply)
        self.reply = reply
        self.session = session
        self.logged = logged
        self.user = user


@dataclass(frozen=True, slots=True)
class Originate:
    """One parsed originate.

    Attributes:
        variables: the contents of the braces, in order, with the names FreeSWITCH would set.
        gateway, number: of `sofia/gateway/NAME/NUMBER`.
        script: the applications to run once the call is up; None for an unknown extension.
        ring_seconds: limit until the answer.
        extension, dialplan: where the answered leg is transferred to; empty where `&app` runs at once.
    """

    variables: list[tuple[str, str]]
    gateway: str
    number: str
    script: list[tuple[str, str]] | None
    caller_name: str
    caller_number: str
    ring_seconds: int
    extension: str = ""
    dialplan: str = ""

    def variable(self, name: str) -> str:
        """The last value given to a variable, "" for none."""
        return next((value for key, value in reversed(self.variables) if key == name), "")

    def starting_with(self, prefix: str) -> list[str]:
        """Values of all variables whose name begins with `prefix`: how execute_on_* are found."""
        return [value for key, value in self.variables if key.startswith(prefix)]

    @property
    def waits_for_answer(self) -> bool:
        """Early media does not end the ringing."""
        return self.variable("ignore_early_media") in ("true", "ring_ready", "consume")


def parse(line: str) -> Originate:
    """Read the arguments of `originate`.

    Raises:
        Refused: FreeSWITCH replies at once.
    """
    words = split(line)
    if not 2 <= len(words) <= 7:
        raise Refused(USAGE)
    words = ["" if word == "undef" else word for word in words] + [""] * (7 - len(words))
    legs, target, dialplan, _context, caller_name, caller_number, ring = words
    variables, dial_string = _braces(legs)
    given = dict(variables)
    gateway, number = _dial_string(dial_string)
    ring = given.get("originate_timeout") or ring
    transferred = not target.startswith("&")
    return Originate(
        variables=variables,
        gateway=gateway,
        number=number,
        script=_script(target, dialplan),
        caller_name=given.get("origination_caller_id_name") or caller_name,
        caller_number=given.get("origination_caller_id_number") or caller_number or "0000000000",
        ring_seconds=int(ring) if ring.isdigit() and int(ring) else DEFAULT_RING_SECONDS,
        extension=target if transferred else "",
        dialplan=(dialplan or "XML") if transferred else "",
    )


_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "s": " ", "'": "'", '"': '"', "\\": "\\"}


def split(line: str) -> list[str]:
    """The first pass: words at blanks, quotes and escapes taken away."""
    words: list[str] = []
    word = ""
    started = quoted = False
    characters = iter(line.strip())
    for character in characters:
        if character == "\\":
            following = next(characters, "")
            # An escaped comma is left to the second pass.
            word += _ESCAPES.get(following, "\\" + following)
            started = True
        elif character == "'":
            quoted = not quoted
            started = True
        elif character == " " and not quoted:
            if started:
                words.append(word)
            word, started = "", False
        else:
            word += character
            started = True
    if started:
        words.append(word)
    return words


def _braces(text: str) -> tuple[list[tuple[str, str]], str]:
    """The variables of `{...}` and `[...]` in front of a dial string, and what follows them."""
    variables: list[tuple[str, str]] = []
    while text[:1] in ("{", "["):
        opening, closing = text[0], {"{": "}", "[": "]"}[text[0]]
        depth = 0
        end = 0
        for character in text:
            depth += (character == opening) - (character == closing)
            if depth == 0:
                break
            end += 1
        if depth:
            parse_error = ("err", "switch_ivr_originate.c", "switch_ivr_originate", 2306, "Parse Error!")
            raise Refused("-ERR DESTINATION_OUT_OF_ORDER\n", logged=parse_error)
        variables += _assignments(text[1:end])
        text = text[end + 1 :]
    return variables, text


def _assignments(block: str) -> list[tuple[str, str]]:
    if block.startswith("^^") and len(block) > 2:
        pieces = block[3:].split(block[2])
    else:
        pieces = [piece.replace("\\,", ",") for piece in re.split(r"(?<!\\),", block)]
    pairs = [
        (name.strip(), value) for name, equals, value in (piece.partition("=") for piece in pieces) if equals
    ]
    nested = ("origination_nested_vars", "true") in pairs
    # `a=` sets nothing; a value with ${ is silently not set.
    return [(name, value) for name, value in pairs if name and value and (nested or "${" not in value)]


def _dial_string(text: str) -> tuple[str, str]:
    if re.search(r"[,|<]|:_:", text):
        raise Refused("-ERR CHAN_NOT_IMPLEMENTED\n")
    parts = text.split("/", 3)
    match parts:
        case ["sofia", "gateway", gateway, number] if number:
            return gateway, number
        case ["sofia", "gateway", *rest]:
            line = ("err", *_SOFIA, 4822, f"Invalid URL '{rest[0] if rest else ''}'")
            raise Refused("-ERR INVALID_URL\n", session=True, logged=line)
        case ["sofia", _, *_]:
            line = ("err", *_SOFIA, 4950, "Invalid Profile")
            raise Refused("-ERR INVALID_PROFILE\n", session=True, logged=line)
        case ["user", *rest]:
            user = "/".join(rest)
            line = ("warning", "mod_dptools.c", "user_outgoing_channel", 4385, f"Can't find user [{user}]")
            raise Refused("-ERR SUBSCRIBER_ABSENT\n", logged=line, user=user)
    text = f"Could not locate channel type {parts[0]}"
    line = ("err", "switch_core_session.c", "switch_core_session_outgoing_channel", 537, text)
    raise Refused("-ERR CHAN_NOT_IMPLEMENTED\n", logged=line)


def _script(target: str, dialplan: str) -> list[tuple[str, str]] | None:
    if target.startswith("&"):
        name, parenthesis, rest = target[1:].partition("(")
        return [(name, rest.partition(")")[0] if parenthesis else "")]
    if dialplan == "inline":
        delimiter = ","
        custom = re.match(r"m:(.):", target)
        if custom:
            delimiter, target = custom[1], target[custom.end() :]
        pieces = [piece for piece in target.split(delimiter) if piece]
        return [(name, data) for name, _, data in (piece.partition(":") for piece in pieces)]
    return EXTENSIONS.get(target)
