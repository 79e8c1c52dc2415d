"""Who may be called: a pure decision on one number and the configuration. Nothing is callable by default.

In this order, so that the answer names the first thing to change:

1. `guard.allow` lists anything at all;
2. the text is one E.164 number of ASCII digits, and of a length that exists in its country. Not whether the
   number is assigned: test ranges and newly opened ones fail that;
3. the allow list covers it;
4. it is not of a kind whose owner is paid by the caller, unless it is listed exactly: a prefix is easily
wider
   than it was meant to be.
"""

from typing import Final

from exporter.config.model import GuardConfig
from exporter.config.numbers import is_number
from exporter.probe.refusal import Refused

_SHOWN: Final = 40


def check(number: str, guard: GuardConfig) -> None:
    """Let the number pass.

    Raises:
        Refused: `disabled`, `invalid_number`, `not_allowed` or `premium`.
    """
    if not guard.allow:
        raise Refused(
            "disabled",
            "No number may be called: guard.allow in the configuration is empty.",
            'List test numbers there, such as allow: ["+15550000001"].',
        )
    if not is_number(number) or not _possible(number):
        raise Refused(
            "invalid_number",
            f"{number[:_SHOWN]!r} is no telephone number.",
            "Write + and country code, digits only, such as +15550000001.",
        )
    if not guard.permits(number):
        raise Refused(
            "not_allowed",
            f"{number} is not on the list of numbers that may be called.",
            "Add it to guard.allow in the configuration.",
        )
    if number not in guard.allow and _costs_extra(number):
        raise Refused(
            "premium",
            f"{number} belongs to a range whose calls cost extra, and only a prefix of it is allowed.",
            "If it is meant, list the number itself in guard.allow.",
        )


def warm_up() -> None:
    """Load the numbering plans, some 60 ms: at start, not while the first request holds up the events."""
    _costs_extra("+15550000001")


def _possible(number: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


def _costs_extra(number: str) -> bool:
    import phonenumbers
    from phonenumbers import PhoneNumberType

    dear = (
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.UAN,
        PhoneNumberType.PERSONAL_NUMBER,
    )
    return phonenumbers.number_type(phonenumbers.parse(number)) in dear
