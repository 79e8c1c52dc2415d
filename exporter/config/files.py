"""Reading one file as bounded text: config, web config, secret or certificate.

A directory, a device, an image or a core dump is refused with a sentence, and never read to its end.
"""

import errno
from pathlib import Path

from exporter.config.problems import InvalidValue

MAX_BYTES = 256 * 1024


def read_text(path: Path) -> str:
    """The text of the file at `path`.

    Raises:
        InvalidValue: it is unreadable, too large, or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise InvalidValue(f"cannot read {path}: the exporter has no file descriptor left") from None
        raise InvalidValue(
            f"cannot read {path}: {error.strerror}; name a file that this user can read"
        ) from None
    if len(content) > MAX_BYTES:
        raise InvalidValue(f"{path} is larger than {MAX_BYTES // 1024} KiB; name a file of plain text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidValue(f"{path} is not text in UTF-8; name a file of plain text") from None
