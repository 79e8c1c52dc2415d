"""Takes the screenshot of the page for README.md: the demo, after a minute, in Debian's Chromium.

    .venv/bin/python -m scripts.page_picture [docs/images/page.png]

It needs the tools that `make test` installs. The size is that of the page in README.md, for a small file.
"""

import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS
from tests.support import demo
from tests.support.tools import ROOT, program

SIZE = {"width": 1200, "height": 1240}
SETTLE_SECONDS = 60.0


def main() -> None:
    """Take the screenshot."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/images/page.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    with demo.running() as base, sync_playwright() as playwright:
        time.sleep(SETTLE_SECONDS)
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=FLAGS)
        page = browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
        page.goto(base)
        line = page.locator(".problems > li", has_text="the provider rejects the credentials")
        line.locator("summary").first.click()
        page.screenshot(path=target)
        browser.close()
    print(f"{target}: {target.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
