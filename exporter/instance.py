"""Who we are among the exporters that watch one switch: four hex digits.

Several exporters may watch the same FreeSWITCH, each sees the others' tick events and probe calls, and after
a crash nothing but a name tells our own leftovers from somebody else's calls. So each has an instance id,
carried in its ticks and in the UUIDs of its calls. It is kept in `state_dir`, so that the next life
recognises the calls of this one; without a `state_dir` it is made up anew each time, and leftovers are then
ended by FreeSWITCH's own timers alone.

The file is written whole under another name and linked into place: of two that start at once, one wins and
both read the same id.
"""

import os
import re
import secrets
from pathlib import Path
from typing import Final

FILE_NAME: Final = "instance-id"
_ID: Final = re.compile(r"[0-9a-f]{4}")


def instance_id(state_dir: Path | None) -> str:
    """The instance id: the one kept in `state_dir`, which is made if it is missing; a random one without it.

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
    except FileExistsError:  # another start was quicker, or what stands there is not an id
        kept = _read(path)
        if kept is not None:
            return kept
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return made


def _read(path: Path) -> str | None:
    try:
        text = path.read_bytes()[:16].decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    return text if _ID.fullmatch(text) else None
