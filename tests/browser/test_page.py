"""The page in a browser: demo data, a fault that shows by itself, keyboard, phone, no script, contrast."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import aiohttp
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, Locator, Page, expect

from exporter.clock import Clock
from exporter.config import Config, GatewayConfig, NodeConfig
from exporter.demo import demo_config
from exporter.demo_switchboard import DemoSwitchboard
from exporter.simulator import GatewayConfig as SimulatedGateway
from exporter.simulator import SimulatedSwitch
from exporter.simulator.demo import demo_switch
from tests.browser.conftest import opened, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

DESKTOP = {"width": 1200, "height": 900}
PHONE = {"width": 360, "height": 740}
LAPTOP = {"width": 1366, "height": 768}
LOOKS: dict[str, dict[str, Any]] = {
    "dark": {"color_scheme": "dark", "viewport": DESKTOP},
    "light": {"color_scheme": "light", "viewport": DESKTOP},
    "phone": {"color_scheme": "light", "viewport": PHONE, "has_touch": True},
}
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>'\"&amp;"


@asynccontextmanager
async def demo() -> AsyncIterator[tuple[SimulatedSwitch, str]]:
    async with demo_switch(Clock(), rate=2.0) as switch:
        config = demo_config(Config(), switch.port)
        async with served(config.nodes, config) as base:
            yield switch, base


@asynccontextmanager
async def rejected_demo() -> AsyncIterator[str]:
    """The demo once its gateway `rejected` is known to have wrong credentials."""
    async with demo() as (_, base):
        await diagnosed(base, "rejected", "auth_rejected")
        yield base


@asynccontextmanager
async def trunks(count: int) -> AsyncIterator[tuple[SimulatedSwitch, str]]:
    """A switch with this many gateways that register, and a node that watches it."""
    gateways = [SimulatedGateway(f"trunk{number:03}", expire_seconds=3000) for number in range(count)]
    async with SimulatedSwitch(gateways, tick=0.05) as switch:
        await switch.until(lambda: all(g.state == "REGED" for g in switch.listed_gateways()))
        node = NodeConfig(name="fs1", port=switch.port, gateways={"trunk000": GatewayConfig()})
        async with served([node]) as base:
            yield switch, base


async def diagnosed(base: str, gateway: str, fault: str) -> None:
    """Wait until that is what the exporter says of the gateway."""
    async with asyncio.timeout(30), aiohttp.ClientSession() as client:
        while True:
            async with client.get(f"{base}/api/diagnosis") as response:
                findings = (await response.json())["nodes"][0]["findings"]
            if any((one["gateway"], one["fault"]) == (gateway, fault) for one in findings):
                return
            await asyncio.sleep(0.2)


def line_of_rejected(page: Page) -> Locator:
    """The line of the gateway whose credentials the provider of the demo rejects."""
    return page.locator(".problems > li > details", has_text="Gateway rejected: the provider rejects")


async def serious(page: Page) -> list[str]:
    """The findings of axe-core with impact serious or critical."""
    await page.evaluate(AXE_SCRIPT)
    found = await page.evaluate("axe.run()")
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


async def test_the_demo_is_accessible_in_dark_and_light_and_on_a_phone(
    browser: Browser, tmp_path: Path
) -> None:
    async with demo() as (switch, base):
        await switch.until(lambda: len(switch.legs) > 3, 15)
        for name, settings in LOOKS.items():
            async with opened(browser, base, **settings) as watched:
                page = watched.page
                await expect(page.get_by_role("heading", name="Gateways")).to_be_visible()
                await expect(page.get_by_role("row", name="telnyx external")).to_be_visible()
                for details in await page.locator("details").all():
                    await details.evaluate("details => details.open = true")
                assert await serious(page) == [], name
                wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
                assert wide <= 0, name
                await page.screenshot(path=tmp_path / f"{name}.png", full_page=True)


async def test_a_fault_shows_by_itself_within_ten_seconds(browser: Browser) -> None:
    async with demo() as (switch, base), opened(browser, base) as watched:
        page = watched.page
        row = page.get_by_role("row", name="telnyx external")
        await expect(row.get_by_text("none")).to_be_visible()
        await page.locator("#nodes summary").click()
        switch.provider("telnyx").rejects(403, "Forbidden")
        switch.gateway("telnyx").ask_register()
        await expect(row.get_by_text("auth rejected")).to_be_visible(timeout=10_000)
        line = page.locator(".problems > li", has_text="the provider rejects the credentials")
        await expect(line.filter(has_text="telnyx")).to_be_visible()
        # What the reader opened stays open.
        assert await page.locator("details[data-key='n-demo-checks']").get_attribute("open") is not None


async def test_a_fault_is_followed_from_the_page_to_its_outage(browser: Browser) -> None:
    async with demo() as (switch, base), opened(browser, base) as watched:
        page = watched.page
        switch.provider("telnyx").rejects(403, "Forbidden")
        switch.gateway("telnyx").ask_register()
        row = page.get_by_role("row", name="telnyx external")
        await expect(row.get_by_text("down for")).to_contain_text("(403)", timeout=20_000)
        await row.get_by_role("link", name="telnyx").click()
        await page.wait_for_url("**/gateways/demo/external/telnyx")
        await expect(page.locator("#headline")).to_contain_text("Down for")
        outage = page.locator("#outages").get_by_role("row").nth(1)
        await expect(outage).to_contain_text("403 Forbidden", timeout=20_000)


async def test_a_failed_call_is_followed_from_the_page_to_the_copied_text(browser: Browser) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    async with demo() as (_, base), opened(browser, base, permissions=permissions) as watched:
        page = watched.page
        await page.get_by_role("row", name="telnyx external").get_by_role("link", name="telnyx").click()
        await page.wait_for_url("**/gateways/demo/external/telnyx")
        call = page.locator(".calls > li", has_text="failed").first
        await expect(call).to_be_visible(timeout=60_000)
        await page.get_by_role("button", name="Pause updates").click()
        await call.locator("summary").click()
        await call.get_by_role("button", name="Copy for the provider").click()
        await expect(call.get_by_role("status")).to_have_text("Copied")
        copied = await page.evaluate("navigator.clipboard.readText()")
        call_id = re.search(r"SIP Call-ID +(\S+)", copied)
        assert call_id is not None, copied
        async with aiohttp.ClientSession() as client:
            url = f"{base}/api/calls?node=demo&gateway=telnyx&since=1h&limit=500"
            async with client.get(url) as response:
                kept = (await response.json())["calls"]
        assert call_id[1] in [one["sipCallId"] for one in kept]


async def test_a_lost_node_shows_and_comes_back(browser: Browser) -> None:
    async with trunks(1) as (switch, base), opened(browser, base) as watched:
        headline = watched.page.locator("#headline")
        await expect(headline).to_contain_text("No problems found")
        await switch.refuse_connections()
        await expect(headline).to_contain_text("Nothing listens", timeout=10_000)
        await expect(headline).to_contain_text("1 problem")
        await expect(watched.page.locator("#problems")).to_contain_text("systemctl status freeswitch")
        row = watched.page.get_by_role("row", name="trunk000 external")
        await expect(row).to_contain_text("unknown since")
        await expect(row).to_contain_text("(was REGED)")
        assert await row.get_by_role("cell").all_inner_texts() == [ANY, ANY, ANY, *["–"] * 3]
        await switch.accept_connections()
        await expect(headline).to_contain_text("No problems found", timeout=20_000)


async def test_everything_works_by_keyboard(browser: Browser) -> None:
    async with rejected_demo() as base, opened(browser, base) as watched:
        page = watched.page
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the gateways")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("searchbox")).to_be_focused()
        await page.keyboard.type("unmonitored")  # and no key more: the table follows what is typed
        await page.wait_for_url("**/*q=unmonitored*")
        await expect(page.get_by_role("rowheader")).to_have_text(["unmonitored external"])
        await expect(page.get_by_role("searchbox")).to_be_focused()
        line = line_of_rejected(page)
        summary = line.locator("summary")
        await summary.focus()
        await page.keyboard.press("Enter")
        await expect(line.locator("code").first).to_be_visible()
        # Two refreshes later the focus is where it was, and the line is still open.
        for _ in range(2):
            async with page.expect_response(lambda response: "q=unmonitored" in response.url, timeout=10_000):
                pass
        await asyncio.sleep(0.2)
        await expect(summary).to_be_focused()
        await expect(line.locator("code").first).to_be_visible()
        # From there the next stop copies the first command, the link leads to the runbook.
        await page.keyboard.press("Tab")
        await expect(line.get_by_role("button", name="Copy command 1")).to_be_focused()
        await line.get_by_role("link", name="Runbook").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/runbook#auth_rejected")
        await expect(page.get_by_role("heading", name="auth_rejected")).to_be_in_viewport()


async def test_a_refresh_takes_neither_the_focus_nor_the_place(browser: Browser) -> None:
    """Of a link in a row, too; and the page stays where it was scrolled to."""
    async with trunks(65) as (switch, base), opened(browser, base, viewport=LAPTOP) as watched:
        page = watched.page
        link = page.get_by_role("row", name="trunk040 external").get_by_role("link")
        await link.focus()
        place = await page.evaluate("window.scrollY")
        assert place > 0
        switch.provider("trunk064").rejects(403)
        switch.gateway("trunk064").ask_register()  # a line and a row more above it
        await expect(page.locator("#problems")).to_contain_text("trunk064", timeout=20_000)
        await expect(link).to_be_focused()
        await expect(link).to_be_in_viewport()
        history = page.get_by_role("link", name="History of fs1")
        await history.focus()
        switch.provider("trunk063").rejects(403)
        switch.gateway("trunk063").ask_register()
        await expect(page.locator("#problems")).to_contain_text("trunk063", timeout=20_000)
        await expect(history).to_be_focused()


_BROKEN = """words => words.filter((word) => {
    const range = document.createRange();
    range.selectNodeContents(word);
    return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1;
}).map((word) => word.textContent)"""


async def test_a_command_breaks_between_its_words(browser: Browser) -> None:
    """Not at the hyphen of an option, which would then be taken for two words."""
    async with rejected_demo() as base, opened(browser, base, viewport=PHONE) as watched:
        page = watched.page
        await page.get_by_role("button", name="Pause updates").click()
        line = line_of_rejected(page)
        await line.locator("summary").click()
        command = line.locator("code", has_text="killgw")
        assert re.fullmatch(
            r"fs_cli -H 127.0.0.1 -P \d+ -x 'sofia profile external killgw rejected'",
            await command.text_content() or "",
        )
        for width in range(320, 420, 10):
            await page.set_viewport_size({"width": width, "height": 740})
            broken = await line.locator("code > *").evaluate_all(_BROKEN)
            assert [word for word in broken if len(word) < 20] == [], width


LONG = "a-rather-long-name." * 5 + "x" * 5  # as long as a name may be


async def test_long_names_do_not_widen_a_page(browser: Browser) -> None:
    async with SimulatedSwitch([SimulatedGateway(LONG, expire_seconds=3000)], tick=0.05) as switch:
        switch.provider(LONG).rejects(403, "x" * 70)
        switch.gateway(LONG).ask_register()
        await switch.gateway_reaches(LONG, "FAIL_WAIT")
        node = NodeConfig(name="n" * 64, port=switch.port, gateways={LONG: GatewayConfig()})
        async with served([node]) as base:
            for path in ("/", "/history", f"/gateways/{node.name}/external/{LONG}"):
                for viewport in (LAPTOP, PHONE, {"width": 320, "height": 256}):  # the last: zoomed to 400 %
                    async with opened(browser, base, path, viewport=viewport) as watched:
                        page = watched.page
                        for details in await page.locator("details").all():
                            await details.evaluate("details => details.open = true")
                        wide = "document.documentElement.scrollWidth - window.innerWidth"
                        assert await page.evaluate(wide) <= 0, (path, viewport)


async def test_a_command_is_copied(browser: Browser) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    async with rejected_demo() as base, opened(browser, base, permissions=permissions) as watched:
        page = watched.page
        await page.get_by_role("button", name="Pause updates").click()
        line = line_of_rejected(page)
        await line.locator("summary").click()
        await line.get_by_role("button", name="Copy command 2").click()
        await expect(page.locator("#said")).to_have_text("Copied")
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert re.fullmatch(r"fs_cli .* -x 'sofia profile external killgw rejected'", copied)


async def test_updates_can_be_paused(browser: Browser) -> None:
    async with trunks(1) as (_, base), opened(browser, base) as watched:
        page = watched.page
        await page.get_by_role("button", name="Pause updates").click()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await asyncio.sleep(4)
        assert asked == []
        async with page.expect_response(base + "/", timeout=10_000):
            await page.get_by_role("button", name="Resume updates").click()


async def test_it_is_complete_without_a_script(browser: Browser) -> None:
    async with rejected_demo() as base, opened(browser, base, java_script_enabled=False) as watched:
        page = watched.page
        await expect(page.get_by_role("row", name="telnyx external")).to_be_visible()
        await expect(page.get_by_role("button", name="Pause updates")).to_be_hidden()
        await page.get_by_role("searchbox").fill("rejected")
        await page.get_by_role("checkbox", name="only problems").check()
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("rowheader")).to_have_text(["rejected external"])
        line = line_of_rejected(page)
        await line.locator("summary").click()
        await expect(line.locator("code").last).to_contain_text("sofia status gateway rejected")
        await expect(line.get_by_role("button")).to_have_count(0)  # nothing there that needs a script
        await line.get_by_role("link", name="Runbook").click()
        await expect(page.get_by_role("heading", name="auth_rejected")).to_be_visible()


async def test_five_hundred_gateways_are_manageable(browser: Browser) -> None:
    async with trunks(500) as (switch, base):
        switch.provider("trunk321").rejects(403)
        switch.gateway("trunk321").ask_register()
        await switch.gateway_reaches("trunk321", "FAIL_WAIT")
        async with opened(browser, base) as watched:
            page = watched.page
            rows = page.get_by_role("rowheader")
            await expect(rows).to_have_count(50)
            await expect(rows.first).to_have_text("trunk321 external", timeout=10_000)
            await page.get_by_role("link", name="Next").click()
            await page.wait_for_url("**/*page=2*")
            await expect(rows.first).to_have_text("trunk049 external")
            await page.get_by_role("searchbox").fill("trunk499")
            await expect(rows).to_have_text(["trunk499 external"])
            assert await serious(page) == []


async def test_hostile_texts_stay_texts(browser: Browser) -> None:
    async with trunks(1) as (switch, base):
        switch.provider("trunk000").rejects(499, HOSTILE)
        switch.gateway("trunk000").ask_register()
        await switch.gateway_reaches("trunk000", "FAIL_WAIT")
        async with opened(browser, base) as watched:
            await expect(watched.page.locator("#problems")).to_contain_text(HOSTILE, timeout=10_000)
            assert await watched.page.locator("img").count() == 0
            assert await watched.page.locator("script").count() == 1


async def test_a_stopped_exporter_shows_as_stale(browser: Browser) -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        context = served([NodeConfig(name="fs1", port=switch.port)])
        base = await context.__aenter__()
        page = await browser.new_page()
        await page.goto(base)
        await context.__aexit__(None, None, None)
        await expect(page.locator("#headline")).to_contain_text("all values are stale", timeout=20_000)


SICK = {
    403: ("trunk003", "trunk017", "trunk044"),
    404: ("trunk009",),
    500: ("trunk022",),
    503: ("trunk031", "trunk032", "trunk060"),
}


@pytest.mark.parametrize("viewport", [LAPTOP, PHONE], ids=["laptop", "phone"])
async def test_all_that_is_wrong_with_sixty_five_gateways_is_on_the_first_screen(
    browser: Browser, viewport: dict[str, int]
) -> None:
    async with trunks(65) as (switch, base):
        for code, names in SICK.items():
            for name in names:
                switch.provider(name).rejects(code)
                switch.gateway(name).ask_register()
                await switch.gateway_reaches(name, "FAIL_WAIT")
        async with opened(browser, base, viewport=viewport) as watched:
            page = watched.page
            for name in (name for names in SICK.values() for name in names):
                line = page.locator(".problems > li", has_text=name).first
                await expect(line).to_be_visible(timeout=20_000)
                await expect(line).to_be_in_viewport(ratio=1)
            # No row of the table is higher than its neighbours: nothing wraps beside an empty column.
            if viewport is LAPTOP:
                heights = await page.locator(".gateways tbody tr").evaluate_all(
                    "rows => rows.map(row => Math.round(row.getBoundingClientRect().height))"
                )
                assert max(heights) - min(heights) <= 2, heights
            wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0


@pytest.mark.parametrize("look", LOOKS)
async def test_the_runbook_is_accessible(browser: Browser, look: str) -> None:
    async with trunks(1) as (_, base), opened(browser, base, "/runbook", **LOOKS[look]) as watched:
        page = watched.page
        for details in await page.locator("details").all():
            await details.evaluate("details => details.open = true")
        assert await serious(page) == []
        wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0


async def test_the_runbook_works_by_keyboard(browser: Browser) -> None:
    async with trunks(1) as (_, base), opened(browser, base, "/runbook") as watched:
        page = watched.page
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the text")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        chapter = page.locator(".contents summary").first
        await expect(chapter).to_be_focused()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/runbook#before-you-touch-anything")


async def test_times_are_told_where_the_exporter_is_in_utc_and_where_the_reader_is(browser: Browser) -> None:
    async with (
        trunks(1) as (_, base),
        opened(browser, base, timezone_id="Asia/Kolkata") as watched,
    ):
        taken = watched.page.locator("#taken")
        await expect(taken).to_contain_text("UTC")
        await expect(taken).to_contain_text(re.compile(r"\d\d:\d\d:\d\d here"))


async def test_a_fault_of_the_demo_is_made_named_and_mended(browser: Browser) -> None:
    async with demo_switch(Clock()) as switch:
        config = demo_config(Config(), switch.port)
        async with (
            served(config.nodes, config, DemoSwitchboard(switch)) as base,
            opened(browser, base) as watched,
        ):
            page = watched.page
            row = page.get_by_role("row", name="telnyx external")
            board = page.locator("#switchboard")
            assert await serious(page) == []
            await expect(row.get_by_text("none")).to_be_visible(timeout=20_000)
            button = board.get_by_role("button", name="Wrong password")
            await button.focus()
            await page.keyboard.press("Enter")
            await expect(page.locator("#made")).to_contain_text("FreeswitchGatewayCredentialsRejected")
            await expect(row.get_by_text("auth rejected")).to_be_visible(timeout=10_000)
            await board.get_by_role("button", name="Mend all").click()
            await expect(row.get_by_text("none")).to_be_visible(timeout=30_000)
