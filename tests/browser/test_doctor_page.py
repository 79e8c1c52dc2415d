"""The page that `doctor --html` writes, in a browser: it fits a phone and breaks no word of its titles."""

from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser

from exporter.diagnosis.conclusion import diagnose
from exporter.diagnosis.html import page
from tests.diagnosis.snapshots import gateway, snapshot

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROKEN = """titles => titles.filter((title) => {
    const range = document.createRange();
    range.selectNodeContents(title);
    const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size;
    return lines > title.textContent.trim().split(/\\s+/).length;
}).map((title) => title.textContent)"""


@pytest.mark.parametrize("width", [360, 390, 1366])
async def test_it_fits_and_breaks_no_word_of_a_title(browser: Browser, tmp_path: Path, width: int) -> None:
    path = tmp_path / "doctor.html"
    seen = snapshot(gateways=(gateway(problem="auth_rejected", usable=False, answer_code=403),))
    path.write_text(page([diagnose(seen)]))
    shown = await browser.new_page(viewport={"width": width, "height": 800})
    await shown.goto(path.as_uri())
    assert await shown.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert await shown.locator("th").evaluate_all(BROKEN) == []
    await shown.evaluate(AXE_SCRIPT)
    assert (await shown.evaluate("axe.run()"))["violations"] == []
    await shown.close()
