"""`check-config --against-running`: what the running exporter would do with its config file at a reload.

The running exporter reads its own file and answers the plan (exporter/reload_plan.py); nothing changes.
"""

import sys

import msgspec

from exporter import client
from exporter.config import Config

_PATH = "/-/reload?dry_run=true"


class _Step(msgspec.Struct):
    action: str
    what: str
    reason: str


class _Plan(msgspec.Struct):
    refused: bool
    steps: list[_Step]
    file: str | None = None


def run(config: Config, url: str | None) -> int:
    """Print the plan, one step a line.

    Args:
        config: says where the exporter listens, and the token.
        url: the exporter's address, instead of the config's.

    Returns:
        The exit code: 0 if a reload would succeed, 2 if it would be refused or the exporter does not answer.
    """
    try:
        url = url or client.default_url(config)
        plan = msgspec.json.decode(client.post(config, url, _PATH), type=_Plan)
    except client.NoAnswer as error:
        print(f"freeswitch-exporter: {error}", file=sys.stderr)
        return 2
    except (msgspec.DecodeError, UnicodeError):
        print(f"freeswitch-exporter: {url} returned no plan; is it a freeswitch-exporter?", file=sys.stderr)
        return 2
    print(f"# the exporter at {url} reads {client.plain(plan.file or 'no file')}; a reload would")
    width = max((len(step.what) for step in plan.steps), default=0)
    for step in plan.steps:
        print(client.plain(f"{step.action:7}  {step.what:{width}}  {step.reason}"))
    if not plan.refused:
        return 0
    print(
        "freeswitch-exporter: the exporter would refuse this reload and keep its old config", file=sys.stderr
    )
    return 2
