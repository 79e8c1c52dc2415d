"""FreeSWITCH's log at WARNING and above, on a connection of its own.

A busy switch logs thousands of lines a second. On a connection of its own they delay neither events nor
replies. The connection ends with the reading.
"""

from collections.abc import Callable

from exporter.config import NodeConfig
from exporter.esl import Connection, Disconnected, LookUp, PermissionDenied
from exporter.esl.errors import quoted
from exporter.switch.log_line import LogLine, parse_log_line


class LogStream:
    """The log of one node, from `open` to `close`.

    Args:
        on_line: called for every line, inside the reader: it must be quick and must not raise.
    """

    def __init__(self, on_line: Callable[[LogLine], None]) -> None:
        self._on_line = on_line
        self._connection: Connection | None = None

    async def open(self, config: NodeConfig, look_up: LookUp) -> None:
        """Connect and ask for the log.

        Args:
            config: address and account.
            look_up: finds the addresses of a host name.

        Raises:
            EslError: the connection or the command failed.
        """
        connection = await Connection.open(
            config.host,
            config.port,
            password=config.password.reveal(),
            user=config.user,
            look_up=look_up,
            on_log=self._on_log,
        )
        self._connection = connection
        try:
            reply = await connection.command("log warning")
            if not reply.ok:
                raise PermissionDenied(
                    f"FreeSWITCH answers `log warning` with {quoted(reply.text)}; set esl-allowed-log of "
                    "the event socket user to true"
                )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection. Harmless if there is none."""
        if self._connection is not None:
            self._connection.abort(Disconnected("the log is no longer read"))
            self._connection = None

    def _on_log(self, level: int, text: str) -> None:
        line = parse_log_line(level, text)
        if line is not None:
            self._on_line(line)
