"""Whose codes are read: one for all nodes, so that a reload changes a table for all at once.

The tables of the exporter's own never change. Those of the configuration do: a `Provider` once given out
stays the same object, and gets the new table.
"""

from collections.abc import Mapping

from exporter.config.provider_table import ProviderTable
from exporter.switch.provider import PROVIDERS, Provider, ProviderCode, provider


def named_provider(name: str, tables: Mapping[str, ProviderTable]) -> Provider:
    """The provider that a gateway names, with its table of the exporter's own or of the configuration."""
    if name in PROVIDERS:
        return provider(name)
    found = Provider(name, ())
    _fill(found, tables[name])
    return found


def _fill(provider: Provider, table: ProviderTable) -> None:
    provider.use((ProviderCode(*row) for row in table.rows), table.header)


class Providers:
    """The providers that gateways name. Before `configure` those of the configuration know no code."""

    def __init__(self) -> None:
        self._own: dict[str, Provider] = {}

    def configure(self, tables: Mapping[str, ProviderTable]) -> None:
        """Put the tables of a configuration in force, for calls from now on."""
        for name, table in tables.items():
            _fill(self._named(name), table)

    def find(self, name: str | None) -> Provider | None:
        """The provider that a gateway names; None if it names none."""
        if name is None:
            return None
        return provider(name) if name in PROVIDERS else self._named(name)

    def _named(self, name: str) -> Provider:
        return self._own.setdefault(name, Provider(name, ()))
