"""The keys of `live_quality`: how many running calls are listened to, and how often."""

from typing import Annotated

import msgspec

from exporter.config import kinds
from exporter.config.key import Key


class LiveQualityConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Running calls whose audio is looked at. `calls` 0: none, on no connection."""

    every: Annotated[
        float,
        Key(kinds.duration(2, 300), "How often the audio of a running call is looked at."),
    ] = 5.0
    calls: Annotated[
        int,
        Key(
            kinds.integer(0, 10_000),
            "How many running calls of each node are looked at, in turn where there are more. 0: none.",
        ),
    ] = 100
