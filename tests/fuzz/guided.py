"""One target under atheris: `python -m tests.fuzz.guided TARGET [libFuzzer's options] [folders]`."""

import logging
import sys

import atheris

with atheris.instrument_imports(include=["exporter"]):
    from tests.fuzz.targets import TARGETS

import structlog


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    logging.disable(logging.CRITICAL)
    target = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
