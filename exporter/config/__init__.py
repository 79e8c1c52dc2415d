"""The one typed config: what the file, the environment and the flags say, checked and merged.

`load` makes a `Config` of them or raises `ConfigError`; `effective` prints it, `schema` describes the file.

Each key is declared once, in `model` or, of the web config file, in `web_model`:

    key         the form of a declaration
    kinds       what values there are: how each is read, printed, described, put in a schema
    values      from one value of the file to one of the config; `numbers`, `variables`, `address`: the rules
    reader      reads a file, the environment and flags by the declarations
    load, web   the config file and the web config file; `tls`: whether certificate and key fit
    rules       rules over several keys
    problems    what is wrong, with file, line and key
    document    YAML with its lines; `files`: bounded text; `located`: mappings that know their lines

Nothing here imports another part of the exporter, keeps state or needs an event loop.
"""

from exporter.config.address import Listen, address, is_loopback
from exporter.config.destinations import DestinationsConfig
from exporter.config.effective import effective
from exporter.config.live_quality import LiveQualityConfig
from exporter.config.load import Flags, load
from exporter.config.model import (
    DEFAULT_PASSWORD,
    Config,
    Expect,
    GatewayConfig,
    GuardConfig,
    HistoryConfig,
    LogConfig,
    LogStream,
    NodeConfig,
    ProbeConfig,
    StoredNumbers,
    Thresholds,
)
from exporter.config.problems import ConfigError, InvalidValue
from exporter.config.schema import schema
from exporter.config.secret import Secret
from exporter.config.web_model import TlsConfig, WebConfig

__all__ = [
    "DEFAULT_PASSWORD",
    "Config",
    "ConfigError",
    "DestinationsConfig",
    "Expect",
    "Flags",
    "GatewayConfig",
    "GuardConfig",
    "HistoryConfig",
    "InvalidValue",
    "Listen",
    "LiveQualityConfig",
    "LogConfig",
    "LogStream",
    "NodeConfig",
    "ProbeConfig",
    "Secret",
    "StoredNumbers",
    "Thresholds",
    "TlsConfig",
    "WebConfig",
    "address",
    "effective",
    "is_loopback",
    "load",
    "schema",
]
