"""Directory users who may use the event socket, and what each may see and call."""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class User:
    """A user for `userauth`.

    Attributes:
        api: the allow list of api commands (`esl-allowed-api`); "all" allows every one.
        events: the allow list of events; what follows CUSTOM in it is a subclass.
        log: the allow list of log lines: "true" or "all" allows them.
    """

    password: str
    api: str = "all"
    events: str = "all"
    log: str = "true"

    def may_call(self, command: str) -> bool:
        """Whether the api command is allowed."""
        return self.api == "all" or command in _tokens(self.api)

    def may_see(self, name: str, subclass: str) -> bool:
        """Whether a subscription to this event is allowed."""
        if self.events == "all":
            return True
        names, custom, subclasses = self.events.partition("CUSTOM")
        if subclass:
            return subclass in _tokens(subclasses)
        return name in _tokens(names.upper()) or (name == "CUSTOM" and bool(custom))

    @property
    def may_log(self) -> bool:
        """Whether `log` is allowed."""
        return self.log in ("true", "all")


# Who has authenticated with the socket's own password.
UNLIMITED: Final = User(password="")


def _tokens(text: str) -> list[str]:
    """Comma separated, unless there is a blank anywhere: then blanks separate."""
    return [token for token in re.split(r" +" if " " in text.strip() else r",", text.strip()) if token]
