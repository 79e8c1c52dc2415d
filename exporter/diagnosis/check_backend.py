"""Check 11: the calling application is connected to FreeSWITCH (`GET /api/calls/health` of backend_url).

One request, bounded in time and size. Redirects are not followed: an answer from elsewhere shows nothing
about the application. The text in its answer is free text.
"""

import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from exporter.config.values import shown_url
from exporter.diagnosis.finding import Finding, not_checked, passed, shown
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import fault_of
from exporter.diagnosis.snapshot import BackendSeen, Snapshot
from exporter.esl.errors import quoted
from exporter.executors import Executor, QueueFull

SECONDS: Final = 4.0
PATH: Final = "/api/calls/health"
_MAX_BODY: Final = 64 * 1024


def check_backend(snapshot: Snapshot) -> Iterator[Finding]:
    """11: the calling application."""
    backend = snapshot.backend
    if backend is None:
        yield not_checked("backend", snapshot.unseen.get("backend", "No backend_url is configured"))
        return
    url, message = shown(backend.url), shown(backend.message, 200)
    if backend.connected is None:
        fault = "unclear" if backend.answered else "unreachable"
        what = "does not report whether it is connected" if backend.answered else "does not answer"
        yield _failed(snapshot, fault, f"The calling application at {url} {what}", backend)
    elif backend.connected:
        if snapshot.connected:
            yield passed("backend", "The calling application is connected to FreeSWITCH", message)
        else:
            yield passed(
                "backend",
                "The calling application reports that it is connected: FreeSWITCH may be OK, and only the "
                "path from this machine to it is broken",
                message,
            )
    elif not snapshot.connected:
        yield passed("backend", "The calling application is not connected to FreeSWITCH either", message)
    elif snapshot.others_down:
        down = ", ".join(shown(name) for name in snapshot.others_down[:5])
        yield not_checked("backend", f"It is not connected, possibly to {down}, which is down")
    else:
        summary = "The calling application reports that it is not connected to FreeSWITCH"
        yield _failed(snapshot, "disconnected", summary, backend)


def _failed(snapshot: Snapshot, fault: str, summary: str, backend: BackendSeen) -> Finding:
    return Finding(
        check="backend",
        status=fault_of("backend", fault).status,
        fault=fault,
        summary=summary,
        seen=shown(backend.error or backend.message, 200),
        remedy=remedy(snapshot, "backend", fault),
    )


# -- asking it ----------------------------------------------------------------------------------------


class _Health(msgspec.Struct):
    connected: bool
    message: str = ""


class _Resolver(AbstractResolver):
    """Host names by the system's resolver, in the executor: aiohttp's own uses the event loop's."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._executor.run(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=family,
                proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for family, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def ask_backend(address: str, executor: Executor, seconds: float = SECONDS) -> BackendSeen:
    """What the application at `url` reports about its own connection to FreeSWITCH. Raises nothing.

    Args:
        address: without the path of its health.
        executor: for the look-up of its host name.
        seconds: for everything.
    """
    url = shown_url(address)  # in all that is said of it
    try:
        async with (
            ClientSession(
                connector=TCPConnector(resolver=_Resolver(executor)),
                timeout=ClientTimeout(total=seconds),
                auto_decompress=False,
            ) as client,
            client.get(_health_at(address), allow_redirects=False) as answer,
        ):
            body = await answer.content.read(_MAX_BODY)
            status = answer.status
    except TimeoutError:
        return BackendSeen(url, error=f"no answer within {seconds:g} s")
    except (ClientError, OSError, QueueFull, ValueError) as error:
        return BackendSeen(url, error=quoted(str(error).replace(address, url)) or type(error).__name__)
    try:
        health = msgspec.json.decode(body, type=_Health)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return BackendSeen(url, answered=True, error=f"HTTP {status}: {quoted(body)}")
    return BackendSeen(url, health.connected, answered=True, message=health.message)


def _health_at(address: str) -> str:
    """The address of its health: PATH comes behind the path, and before a query."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + PATH))
