"""The registrations of one profile: how many, those of one user, and the addresses of all.

`sofia status profile P`, `... user U` and `... reg` read the profile's own table, which is right at once.
`show registrations` reads FreeSWITCH's core table, which keeps the rows of telephones that are gone
(facts-more.md A.3).

Source: mod_sofia.c (cmd_status, show_reg_callback).
"""

import re
from typing import Final, NamedTuple

from exporter.esl.errors import printable, quoted
from exporter.switch.registration_event import MAX_TEXT
from exporter.switch.reply import GatewayNotFound, ReplyError, accepted
from exporter.switch.stranger_event import network_address

_COUNT: Final = re.compile(r"^REGISTRATIONS +\t(\d{1,9})$", re.MULTILINE)
_TOTAL: Final = re.compile(r"^Total items returned: (\d{1,9})$", re.MULTILINE)
_FIELD: Final = re.compile(r"([\w-]{1,20}): *\t(.*)")


class Registration(NamedTuple):
    """One telephone of a user: SIP Call-ID (cut), address (empty if it is none), User-Agent (printable).

    `reachable`: it answers OPTIONS, or is not asked, which the list does not tell apart.
    """

    call_id: str
    address: str
    agent: str
    reachable: bool = True


def parse_registrations_count(text: str) -> int | None:
    """Reads the reply of `sofia status profile P`; None if the profile does not run.

    Raises:
        ReplyError: a refusal, or something else.
    """
    try:
        found = _COUNT.search(accepted(text))
    except GatewayNotFound:
        return None
    if found is None:
        raise ReplyError(f"a profile without REGISTRATIONS: {quoted(text)}")
    return int(found[1])


def parse_registered_addresses(text: str) -> frozenset[str]:
    """Reads the reply of `sofia status profile P reg`; none if the profile does not run. It may be megabytes.

    Raises:
        ReplyError: a refusal, or something else.
    """
    try:
        body = accepted(text)
    except GatewayNotFound:
        return frozenset()
    total = _TOTAL.search(body, max(body.rfind("\nTotal"), 0))
    _, *rows = body.split("\nIP:")
    if total is None or len(rows) != int(total[1]):
        raise ReplyError(f"not a list of registrations: {quoted(text)}")
    return frozenset(filter(None, map(network_address, {row.partition("\n")[0].strip() for row in rows})))


def parse_registrations(text: str) -> list[Registration]:
    """Reads the reply of `sofia status profile P user U`; none if the profile does not run.

    Raises:
        ReplyError: a refusal, or something else.
    """
    try:
        body = accepted(text)
    except GatewayNotFound:
        return []
    total = _TOTAL.search(body)
    if total is None:
        raise ReplyError(f"not a list of registrations: {quoted(text)}")
    found = []
    for block in body.split("\nCall-ID:")[1:]:
        call_id, _, rest = block.partition("\n")
        lines = map(_FIELD.fullmatch, rest.split("\n"))
        fields = {line[1]: line[2] for line in lines if line is not None}
        found.append(
            Registration(
                call_id.strip(" \t")[:MAX_TEXT],
                network_address(fields.get("IP")),
                printable(fields.get("Agent", "")[:MAX_TEXT]),
                fields.get("Ping-Status") != "Unreachable",
            )
        )
    if len(found) != int(total[1]):
        raise ReplyError(f"{len(found)} registrations listed, but the list says {quoted(total[0])}")
    return found
