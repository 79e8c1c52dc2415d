"""What `--help` says beside the options: usage, examples to copy, exit codes.

The tables have the program's own under the empty name, else a command's. A test gives each example to the
parser, so that none names an option that does not exist.
"""

import argparse
from typing import Final

PROGRAM: Final = "freeswitch-exporter"

EXAMPLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "": (
        ("demo", "look at it without a FreeSWITCH"),
        ("doctor", "what is wrong with the FreeSWITCH of this machine"),
        ("check-config FILE", "is the config file right"),
        ("--config FILE", "watch, and serve http://127.0.0.1:9282/"),
    ),
    "serve": (
        ("serve", "the FreeSWITCH of this machine, with its default password"),
        ("serve --config FILE", "what the config file names"),
        ("serve --config FILE --listen :9282", "on every interface, for a Prometheus elsewhere"),
    ),
    "demo": (
        ("demo", "then open http://127.0.0.1:9282/"),
        ("demo --listen 127.0.0.1:9300", "where port 9282 is taken"),
    ),
    "doctor": (
        ("doctor", "the FreeSWITCH of this machine, or of EXPORTER_CONFIG"),
        ("doctor --config FILE --gateway telnyx", "one gateway; the others are left alone"),
        ("doctor --call telnyx-echo", "place a call, too"),
        ("doctor --watch", "again and again, while you repair"),
        ("doctor --html doctor.html", "for a colleague or a ticket"),
    ),
    "probe": (
        ("probe telnyx-echo", "as the config has it"),
        ("probe telnyx-echo --to +15550000001", "the same, to another number of guard.allow"),
        ("probe --to +15550000001 --gateway telnyx", "without a probe of the config"),
    ),
    "history": (
        ("history", "the last seven days"),
        ("history --since 30d --gateway telnyx", "a month of one gateway"),
        ("history --since 2026-11-01 --until 2026-12-01 --csv", "November as CSV"),
    ),
    "calls": (
        ("calls --failed", "of the last hour"),
        ("calls --failed --since 1d --gateway telnyx --ticket", "for the provider's support"),
        ("calls --silent --since 7d --csv", "answered, and nothing heard, as CSV"),
    ),
    "check-config": (
        ("check-config FILE", "errors with file, line, key and what to write"),
        ("check-config FILE --against-running", "what a reload would do"),
        ("check-config --schema", "for an editor"),
    ),
}

_ASKS: Final = (
    "The running exporter is asked, with the token of the config. Exit code: 0 it answered, 2 it did not."
)
MORE: Final[dict[str, str]] = {
    "": f"Without a command: serve. Options of a command: {PROGRAM} COMMAND --help.",
    "serve": "Without --config and EXPORTER_CONFIG it watches 127.0.0.1:8021, or what FREESWITCH_HOST, "
    "FREESWITCH_PORT, FREESWITCH_PASSWORD_FILE and FREESWITCH_GATEWAYS name. SIGHUP reloads the file.",
    "demo": "Nothing is read or written, and no FreeSWITCH is needed. Ctrl-C ends it.",
    "doctor": "Exit code: 0 no check failed, 1 a check failed, 2 it could not be run.",
    "probe": "The call costs what a call costs. The number must be in guard.allow. Exit code: 0 the call got "
    "through, 1 it failed, 2 it was refused, aborted or could not be placed.",
    "history": _ASKS,
    "calls": _ASKS,
    "check-config": "The config as it takes effect goes to standard output, with secrets masked. Errors "
    "(FILE:LINE: key: what is wrong; what to write), warnings and the last line, OK or N errors, go to "
    "standard error. Exit code: 0 it can be used, 2 it cannot.",
}

USAGE: Final[dict[str, str]] = {
    "": f"{PROGRAM} [COMMAND] [options]",
    "check-config": (
        f"{PROGRAM} check-config [FILE] [options]\n"
        f"       {PROGRAM} check-config [FILE] --against-running [--url URL]\n"
        f"       {PROGRAM} check-config --schema"
    ),
}
"""Usage where argparse's own would not show what goes together."""


class HelpFormatter(argparse.HelpFormatter):
    """Leaves indented lines as they are, and wraps others."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        wrap = super()._fill_text
        return "\n".join(
            line if line.startswith("  ") else wrap(line, width, indent) for line in text.split("\n")
        )


def epilog(command: str) -> str:
    """The end of a command's help: examples, and what else there is to know."""
    examples = "\n".join(f"  # {meaning}\n  {PROGRAM} {words}" for words, meaning in EXAMPLES[command])
    return f"examples:\n{examples}\n\n{MORE[command]}"
