"""Questions to the running daemon, over HTTP, by the command `doctor`.

The doctor is a process of its own and sees the present only. The daemon of the same config, on this machine,
knows more. Nothing depends on it: a daemon that does not run, refuses, or takes longer than SECONDS costs the
doctor only what it would have said, and `NotAsked` says why.

Nobody has ordered these questions, so the token, with which calls can be placed, goes only to who proves by
TLS to be the exporter of the config: while that does not run, any program may listen on its port.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from exporter import client
from exporter.config import Config, is_loopback
from exporter.executors import Executor, QueueFull

SECONDS: Final = 1.5

_T = TypeVar("_T")


class NotAsked(Exception):
    """The daemon has not answered; the message is the reason, in one printable line."""


async def ask(config: Config, path: str, read: Callable[[bytes], _T], executor: Executor) -> _T:
    """What `read` makes of the daemon's answer; takes SECONDS at most.

    Args:
        config: says where the daemon listens, its token and certificate.
        path: what to get, with the query.
        read: raises ValueError for an answer that is not an exporter's.
        executor: for the request.

    Raises:
        NotAsked: there is no answer.
    """
    try:
        async with asyncio.timeout(SECONDS):
            return await executor.run(_ask, config, path, read)
    except TimeoutError:
        raise NotAsked(f"{client.default_url(config)} does not answer within {SECONDS:g} s") from None
    except QueueFull:
        raise NotAsked("other questions to the running exporter take too long") from None


def _ask(config: Config, path: str, read: Callable[[bytes], _T]) -> _T:
    try:
        url = client.default_url(config)
        if not is_loopback(urlsplit(url).hostname or ""):
            raise NotAsked(f"{url} is not an address of this machine alone")
        if config.web is None or config.web.tls is None:
            config = msgspec.structs.replace(config, token=None)
        return read(client.get(config, url, path, seconds=SECONDS))
    except client.NoAnswer as error:
        raise NotAsked(error.reason) from None
    except (ValueError, RecursionError):  # no such JSON, or a time that is none
        raise NotAsked(f"{url} does not answer as an exporter does") from None
