"""The command line: `freeswitch-exporter [COMMAND] [options]`, the same as `python -m exporter`.

COMMANDS is the table of commands: each has its options and a function from these to an exit code. A function
imports what it needs when it runs, so that `--version` and `check-config` load little. What the help says
beside the options is in exporter/command_help.py.

Exit codes: 0 done, 1 a check failed (doctor, probe), 2 refused or could not run.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, get_args

from exporter import __version__, config, standard_output
from exporter.command_help import PROGRAM, USAGE, HelpFormatter, epilog
from exporter.config.model import Config, LogFormat, LogLevel

REFUSED = 2

_DEFAULT_COMMAND = "serve"
_OUTERMOST = ("-h", "--help", "--version")


class Command(NamedTuple):
    """One row of the table: `freeswitch-exporter NAME`."""

    name: str
    summary: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` (default: those of the process) name; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or (words[0].startswith("-") and words[0] not in _OUTERMOST):
        words.insert(0, _DEFAULT_COMMAND)
    options = _parser().parse_args(words)
    run: Callable[[argparse.Namespace], int] = options.run
    standard_output.fit_any_text()
    try:
        code = run(options)
        sys.stdout.flush()
    except config.ConfigError as error:
        print(*(f"{PROGRAM}: {problem}" for problem in error.problems), sep="\n", file=sys.stderr)
        return REFUSED
    except BrokenPipeError:  # `| head` has read enough
        standard_output.let_go()
        return REFUSED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        PROGRAM,
        usage=USAGE[""],
        description="Watches FreeSWITCH over its event socket and serves Prometheus metrics.",
        epilog=epilog(""),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, prog=PROGRAM)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name,
            help=command.summary,
            usage=USAGE.get(command.name),
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            epilog=epilog(command.name),
            formatter_class=HelpFormatter,
            allow_abbrev=False,
        )
        command.add_options(sub)
        sub.set_defaults(run=command.run)
    return parser


# Options


def _name(text: str) -> str:
    """A name that is not empty, as `--gateway "$UNSET"` would be."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; write a name, or leave the option out")
    return text


def _server_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        action="append",
        default=[],
        help='where to serve HTTP, ":9282" on every interface; may be given again (default 127.0.0.1:9282)',
    )
    _log_options(parser)


def _log_options(parser: argparse.ArgumentParser) -> None:
    for option, choices, default in (
        ("--log-level", get_args(LogLevel), "info"),
        ("--log-format", get_args(LogFormat), "auto: JSON unless on a terminal"),
    ):
        parser.add_argument(
            option,
            choices=choices,
            metavar=option.rpartition("-")[2].upper(),
            help=f"{', '.join(choices)} (default {default})",
        )


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", metavar="FILE", type=Path, help="the config file (or set EXPORTER_CONFIG)"
    )


def _serve_options(parser: argparse.ArgumentParser) -> None:
    _config_option(parser)
    _server_options(parser)


def _check_config_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="the config file, as --config")
    parser.add_argument(
        "--against-running",
        action="store_true",
        help="print what a reload of the running exporter would keep, start, stop, restart and refuse",
    )
    parser.add_argument(
        "--url", metavar="URL", help="the running exporter (default: where the config listens)"
    )
    _serve_options(parser)
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of the config file, and check nothing"
    )


def _doctor_options(parser: argparse.ArgumentParser) -> None:
    _config_option(parser)
    parser.add_argument(
        "--node", type=_name, metavar="NAME", help="only this node (default: all that are configured)"
    )
    parser.add_argument("--gateway", type=_name, metavar="NAME", help="only this gateway")
    parser.add_argument(
        "--call", type=_name, metavar="PROBE", help="also place the synthetic call of this probe"
    )
    parser.add_argument(
        "--backend-url", metavar="URL", help="also ask the calling application: http://host:3000"
    )
    repeated = parser.add_mutually_exclusive_group()
    repeated.add_argument("--json", action="store_true", help="print one JSON object (docs/doctor.md)")
    repeated.add_argument(
        "--watch", action="store_true", help="look again every 5 s until Ctrl-C, on the same connections"
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help="also write a page, to hand to a colleague; needs no network",
    )
    _log_options(parser)


def _probe_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="a probe of the config")
    parser.add_argument("--to", metavar="+E164", help="the number to call (default: the probe's own)")
    parser.add_argument(
        "--gateway", type=_name, metavar="NAME", help="the gateway to call through (default: the probe's)"
    )
    parser.add_argument(
        "--node", type=_name, metavar="NAME", help="the node to call from (default: the probe's)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object once it is over (docs/probes.md)"
    )
    _config_option(parser)
    _log_options(parser)


def _asking_options(parser: argparse.ArgumentParser, since: str) -> None:
    _config_option(parser)
    parser.add_argument(
        "--url",
        metavar="URL",
        help="the running exporter (default: where the config listens); http://USER:PASSWORD@HOST:PORT if it "
        "has basic auth and no token",
    )
    parser.add_argument(
        "--since",
        metavar="TIME",
        default=since,
        help=f"7d, 90m or 1h before now, or a time such as 2026-11-26T03:12 (default {since})",
    )
    parser.add_argument("--node", type=_name, metavar="NAME", help="only this node")
    parser.add_argument("--gateway", type=_name, metavar="NAME", help="only this gateway")
    _log_options(parser)


def _history_options(parser: argparse.ArgumentParser) -> None:
    _asking_options(parser, "7d")
    parser.add_argument("--until", metavar="TIME", help="as --since (default: now)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object (docs/history.md)")
    form.add_argument("--csv", action="store_true", help="print the outages as CSV")


def _calls_options(parser: argparse.ArgumentParser) -> None:
    _asking_options(parser, "1h")
    kind = parser.add_mutually_exclusive_group()
    for result, means in (
        ("failed", "not connected, for the network's, the provider's or FreeSWITCH's own reason"),
        ("silent", "answered, and no audio received"),
        ("bad", "answered, and bad audio received"),
    ):
        kind.add_argument(
            f"--{result}", action="store_const", const=result, dest="result", help=f"only calls {means}"
        )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object (docs/history.md)")
    form.add_argument("--csv", action="store_true", help="print CSV")
    form.add_argument(
        "--ticket", action="store_true", help="print a text for the form of the provider's support"
    )
    parser.set_defaults(until=None)


def _load(options: argparse.Namespace, path: Path | None, environ: Mapping[str, str]) -> Config:
    from exporter.switch.cause import CAUSES
    from exporter.switch.provider import PROVIDERS

    flags = config.Flags(
        listen=tuple(options.listen), log_level=options.log_level, log_format=options.log_format
    )
    return config.load(path, environ, flags, providers=PROVIDERS, causes=CAUSES)


# Commands


def _serve(options: argparse.Namespace) -> int:
    from exporter import runtime

    reload = partial(_load, options, options.config, os.environ)
    return runtime.serve(reload(), reload)


def _demo(options: argparse.Namespace) -> int:
    from exporter.demo import demo

    # The simulated switch replaces the real one that the environment may name.
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FREESWITCH_") and name not in ("EXPORTER_CONFIG", "EXPORTER_STATE_DIR")
    }
    return demo(_load(options, None, environ))


def _doctor(options: argparse.Namespace) -> int:
    from exporter.diagnosis import command

    return command.run(options)


def _probe(options: argparse.Namespace) -> int:
    from exporter.probe import command

    return command.run(options)


def _check_config(options: argparse.Namespace) -> int:
    if options.schema:
        return _print_schema()
    if options.file and options.config:
        print(f"{PROGRAM}: name the file once, as FILE or with --config", file=sys.stderr)
        return REFUSED
    # Lines begin with FILE:LINE, as editors and CI read them. All but the config and the plan goes to
    # standard error, so that standard output stays a config file.
    if options.url and not options.against_running:
        print(f"{PROGRAM}: --url is used by --against-running only; add that option", file=sys.stderr)
        return REFUSED
    try:
        loaded = _load(options, options.file or options.config, os.environ)
    except config.ConfigError as error:
        errors = "1 error" if error.count == 1 else f"{error.count} errors"
        print(*error.problems, errors, sep="\n", file=sys.stderr)
        return REFUSED
    if options.against_running:
        from exporter import against_running

        return against_running.run(loaded, options.url)
    standard_output.say(config.effective(loaded), end="")
    print(*(f"warning: {warning}" for warning in loaded.warnings), "OK", sep="\n", file=sys.stderr)
    return 0


def _print_schema() -> int:
    from exporter.switch.cause import CAUSES
    from exporter.switch.provider import PROVIDERS

    print(json.dumps(config.schema(providers=PROVIDERS, causes=CAUSES), indent=2))
    return 0


def _history(options: argparse.Namespace) -> int:
    from exporter.history import command

    return command.run_history(options)


def _calls(options: argparse.Namespace) -> int:
    from exporter.history import command

    return command.run_calls(options)


COMMANDS = (
    Command("serve", "watch FreeSWITCH and serve its metrics (the default)", _serve_options, _serve),
    Command("demo", "watch a simulated switch with live traffic", _server_options, _demo),
    Command(
        "doctor", "say what is wrong with FreeSWITCH or its gateways and what to do", _doctor_options, _doctor
    ),
    Command("probe", "place one synthetic call and say how it went", _probe_options, _probe),
    Command(
        "history",
        "print since when, how often and how long gateways were down",
        _history_options,
        _history,
    ),
    Command(
        "calls",
        "print the calls that failed, were silent or sounded bad",
        _calls_options,
        _calls,
    ),
    Command(
        "check-config",
        "check the config and print it as it takes effect",
        _check_config_options,
        _check_config,
    ),
)
