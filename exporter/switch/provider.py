"""Codes that providers add to SIP: what they mean, and what to do.

A code stands in one of three places, by provider:

- the reason phrase, as its last word ("User channel limit exceeded D1");
- a header of the answer, as its first word ("X-Twilio-Error: 32203 Call blocked");
- the header Reason (RFC 3326): the `cause` of a protocol that is the provider's own ("ACME;cause=1204"), else
  the last word of the text, as in a phrase.

All of it is free text from outside. So a word counts only if it is in the provider's table exactly as
written, or at least has the form of a code: then it is `other`, a code that is newer than the table.

Facts (facts-more.md E, mod_sofia.h: sofia_test_extra_headers):
- Of headers that it does not know, FreeSWITCH keeps those whose name begins with X- (X-FS- left out), P- or
  On, spelled as the far end did: `variable_sip_rh_NAME` of the final answer, `variable_sip_bye_h_NAME` of a
  BYE. Names of SIP headers ignore case, those of variables do not.
- `variable_sip_reason` is the first Reason header, of an answer of 400 or above or of a BYE.
- The first leg of a bridge gets all of these copied from the second. So codes are those of outbound legs.
- An answer of FreeSWITCH's own (`local_failure`) is nobody's rejection, and has no code.
- `sip_bye_h_NAME` may also be what the dialplan had FreeSWITCH send; it is the far end's if that hung up.

Tables: providers/NAME.tsv, one for each provider, with their sources; others come with the configuration.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporter.switch.cause import OF_THE_CALL
from exporter.switch.tables import read_table

if TYPE_CHECKING:  # reading a config takes the tables alone, without the network
    from exporter.esl import Event

PROVIDERS: Final = tuple(sorted(path.stem for path in (Path(__file__).parent / "providers").glob("*.tsv")))
"""The providers there is a table for."""
REASON: Final = "Reason"

_HEADERS: Final = {"twilio": "X-Twilio-Error"}  # of those in PROVIDERS whose code is not in the phrase
_PHRASE: Final = b"variable_sip_invite_failure_phrase"
_REASON: Final = b"variable_sip_reason"
_OF_ANSWER: Final = b"variable_sip_rh_"
_OF_BYE: Final = b"variable_sip_bye_h_"
_LIKE_A_CODE: Final = re.compile(r"[A-Z]{1,3}[0-9]{1,3}")  # in words that are mostly plain English
_LIKE_A_HEADERS_CODE: Final = re.compile(r"[A-Za-z]{0,4}-?[0-9]{1,6}", re.ASCII)  # in a field made for it
_FIRST_WORD: Final = re.compile(r"[^\s;,:\"]{1,40}")
_CAUSE: Final = re.compile(r";\s*cause\s*=\s*\"?([\w.-]{1,40})", re.ASCII | re.IGNORECASE)
_TEXT: Final = re.compile(r";\s*text\s*=\s*\"([^\"]{0,200})\"", re.IGNORECASE)
_STANDARD: Final = ("sip", "q.850")  # protocols of a Reason whose causes are not the provider's own


@dataclass(frozen=True, slots=True)
class ProviderCode:
    """One code of a provider.

    Attributes:
        code: as the provider writes it, or `other`.
        sip: the SIP status it comes with; 0 if that is not known.
        class_: what kind of trouble it is (label `class`), or `other`.
        meaning, remedy: for people.
        written: of `other`, what the provider wrote.
    """

    code: str
    sip: int
    class_: str
    meaning: str
    remedy: str
    written: str = field(default="", compare=False)

    @property
    def shown(self) -> str:
        """The code for people: as it was written, also where the table does not have it."""
        return self.written or self.code


OTHER: Final = ProviderCode(
    "other",
    0,
    "other",
    "a code of the provider that the exporter does not know",
    "look it up in the provider's documentation",
)


def has_failed(cause: str, code: ProviderCode | None) -> bool:
    """Whether an unanswered call failed: by its cause, or because the provider named a reason of its own.

    The cause alone does not tell: Telnyx sends the 404 of a number that does not exist for a billing block,
    and the 486 of a busy line for a channel limit.

    Args:
        cause: FreeSWITCH's name.
        code: the provider's, in the rejection; None without one. `destination`: the number was wrong.
    """
    return cause not in OF_THE_CALL or (code is not None and code.class_ != "destination")


class Provider:
    """A provider's table of codes, and where they stand. Arguments as of `use`.

    Attributes:
        name: as in the config.
        codes: every code it may be found to give, `OTHER` last: what counters start from.
    """

    __slots__ = ("_by_code", "_header", "codes", "name")

    def __init__(self, name: str, codes: Iterable[ProviderCode], header: str | None = None) -> None:
        self.name = name
        self.use(codes, header)

    def use(self, codes: Iterable[ProviderCode], header: str | None) -> None:
        """Put a table in force, for calls from now on.

        Args:
            codes: what the provider gives.
            header: of the answer in which they stand, or `REASON`; None: the reason phrase.
        """
        self._header = header
        self._by_code = {code.code: code for code in codes}
        self.codes = (*self._by_code.values(), OTHER)

    def in_answer(self, event: "Event") -> ProviderCode | None:
        """The code in the answer with which the far end refused an outbound leg; None without one.

        Args:
            event: the last of the leg. For one with a `local_failure` it is not to be asked.
        """
        if self._header is None:
            return self._in_phrase(event.get(_PHRASE) or "")
        return self._in_header(event, _OF_ANSWER, self._header)

    def in_bye(self, event: "Event") -> ProviderCode | None:
        """The code with which the far end ended an answered outbound leg, by its last event; None without."""
        if self._header is None or event.get(b"variable_sip_hangup_disposition") != "recv_bye":
            return None
        return self._in_header(event, _OF_BYE, self._header)

    def find(self, code: str) -> ProviderCode:
        """The meaning of a code, as a label has it."""
        return self._by_code.get(code, OTHER)

    def _in_header(self, event: "Event", prefix: bytes, header: str) -> ProviderCode | None:
        if header == REASON:
            return self._in_reason(event.get(_REASON) or "")
        found = _FIRST_WORD.search(_kept(event, prefix, header.encode()) or "")
        return self._known(found[0], _LIKE_A_HEADERS_CODE) if found is not None else None

    def _in_reason(self, reason: str) -> ProviderCode | None:
        cause = _CAUSE.search(reason)
        if cause is not None and reason.partition(";")[0].strip().lower() not in _STANDARD:
            return self._known(cause[1], _LIKE_A_HEADERS_CODE)
        text = _TEXT.search(reason)
        return self._in_phrase(text[1]) if text is not None else None

    def _in_phrase(self, phrase: str) -> ProviderCode | None:
        return self._known("".join(phrase.rsplit(None, 1)[-1:]), _LIKE_A_CODE)

    def _known(self, word: str, form: re.Pattern[str]) -> ProviderCode | None:
        known = self._by_code.get(word)
        if known is not None:
            return known
        return replace(OTHER, written=word) if form.fullmatch(word) is not None else None


def _kept(event: "Event", prefix: bytes, header: bytes) -> str | None:
    """A header of the far end's that FreeSWITCH kept, in whatever case the far end wrote its name."""
    value = event.get(prefix + header)
    if value is not None:
        return value
    end = b'"' if event.text.startswith(b"{") else b":"
    spelled = _spellings(prefix, header, end).finditer(event.text)
    return next((value for name in spelled if (value := event.get(name[1])) is not None), None)


@cache
def _spellings(prefix: bytes, header: bytes, end: bytes) -> re.Pattern[bytes]:
    # The prefix apart, since a search for a plain text to begin with costs a tenth.
    # What ends a name is escaped in values, which may repeat the name thousands of times.
    return re.compile(b"(" + re.escape(prefix) + b"(?i:" + re.escape(header) + b"))" + end)


@cache
def provider(name: str) -> Provider:
    """The table of a provider.

    Raises:
        LookupError: there is none; the message names those there are.
    """
    if name not in PROVIDERS:
        raise LookupError(f"no table for provider {name!r}; there is: {', '.join(PROVIDERS)}")
    rows = read_table(f"providers/{name}.tsv", columns=5)
    codes = (ProviderCode(code, int(sip), kind, meaning, remedy) for code, sip, kind, meaning, remedy in rows)
    return Provider(name, codes, _HEADERS.get(name))
