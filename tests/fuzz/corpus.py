"""What fuzzing starts from: the recordings of FreeSWITCH, the examples, and what was found earlier.

`mutated` damages an input as a fuzzer does, without one: the same inputs each time.
"""

import random
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from exporter.esl import Protocol
from tests.fuzz.targets import REPLIES
from tests.support.tools import ROOT

FINDINGS: Final = Path(__file__).parent / "findings"
CAPTURES: Final = [
    path
    for path in sorted((ROOT / "tests" / "captures").glob("*.txt"))
    if not path.name.startswith("transitions-")  # notes, not bytes from the wire
]
MAX_INPUT: Final = 64 * 1024
_ACCEPTED: Final = b"Content-Type: auth/request\n\nContent-Type: command/reply\nReply-Text: +OK accepted\n\n"
_PROMETHEUS: Final = (
    b"application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;q=0.65,"
    b"text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
_CALL: Final = (
    b"Host: localhost:9282\nContent-Type: application/json\nAuthorization: Bearer Tr0ub4dor\n\n"
    b'{"destinationNumber":"+15550000001"}'
)
_ANNA: Final = b"Authorization: Basic YW5uYTpwdw=="  # the right password
_TOKEN: Final = b"Host: localhost\nAuthorization: Bearer Tr0ub4dor"
_REQUESTS: Final = (
    b"GET /metrics?node=fs1&name[]=freeswitch_up\nAccept: " + _PROMETHEUS + b"\n" + _ANNA,
    b"GET /probe?module=echo&target=+15550000001&debug=true\nX-Prometheus-Scrape-Timeout-Seconds: 9\n"
    + _TOKEN,
    b"GET /\n" + _ANNA,
    b"GET /static/page.css\n" + _ANNA,
    b"GET /api/diagnosis\nAuthorization: Basic !!!",
    b"GET /api/calls/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\n" + _ANNA,
    b"GET /-/ready",
    b"POST /-/reload?dry_run=true\n" + _TOKEN,
    b"POST /api/calls/test-echo\n" + _CALL,
    b"POST /api/calls/test-echo\nOrigin: http://example.com\nSec-Fetch-Site: cross-site\n" + _CALL,
)
_ENVIRONMENT: Final = (
    b"FREESWITCH_HOST=fs1.example.com\nFREESWITCH_PORT=8021\nFREESWITCH_PASSWORD=Tr0ub4dor",
    b"FREESWITCH_GATEWAYS=a,b:noreg,external::c\nEXPORTER_LISTEN=:9282,[::1]:9283\nEXPORTER_TOKEN=Tr0ub4dor",
    b"EXPORTER_LOG_LEVEL=debug\nEXPORTER_LOG_FORMAT=json\nEXPORTER_STATE_DIR=/var/lib/x",
)
_CONFIGS: Final = (
    b"nodes:\n  - host: fs1\n    password: Tr0ub4dor\n    gateways: {telnyx: {max_calls: 3}}\n",
    b"listen: ':9282'\ntoken_file: secrets/token\nguard: {allow: ['+1555*']}\n",
)


@cache
def corpus(target: str) -> tuple[bytes, ...]:
    """The inputs of a target, those of findings first."""
    found = [path.read_bytes() for path in sorted((FINDINGS / target).glob("*"))]
    return (*found, *(data[:MAX_INPUT] for data in _seeds(target)))


def _seeds(target: str) -> Iterator[bytes]:
    match target:
        case "protocol":
            yield from (path.read_bytes() for path in CAPTURES)
        case "session":
            yield from (_ACCEPTED + path.read_bytes() for path in CAPTURES)
        case "event":
            for path in CAPTURES:
                if path.name.startswith("ev-"):
                    yield from {frame.body for frame in Protocol().receive(path.read_bytes())}
        case "kept_calls":
            for path in CAPTURES:
                if path.name.startswith("ev-"):
                    frames = Protocol().receive(path.read_bytes())
                    yield from {frame.body for frame in frames if b"HANGUP_COMPLETE" in frame.body[:60]}
        case "events":
            yield from (path.read_bytes() for path in CAPTURES if path.name.startswith("ev-"))
        case "replies":
            for path in CAPTURES:
                if path.name.startswith("api-"):
                    bodies = [frame.body for frame in Protocol().receive(path.read_bytes())]
                    for number in range(len(REPLIES)):
                        yield bytes([number]) + (bodies[-1] if bodies else path.read_bytes())
        case "config":
            yield (ROOT / "examples" / "config.yml").read_bytes()
            yield from _CONFIGS
        case "web_config":
            yield (ROOT / "examples" / "web.yml").read_bytes()
        case "environment":
            yield from _ENVIRONMENT
        case "http":
            yield from (_PROMETHEUS + b"\ngzip, deflate;q=0.5", b"*/*\n*;q=0", b"\n")
        case "requests":
            yield from _REQUESTS


def mutated(data: bytes, count: int) -> Iterator[bytes]:
    """So many damaged versions of an input: bytes changed, cut out, doubled, moved."""
    rng = random.Random(zlib.crc32(data))
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 4, 16])):
            at = rng.randrange(len(changed) + 1)
            end = min(len(changed), at + rng.choice([1, 1, 2, 8, 100]))
            match rng.randrange(4):
                case 0:
                    changed[at:end] = rng.randbytes(end - at)
                case 1:
                    del changed[at:end]
                case 2:
                    changed[at:at] = changed[at:end]
                case _:
                    changed[at:at] = rng.choice([b"\n\n", b"\0", b'"', b"\\", b":", b"%", b"\xff", b"9" * 30])
        yield bytes(changed)
