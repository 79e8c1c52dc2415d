"""`freeswitch-exporter history` and `freeswitch-exporter calls`: ask the running daemon, print what it kept.

The daemon alone reads its store. Both ask it over HTTP, page by page up to MAX_PAGES, and print a text for
people, one JSON object, CSV, or of calls a text for the provider's support. Exit code: 0 answered, 2 not.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from exporter import client
from exporter import config as configuration
from exporter.clock import Clock
from exporter.config import Config, InvalidValue
from exporter.history.answers import CallAnswer, CallsAnswer, HistoryAnswer, OutageAnswer, columns, row
from exporter.history.availability import AvailabilityAnswer
from exporter.history.bar import signs
from exporter.history.csv_text import csv_text
from exporter.history.terminal import Form, call_lines, history_lines
from exporter.history.times import moment
from exporter.switch.cause import CAUSES
from exporter.switch.provider import PROVIDERS

REFUSED: Final = 2
MAX_PAGES: Final = 20
PAGE: Final = 500  # rows
_NAMED: Final = 20  # gateways in one message
_PROGRAM: Final = "freeswitch-exporter"

A = TypeVar("A", HistoryAnswer, AvailabilityAnswer, CallsAnswer)


def run_history(options: argparse.Namespace) -> int:
    """Ask for availability, outages and changes, print, and return the exit code.

    Args:
        options: config, url, since, until, node, gateway, json, csv, log_level, log_format, as cli has them.

    Raises:
        ConfigError: the config cannot be used.
    """
    config = _load(options)
    try:
        asking = _Asking(config, options)
        answer = asking.history()
        availability = asking.availability()
        if not answer.outages and not availability.gateways:
            asking.check_gateway()
    except client.NoAnswer as error:
        return _fail(str(error))
    if options.json:
        gateways = msgspec.to_builtins(availability.gateways)
        _print_json({**msgspec.to_builtins(answer), "availability": gateways})
    elif options.csv:
        _print_csv(OutageAnswer, answer.outages)
    else:
        _print(history_lines(answer, availability, _form()))
    return _done(answer)


def run_calls(options: argparse.Namespace) -> int:
    """Ask for kept calls, print, and return the exit code.

    Args:
        options: config, url, since, node, gateway, result, json, csv, ticket, log_level, log_format.

    Raises:
        ConfigError: the config cannot be used.
    """
    config = _load(options)
    try:
        asking = _Asking(config, options)
        answer = asking.calls(options.result)
        if not answer.calls:
            asking.check_gateway()
        if options.ticket:
            ticket = asking.get("/api/calls", {"result": options.result, "format": "ticket"})
            _print(ticket.decode(errors="replace").splitlines())
            return 0
    except client.NoAnswer as error:
        return _fail(str(error))
    if options.json:
        _print_json(msgspec.to_builtins(answer))
    elif options.csv:
        _print_csv(CallAnswer, answer.calls)
    else:
        _print(call_lines(answer, _form()))
    return _done(answer)


class _Asking:
    """Requests to one daemon, all about the same time, node and gateway.

    Raises:
        NoAnswer: the options do not say what is asked for, or whom.
    """

    def __init__(self, config: Config, options: argparse.Namespace) -> None:
        self._config = config
        self._url: str = options.url or client.default_url(config)
        self._query: dict[str, object] = {
            "since": _time("--since", options.since),
            "until": None if options.until is None else _time("--until", options.until),
            "node": options.node,
            "gateway": options.gateway,
        }

    def get(self, path: str, query: Mapping[str, object]) -> bytes:
        """The answer to one request; a parameter that is None is left out."""
        words = {**self._query, **query}.items()
        text = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in words if value is not None)
        return client.get(self._config, self._url, f"{path}?{text}")

    def history(self) -> HistoryAnswer:
        """All pages as one; `next` is left where there are more than MAX_PAGES."""
        complete = page = self._page("/api/history", HistoryAnswer, limit=PAGE)
        for _ in range(MAX_PAGES - 1):
            if page.next is None:
                break
            page = self._page("/api/history", HistoryAnswer, limit=PAGE, before=page.next)
            complete.outages.extend(page.outages)
            complete.changes.extend(page.changes)
        return msgspec.structs.replace(complete, next=page.next)

    def calls(self, result: str | None) -> CallsAnswer:
        """As `history`, the kept calls; of one kind, or all."""
        complete = page = self._page("/api/calls", CallsAnswer, limit=PAGE, result=result)
        for _ in range(MAX_PAGES - 1):
            if page.next is None:
                break
            page = self._page("/api/calls", CallsAnswer, limit=PAGE, result=result, before=page.next)
            complete.calls.extend(page.calls)
        return msgspec.structs.replace(complete, next=page.next)

    def availability(self) -> AvailabilityAnswer:
        """As `history`, the gateways."""
        complete = page = self._page("/api/availability", AvailabilityAnswer)
        for _ in range(MAX_PAGES - 1):
            if page.next is None:
                break
            page = self._page("/api/availability", AvailabilityAnswer, offset=page.next)
            complete.gateways.extend(page.gateways)
        return msgspec.structs.replace(complete, next=page.next)

    def check_gateway(self) -> None:
        """Raise NoAnswer if nothing is known of the gateway, and something of others: it may be misspelt."""
        named = self._query["gateway"]
        known = self._page("/api/availability", AvailabilityAnswer, gateway=None)
        names = sorted({one.gateway for one in known.gateways})
        if named is None or not names or named in names:
            return
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        listed = ", ".join(names[:_NAMED])
        raise client.NoAnswer(f"nothing is known of a gateway {named!r} in that time; known: {listed}{more}")

    def _page(self, path: str, answer: type[A], **query: object) -> A:
        body = self.get(path, query)
        try:
            return msgspec.json.decode(body, type=answer)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            message = f"the answer to {path} cannot be read; has that exporter the version of this command?"
            raise client.NoAnswer(message) from None


def _time(option: str, text: str) -> str:
    """A time as it is asked for. A duration stays one: it is before the daemon's now, not this machine's."""
    try:
        at = moment(text, Clock().epoch(), None)
    except InvalidValue as invalid:
        raise client.NoAnswer(f"{option} {invalid}") from None
    return text if text[-1] in "smhd" else repr(at)


def _load(options: argparse.Namespace) -> Config:
    flags = configuration.Flags(log_level=options.log_level, log_format=options.log_format)
    return configuration.load(options.config, os.environ, flags, providers=PROVIDERS, causes=CAUSES)


# -- printing -----------------------------------------------------------------------------------------


def _form() -> Form:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return Form(width, signs(sys.stdout.encoding))


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(client.plain(line))


def _print_json(answer: object) -> None:
    print(json.dumps(answer, indent=2))


def _print_csv(of: type[msgspec.Struct], answers: Iterable[msgspec.Struct]) -> None:
    sys.stdout.write(csv_text(columns(of), map(row, answers)))


def _fail(message: str) -> int:
    print(f"{_PROGRAM}: {message}", file=sys.stderr)
    return REFUSED


def _done(answer: HistoryAnswer | CallsAnswer) -> int:
    """Say if something is missing."""
    if answer.next is not None:
        print(f"{_PROGRAM}: there is more than this; name a --gateway or a later --since", file=sys.stderr)
    return 0
