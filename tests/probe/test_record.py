"""Records as they are kept."""

import msgspec
import pytest

from exporter.probe.record import decode, encode
from tests.probe.settings import RECORD


def test_a_record_is_read_as_it_was_written() -> None:
    assert decode(encode(RECORD)) == RECORD
    assert all(not name.count("_") for name in msgspec.json.decode(encode(RECORD)))


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"callUuid":1}', encode(RECORD)[:-2]])
def test_what_another_release_wrote_is_no_record(text: bytes) -> None:
    assert decode(text) is None
