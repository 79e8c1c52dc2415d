"""The one typed config: what the file, the environment and the flags said, checked and merged.

`load` is the way in, `Config` what the rest of the program sees, `ConfigError` every way it can fail,
`effective` what `check-config` prints. What lives here, from the rim inwards: `files` and `document` read a
file into plain values, `section` hands them out key by key and collects every complaint, `values` turns one
value into one type, `numbers`, `variables`, `web` and `tls` know one subject each, `load` puts the whole
together, `rules` checks what only the whole can tell.
"""

from exporter.config.effective import effective
from exporter.config.load import Flags, load
from exporter.config.model import (
    Config,
    Expect,
    GatewayConfig,
    GuardConfig,
    Listen,
    LogConfig,
    NodeConfig,
    ProbeConfig,
    Thresholds,
    TlsConfig,
    WebConfig,
)
from exporter.config.secret import Secret
from exporter.config.section import ConfigError

__all__ = [
    "Config",
    "ConfigError",
    "Expect",
    "Flags",
    "GatewayConfig",
    "GuardConfig",
    "Listen",
    "LogConfig",
    "NodeConfig",
    "ProbeConfig",
    "Secret",
    "Thresholds",
    "TlsConfig",
    "WebConfig",
    "effective",
    "load",
]
