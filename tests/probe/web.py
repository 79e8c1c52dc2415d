"""The lab behind real HTTP: what a request does, and which bytes reach the switch."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
from msgspec.structs import replace
from yarl import URL

from exporter.config.model import ProbeConfig
from exporter.web.app import make_app
from exporter.web.probe import PROBES
from exporter.web.server import Server
from tests.probe.lab import Lab, opened
from tests.web.fakes import LOOPBACK, FakeContext


class Reply:
    """An HTTP answer, read to its end."""

    def __init__(self, status: int, headers: Mapping[str, str], text: str, body: Any) -> None:
        self.status = status
        self.headers = headers
        self.text = text
        self.body = body

    @property
    def error(self) -> str:
        """The reason of a refusal."""
        return str(self.body["error"])

    @property
    def samples(self) -> dict[str, float]:
        """Names, with labels, and values."""
        lines = [line.rsplit(" ", 1) for line in self.text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, value in lines}


class WebLab:
    """A lab and a client of its HTTP side."""

    def __init__(self, lab: Lab, context: FakeContext, base: str, client: aiohttp.ClientSession) -> None:
        self.lab = lab
        self.context = context
        self.base = base
        self._client = client

    async def get(self, path: str, **headers: str) -> Reply:
        """GET a path whose query is sent unchanged."""
        return await self._ask("GET", path, headers, None)

    async def post(self, body: object, path: str = "/api/calls/test-echo", **headers: str) -> Reply:
        """POST JSON; bytes are sent as they are."""
        data = body if isinstance(body, bytes) else aiohttp.payload.JsonPayload(body)
        return await self._ask("POST", path, {"Content-Type": "application/json"} | headers, data)

    async def _ask(self, method: str, path: str, headers: dict[str, str], data: object) -> Reply:
        url = URL(self.base + path, encoded=True)
        async with self._client.request(method, url, headers=headers, data=data) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            return Reply(response.status, response.headers, text, await response.json() if is_json else None)


@asynccontextmanager
async def served(*probes: ProbeConfig, speed: float = 25.0, **guard: Any) -> AsyncIterator[WebLab]:
    """A lab, its HTTP side, and a client."""
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(opened(*probes, speed=speed, **guard))
        context = FakeContext(replace(lab.config, listen=(LOOPBACK,)))
        app = make_app(context)
        app[PROBES] = lab.probes
        server = Server(context, app)
        await server.start()
        stack.push_async_callback(server.stop)
        connector = aiohttp.TCPConnector(limit=0)
        client = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        yield WebLab(lab, context, f"http://127.0.0.1:{server.addresses[0][1]}", client)
