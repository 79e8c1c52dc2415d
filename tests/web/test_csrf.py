"""Requests that another site's page has sent, and requests that are accepted, as tables of headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from exporter.config import Listen
from exporter.web.csrf import cross_site, foreign, foreign_host, known_hosts

LOOPBACK_ONLY = frozenset({"127.0.0.1"})
NAMED = frozenset({"fs.example.org", "192.0.2.7", "2001:db8::7"})
SOME_JSON = ("Content-Type", "application/json")


def host(name: str) -> tuple[str, str]:
    return ("Host", name)


@pytest.mark.parametrize(
    ("listen", "hosts"),
    [
        ([Listen()], LOOPBACK_ONLY),
        ([Listen(host="FS.Example.Org."), Listen(host="::1", port=1)], {"fs.example.org", "::1"}),
        ([Listen(), Listen(host="")], None),
        ([Listen(host="0.0.0.0")], None),
        ([Listen(host="::")], None),
    ],
)
def test_the_hosts_of_the_listeners(listen: list[Listen], hosts: frozenset[str] | None) -> None:
    assert known_hosts(listen) == hosts


def test_names_of_the_config_are_hosts_too() -> None:
    hosts = known_hosts([Listen()], ["Monitor.example.com."])
    assert hosts == frozenset({"127.0.0.1", "monitor.example.com"})
    assert known_hosts([Listen(host="")], ["monitor.example.com"]) is None


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], ""),  # HTTP/1.0; a browser always sends one
        ([host("127.0.0.1:9282")], ""),
        ([host("localhost:1")], ""),
        ([host("FS.example.org:9282")], ""),
        ([host("evil.example:9282")], "neither"),
        ([host("localhost.evil.example")], "neither"),
        ([host("")], "valid"),
        ([host("a b")], "valid"),
        ([host("localhost"), host("localhost")], "valid"),
        ([host("fs.example.org"), ("Origin", "https://evil.example")], ""),  # only Host is checked on reads
    ],
)
def test_the_host_of_a_request_that_reads(headers: list[tuple[str, str]], reason: str) -> None:
    found = foreign_host(CIMultiDict(headers), NAMED)
    assert (reason in found.message) if found and reason else (not found and not reason)
    valid = reason != "valid"
    assert (foreign_host(CIMultiDict(headers), None) is None) is valid, "any name where there is no list"


@pytest.mark.parametrize(
    ("hosts", "headers"),
    [
        # Host: configured, or loopback in any of its spellings, on any port (tunnels change it)
        (LOOPBACK_ONLY, [host("127.0.0.1:9282")]),
        (LOOPBACK_ONLY, [host("127.0.0.1")]),
        (LOOPBACK_ONLY, [host("localhost:8080")]),
        (LOOPBACK_ONLY, [host("LOCALHOST.")]),
        (LOOPBACK_ONLY, [host("127.8.9.10")]),
        (LOOPBACK_ONLY, [host("[::1]:9282")]),
        (NAMED, [host("fs.example.org:9282")]),
        (NAMED, [host("FS.EXAMPLE.ORG.")]),
        (NAMED, [host("192.0.2.7")]),
        (NAMED, [host("[2001:DB8::7]:9282")]),
        (NAMED, [host("localhost")]),
        (None, [host("whatever.example")]),
        # a page of ours
        (LOOPBACK_ONLY, [host("127.0.0.1:9282"), ("Origin", "http://127.0.0.1:9282")]),
        (LOOPBACK_ONLY, [host("localhost"), ("Origin", "http://localhost")]),
        (LOOPBACK_ONLY, [host("localhost:80"), ("Origin", "http://localhost")]),
        (NAMED, [host("fs.example.org"), ("Origin", "https://FS.example.org:443")]),
        (NAMED, [host("fs.example.org:9282"), ("Origin", "https://fs.example.org:9282")]),
        (LOOPBACK_ONLY, [host("127.0.0.1"), ("Sec-Fetch-Site", "same-origin")]),
        # typed in by a person
        (LOOPBACK_ONLY, [host("127.0.0.1"), ("Sec-Fetch-Site", "none")]),
    ],
)
def test_accepted(hosts: frozenset[str] | None, headers: list[tuple[str, str]]) -> None:
    assert foreign(CIMultiDict(headers), hosts) is None
    assert cross_site("GET", CIMultiDict(headers), hosts) is None
    assert cross_site("POST", CIMultiDict([*headers, SOME_JSON]), hosts) is None


@pytest.mark.parametrize(
    ("hosts", "headers"),
    [
        # DNS rebinding: the page's own name
        (LOOPBACK_ONLY, [host("evil.example:9282")]),
        (LOOPBACK_ONLY, [host("evil.example:9282"), ("Origin", "http://evil.example:9282")]),
        (LOOPBACK_ONLY, [host("evil.example"), ("Sec-Fetch-Site", "same-origin")]),
        (LOOPBACK_ONLY, [host("127.0.0.1.evil.example")]),
        (LOOPBACK_ONLY, [host("localhost.evil.example")]),
        (LOOPBACK_ONLY, [host("localhost@evil.example")]),
        (LOOPBACK_ONLY, [host("evil.example#127.0.0.1")]),
        (LOOPBACK_ONLY, [host("0.0.0.0:9282")]),
        (LOOPBACK_ONLY, [host("2130706433")]),
        (LOOPBACK_ONLY, [host("127.1")]),
        (LOOPBACK_ONLY, [host("[::ffff:192.0.2.7]")]),
        (LOOPBACK_ONLY, [host("192.0.2.7")]),
        (NAMED, [host("example.org")]),
        (NAMED, [host("fs.example.org.evil.example")]),
        # no Host, or none that is one
        (LOOPBACK_ONLY, []),
        (None, []),
        (LOOPBACK_ONLY, [host("")]),
        (LOOPBACK_ONLY, [host("127.0.0.1, evil.example")]),
        (LOOPBACK_ONLY, [host("127.0.0.1:9282:1")]),
        (LOOPBACK_ONLY, [host("127.0.0.1\n")]),
        (LOOPBACK_ONLY, [host("127.0.0.1"), host("127.0.0.1")]),
        (None, [host("a b")]),
        # another page's origin
        (LOOPBACK_ONLY, [host("127.0.0.1:9282"), ("Origin", "https://evil.example")]),
        (LOOPBACK_ONLY, [host("127.0.0.1:9282"), ("Origin", "null")]),
        (LOOPBACK_ONLY, [host("127.0.0.1:9282"), ("Origin", "")]),
        (LOOPBACK_ONLY, [host("localhost:9282"), ("Origin", "http://localhost:3000")]),
        (LOOPBACK_ONLY, [host("localhost:9282"), ("Origin", "http://localhost")]),
        (LOOPBACK_ONLY, [host("localhost:9282"), ("Origin", "http://127.0.0.1:9282")]),
        (LOOPBACK_ONLY, [host("localhost"), ("Origin", "file://localhost")]),
        (LOOPBACK_ONLY, [host("localhost"), ("Origin", "http://localhost/path")]),
        (LOOPBACK_ONLY, [host("localhost"), ("Origin", "http://localhost http://evil.example")]),
        (LOOPBACK_ONLY, [host("localhost"), ("Origin", "http://localhost"), ("Origin", "http://localhost")]),
        (None, [host("fs.example.org"), ("Origin", "https://evil.example")]),
        # what the browser says of who asks
        (LOOPBACK_ONLY, [host("127.0.0.1"), ("Sec-Fetch-Site", "cross-site")]),
        (LOOPBACK_ONLY, [host("127.0.0.1"), ("Sec-Fetch-Site", "same-site")]),
        (LOOPBACK_ONLY, [host("127.0.0.1"), ("Sec-Fetch-Site", "")]),
        (LOOPBACK_ONLY, [host("127.0.0.1"), ("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")]),
        (None, [host("127.0.0.1"), ("Sec-Fetch-Site", "cross-site")]),
    ],
)
def test_refused(hosts: frozenset[str] | None, headers: list[tuple[str, str]]) -> None:
    reason = foreign(CIMultiDict(headers), hosts)
    assert reason
    browsers = {"Origin", "Sec-Fetch-Site"} & {name for name, _ in headers}
    assert browsers or "web page" not in reason.message, "only a browser sends these headers"
    assert cross_site("GET", CIMultiDict(headers), hosts)
    assert cross_site("POST", CIMultiDict([*headers, SOME_JSON]), hosts)


@pytest.mark.parametrize(
    ("types", "meant"),
    [
        (["application/json"], True),
        (["Application/JSON; charset=utf-8"], True),
        ([], False),
        ([""], False),
        (["text/plain"], False),
        (["text/plain; application/json"], False),
        (["application/x-www-form-urlencoded"], False),
        (["multipart/form-data; boundary=application/json"], False),
        (["application/jsonp"], False),
        (["application/json, text/plain"], False),
        (["text/plain", "application/json"], False),
    ],
)
def test_a_post_must_be_json(types: list[str], meant: bool) -> None:
    headers = CIMultiDict([host("localhost"), *[("Content-Type", value) for value in types]])
    assert (cross_site("POST", headers, LOOPBACK_ONLY) is None) is meant
    assert cross_site("GET", headers, LOOPBACK_ONLY) is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_in_host_and_origin_is_accepted(name: str, origin: str) -> None:
    """Any text in the headers: a reason to refuse, never an exception."""
    reason = foreign(CIMultiDict([host(f"{name}.example"), ("Origin", origin)]), LOOPBACK_ONLY)
    assert reason
