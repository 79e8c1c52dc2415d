"""Reading one file as bounded text: config, web config, secret or certificate.

A directory, a device, an image or a core dump is refused with a sentence, and never read to its end. A pipe
(a shell's `<(command)`, or a named one) is read as far as its writer writes without a long pause: a read
that waits for ever would hold up everything else that waits for the disk.
"""

import errno
import os
import select
import stat
from pathlib import Path

from exporter.config.problems import InvalidValue

MAX_BYTES = 256 * 1024
_PIPE_SECONDS = 5.0  # the longest pause of a pipe's writer


def read_text(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """The text of the file at `path`, at most `max_bytes` long.

    Raises:
        InvalidValue: it is unreadable, too large, or not UTF-8.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a named pipe is not waited for
        try:
            content = _read(file, path, max_bytes)
        finally:
            os.close(file)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise InvalidValue(f"cannot read {path}: the exporter has no file descriptor left") from None
        raise InvalidValue(
            f"cannot read {path}: {error.strerror}; name a file that this user can read"
        ) from None
    if len(content) > max_bytes:
        raise InvalidValue(f"{path} is larger than {max_bytes // 1024} KiB; name the file that is meant")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidValue(
            f"{path} is not text in UTF-8; save it as UTF-8, or name a file of plain text",
            line=content.count(b"\n", 0, error.start) + 1,
        ) from None


def _read(file: int, path: Path, max_bytes: int) -> bytes:
    """The first `max_bytes` + 1 bytes of an open file."""
    content = b""
    while len(content) <= max_bytes:
        try:
            more = os.read(file, max_bytes + 1 - len(content))
        except BlockingIOError:
            if not select.select([file], [], [], _PIPE_SECONDS)[0]:
                raise InvalidValue(
                    f"{path} is a pipe or device that has sent nothing for {_PIPE_SECONDS:g} s; name a file"
                ) from None
            continue
        if not more:
            break
        content += more
    if not content and stat.S_ISFIFO(os.fstat(file).st_mode):
        raise InvalidValue(f"{path} is a pipe with nothing in it; name a file")
    return content
