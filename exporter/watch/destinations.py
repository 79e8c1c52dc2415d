"""How dialled numbers are read and priced: one for all nodes, so that a reload changes it for all at once."""

from exporter.config import DestinationsConfig
from exporter.config.rates import Rate, RateTable
from exporter.switch.destination import NumberPlan, Reading


class Destinations:
    """Countries and prices of dialled numbers. Before `configure` it knows none.

    Attributes:
        counted: calls are counted by country.
        currency: of the prices; empty without a table of rates.
    """

    def __init__(self) -> None:
        self.counted = False
        self.currency = ""
        self._region: str | None = None
        self._plan: NumberPlan | None = None
        self._rates: RateTable | None = None

    def configure(self, config: DestinationsConfig, rates: RateTable | None) -> None:
        """Put a configuration in force, for calls from now on."""
        if self._plan is None or config.region != self._region:
            self._plan = NumberPlan(config.region)
            self._region = config.region
        self.counted = config.countries
        self._rates = rates
        self.currency = config.currency if rates is not None and config.currency else ""

    def find(self, number: str) -> Reading | None:
        """What is known of a dialled number; None while calls are not counted by country."""
        return self._plan.find(number) if self.counted and self._plan is not None else None

    def rate(self, reading: Reading, number: str) -> Rate | None:
        """What a minute to `number`, read as `reading`, costs; None if no rate is known."""
        return self._rates.find(reading.digits(number)) if self._rates is not None else None
