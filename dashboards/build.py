"""Writes the dashboards as JSON into this folder: `python -m dashboards.build`.

The JSON is committed, so that importing it needs no Python; a test compares it with what the code builds.
"""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import fleet, gateway, probes

FOLDER = Path(__file__).parent


def dashboards() -> list[Dashboard]:
    """All dashboards, built anew."""
    return [fleet.build(), gateway.build(), probes.build()]


def files() -> dict[Path, str]:
    """The content of each JSON file."""
    return {
        FOLDER / f"{built.uid}.json": json.dumps(built, cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"
        for built in dashboards()
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
