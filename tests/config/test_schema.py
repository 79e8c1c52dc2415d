"""The JSON Schema: it is shipped as made, takes what the exporter takes, and refuses common mistakes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from exporter.config import Config, ConfigError, InvalidValue, schema
from exporter.config.document import parse
from exporter.config.key import AnyKind, Given, Kind, ListOf, MapOf, Read, SecretOf, Section, keys
from exporter.config.web_model import WebFile
from exporter.switch.cause import CAUSES
from exporter.switch.provider import PROVIDERS
from tests.config.files import loaded
from tests.support.tools import ROOT

SHIPPED = ROOT / "examples" / "config.schema.json"
SCHEMA = schema(providers=PROVIDERS, causes=CAUSES)
FOLDERS = (ROOT / "examples", Path(__file__).parent / "from_0_1")
EXAMPLES = sorted(path for folder in FOLDERS for path in folder.glob("*.yml") if path.name != "web.yml")
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def accepts(document: object) -> bool:
    """Whether an editor would leave the document unmarked."""
    valid: bool = VALIDATOR.is_valid(document)
    return valid


def test_what_is_shipped_is_what_is_made() -> None:
    assert json.loads(SHIPPED.read_text()) == SCHEMA, (
        "run: freeswitch-exporter check-config --schema > examples/config.schema.json"
    )


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_it_takes_every_example(path: Path) -> None:
    assert accepts(parse(path.read_text()))


@pytest.mark.parametrize("name", ["config.yml", "small.yml"])
def test_an_example_names_it_for_editors(name: str) -> None:
    (first, *_) = (ROOT / "examples" / name).read_text().splitlines()
    assert first == f"# yaml-language-server: $schema={SHIPPED.name}"


def test_it_shows_no_secret_and_no_mask() -> None:
    text = SHIPPED.read_text()
    assert "<secret>" not in text
    assert "ClueCon" not in text


def _kinds(kind: AnyKind) -> Iterator[Kind[Any]]:
    """The kinds of single values that a value of `kind` is made of, names of mappings included."""
    match kind:
        case Kind():
            yield kind
        case SecretOf(kind=of):
            yield of
        case Section(struct=struct):
            for declared in keys(struct):
                yield from _kinds(declared.key.kind)
        case ListOf(item=item):
            yield from _kinds(item)
        case MapOf(name=name, value=value):
            yield name
            yield from _kinds(value)


KINDS = {kind.words: kind for struct in (Config, WebFile) for kind in _kinds(Section(struct))}
# Of each kind of value at least one that fits and one that does not.
SAMPLES: list[object] = [
    "", "text", "telnyx", "auto", "echo", "answered", "USER_BUSY", "+15550000001", "+1555*", "+*", "10s",
    "external::telnyx", "a b", "127.0.0.1:1", ":9282", "[::1]:1", "https://a.example", "TLS12", "sip_h_X-a",
    "shared", "masked", "US", "USD", "Reason", "X-Acme-Error", "p-acme", "X-FS-a", "Server",
    "a@b", "fe80::1%eth0", "debug", "NoClientCert", "nosniff", "deny", "call_direction", True, False, 0, 1, 4,
    15, 300, 8021, 0.05, 1e9, -1, [], ["x"], {}, {"x": {}}, "-----BEGIN X", "$2b$10$" + "x" * 53,
]  # fmt: skip


@pytest.mark.parametrize("words", KINDS)
def test_a_kind_refuses_nothing_in_the_schema_that_its_reader_takes(words: str, tmp_path: Path) -> None:
    given = Given(tmp_path, PROVIDERS, CAUSES)
    kind = KINDS[words]
    validator = jsonschema.Draft7Validator(kind.schema(given))
    taken = [value for value in SAMPLES if _takes(kind.read(given), value)]
    assert taken
    assert [value for value in taken if not validator.is_valid(value)] == []
    assert not all(validator.is_valid(value) for value in SAMPLES)


def _takes(read: Read[Any], value: object) -> bool:
    try:
        read(value)
    except InvalidValue:
        return False
    return True


@pytest.mark.parametrize(
    "text",
    [
        "prot: 1",
        "nodes: {host: a}",
        "nodes: [{prot: 1}]",
        "nodes: [{port: '8021'}]",
        "nodes: [{port: 70000}]",
        "nodes: [{name: 5}]",
        "nodes: [{gateways: [telnyx]}]",
        "nodes: [{gateways: {'a b': {}}}]",
        "nodes: [{gateways: {g: {provider: tel nyx}}}]",
        "providers: {a: {phrase: true}}",
        "providers: {a: {file: a.tsv, header: Server}}",
        "providers: {a: {file: a.tsv, header: X-FS-Support}}",
        "nodes: [{password: a, password_file: b}]",
        "nodes: [{poll_interval: fast}]",
        "listen: []",
        "probes: {p: {gateway: g}}",
        "probes: {p: {gateway: g, destination: 15550000001}}",
        "probes: {p: {gateway: g, destination: '+15550000001', variables: {execute_on_answer: x}}}",
        "probes: {p: {gateway: g, destination: '+15550000001', expect: {cause: BUSY}}}",
        "guard: {allow: [15550000001]}",
        "log: {level: verbose}",
    ],
)
def test_it_refuses_common_mistakes_as_the_exporter_does(text: str, tmp_path: Path) -> None:
    assert not accepts(parse(text))
    with pytest.raises(ConfigError):
        loaded(tmp_path, text)
