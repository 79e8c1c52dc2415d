"""Prints the version; with `--tag TAG`, checks first that TAG may publish it.

python3 scripts/version.py [--tag v1.2.3]

The version stands in `exporter/__init__.py` only: packages take it from there, and tests hold the changelog
and the manifests to it. A tag may publish it if it is `v` and the version, and the changelog has its date.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def version() -> str:
    """What `exporter/__init__.py` says, read without importing it: its dependencies need not be installed."""
    [found] = re.findall(
        r'^__version__ = "([^"]+)"$', (ROOT / "exporter/__init__.py").read_text(), re.MULTILINE
    )
    return str(found)


def objection(tag: str, changelog: str) -> str | None:
    """Why `tag` may not publish this version; None if it may."""
    if tag != f"v{version()}":
        return f"The tag is {tag}, and exporter/__init__.py says {version()}."
    if not re.search(rf"^## \[{re.escape(version())}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        return f"CHANGELOG.md has no line `## [{version()}] - YYYY-MM-DD`."
    return None


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tag")
    tag = parser.parse_args().tag
    if tag is not None and (reason := objection(tag, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))):
        sys.exit(reason)
    print(version())
