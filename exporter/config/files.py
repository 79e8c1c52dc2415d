"""Reading one file as bounded text: config, web config, secret or certificate.

A directory, a device, an image or a core dump is refused with a sentence, and never read to its end. A pipe
is read for what comes within PIPE_SECONDS, so that `--config <(...)` works and a pipe into which nobody
writes holds up nobody.
"""

import errno
import io
import os
import select
import stat
from pathlib import Path

from exporter.config.problems import InvalidValue

MAX_BYTES = 256 * 1024
PIPE_SECONDS = 5.0


def read_text(path: Path) -> str:
    """The text of the file at `path`.

    Raises:
        InvalidValue: it is unreadable, too large, or not UTF-8.
    """
    try:
        content = _content(path)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise InvalidValue(f"cannot read {path}: the exporter has no file descriptor left") from None
        raise InvalidValue(
            f"cannot read {path}: {error.strerror}; name a file that this user can read"
        ) from None
    except _Silent:
        raise InvalidValue(f"{path} is a pipe into which nobody writes; name a file of plain text") from None
    if len(content) > MAX_BYTES:
        raise InvalidValue(f"{path} is larger than {MAX_BYTES // 1024} KiB; name a file of plain text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidValue(f"{path} is not text in UTF-8; name a file of plain text") from None


class _Silent(Exception):
    """A pipe ended without content, or did not end in time."""


def _content(path: Path) -> bytes:
    """The first MAX_BYTES + 1 bytes of the file. Opening a pipe does not wait for its writer."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return _read(file)
        content = b""
        pipe = select.poll()
        pipe.register(file, select.POLLIN)
        while len(content) <= MAX_BYTES:
            if not pipe.poll(PIPE_SECONDS * 1000):
                raise _Silent
            part = file.read(MAX_BYTES + 1 - len(content))
            if not part:
                break
            content += part
        if not content:
            raise _Silent
        return content


def _read(file: io.FileIO) -> bytes:
    content = b""
    while len(content) <= MAX_BYTES and (part := file.read(MAX_BYTES + 1 - len(content))):
        content += part
    return content
