"""The last failed answer to REGISTER of each gateway, kept over a restart of the exporter.

FreeSWITCH tells why a registration failed once, in an event, and then waits, for minutes or hours; its status
shows the same for a wrong password and a dead provider. An exporter started meanwhile would know nothing
until the next try. So the answers are written to a small file in `state_dir`. Without one, and whenever the
file cannot be read or written, the memory is that of the process.
"""

import json
import time
from pathlib import Path
from typing import Final

import structlog

from exporter.watch.gateway import Answer

FILE: Final = "registrations.json"
KEPT: Final = 24 * 3600.0  # seconds; an older answer explains nothing any more
_PHRASE_KEPT: Final = 200

log = structlog.get_logger(__name__)


class RegistrationMemory:
    """Answers by node and gateway name.

    Args:
        state_dir: where the file lies; None keeps nothing beyond the process.
        writes: False for one who only wants to know: the file is another process's.
    """

    def __init__(self, state_dir: Path | None, *, writes: bool = True) -> None:
        self._path = state_dir / FILE if state_dir is not None else None
        self._writes = writes
        self._answers: dict[str, dict[str, Answer]] = {}
        self._warned = False
        self._read()

    def recall(self, node: str, gateway: str) -> Answer | None:
        """The last failed answer, unless it is older than a day or a success came after it."""
        answer = self._answers.get(node, {}).get(gateway)
        return answer if answer is not None and time.time() - answer.at < KEPT else None

    def keep(self, node: str, gateway: str, answer: Answer | None) -> None:
        """Remember an answer; None: a registration succeeded."""
        answers = self._answers.setdefault(node, {})
        if answers.get(gateway) == answer:
            return
        if answer is None:
            del answers[gateway]
        else:
            answers[gateway] = answer
        self._write()

    def _read(self) -> None:
        if self._path is None or not self._path.exists():
            return
        try:
            for node, gateways in json.loads(self._path.read_text()).items():
                self._answers[node] = {
                    name: Answer(int(code), str(phrase)[:_PHRASE_KEPT], float(at))
                    for name, (code, phrase, at) in gateways.items()
                }
        except (OSError, ValueError, TypeError, AttributeError) as error:
            log.warning("forgetting earlier registration answers", file=str(self._path), reason=str(error))

    def _write(self) -> None:
        if self._path is None or not self._writes:
            return
        text = json.dumps(
            {
                node: {name: (a.code, a.phrase[:_PHRASE_KEPT], a.at) for name, a in gateways.items()}
                for node, gateways in self._answers.items()
            }
        )
        part = self._path.with_suffix(".part")
        try:
            part.write_text(text)
            part.replace(self._path)
            self._warned = False
        except OSError as error:
            if not self._warned:
                log.warning("cannot keep registration answers", file=str(self._path), reason=str(error))
            self._warned = True
