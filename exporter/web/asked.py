"""What a request to the history asks for: the query, read strictly. A misspelt filter must not answer all.

An empty value counts as none, so that `until=&node=` can stay in a URL. A value that cannot be used is
refused with what to write instead.
"""

from collections.abc import Collection, Sequence
from typing import Final, Literal, TypeVar

from aiohttp import web

from exporter.config import InvalidValue
from exporter.history import times
from exporter.web.answers import Refusal, read_query, shown
from exporter.web.context import APP_CONTEXT

MAX_LIMIT: Final = 500
_MAX_NAME: Final = 200
_MAX_OFFSET: Final = 10**9

W = TypeVar("W", bound=str)


class Asked:
    """The query of one request.

    Args:
        request: it.
        names: the parameters that its path takes, beside `since`, `until`, `node`, `gateway`, `profile`.
        since: the default of `since`, as a duration.

    Attributes:
        now, since, until: epoch seconds; `since` is not after `until`.
        node: a name, or None.
        gateway, profile: any, or None.

    Raises:
        Refusal: 400 for a value that cannot be used.
    """

    def __init__(self, request: web.Request, names: Collection[str], since: str) -> None:
        context = request.app[APP_CONTEXT]
        self._query = {name: value for name, value in read_query(request).items() if value}
        takes = ("since", "until", "node", "gateway", "profile", *names)
        for name in self._query:
            if name not in takes:
                message = f"{shown(name)} is no parameter of this path."
                raise Refusal(400, "bad_request", message, f"It takes {', '.join(takes)}.")
        self.now = context.clock.epoch()
        self.since = self._moment("since", since)
        self.until = self._moment("until", "0s")
        if self.since > self.until:
            message = "since is after until."
            raise Refusal(400, "bad_request", message, "Give the earlier time as since.")
        self.node = self._name("node")
        self.gateway = self._name("gateway")
        self.profile = self._name("profile")

    def choice(self, name: str, words: Sequence[W]) -> W | None:
        """One of these words, or None."""
        value = self._query.get(name)
        if value is None:
            return None
        for word in words:
            if word == value:
                return word
        raise _unusable(name, f"is {shown(value)}; write {_or(words)}")

    def format(self, others: Sequence[Literal["csv", "ticket"]]) -> Literal["json", "csv", "ticket"]:
        """`format`: JSON, or one of the others."""
        return self.choice("format", ("json", *others)) or "json"

    def limit(self, default: int) -> int:
        """How many rows at most: 1 to MAX_LIMIT."""
        return self._integer("limit", default, 1, MAX_LIMIT)

    @property
    def offset(self) -> int:
        """How many rows to leave out."""
        return self._integer("offset", 0, 0, _MAX_OFFSET)

    @property
    def before(self) -> float | None:
        """Only what is older than this; epoch seconds."""
        return self._moment("before", "0s") if "before" in self._query else None

    def url(self, request: web.Request, **changes: str) -> str:
        """The same request with other values for some parameters, relative to its own address."""
        return f"?{request.rel_url.with_query({**self._query, **changes}).raw_query_string}"

    def _moment(self, name: str, default: str) -> float:
        try:
            return times.moment(self._query.get(name, default), self.now)
        except InvalidValue as invalid:
            raise _unusable(name, str(invalid)) from None

    def _name(self, name: str) -> str | None:
        value = self._query.get(name)
        if value is not None and len(value) > _MAX_NAME:
            raise _unusable(name, f"is too long; write at most {_MAX_NAME} characters")
        return value

    def _integer(self, name: str, default: int, low: int, high: int) -> int:
        value = self._query.get(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) <= 10 and low <= int(value) <= high):
            raise _unusable(name, f"is {shown(value)}; write a whole number from {low} to {high}")
        return int(value)


def _unusable(name: str, what: str) -> Refusal:
    """`what` is `wrong; what to write`."""
    wrong, _, write = what.rpartition("; ")
    return Refusal(400, "bad_request", f"{name} {wrong}.", f"{write[:1].upper()}{write[1:]}.")


def _or(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]])
