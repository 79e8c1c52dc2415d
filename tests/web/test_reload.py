"""POST /-/reload: the answers. What a reload does is tested in tests/test_runtime.py."""

from pathlib import Path

import pytest

from exporter.config import Config, ConfigError
from exporter.executors import QueueFull
from tests.web.fakes import LOOPBACK, FakeContext, serving

BAD = ConfigError(("exporter.yml: nodes[0].port: is 0; write a whole number", "exporter.yml: x: y"))


async def test_reload() -> None:
    context = FakeContext(next=Config(listen=(LOOPBACK,), state_dir=Path("elsewhere")))
    async with serving(context) as served:
        async with served.client.post(served.base + "/-/reload") as response:
            assert (response.status, await response.json()) == (
                200,
                {"message": "The configuration was reloaded."},
            )
        assert context.config is context.next
        async with served.client.get(served.base + "/-/reload") as response:
            assert response.status == 405
    assert context.reloads == 1


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
async def test_a_bad_config_is_refused_with_every_problem(query: str) -> None:
    async with (
        serving(FakeContext(next=BAD)) as served,
        served.client.post(f"{served.base}/-/reload{query}") as response,
    ):
        answer = await response.json()
        assert (response.status, answer["error"]) == (500, "bad_config")
        assert answer["message"] == "\n".join(BAD.problems)


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
async def test_a_disk_that_does_not_keep_up_is_a_503(query: str) -> None:
    async with (
        serving(FakeContext(next=QueueFull("disk"))) as served,
        served.client.post(f"{served.base}/-/reload{query}") as response,
    ):
        assert (response.status, (await response.json())["error"]) == (503, "busy")


async def test_a_dry_run_answers_the_plan_and_changes_nothing() -> None:
    context = FakeContext(next=Config(listen=(LOOPBACK,), state_dir=Path("elsewhere")))
    async with serving(context) as served:
        async with served.client.post(served.base + "/-/reload?dry_run=true") as response:
            assert (response.status, await response.json()) == (200, {"steps": []})
        assert context.reloads == 0
        async with served.client.post(served.base + "/-/reload?dry_run=false") as response:
            assert response.status == 200
    assert context.reloads == 1


@pytest.mark.parametrize(
    "query", ["dryrun=true", "dry_run=yes", "dry_run", "dry_run=true&dry_run=false", "x=1"]
)
async def test_a_misspelt_dry_run_does_not_reload(query: str) -> None:
    context = FakeContext()
    async with serving(context) as served, served.client.post(f"{served.base}/-/reload?{query}") as response:
        assert (response.status, (await response.json())["error"]) == (400, "bad_request")
    assert context.reloads == 0
