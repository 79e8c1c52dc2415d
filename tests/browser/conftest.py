"""A real browser on the real page: Debian's Chromium, driven by Playwright, with every request watched.

Each test gets a page of its own, and fails on a console error and on a request to anywhere but the exporter.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import msgspec
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    async_playwright,
)

from exporter.clock import Clock
from exporter.config import Config, Listen, NodeConfig
from exporter.executors import Executors
from exporter.history.history import History
from exporter.probe.probes import Probes
from exporter.runtime import Runtime
from exporter.web.context import Switchboard
from tests.support.tools import program, unpacked_libraries

# As root Chromium needs --no-sandbox; the others keep it from sending requests of its own.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
INSTANCE = "ab12"


@dataclass
class Watched:
    """A page, and what must not happen on it: errors, and requests to strangers."""

    page: Page
    base: str
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def on_request(self, request: Request) -> None:
        if not request.url.startswith((self.base + "/", "data:")):
            self.strangers.append(request.url)


@asynccontextmanager
async def playwright_driver() -> AsyncIterator[Playwright]:
    """The driver of the browser, started with the libraries that a bare machine lacks."""
    with patch.dict(os.environ, LD_LIBRARY_PATH=unpacked_libraries()):
        manager = async_playwright()
        playwright = await manager.start()
    try:
        yield playwright
    finally:
        await playwright.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with playwright_driver() as playwright:
        browser = await playwright.chromium.launch(executable_path=program("chromium"), args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def served(
    nodes: Sequence[NodeConfig], config: Config | None = None, switchboard: Switchboard | None = None
) -> AsyncIterator[str]:
    """The daemon watching these nodes, in this loop; its address."""
    listening = Listen(host="127.0.0.1", port=0)
    whole = msgspec.structs.replace(config or Config(), nodes=tuple(nodes), listen=(listening,))
    clock, executors = Clock(), Executors()
    probes = await Probes.open(None, INSTANCE, clock, executors.disk)
    history = History(whole.history, whole.state_dir, clock, executors.history)
    daemon = Runtime(whole, lambda: whole, INSTANCE, probes, history, clock, executors, switchboard)
    running = asyncio.ensure_future(daemon.run())
    try:
        async with asyncio.timeout(10):
            while not daemon.addresses or not all(node.tried for node in daemon.nodes):
                assert not running.done(), running.result()
                await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{daemon.addresses[0][1]}"
    finally:
        daemon.stop()
        await running
        executors.shutdown()


@asynccontextmanager
async def opened(browser: Browser, base: str, path: str = "/", **settings: Any) -> AsyncIterator[Watched]:
    """A page of the exporter in a context of its own; fails at the end if anything went wrong on it."""
    context: BrowserContext = await browser.new_context(**settings)
    watched = Watched(await context.new_page(), base)
    watched.page.on("console", watched.on_console)
    watched.page.on("pageerror", lambda error: watched.errors.append(str(error)))
    watched.page.on("request", watched.on_request)
    watched.page.on("dialog", lambda dialog: watched.errors.append(f"dialog: {dialog.message}"))
    await watched.page.goto(base + path)
    yield watched
    assert watched.errors == []
    assert watched.strangers == []
    await context.close()
