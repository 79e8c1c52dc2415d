"""What each change is called, where it stands in a list and where it is told in a sentence."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class ChangeWords(NamedTuple):
    """The words of one kind of change; `{}` is its subject.

    Attributes:
        entry: in a list of changes.
        clause: within a sentence.
    """

    entry: str
    clause: str


CHANGE_WORDS: Final[Mapping[str, ChangeWords]] = {
    "restarted": ChangeWords("FreeSWITCH restarted", "FreeSWITCH was restarted"),
    "upgraded": ChangeWords("FreeSWITCH upgraded", "FreeSWITCH was upgraded"),
    "xml_reloaded": ChangeWords("XML reloaded", "XML was reloaded"),
    "profile_started": ChangeWords("SIP profile {} started", "SIP profile {} was started"),
    "profile_stopped": ChangeWords("SIP profile {} stopped", "SIP profile {} was stopped"),
    "gateway_added": ChangeWords("Gateway {} added", "gateway {} was added"),
    "gateway_deleted": ChangeWords("Gateway {} deleted", "gateway {} was deleted"),
    "gateway_changed": ChangeWords("Gateway {} changed", "gateway {} was changed"),
    "module_loaded": ChangeWords("Module {} loaded", "module {} was loaded"),
    "module_unloaded": ChangeWords("Module {} unloaded", "module {} was unloaded"),
    "limits": ChangeWords("Limit {} changed", "limit {} was changed"),
    "paused": ChangeWords("Calls paused: {}", "{} calls were paused"),
    "resumed": ChangeWords("Calls resumed: {}", "{} calls were resumed"),
    "address_changed": ChangeWords("Network address changed", "the network address changed"),
    "clock_stepped": ChangeWords("Clock of {} stepped", "the clock of {} was set"),
    "logged": ChangeWords("FreeSWITCH logged {}", "FreeSWITCH logged {}"),
    "exporter_started": ChangeWords("Exporter started", "the exporter was started"),
    "exporter_stopped": ChangeWords("Exporter stopped", "the exporter was stopped"),
    "exporter_reloaded": ChangeWords("Exporter reloaded", "the exporter's config was reloaded"),
}
"""By `Change.what`."""
