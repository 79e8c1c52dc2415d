"""The time zone of this process."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def in_zone(name: str) -> Iterator[None]:
    """As if the machine were in this zone, in the form of POSIX: `CET-1` is an hour ahead of UTC."""
    try:
        with patch.dict(os.environ, TZ=name):
            time.tzset()
            yield
    finally:
        time.tzset()
