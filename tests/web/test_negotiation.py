"""Accept and Accept-Encoding as tables; prometheus_client is the oracle where it is right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import exposition
from prometheus_client.openmetrics import exposition as openmetrics_exposition

from exporter.web.negotiation import FORMATS, accepts_gzip, negotiate

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
# As Prometheus 2.42 and 3.5 send it.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/plain",
        "text/plain;version=0.0.4",
        "text/plain; version=1.0.0",
        "text/html,application/xhtml+xml",
        "application/openmetrics-text",
        "application/openmetrics-text; version=0.0.1",
        "application/openmetrics-text; version=1.0.0; escaping=values",
        "text/plain, application/openmetrics-text",
        OPENMETRICS,
        PROMETHEUS_2,
        PROMETHEUS_3,
    ],
)
def test_negotiates_as_prometheus_client(accept: str) -> None:
    encoder, content_type = exposition.choose_encoder(accept)
    function = getattr(encoder, "func", encoder)
    assert negotiate(accept) == (function is openmetrics_exposition.generate_latest, content_type)


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=one",
        "text/plain; version=",
        "text/plain;version=1.x;q",
        "\0;=,;;=",
    ],
)
def test_accept_headers_that_prometheus_client_cannot_read_get_the_text_format(accept: str) -> None:
    assert negotiate(accept) == (False, exposition.CONTENT_TYPE_PLAIN_0_0_4)


PLAIN = "text/plain; version=0.0.4; charset=utf-8"
PLAIN_1 = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
BARE_OPENMETRICS = OPENMETRICS + "; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        # a version that is not written
        ("application/openmetrics-text; version=2.0.0", PLAIN),
        ("application/openmetrics-text; version=2.0.0; escaping=allow-utf-8", PLAIN),
        ("application/openmetrics-text; version=1.0.1", PLAIN),
        ("text/plain; version=2.0.0", PLAIN),
        (
            "application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0;q=0.5",
            BARE_OPENMETRICS + "; escaping=underscores",
        ),
        ("application/openmetrics-text;version=2.0.0, text/plain;version=1.0.0;q=0.1", PLAIN_1),
        # weights
        ("application/openmetrics-text;q=0.1, text/plain;q=0.2", PLAIN),
        ("application/openmetrics-text;q=0.2, text/plain;q=0.1", BARE_OPENMETRICS),
        ("text/plain;q=0.5, application/openmetrics-text;q=0.5", BARE_OPENMETRICS),
        ("text/plain;version=1.0.0, text/plain;version=0.0.4;q=0.9", PLAIN_1),
        ("text/plain;version=1.0.0;q=0.9, text/plain;version=0.0.4", PLAIN),
        ("*/*, application/openmetrics-text;q=0.9", PLAIN),
        ("application/openmetrics-text ; Q = 0.5 , text/plain ; q = 0.4", BARE_OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', BARE_OPENMETRICS + "; escaping=underscores"),
        # not wanted at all
        ("application/openmetrics-text;q=0", PLAIN),
        ("application/openmetrics-text;version=1.0.0;q=0.000, */*", PLAIN),
        ("text/plain;q=0, application/openmetrics-text;q=0.001", BARE_OPENMETRICS),
        ("text/plain;q=0, */*", BARE_OPENMETRICS),
        ("text/plain;version=1.0.0;q=0, text/plain", PLAIN),
        ("text/plain;q=0, application/openmetrics-text;q=0", PLAIN),  # nothing is left: what all can read
        ("*/*;q=0", PLAIN),
        # ranges
        ("text/*", PLAIN),
        ("application/*", BARE_OPENMETRICS),
        ("application/*;q=0.5, text/*;q=0.6", PLAIN),
        # malformed weights: the item is left out
        ("application/openmetrics-text;q=2", PLAIN),
        ("application/openmetrics-text;q=-1", PLAIN),
        ("application/openmetrics-text;q=0.1234", PLAIN),
        ("application/openmetrics-text;q=", PLAIN),
        ("application/openmetrics-text;q=nan, text/plain;version=1.0.0", PLAIN_1),
    ],
)
def test_weights_and_versions(accept: str, content_type: str) -> None:
    assert negotiate(accept) == (content_type.startswith("application/"), content_type)


@given(
    st.lists(
        st.sampled_from(
            [
                "application/openmetrics-text",
                "text/plain",
                "*/*",
                ";version=",
                "1.0.0",
                ";q=",
                "0",
                "0.5",
                "2.0.0",
                ",",
                ";escaping=",
                "dots",
                "x\r\n",
                "\xe9",
                '"',
            ]
        )
    ).map("".join)
)
def test_any_header_gets_a_format_that_is_written(accept: str) -> None:
    openmetrics, content_type = negotiate(accept)
    assert (openmetrics, *content_type.split("; ")[:2]) in {
        (one.openmetrics, one.type, f"version={one.version}") for one in FORMATS
    }
    assert content_type.isascii()
    assert content_type.isprintable()


def test_underscores_are_not_doubled_for_escaping_dots() -> None:
    openmetrics, content_type = negotiate("application/openmetrics-text;version=1.0.0;escaping=dots")
    assert openmetrics
    assert content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip ; q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
        ("gzip;q=1.0", True),
        ("identity", False),
        ("identity, gzip;q=0.5", False),
        ("identity;q=0.5, gzip;q=0.5", True),
        ("gzip;q=0, identity;q=0", False),
        ("gzip;q=0, *", False),
        ("x-gzip", True),
        ("gzip;q=2", False),
        ("gzip;q=0.0001", False),
        ("x-gzipped", False),
        ("*", False),
        ("", False),
    ],
)
def test_gzip_only_where_it_is_accepted(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
