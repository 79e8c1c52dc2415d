"""The effective config as YAML, as `check-config` prints it: every option with its value, secrets masked.

Apart from the masked secrets, loading what it prints gives the same config again; a test holds it to that.
"""

from typing import Any

from exporter.config.model import Config, GatewayConfig, NodeConfig, ProbeConfig
from exporter.config.secret import MASK
from exporter.config.values import span


def effective(config: Config) -> str:
    """`config` as the text of a config file. A token is shown as `token: <secret>`, whichever way it came."""
    import yaml  # only who prints needs it

    guard = config.guard
    document: dict[str, Any] = {"listen": [str(listen) for listen in config.listen]}
    if config.web:
        document["web_config_file"] = str(config.web.path)
    if config.token:
        document["token"] = MASK
    if config.state_dir:
        document["state_dir"] = str(config.state_dir)
    document |= {
        "backend_url": config.backend_url,
        "log": {"level": config.log.level, "format": config.log.format},
        "nodes": [_node(node) for node in config.nodes],
        "probes": {probe.name: _probe(probe) for probe in config.probes.values()},
        "guard": {
            "allow": list(guard.allow),
            "max_concurrent": guard.max_concurrent,
            "min_interval": span(guard.min_interval),
            "max_calls_per_day": guard.max_calls_per_day,
            "max_minutes_per_day": guard.max_minutes_per_day,
        },
    }
    text: str = yaml.safe_dump(document, sort_keys=False, default_flow_style=False)
    return text


def _node(node: NodeConfig) -> dict[str, Any]:
    return {
        "name": node.name,
        "host": node.host,
        "port": node.port,
        "user": node.user,
        "password": MASK,
        "poll_interval": span(node.poll_interval),
        "gateways": {name: _gateway(gateway) for name, gateway in node.gateways.items()},
    }


def _gateway(gateway: GatewayConfig) -> dict[str, Any]:
    return {
        "register": "auto" if gateway.register is None else gateway.register,
        "profile": gateway.profile or None,
        "max_calls": gateway.max_calls,
        "provider": gateway.provider,
    }


def _probe(probe: ProbeConfig) -> dict[str, Any]:
    limits = probe.thresholds
    return {
        "node": probe.node,
        "gateway": probe.gateway,
        "destination": probe.destination,
        "caller_id": probe.caller_id,
        "application": probe.application,
        "ring_timeout": span(probe.ring_timeout),
        "talk_time": span(probe.talk_time),
        "interval": _span(probe.interval),
        "variables": dict(probe.variables),
        "expect": {"result": probe.expect.result, "cause": probe.expect.cause, "sip": probe.expect.sip},
        "thresholds": {
            "post_dial_delay": _span(limits.post_dial_delay),
            "answer": _span(limits.answer),
            "mos": limits.mos,
            "packet_loss": limits.packet_loss,
            "jitter": _span(limits.jitter),
            "round_trip": _span(limits.round_trip),
        },
    }


def _span(seconds: float | None) -> str | None:
    return None if seconds is None else span(seconds)
