"""The exporter where it has few rights: as another user, on a file system that it cannot write to.

Run by root they become nobody; run by any other user they stay who they are. Both need mount namespaces, a
user other than root by way of user namespaces. Folders of another user are here folders that may not be
entered.
"""

import asyncio
import json
import os
import ssl
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
import yaml

from exporter.simulator import SimulatedSwitch
from tests.support.daemon import daemon
from tests.support.newcomer import Newcomer
from tests.support.tools import ROOT

NOBODY = 65534
# Every mount that can be is made read-only, temporary folders included.
READ_ONLY = """
mount --make-rprivate / || exit 1
cut -d' ' -f2 /proc/self/mounts | sort -u | while read -r mounted; do
    mount -o remount,bind,ro "$mounted" 2> /dev/null
done
exec "$@"
"""
AS_NOBODY: tuple[str, ...] = ()
NAMESPACE: tuple[str, ...] = ("unshare", "--mount", "--user", "--map-root-user")
if os.geteuid() == 0:
    AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs")
    NAMESPACE = ("unshare", "--mount")
IN_READ_ONLY = (*NAMESPACE, "sh", "-c", READ_ONLY, "sh", *AS_NOBODY)


@pytest.fixture(scope="module")
def command() -> Iterator[tuple[str, ...]]:
    """The exporter as any user can run it: installed apart if only its owner can enter this clone."""
    if all(folder.stat().st_mode & stat.S_IXOTH for folder in (ROOT, *ROOT.parents)):
        yield (sys.executable, "-m", "exporter")
        return
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        Newcomer(path).type(f"python3 -m venv {path}/venv", f"{path}/venv/bin/pip install .")
        yield (f"{path}/venv/bin/python", "-m", "exporter")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def write(path: Path, document: object) -> Path:
    path.write_text(yaml.safe_dump(document))
    path.chmod(0o644)
    return path


def test_there_is_no_folder_to_write_to() -> None:
    """The tests below would show nothing if there were one."""
    done = subprocess.run(
        [*IN_READ_ONLY, sys.executable, "-c", "import tempfile; tempfile.gettempdir()"],
        capture_output=True,
        check=False,
    )
    assert b"No usable temporary directory" in done.stderr


async def test_it_serves_with_certificate_and_key_in_the_config_on_a_read_only_system(
    folder: Path, command: tuple[str, ...]
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    pem = {
        "cert": "".join(blob.bytes().decode() for blob in issued.cert_chain_pems),
        "key": issued.private_key_pem.bytes().decode(),
    }
    write(folder / "web.yml", {"tls_server_config": pem})
    async with SimulatedSwitch(tick=0.05) as switch:
        document = {
            "listen": ["127.0.0.1:0"],
            "web_config_file": "web.yml",
            "nodes": [{"name": "fs1", "port": switch.port}],
        }
        config = write(folder / "exporter.yml", document)
        async with daemon(config, program=(*IN_READ_ONLY, *command)) as running:
            await running.logged("connected")
            context = ssl.create_default_context()
            authority.configure_trust(context)
            port = int(running.base.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            writer.write(b"GET /-/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            writer.close()
            assert not [line for line in running.lines if line["level"] in ("error", "warning")]


@pytest.mark.parametrize("state", ["state", "private/state"], ids=["its own folder", "below a closed folder"])
async def test_the_doctor_of_another_user_says_what_it_cannot_read(
    folder: Path, state: str, command: tuple[str, ...]
) -> None:
    kept = folder / state
    kept.mkdir(parents=True)
    (kept / "registrations.json").write_text("{}")
    closed = folder / state.split("/")[0]
    closed.chmod(0)
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        document = {"state_dir": state, "nodes": [{"name": "fs1", "port": switch.port}]}
        config = write(folder / "exporter.yml", document)
        process = await asyncio.create_subprocess_exec(
            *(*AS_NOBODY, *command, "doctor", "--json", "--config", str(config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), 60)
    closed.chmod(0o700)  # so that it can be removed
    assert errors == b""
    assert process.returncode in (0, 1)
    [node] = json.loads(output)["nodes"]
    said = [finding for finding in node["findings"] if "exporter's user" in finding["seen"]]
    assert [finding["check"] for finding in said] == ["provider"]
    assert "Permission denied" in said[0]["seen"]


async def test_a_call_of_another_user_is_refused_with_the_reason(
    folder: Path, command: tuple[str, ...]
) -> None:
    closed = folder / "state"
    closed.mkdir(mode=0)
    async with SimulatedSwitch(tick=0.05) as switch:
        document = {
            "state_dir": "state",
            "nodes": [{"name": "fs1", "port": switch.port}],
            "guard": {"allow": ["+15550000001"]},
            "probes": {"echo": {"gateway": "telnyx", "destination": "+15550000001"}},
        }
        config = write(folder / "exporter.yml", document)
        for asked in (("doctor", "--call", "echo"), ("probe", "echo")):
            process = await asyncio.create_subprocess_exec(
                *(*AS_NOBODY, *command, *asked, "--config", str(config)),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output, _ = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == 2, output
            assert b"Traceback" not in output
            assert b"state_dir" in output or str(folder / "state").encode() in output
    closed.chmod(0o700)
