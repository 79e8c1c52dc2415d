"""The instance id: four hex digits that distinguish the exporters that watch one switch.

Several exporters may watch the same FreeSWITCH. Each sees the tick events and probe calls of the others, and
after a crash it must recognise the calls that it left over. So each has an instance id, which is part of its
ticks and of the UUIDs of its calls. It is kept in `state_dir` for the next start. Without a `state_dir` it is
made anew at each start, and leftover calls are ended by FreeSWITCH's own timers alone.

The file is written completely under another name and then linked: of two exporters that start at the same
time, one wins, and both read the same id.
"""

import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

FILE_NAME: Final = "instance-id"
_ID: Final = re.compile(r"[0-9a-f]{4}")


def instance_id(state_dir: Path | None) -> str:
    """The instance id kept in `state_dir`, made if it is missing; a random one without `state_dir`. Blocks.

    Raises:
        OSError: the directory cannot be read or written.
    """
    if state_dir is None:
        return secrets.token_hex(2)
    state_dir.mkdir(parents=True, exist_ok=True)
    path = state_dir / FILE_NAME
    kept = _read(path)
    if kept is not None:
        return kept
    made = secrets.token_hex(2)
    draft = state_dir / f"{FILE_NAME}.{secrets.token_hex(8)}"
    try:
        draft.write_text(made + "\n", encoding="ascii")
        os.link(draft, path)
    except FileExistsError:  # another start was quicker, or the file has no valid id
        kept = _read(path)
        if kept is not None:
            return kept
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return made


def _read(path: Path) -> str | None:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO would keep it waiting
    except FileNotFoundError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OSError(f"{path} is not a regular file")
        text = os.read(opened, 16).decode("ascii", "replace").strip()
    finally:
        os.close(opened)
    return text if _ID.fullmatch(text) else None
