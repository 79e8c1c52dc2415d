"""Codes that providers add to SIP: what they mean, and what to do.

Such a code is the last word of the reason phrase ("User channel limit exceeded D1"); FreeSWITCH hands the
phrase over as `variable_sip_invite_failure_phrase`, which `Event.get` has already decoded. A phrase is free
text from outside. So the last word counts only if it is in the provider's table exactly as written, or at
least has the form of a code: then it is `other`, a code that is newer than the table. All else is no code.

Tables: providers/NAME.tsv, one for each provider, with their sources.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from exporter.switch.cause import OF_THE_CALL
from exporter.switch.tables import read_table

PROVIDERS: Final = tuple(sorted(path.stem for path in (Path(__file__).parent / "providers").glob("*.tsv")))
"""The providers there is a table for."""

_LIKE_A_CODE: Final = re.compile(r"[A-Z]{1,3}[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class ProviderCode:
    """One code of a provider.

    Attributes:
        code: as the provider writes it, or `other`.
        sip: the SIP status it comes with; 0 for `other`.
        class_: what kind of trouble it is (label `class`), or `other`.
        meaning, remedy: for people.
    """

    code: str
    sip: int
    class_: str
    meaning: str
    remedy: str


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
        code: what the reason phrase ends with; None without one. `destination`: the number was wrong.
    """
    return cause not in OF_THE_CALL or (code is not None and code.class_ != "destination")


class Provider:
    """A provider's table of codes.

    Attributes:
        name: as in the config.
        codes: every code it may be found to give, `OTHER` last: what counters start from.
    """

    __slots__ = ("_by_code", "codes", "name")

    def __init__(self, name: str, codes: tuple[ProviderCode, ...]) -> None:
        self.name = name
        self.codes = (*codes, OTHER)
        self._by_code = {code.code: code for code in codes}

    def find(self, phrase: str) -> ProviderCode | None:
        """The code at the end of a SIP reason phrase, `OTHER` for one not in the table, None without one."""
        last = "".join(phrase.rsplit(None, 1)[-1:])
        return self._by_code.get(last) or (OTHER if _LIKE_A_CODE.fullmatch(last) else None)


@cache
def provider(name: str) -> Provider:
    """The table of a provider.

    Raises:
        LookupError: there is none; the message names those there are.
    """
    if name not in PROVIDERS:
        raise LookupError(f"no table for provider {name!r}; there is: {', '.join(PROVIDERS)}")
    rows = read_table(f"providers/{name}.tsv", columns=5)
    return Provider(
        name,
        tuple(
            ProviderCode(code, int(sip), kind, meaning, remedy) for code, sip, kind, meaning, remedy in rows
        ),
    )
