"""The short answers: alive, ready, connected."""

from typing import Any

import pytest

from tests.web.fakes import FakeContext, FakeNode, serving

UP = FakeNode("fs1")
REFUSED = FakeNode("fs2", connected=False, problem="refused", reason="nothing listens at 192.0.2.7:8021")
UNTRIED = FakeNode("fs3", connected=False, problem="", reason="not tried yet", tried=False)


async def ask(context: FakeContext, path: str) -> tuple[int, Any]:
    async with serving(context) as served, served.client.get(served.base + path) as response:
        text = await response.text()
        return response.status, await response.json() if response.content_type == "application/json" else text


@pytest.mark.parametrize("nodes", [[UP], [REFUSED], [UNTRIED]])
async def test_healthy_whatever_the_nodes_are(nodes: list[FakeNode]) -> None:
    assert await ask(FakeContext(nodes=nodes), "/-/healthy") == (200, "Healthy.\n")


@pytest.mark.parametrize("nodes", [[UP], [REFUSED], [UP, REFUSED]])
async def test_ready_once_each_node_was_tried(nodes: list[FakeNode]) -> None:
    assert await ask(FakeContext(nodes=nodes), "/-/ready") == (200, "Ready.\n")


async def test_not_ready_before() -> None:
    status, answer = await ask(FakeContext(nodes=[UP, UNTRIED]), "/-/ready")
    assert (status, answer["error"], answer["message"]) == (503, "not_ready", "Not tried yet: fs3.")


@pytest.mark.parametrize(
    ("nodes", "query", "status", "message"),
    [
        ([UP], "", 200, "Connected to FreeSWITCH"),
        ([UP, UP], "", 200, "Connected to FreeSWITCH"),
        ([UP, REFUSED], "", 503, "fs2: nothing listens at 192.0.2.7:8021"),
        ([UP, REFUSED], "?node=fs1", 200, "Connected to FreeSWITCH"),
        ([UP, REFUSED], "?node=fs2", 503, "fs2: nothing listens at 192.0.2.7:8021"),
        ([UP, REFUSED], "?node=fs1&node=fs2", 503, "fs2: nothing listens at 192.0.2.7:8021"),
        ([REFUSED, UNTRIED], "", 503, "fs2: nothing listens at 192.0.2.7:8021; fs3: not tried yet"),
    ],
)
async def test_calls_health(nodes: list[FakeNode], query: str, status: int, message: str) -> None:
    answer = await ask(FakeContext(nodes=nodes), "/api/calls/health" + query)
    assert answer == (status, {"connected": status == 200, "message": message})


async def test_calls_health_of_a_node_that_is_not_known() -> None:
    status, answer = await ask(FakeContext(nodes=[UP, REFUSED]), "/api/calls/health?node=fs9")
    assert (status, answer["error"], answer["hint"]) == (404, "unknown_node", "Known nodes: fs1, fs2.")
