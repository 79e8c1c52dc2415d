"""What a call costs of the day's minutes, once it is over or no longer followed.

Its reservation is the most that it can cost. That is what it costs, too, unless its end was seen: a call
whose connection was cut may still have been answered. It never costs more than its reservation, whatever
FreeSWITCH's stamps say.
"""

from exporter.probe.observation import Observation


def end_seen(seen: Observation) -> bool:
    """Whether the call is known to be over: FreeSWITCH reported its end, refused it, or never got it."""
    return seen.state == "ended" or seen.refused or not seen.placed


def cost(seen: Observation, reserved: float) -> float:
    """Seconds of talk that the call costs.

    Args:
        seen: all that was observed of the call.
        reserved: seconds set aside for it.
    """
    if not end_seen(seen):
        return reserved
    answered, hung_up = seen.end.answered, seen.end.hung_up
    if answered is None:
        return reserved if seen.picked_up else 0.0
    if hung_up is None or hung_up < answered:
        return reserved
    return min(hung_up - answered, reserved)
