"""A gateway as mod_sofia describes it, from either of the two forms that have all its fields.

`sofia xmlstatus gateway` (all gateways) and `sofia xmlstatus gateway NAME` answer in something like XML,
`sofia status gateway NAME` in lines of `Key<tab>value`. Both are reduced to one table of text fields under
the XML names, and one function types that table.

No XML parser is used: FreeSWITCH escapes three of the values and writes the others raw, so one `&` in a user
name would cost every gateway. FreeSWITCH writes one field a line, and that is what is read: between a line
`<gateway>` and a line `</gateway>` each line has to be `<tag>value</tag>`, each tag once. A value may hold
any character but a newline. A newline in a value always shows, as a line of another form or a tag seen twice,
and costs its own gateway only, unless it closes its block and opens one in another gateway's name: hence a
gateway listed twice counts only if all its configured fields are the same both times. (FreeSWITCH itself
lists one twice between `killgw` and the next scan; the newer stands first, and is taken.)

Source: mod_sofia.c, cmd_status and xml_gateway_status (1.11).
"""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from exporter.esl.errors import printable, quoted
from exporter.switch.reply import ReplyError, accepted

STATES: Final = (
    "UNREGED",
    "TRYING",
    "REGISTER",
    "REGED",
    "UNREGISTER",
    "FAILED",
    "FAIL_WAIT",
    "EXPIRED",
    "NOREG",
    "DOWN",
    "TIMEOUT",
)
"""FreeSWITCH's registration states, in its own order (sofia_state_names)."""

# Fields that are measured, not configured: their values change by themselves.
_MEASURED: Final = frozenset(
    {"ping", "pingcount", "pingtime", "pinging", "state", "status", "uptime-usec", "retry"}
    | {"calls-in", "calls-out", "failed-calls-in", "failed-calls-out"}
)
# The text form's keys under the XML form's names. Three more need taking apart: see parse_gateway_text.
_TEXT_KEYS: Final = {
    "Name": "name",
    "Profile": "profile",
    "Realm": "realm",
    "Username": "username",
    "Contact": "contact",
    "Proxy": "proxy",
    "Ping": "ping",
    "PingFreq": "pingfreq",
    "PingTime": "pingtime",
    "State": "state",
    "CallsIN": "calls-in",
    "CallsOUT": "calls-out",
    "FailedCallsIN": "failed-calls-in",
    "FailedCallsOUT": "failed-calls-out",
}
_RULER: Final = "====="
_PINGING: Final = " (ping)"

_GATEWAY_NAME: Final = re.compile(r"[\w.-]{1,128}", re.ASCII)  # FreeSWITCH skips other names (sofia.c)
_PROFILE_NAME: Final = re.compile(r"[^\x00-\x1f\x7f<>]{1,128}")
_WORD: Final = re.compile(r"\w{1,32}", re.ASCII)
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")
_RETRY: Final = re.compile(r"(-?[0-9]{1,18})s|NEVER")
_FIELD: Final = re.compile(r"<([a-z][a-z0-9-]{0,31})>(.*)</\1>")
_BLANKS: Final = " \t\r"
_FIRST: Final = re.compile(r"[ \t\r]*<gateway(s?)>[ \t\r]*(?:\n|$)")
_GATEWAY_LINE: Final = re.compile(r"^[ \t\r]*<gateway>[ \t\r]*$", re.MULTILINE)
_EDGE_LINE: Final = re.compile(r"^[ \t\r]*</?gateway>[ \t\r]*$", re.MULTILINE)

# Healthy gateways in FreeSWITCH's own layout, with the forms of the fields that are read. Nearly all blocks
# are so; any other, also one with a value below 0, is read line by line.
_ANY: Final = r"[^\n]*"
_COUNT: Final = r"([0-9]{1,18})"
_LAYOUT_FIELDS: Final = (
    ("name", r"([A-Za-z0-9_.-]{1,128})"),
    ("profile", r"([^\x00-\x1f\x7f<>]{1,128})"),
    ("scheme", _ANY),
    ("realm", f"({_ANY})"),
    ("username", f"({_ANY})"),
    ("password", _ANY),
    ("from", _ANY),
    ("contact", f"({_ANY})"),
    ("exten", _ANY),
    ("to", _ANY),
    ("proxy", f"({_ANY})"),
    *((tag, _ANY) for tag in ("context", "expires", "freq")),
    *((tag, _COUNT) for tag in ("ping", "pingfreq", "pingmin", "pingcount", "pingmax")),
    ("pingtime", r"([0-9]{1,12}\.[0-9]{1,6})"),
    ("pinging", _COUNT),
    ("state", r"([A-Za-z0-9_]{1,32})"),
    ("status", r"([A-Za-z0-9_]{1,32})"),
    *(
        (tag, _COUNT)
        for tag in ("uptime-usec", "calls-in", "calls-out", "failed-calls-in", "failed-calls-out")
    ),
)
_LAYOUT: Final = re.compile(
    " *<gateway>\n"
    + "".join(rf"    <{tag}>{form}</{tag}>\n" for tag, form in _LAYOUT_FIELDS)
    + r"(?:    <retry>(?:([0-9]{1,18})s|NEVER)</retry>\n)?  </gateway>(?=\n|$)"
)

# By switch_amp_encode, in the order in which they are undone.
_ESCAPED: Final = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))

_AT_ONCE: Final = 1000
_PROBLEMS_KEPT: Final = 5


# Thousands are made of one list: a Struct is made in a third of the time that a frozen dataclass takes, and
# holds nothing that the garbage collector would have to follow.
class GatewayStatus(msgspec.Struct, frozen=True, gc=False):
    """One gateway at one moment.

    Attributes:
        state: one of `STATES`, or what a newer FreeSWITCH may say.
        status: `UP` or `DOWN`: whether FreeSWITCH lets calls out by it. Without pings it is no
            statement about the far end.
        pinging: an OPTIONS is under way.
        ping_next: when the next OPTIONS is due, seconds since the epoch by FreeSWITCH's clock; 0: pings off.
        ping_interval: seconds; 0: pings off.
        ping_seconds: round trip of the last OPTIONS; None when pings are off, none was answered yet, or
            the last one failed.
        ping_min, ping_count, ping_max: answered pings needed to be UP, have now, and at most counted.
        uptime_seconds: since Status became UP; 0 while DOWN.
        calls_in, calls_out, failed_calls_in, failed_calls_out: FreeSWITCH's counters, since it made the
            gateway; failed_calls_in never moves (facts of mod_sofia.c).
        retry_seconds: until the next REGISTER; None when none is planned or the form does not say.
        proxy, realm, contact, username: for people, cut to 200 characters.
    """

    name: str
    profile: str
    state: str
    status: str
    pinging: bool
    ping_next: int
    ping_interval: int
    ping_seconds: float | None
    ping_min: int
    ping_count: int
    ping_max: int
    uptime_seconds: float
    calls_in: int
    calls_out: int
    failed_calls_in: int
    failed_calls_out: int
    retry_seconds: int | None
    proxy: str
    realm: str
    contact: str = ""
    username: str = ""


@dataclass(frozen=True, slots=True)
class GatewayList:
    """What could be read of a list of gateways.

    Attributes:
        gateways: in FreeSWITCH's order; no two of one profile and name.
        malformed: entries that could not be read or contradict each other.
        problems: the first few reasons for that, one line each, fit for a log.
    """

    gateways: list[GatewayStatus]
    malformed: int
    problems: tuple[str, ...]


def is_gateway_name(name: str) -> bool:
    """FreeSWITCH would take a gateway of that name (sofia.c skips others)."""
    return _GATEWAY_NAME.fullmatch(name) is not None


def is_profile_name(name: str) -> bool:
    """A profile's name as the lists show it."""
    return _PROFILE_NAME.fullmatch(name) is not None


def is_state(word: str) -> bool:
    """A word that may be a state: one of STATES, or of a newer FreeSWITCH."""
    return _WORD.fullmatch(word) is not None


def is_failed_ping(code: int) -> bool:
    """The outcome of an OPTIONS by its SIP status (sofia.c, sofia_handle_sip_r_options).

    FreeSWITCH takes every status outside 200 to 599 for a failure, and of those within it 408 (which also
    stands for silence) and 503 (also for a refused port).
    """
    return not 200 <= code < 600 or code in (408, 503)


def parse_gateway_text(text: str) -> GatewayStatus:
    """Reads the reply of `sofia status gateway NAME`.

    Raises:
        GatewayNotFound: `Invalid Gateway!`; also for a gateway whose profile is restarting.
        ReplyError: other refusals, and everything that is not this reply.
    """
    lines = accepted(text).split("\n")
    if len(lines) < 3 or not lines[0].startswith(_RULER) or not lines[-1].startswith(_RULER):
        raise ReplyError(f"not the status of one gateway: {quoted(text)}")
    keys: dict[str, str] = {}
    for line in lines[1:-1]:
        padded, tab, value = line.partition("\t")
        key = padded.rstrip(" ")
        if not tab or not key or key in keys:
            raise ReplyError(f"unknown line in the status of a gateway: {quoted(line)}")
        keys[key] = value
    fields = {name: keys[key] for key, name in _TEXT_KEYS.items() if key in keys}
    if "PingState" in keys:
        counts = keys["PingState"].split("/")
        if len(counts) != 3:
            raise ReplyError(f"unknown PingState: {quoted(keys['PingState'])}")
        fields["pingmin"], fields["pingcount"], fields["pingmax"] = counts
    if "Status" in keys:
        fields["status"] = keys["Status"].removesuffix(_PINGING)
        fields["pinging"] = "1" if keys["Status"].endswith(_PINGING) else "0"
    if "Uptime" in keys:
        fields["uptime-usec"] = keys["Uptime"].removesuffix("s") + "000000"
    return _typed(fields)


class GatewayReader:
    """Reads the reply of `sofia xmlstatus gateway`, or of it with a name, some gateways at a time.

    A switch may have tens of thousands of gateways, and reading them takes longer than the event loop may be
    held. So the caller decides how many are read before something else has its turn:

        reader = GatewayReader(text)
        while reader.read(200):
            await asyncio.sleep(0)
        found = reader.result()

    The time is proportional to the length of the text, whatever is in it.

    Args:
        text: the reply.

    Raises:
        GatewayNotFound: `Invalid Gateway!`.
        ReplyError: other refusals, and everything that is not this reply. A single unreadable gateway
            raises nothing: it is counted.
    """

    def __init__(self, text: str) -> None:
        self._text = text = accepted(text)
        self._at = text.find("\n") + 1 if text.startswith("<?xml") else 0
        first = _FIRST.match(text, self._at)
        if first is None:
            raise ReplyError(f"not a list of gateways: {quoted(text)}")
        if first[1]:
            self._at = first.end()
        self._read: dict[tuple[str, str], tuple[GatewayStatus, slice]] = {}
        self._doubtful: set[tuple[str, str]] = set()
        self._problems: list[str] = []

    def read(self, most: int) -> bool:
        """Read so many gateways more; False when there is none left."""
        text = self._text
        for _ in range(most):
            found = _LAYOUT.match(text, self._at)
            if found is not None:
                self._at = found.end() + 1
                self._add(_from_layout(found), slice(*found.span()))
                continue
            first = _GATEWAY_LINE.search(text, self._at)
            if first is None:
                return False
            edge = _EDGE_LINE.search(text, first.end())
            closed = edge is not None and "/" in edge[0]
            end = len(text) if edge is None else edge.end() if closed else edge.start()
            self._at = end + closed
            block = slice(first.start(), end)
            try:
                self._add(_typed(_fields(text[block])), block)
            except ReplyError as error:
                self._problems.append(str(error))
        return True

    def result(self) -> GatewayList:
        """What was read."""
        problems = self._problems + [
            f"gateway {profile}::{name}: listed twice, with different values"
            for profile, name in self._doubtful
        ]
        return GatewayList(
            gateways=[gateway for key, (gateway, _) in self._read.items() if key not in self._doubtful],
            malformed=len(problems),
            problems=tuple(problems[:_PROBLEMS_KEPT]),
        )

    def _add(self, gateway: GatewayStatus, block: slice) -> None:
        key = (gateway.profile, gateway.name)
        earlier = self._read.setdefault(key, (gateway, block))[1]
        if earlier is not block and self._configured(earlier) != self._configured(block):
            self._doubtful.add(key)

    def _configured(self, block: slice) -> dict[str, str]:
        return {tag: value for tag, value in _fields(self._text[block]).items() if tag not in _MEASURED}


def parse_gateways_xml(text: str) -> GatewayList:
    """Reads all of a reply at once; arguments and errors as `GatewayReader`."""
    reader = GatewayReader(text)
    while reader.read(_AT_ONCE):
        pass
    return reader.result()


def _fields(block: str) -> dict[str, str]:
    """The lines of one gateway as tag and value, raw as FreeSWITCH wrote it."""
    lines = [line.strip(_BLANKS) for line in block.strip(_BLANKS + "\n").split("\n")]
    fields: dict[str, str] = {}
    for line in lines[1:-1]:
        found = _FIELD.fullmatch(line)
        if not found or found[1] in fields:
            raise _unreadable(fields, f"cannot read {quoted(line)!r}")
        fields[found[1]] = found[2]
    if lines[-1] != "</gateway>":
        raise _unreadable(fields, "without an end")
    return fields


def _from_layout(found: re.Match[str]) -> GatewayStatus:
    """The gateway of a block in FreeSWITCH's own layout: the same as `_typed(_fields(block))`, sooner."""
    name, profile, realm, username, contact, proxy, ping, interval, *rest = found.groups()
    least, answered, most, milliseconds, pinging, state, status, uptime, *calls, retry = rest
    calls_in, calls_out, failed_in, failed_out = calls
    pause, round_trip = int(interval), float(milliseconds)
    return GatewayStatus(
        name,
        profile,
        state,
        status,
        int(pinging) > 0,
        int(ping),
        pause,
        round_trip / 1000 if pause > 0 and round_trip > 0 else None,
        int(least),
        int(answered),
        int(most),
        int(uptime) / 1e6,
        int(calls_in),
        int(calls_out),
        int(failed_in),
        int(failed_out),
        int(retry) if retry is not None else None,
        printable(proxy),
        printable(realm),
        printable(_unescaped(contact)),
        printable(username),
    )


def _typed(fields: dict[str, str]) -> GatewayStatus:
    interval = _integer(fields, "pingfreq")
    milliseconds = float(_match(fields, "pingtime", _DECIMAL, "0"))
    retry = _RETRY.fullmatch(_match(fields, "retry", _RETRY, "NEVER"))
    return GatewayStatus(
        name=_match(fields, "name", _GATEWAY_NAME),
        profile=_match(fields, "profile", _PROFILE_NAME),
        state=_match(fields, "state", _WORD),
        status=_match(fields, "status", _WORD),
        pinging=_integer(fields, "pinging") > 0,
        ping_next=_integer(fields, "ping"),
        ping_interval=interval,
        ping_seconds=milliseconds / 1000 if interval > 0 and milliseconds > 0 else None,
        ping_min=_integer(fields, "pingmin"),
        ping_count=_integer(fields, "pingcount"),
        ping_max=_integer(fields, "pingmax"),
        uptime_seconds=_integer(fields, "uptime-usec") / 1e6,
        calls_in=_integer(fields, "calls-in"),
        calls_out=_integer(fields, "calls-out"),
        failed_calls_in=_integer(fields, "failed-calls-in"),
        failed_calls_out=_integer(fields, "failed-calls-out"),
        retry_seconds=max(0, int(retry[1])) if retry and retry[1] else None,
        proxy=printable(fields.get("proxy", "")),
        realm=printable(fields.get("realm", "")),
        contact=printable(_unescaped(fields.get("contact", ""))),
        username=printable(fields.get("username", "")),
    )


def _unescaped(text: str) -> str:
    """The text before switch_amp_encode; the text form of the reply has it so. Faster than html.unescape."""
    for escaped, character in _ESCAPED:
        text = text.replace(escaped, character)
    return text


def _match(fields: dict[str, str], tag: str, form: re.Pattern[str], absent: str | None = None) -> str:
    value = fields.get(tag, absent)
    if value is None:
        raise _unreadable(fields, f"no {tag}")
    if not form.fullmatch(value):
        raise _unreadable(fields, f"unknown {tag} {quoted(value)!r}")
    return value


def _integer(fields: dict[str, str], tag: str) -> int:
    """A count or a time; absent (older FreeSWITCH) is 0, as is what a clock set back made negative."""
    return max(0, int(_match(fields, tag, _INTEGER, "0")))


def _unreadable(fields: dict[str, str], reason: str) -> ReplyError:
    return ReplyError(f"gateway {quoted(fields.get('name', '?'))}: {reason}")
