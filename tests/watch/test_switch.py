"""What is known of the switch is bounded."""

from exporter.switch.profile import Profile
from exporter.watch.switch import MAX_PROFILES, SwitchFacts


def profile(name: str, *, running: bool = True) -> Profile:
    return Profile(name, "sip:a", "RUNNING" if running else "DOWN", running, 0, (), ())


def test_a_profile_that_stopped_stays_and_is_named() -> None:
    facts = SwitchFacts()
    facts.on_profiles([profile("external"), profile("internal")])
    facts.on_profiles([profile("internal"), profile("new", running=False)])
    assert set(facts.profiles) == {"external", "internal", "new"}
    assert facts.stopped == {"external", "new"}
    facts.on_profiles([profile("external")])
    assert facts.stopped == {"internal", "new"}


def test_profiles_are_bounded_and_the_listed_come_first() -> None:
    facts = SwitchFacts()
    for batch in range(10):
        facts.on_profiles(profile(f"tenant{batch}-{number}") for number in range(50))
        assert len(facts.profiles) <= MAX_PROFILES
        assert {f"tenant{batch}-{number}" for number in range(50)} <= set(facts.profiles) - facts.stopped
        assert facts.stopped <= set(facts.profiles)
