"""The keys of `destinations`: how calls are counted by the country of the number dialled, and priced."""

from pathlib import Path
from typing import Annotated

import msgspec

from exporter.config import kinds
from exporter.config.key import Key


class DestinationsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Countries and prices of the numbers dialled. `region` None: numbers without `+` are of no country."""

    countries: Annotated[
        bool,
        Key(kinds.YES_NO, "Whether outbound calls are counted by the country of the number dialled."),
    ] = True
    region: Annotated[
        str | None,
        Key(
            kinds.REGION,
            "The country in which numbers without `+` are dialled, such as `US`. Without it their country "
            "is `other`.",
            default="none",
        ),
    ] = None
    rates: Annotated[
        Path | None,
        Key(
            kinds.FILE,
            "The price of a minute by the first digits of the number, a line each: "
            "`prefix,price_per_minute[,increment]`. The longest prefix wins; the increment is in seconds.",
            default="no costs",
        ),
    ] = None
    currency: Annotated[
        str | None,
        Key(kinds.CURRENCY, "The currency of `rates`, its label.", default="none"),
    ] = None
