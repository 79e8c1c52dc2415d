"""The pages of the past in a browser: contrast, phone, keyboard, no script, and the text for the provider.

The past is made up and the present too; the server, the store and the browser are real.
"""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from exporter.diagnosis.snapshot import GatewaySeen
from exporter.history.model import Outage
from exporter.history.past import Past
from exporter.history.store import Entry, Subject
from tests.browser.conftest import opened
from tests.browser.test_page import DESKTOP, serious
from tests.support.made_up_past import quiet, telnyx
from tests.support.stores import kept
from tests.web.fakes import FakeNode, serving
from tests.web.pages import AppContext, PastHistory, seen

pytestmark = pytest.mark.asyncio(loop_scope="module")

TELNYX = "/gateways/fs1/external/telnyx"
PHONE = {"width": 390, "height": 844}
LOOKS: dict[str, dict[str, Any]] = {
    "dark": {"color_scheme": "dark", "viewport": DESKTOP},
    "light": {"color_scheme": "light", "viewport": DESKTOP},
    "tablet": {"color_scheme": "light", "viewport": {"width": 965, "height": 900}},
    "phone": {"color_scheme": "dark", "viewport": PHONE, "has_touch": True},
}


@asynccontextmanager
async def past(path: Path | None, count: int = 1) -> AsyncIterator[str]:
    """A daemon with so many gateways, of which telnyx has been down for seven minutes; its address."""
    now = time.time()
    entries: list[Entry] = list(telnyx(now))
    outages = sorted(
        (one for one in entries if isinstance(one, Outage) and one.gateway), key=lambda o: -o.began
    )
    telnyx_past = Past(outage=outages[0], last=outages[1], today=16, day=17)
    gateways = [
        GatewaySeen(
            name="telnyx",
            profile="external",
            expected=True,
            problem="unreachable",
            usable=False,
            up=False,
            state="FAIL_WAIT",
            in_state=75.0,
            answer_code=503,
            answer_phrase="Service Unavailable",
            answer_at=now - 75,
            ping_interval=25,
            max_calls=10,
            responses={200: 812, 503: 7},
        ),
        *(
            GatewaySeen(name=f"customer-{number:03}.trunk", profile="external", ping_seconds=0.031)
            for number in range(1, count)
        ),
    ]
    for gateway in gateways[1:]:
        entries += quiet(Subject("fs1", gateway.name, "external"), now)
    made = AppContext(
        snapshots=[seen(*gateways, taken_at=now)],
        nodes=[FakeNode("fs1")],
        history=PastHistory(await kept(entries, path), {"telnyx": telnyx_past}),
    )
    async with serving(made) as served:
        yield served.base


@pytest.mark.parametrize(("path", "count"), [("/", 1), ("/", 65), (TELNYX, 1), ("/history", 1)])
@pytest.mark.parametrize("look", LOOKS)
async def test_pages_are_accessible_and_fit(
    browser: Browser, tmp_path: Path, path: str, look: str, count: int
) -> None:
    async with past(tmp_path / "h", count) as base, opened(browser, base, path, **LOOKS[look]) as watched:
        page = watched.page
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        for details in await page.locator("details").all():
            await details.evaluate("details => details.open = true")
        assert await serious(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        await page.screenshot(path=tmp_path / f"{look}.png", full_page=True)


async def test_from_the_table_to_the_evidence_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    async with past(tmp_path / "h") as base, opened(browser, base) as watched:
        page = watched.page
        await expect(page.get_by_role("row", name="telnyx external")).to_contain_text("down for 7 min (503)")
        await page.get_by_role("link", name="telnyx").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**" + TELNYX)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the outages")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        summary = page.locator("#outages summary").first
        await expect(summary).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("40 s before: XML reloaded").last).to_be_visible()
        await page.get_by_role("link", name="All outages of this gateway").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/history?*")
        await expect(page.get_by_role("searchbox", name="Gateway")).to_have_value("telnyx")
        await page.get_by_label("Show").focus()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Tab")
        await page.get_by_role("button", name="Show").press("Enter")
        await page.wait_for_url("**kind=change*")
        await expect(page.get_by_role("rowheader").first).to_contain_text("change")


async def test_what_a_bar_shows_is_told(browser: Browser, tmp_path: Path) -> None:
    async with past(tmp_path / "h") as base, opened(browser, base) as watched:
        bar = watched.page.get_by_role("img", name="Last 24 hours")
        told = re.compile(r"Last 24 hours\s+17 outages \(\d+ min\), 2 h \d+ min not watched")
        await expect(bar).to_have_accessible_name(told)


async def test_the_text_for_the_provider_is_copied(browser: Browser, tmp_path: Path) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    async with (
        past(tmp_path / "h") as base,
        opened(browser, base, TELNYX, permissions=permissions) as watched,
    ):
        page = watched.page
        call = page.locator(".calls > li", has_text="D1: Outbound channel limit reached")
        await call.locator("summary").click()
        await call.get_by_role("button", name="Copy for the provider").click()
        await expect(call.get_by_role("status")).to_have_text("Copied")
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == await call.locator("pre").text_content()
        assert "SIP Call-ID" in copied
        assert "403 Outbound call limit reached D1" in copied


async def test_it_is_copied_where_the_browser_has_no_clipboard(browser: Browser, tmp_path: Path) -> None:
    """Over plain HTTP beyond loopback there is none."""
    async with past(tmp_path / "h") as base, opened(browser, base, "/history") as watched:
        page = watched.page
        await page.add_init_script("delete Navigator.prototype.clipboard")
        await page.goto(base + TELNYX)
        call = page.locator(".calls > li").first
        await call.locator("summary").click()
        await call.get_by_role("button", name="Copy for the provider").click()
        await expect(call.get_by_role("status")).to_have_text("Copied")
        await page.goto(base + "/history")
        gateway = page.get_by_role("searchbox", name="Gateway")
        await gateway.press("Control+V")
        assert "(1 not connected)" in await gateway.input_value()


async def test_it_is_complete_without_a_script(browser: Browser, tmp_path: Path) -> None:
    async with (
        past(tmp_path / "h") as base,
        opened(browser, base, TELNYX, java_script_enabled=False) as watched,
    ):
        page = watched.page
        call = page.locator(".calls > li").first
        await call.locator("summary").click()
        await expect(call.locator("pre")).to_contain_text("SIP Call-ID")
        await expect(call.get_by_role("button")).to_be_hidden()
        await expect(page.get_by_role("button", name="Pause updates")).to_be_hidden()
        await page.get_by_role("link", name="silent").click()
        await expect(page.locator(".calls summary")).to_have_count(1)
        await page.get_by_role("link", name="History", exact=True).click()
        await page.get_by_label("Show").select_option("changes")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("rowheader")).to_have_count(6)


async def test_what_is_open_stays_open_when_the_page_renews_itself(browser: Browser, tmp_path: Path) -> None:
    async with past(tmp_path / "h") as base, opened(browser, base, "/history") as watched:
        page = watched.page
        await page.clock.install()
        await page.goto(base + TELNYX)
        call = page.locator(".calls > li").first
        await call.locator("summary").click()
        await call.get_by_role("button").focus()
        async with page.expect_response(base + TELNYX):
            await page.clock.fast_forward(11_000)
        await page.clock.fast_forward(100)
        await expect(call.locator("pre")).to_be_visible()
        await expect(call.get_by_role("button")).to_be_focused()
