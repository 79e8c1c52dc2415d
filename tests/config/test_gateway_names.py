"""The names of gateways: as strict as FreeSWITCH, with or without the profile."""

from pathlib import Path

import pytest

from exporter.config import GatewayConfig
from tests.config.files import loaded, refused, refused_with_lines


@pytest.mark.parametrize("name", ["telnyx", "carrier.de", "a-b_c", "9"])
def test_a_gateway_is_named_as_freeswitch_allows(tmp_path: Path, name: str) -> None:
    (node,) = loaded(tmp_path, f"nodes: [{{gateways: {{'{name}': }}}}]").nodes
    assert list(node.gateways) == [name]


@pytest.mark.parametrize("name", ["a b", "a@b", "a+b", "a:b", "a/b", "a::b::c", "::a", "a::", "ä", "x" * 101])
def test_a_gateway_that_freeswitch_would_skip_is_refused(tmp_path: Path, name: str) -> None:
    for problem in (
        *refused(tmp_path, f"nodes: [{{gateways: {{'{name}': }}}}]"),
        *refused(tmp_path, "", {"FREESWITCH_GATEWAYS": name}),
    ):
        assert "write up to 100 letters, digits and . _ -, as FreeSWITCH names its gateways" in problem


def test_a_gateway_may_be_named_with_its_profile(tmp_path: Path) -> None:
    text = "nodes: [{gateways: {'external::a': {max_calls: 2}, 'external::b': {profile: external}}}]"
    both = {
        "a": GatewayConfig(profile="external", max_calls=2),
        "b": GatewayConfig(profile="external"),
    }
    assert loaded(tmp_path, text).nodes[0].gateways == both
    environ = {"FREESWITCH_GATEWAYS": "a, internal::b:noreg, internal::c"}
    assert loaded(tmp_path, text, environ).nodes[0].gateways == {
        "a": GatewayConfig(register=True, profile="external", max_calls=2),
        "b": GatewayConfig(register=False, profile="internal"),
        "c": GatewayConfig(register=True, profile="internal"),
    }


def test_a_gateway_has_one_profile_and_is_listed_once(tmp_path: Path) -> None:
    text = """
nodes:
  - gateways:
      x::a: {profile: y}
      a:
"""
    assert refused_with_lines(tmp_path, text) == [
        "4: nodes[0].gateways['x::a'].profile: is 'y', and 'x::a' says 'x'; keep one",
        "5: nodes[0].gateways.a: duplicate 'a'; keep one",
    ]
