"""PromQL made from the families as the exporter declares them.

Strategy. A family's labels say which dashboard variables can choose its series and which labels tell one
measured thing from another. From these a `View` (one dashboard's selection: several nodes at once, or exactly
one gateway) writes every query. Metric names are not repeated: `exporter.metrics.families` declares them.

Two rules hold for all queries, so that no panel is wrong during a fault:

* Series of one thing are first merged over its identity labels and only then summed. Two exporters that watch
  the same switch therefore count once, labels added by a scrape job (`instance`, `pod`) do no harm, and where
  two exporters differ the worse value is shown. This requires unique node names; README.md mentions it.
* Counters of rare events fall back to 0. Gauges do not: the gauge of a lost node leaves a gap, not a 0 that
  looks healthy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exporter.metrics import families
from exporter.metrics.exposition import Family

RATE_WINDOW = "$__rate_interval"
RANGE = "$__range"

MOST_STRIPS, MOST_LINES = 12, 8
"""How many things a timeline and a graph show of those that can be hundreds: more cannot be told apart."""

IDENTITY = ("node", "gateway", "profile", "direction", "probe")
"""Labels that identify the measured thing. Others give its kind, or the scrape target."""


@dataclass(frozen=True, slots=True)
class View:
    """How one dashboard selects series: the matcher after each label that its variables set."""

    matchers: Mapping[str, str]

    def series(self, family: Family, where: str = "", suffix: str = "") -> str:
        """A family's chosen series; `where` adds matchers, `suffix` is `_bucket` and the like."""
        chosen = [label + match for label, match in self.matchers.items() if label in family.labels]
        matchers = ",".join([*chosen, where] if where else chosen)
        return f"{family.name}{suffix}{{{matchers}}}" if matchers else family.name + suffix

    def value(self, family: Family, *labels: str, where: str = "") -> str:
        """A gauge, once per measured thing and value of `labels`; the highest if exporters differ."""
        return _merge(family, labels, self.series(family, where))

    def well(self, family: Family, where: str = "") -> str:
        """A gauge that is 1 if normal and else 0, once per measured thing; 0 if exporters differ."""
        return _merge(family, (), self.series(family, where), how="min")

    def rate(self, family: Family, *labels: str, where: str = "", suffix: str = "") -> str:
        """A counter's growth per second, once per measured thing and value of `labels`."""
        return _merge(family, labels, f"rate({self.series(family, where, suffix)}[{RATE_WINDOW}])")

    def increase(self, family: Family, *labels: str, where: str = "", window: str = RANGE) -> str:
        """A counter's growth over `window`, once per measured thing and value of `labels`."""
        return _merge(family, labels, f"increase({self.series(family, where)}[{window}])")

    def code(self, family: Family, label: str, words: Sequence[str]) -> str:
        """Which value of a stateset is set, as its index in `words`; the highest if exporters differ."""
        terms = (f"{index} * {self.series(family, equals(label, word))}" for index, word in enumerate(words))
        return _merge(family, (), " or ".join(terms))

    def highest_in_range(self, family: Family) -> str:
        """The highest value of a gauge in the selected range, once per measured thing."""
        return _merge(family, (), f"max_over_time({self.series(family)}[{RANGE}] @ end())")

    def low_in_range(self, family: Family, *labels: str) -> str:
        """What had this gauge, which is 1 if normal, at 0 in the selected range; those for the longest time.

        The value is of no use.
        """
        share = _merge(family, labels, f"1 - avg_over_time({self.series(family)}[{RANGE}] @ end())")
        return f"topk({MOST_STRIPS}, {share} > 0)"

    def other_in_range(self, family: Family, where: str) -> str:
        """What had such a value of a stateset in the selected range; those for the longest time.

        The value is of no use.
        """
        once = f"avg_over_time({self.series(family, where)}[{RANGE}] @ end())"
        return f"topk({MOST_STRIPS}, {_merge(family, (), once, how='sum')} > 0)"

    def buckets(self, family: Family, *by: str, where: str = "") -> str:
        """A histogram's buckets, as growth per second."""
        return total(self.rate(family, "le", where=where, suffix="_bucket"), "le", *by)

    def quantile(self, quantile: float, family: Family, *by: str) -> str:
        """A quantile (0-1) of what a histogram observed in the rate window."""
        return f"histogram_quantile({quantile}, {self.buckets(family, *by)})"

    def mean(self, family: Family, *by: str) -> str:
        """The mean of what a histogram observed in the rate window."""
        return ratio(
            total(self.rate(family, suffix="_sum"), *by), total(self.rate(family, suffix="_count"), *by)
        )

    def share_up_to(self, family: Family, bound: float, *by: str) -> str:
        """The share (0-1) of observations up to `bound`, which must be one of the buckets."""
        within = self.rate(family, where=equals("le", str(bound)), suffix="_bucket")
        return ratio(total(within, *by), total(self.rate(family, suffix="_count"), *by))

    def or_zero(self, expression: str) -> str:
        """An expression without labels, or 0 if nothing was counted; absent if nothing is scraped."""
        return f"{expression} or on () {self._zero()}"

    def or_none(self, expression: str, *labels: str) -> str:
        """The labelled series above 0, or one 0 with the labels "none"; absent if nothing is scraped."""
        zero = self._zero()
        for label in labels:
            zero = f'label_replace({zero}, "{label}", "none", "", "")'
        return f"({expression}) > 0 or on () {zero}"

    def _zero(self) -> str:
        return f"0 * max({self.series(families.UP)})"


def _merge(family: Family, labels: Sequence[str], expression: str, how: str = "max") -> str:
    identity = [label for label in IDENTITY if label in family.labels] or ["instance"]
    return f"{how} by ({', '.join([*identity, *labels])}) ({expression})"


def equals(label: str, value: str) -> str:
    """One equality matcher; `value` is a declared label value and needs no escaping."""
    return f'{label}="{value}"'


def total(expression: str, *by: str) -> str:
    """The sum, of everything or per value of `by`."""
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def ratio(part: str, whole: str) -> str:
    """A quotient that is absent where the whole is 0, instead of not a number."""
    return f"{part} / ({whole} > 0)"


def share(part: str, whole: str) -> str:
    """A quotient (0-1) of counters: what began before a window may end in it, and be more than all."""
    return f"clamp_max({ratio(part, whole)}, 1)"


def per_minute(expression: str) -> str:
    """A rate per second as a rate per minute: 2 calls per minute are easier to read than 0.03 per second."""
    return f"60 * {expression}"
