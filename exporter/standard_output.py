"""Standard output, which may have any encoding, and whose reader may have read enough, as `head` has.

A command that does something, or whose exit code says something, goes on without a reader: its calls are
followed to their end, its files are written, its verdict is the same.
"""

import io
import os
import sys


def fit_any_text() -> None:
    """Print `?` for a character that the terminal's encoding has not, such as ISO-8859-1, and never fail."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def say(text: str, end: str = "\n") -> None:
    """Print at once; nowhere, once nobody reads."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        let_go()


def let_go() -> None:
    """Print nowhere from now on, after a BrokenPipeError: what is buffered must not fail again at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
