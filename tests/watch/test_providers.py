"""Whose codes are read: tables of the exporter's own, and of the configuration, which a reload replaces."""

from exporter.config import ProviderTable
from exporter.config.provider_table import CodeRow
from exporter.switch.provider import OTHER, provider
from exporter.watch.providers import Providers, named_provider

ROW = CodeRow("1204", 503, "routing", "no route", "try later")
MORE = CodeRow("1205", 0, "billing", "no credit", "top up")


def test_a_table_of_the_exporters_own_is_always_there() -> None:
    assert Providers().find("telnyx") is provider("telnyx")
    assert named_provider("twilio", {}) is provider("twilio")
    assert Providers().find(None) is None


def test_one_of_the_configuration_stays_the_same_and_gets_each_new_table() -> None:
    providers = Providers()
    acme = providers.find("acme")  # a gateway may be found before the configuration is in force
    assert acme is not None
    assert acme.codes == (OTHER,)
    for rows in ((ROW,), (ROW, MORE), (MORE,)):
        providers.configure({"acme": ProviderTable(rows, "X-Acme-Error")})
        assert providers.find("acme") is acme
        assert [code.code for code in acme.codes] == [*(row.code for row in rows), "other"]
    assert acme.find("1205").remedy == "top up"


def test_the_one_of_a_call_has_the_table_of_its_configuration() -> None:
    acme = named_provider("acme", {"acme": ProviderTable((ROW,), None)})
    assert (acme.name, acme.codes) == ("acme", (acme.find("1204"), OTHER))
