"""Each check alone, as a function from a snapshot to findings."""

from typing import Any

import pytest

from exporter.diagnosis.conclusion import CHECKS, diagnose
from exporter.diagnosis.finding import CheckName
from exporter.diagnosis.snapshot import BackendSeen, GatewaySeen, NameSeen, Snapshot
from exporter.esl import ProtocolError
from exporter.metrics import families
from exporter.probe.record import CallRecord, ProviderRecord
from exporter.watch.accepting import REFUSAL_REASONS
from exporter.watch.log_lines import LogEntry, LogSeen
from exporter.watch.optional_answers import SlowAnswer, WorthlessAnswer
from exporter.watch.verdict import GATEWAY_PROBLEMS
from tests.diagnosis.snapshots import calls, found, gateway, lost, one, profile, snapshot, switch


def test_a_healthy_node_passes_every_check_and_skips_the_call_that_was_not_requested() -> None:
    statuses = {finding.check: finding.status for finding in diagnose(snapshot()).findings}
    assert statuses == {check.name: "pass" for check in CHECKS} | {"call": "not_checked"}


def test_every_check_yields_a_finding_for_every_connection_problem() -> None:
    for problem in ("", *families.PROBLEMS):
        findings = diagnose(lost(problem)).findings
        assert [finding.check for finding in findings] == [check.name for check in CHECKS]


@pytest.mark.parametrize("problem", [problem for problem in families.PROBLEMS if problem != "none"])
def test_every_connection_problem_fails_one_check_and_skips_the_later_ones(problem: str) -> None:
    findings = [one for one in diagnose(lost(problem, "said so")).findings if one.check != "reload"]
    (failed,) = [finding for finding in findings if finding.status == "fail"]
    assert failed.fault == problem
    assert "said so" in failed.seen
    assert failed.remedy.commands
    before = findings[: findings.index(failed)]
    after = findings[findings.index(failed) + 1 :]
    assert {finding.status for finding in before} <= {"pass"}
    assert {finding.status for finding in after} == {"not_checked"}


def test_a_process_that_sends_no_greeting_did_not_ask_for_the_password() -> None:
    assert one(lost("hung", "no greeting within 5 s"), "password").status == "not_checked"
    assert one(lost("hung", "no reply to 'api status' within 5 s"), "password").status == "pass"


@pytest.mark.parametrize(("same_host", "status"), [(True, "pass"), (False, "warn")])
def test_the_default_password_is_a_warning_where_others_can_reach_the_port(
    same_host: bool, status: str
) -> None:
    finding = one(snapshot(default_password=True, same_host=same_host), "password")
    assert finding.status == status


@pytest.mark.parametrize(
    ("changes", "fault", "status"),
    [
        ({"paused": ("inbound", "outbound")}, "paused", "fail"),
        ({"ready": False}, "not_ready", "fail"),
        ({"shutting_down": True, "ready": False, "paused": ("inbound", "outbound")}, "shutting_down", "fail"),
        ({"no_rtp_ports": True}, "no_rtp_ports", "fail"),
        ({"figures": {"session_count": 1000}}, "session_limit", "fail"),
        ({"figures": {"session_count": 800}}, "session_room", "warn"),
        ({"figures": {"session_count": 799}}, "", "pass"),
        ({"figures": {"sessions_per_second_last": 30}}, "rate_limit", "fail"),
        ({"figures": {"sessions_per_second_last": 29}}, "rate_room", "warn"),
        ({"figures": {"sessions_per_second_last": 29}, "over_rate": True}, "rate_limit", "fail"),
        ({"figures": {"sessions_per_second_last": 0, "max_sessions_per_second": 1}}, "rate_limit", "fail"),
        ({"figures": {"sessions_per_second_peak_5min": 30}}, "rate_reached", "warn"),
        ({"figures": {"sessions_per_second_peak_5min": 29}}, "rate_room", "warn"),
        ({"figures": {"sessions_per_second_peak_5min": 24}}, "rate_room", "warn"),
        ({"figures": {"sessions_per_second_peak_5min": 23}}, "", "pass"),
        ({"figures": {"session_peak_5min": 800}}, "session_room", "warn"),
        ({"figures": {"min_idle_cpu": 95.0}}, "idle_cpu", "fail"),
        ({"figures": {"idle_cpu": 9.0}}, "cpu_busy", "warn"),
        ({"clock_skew": 1.0}, "clock_skew", "warn"),
        ({"clock_skew": -0.99}, "", "pass"),
        ({"profiles": None}, "unreadable", "fail"),
    ],
)
def test_reasons_why_the_switch_refuses_calls(changes: dict[str, object], fault: str, status: str) -> None:
    finding = one(snapshot(switch=switch(**changes)), "commands")
    assert (finding.fault, finding.status) == (fault, status)


def test_every_reason_to_refuse_calls_is_a_finding_with_a_remedy_and_explains_failed_calls() -> None:
    fill_up = {"session_count": 1000}
    causes: dict[str, dict[str, object]] = {
        "shutting_down": {"shutting_down": True},
        "paused": {"paused": ("inbound",)},
        "not_ready": {"ready": False},
        "session_limit": {"figures": fill_up},
        "rate_limit": {"figures": {"sessions_per_second_last": 30}},
        "idle_cpu": {"figures": {"min_idle_cpu": 95.0}},
        "no_rtp_ports": {"no_rtp_ports": True},
    }
    assert set(causes) == set(REFUSAL_REASONS) - {"none"}
    failing = calls(causes={"DESTINATION_OUT_OF_ORDER": 9})
    for reason, changes in causes.items():
        found = diagnose(snapshot(switch=switch(**changes), recent=failing))
        assert found.conclusion.cause is not None
        assert found.conclusion.cause.fault == reason
        assert found.conclusion.remedy.advice
        assert found.conclusion.remedy.commands
        assert {finding.check for finding in found.conclusion.consequences} == {"calls"}, reason


def test_an_account_that_may_not_ask_whether_calls_are_accepted_is_told_which_line_to_add() -> None:
    finding = one(snapshot(denied=frozenset({"api fsctl"})), "commands")
    assert (finding.fault, finding.status) == ("denied", "warn")
    assert "`fsctl`" in finding.remedy.advice
    assert "esl-allowed-api" in finding.remedy.advice


def test_events_that_are_late_or_denied() -> None:
    assert one(snapshot(switch=switch(round_trip=1.5)), "events").fault == "slow"
    assert one(snapshot(denied=frozenset({"HEARTBEAT", "api sofia"})), "events").fault == "denied"
    assert one(snapshot(denied=frozenset({"api sofia"})), "events").status == "pass"
    assert one(snapshot(switch=switch(round_trip=None)), "events").status == "not_checked"


@pytest.mark.parametrize(
    ("answered", "words"), [(True, "answered after 7 s"), (False, "no answer for 1 h 1 min")]
)
def test_a_slow_database_is_a_warning_that_gives_the_time_and_advises_no_restart(
    answered: bool, words: str
) -> None:
    late = SlowAnswer("show registrations count", 7.2 if answered else 3700.0, answered)
    seen = snapshot(switch=switch(slow_answers=(late,), answers_ok=False))
    finding = one(seen, "database")
    assert (finding.status, finding.fault) == ("warn", "slow_database")
    assert finding.summary == f"FreeSWITCH's database is slow: {words}"
    assert "show registrations count" in finding.seen
    assert not any(word in " ".join(finding.remedy.commands) for word in ("gdb", "restart", "gcore"))
    assert diagnose(seen).conclusion.status == "warn"


def test_an_answer_of_the_database_that_cannot_be_used_is_shown_with_the_reason() -> None:
    worthless = WorthlessAnswer("show channels as json", ProtocolError("Content-Length 17000000"))
    finding = one(snapshot(switch=switch(worthless_answers=(worthless,), answers_ok=False)), "database")
    assert finding.fault == "unusable_answer"
    assert finding.seen == "Content-Length 17000000"


def test_a_database_that_was_not_asked_is_skipped() -> None:
    assert one(snapshot(switch=switch(answers_ok=False)), "database").status == "not_checked"
    denied = snapshot(switch=switch(answers_ok=False), denied=frozenset({"api show"}))
    assert "may not run" in one(denied, "database").seen


def test_a_private_address_is_a_warning_only_towards_a_public_provider() -> None:
    behind_nat = switch(profiles=(profile(url="sip:mod_sofia@10.0.0.5:5080"),))
    public, test_net = gateway(proxy="sip:8.8.8.8:5060"), gateway(proxy="sip:10.9.9.9")
    assert one(snapshot(switch=behind_nat, gateways=(public,)), "profile").fault == "private_address"
    assert one(snapshot(switch=behind_nat, gateways=(test_net,)), "profile").status == "pass"
    assert one(snapshot(gateways=(public,)), "profile").status == "pass"
    named = gateway(proxy="sip:sip.example.com")
    names = {"sip.example.com": NameSeen(("8.8.4.4",))}
    assert (
        one(snapshot(switch=behind_nat, gateways=(named,), names=names), "profile").fault == "private_address"
    )


def test_a_profile_that_stopped_fails_even_without_a_gateway() -> None:
    stopped = switch(profiles=(profile(), profile("internal")), stopped=frozenset({"internal"}))
    finding = one(snapshot(switch=stopped), "profile")
    assert (finding.status, finding.fault) == ("fail", "profile_down")
    assert "internal" in finding.summary


def gone(**changes: object) -> GatewaySeen:
    return gateway(listed=False, problem="missing", state="MISSING", usable=False, **changes)


def test_a_missing_gateway_near_a_known_name_is_misspelt() -> None:
    near = gateway(name="telnyx", expected=False)
    finding = one(snapshot(gateways=(near, gone(name="telnix"))), "gateway")
    assert finding.fault == "misspelt"
    assert "did you mean telnyx?" in finding.summary


def test_a_similar_name_that_is_itself_required_is_not_suggested() -> None:
    finding = one(snapshot(gateways=(gateway(name="telnyx1"), gone(name="telnyx2"))), "gateway")
    assert finding.fault == "missing"


def test_a_gateway_that_is_not_required_may_disappear() -> None:
    assert one(snapshot(gateways=(gateway(), gone(name="old", expected=False))), "gateway").status == "pass"


@pytest.mark.parametrize("problem", GATEWAY_PROBLEMS)
def test_every_verdict_has_a_check_a_sentence_and_a_remedy(problem: str) -> None:
    listed = problem not in ("missing", "profile_down")
    seen = snapshot(gateways=(gateway(problem=problem, listed=listed, usable=problem == "none"),))
    diagnosis = diagnose(seen)
    if problem == "none":
        assert diagnosis.conclusion.cause is None
        return
    cause = diagnosis.conclusion.cause
    assert cause is not None
    assert cause.fault == problem
    assert "telnyx" in cause.summary
    assert cause.remedy.advice
    assert any("telnyx" in command or "profile" in command for command in cause.remedy.commands)
    assert diagnosis.conclusion.others == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"answer_code": 403, "answer_phrase": "Forbidden"}, "(403 Forbidden)"),
        ({"answer_code": 403, "answer_phrase": ""}, "(403 Forbidden)"),
        ({"answer_code": 904}, "(904 Operation has no matching challenge)"),
        ({"answer_code": 2}, "(no answer to REGISTER)"),
        ({"answer_code": 0}, "rejects the credentials"),
    ],
)
def test_the_last_answer_is_shown(changes: dict[str, object], words: str) -> None:
    finding = one(snapshot(gateways=(gateway(problem="auth_rejected", **changes),)), "registration")
    assert words in finding.summary


def test_of_many_gateways_with_problems_some_are_named_and_the_rest_counted() -> None:
    many = tuple(gateway(name=f"g{n:03}", problem="unreachable", usable=False) for n in range(500))
    findings = found(snapshot(gateways=many), "registration")
    assert len(findings) == 21
    assert "480 more" in findings[-1].summary


def test_a_gateway_revived_by_the_doctor_is_a_warning() -> None:
    finding = one(snapshot(gateways=(gateway(revived=True),)), "registration")
    assert (finding.status, finding.fault) == ("warn", "revived")


@pytest.mark.parametrize(("same_host", "status"), [(True, "fail"), (False, "warn")])
def test_a_name_without_address_is_a_warning_where_it_was_asked_on_another_machine(
    same_host: bool, status: str
) -> None:
    seen = gateway(problem="unreachable", usable=False, proxy="sip:sip.exampel.com")
    names = {"sip.exampel.com": NameSeen(error="Name or service not known")}
    finding = one(snapshot(gateways=(seen,), names=names, same_host=same_host), "provider")
    assert (finding.status, finding.fault) == (status, "name_not_resolved")
    assert ("not FreeSWITCH's host" in finding.seen) is not same_host


def test_a_name_in_etc_hosts_alone_is_reported_as_what_freeswitch_does_not_use() -> None:
    seen = gateway(problem="unreachable", usable=False, proxy="sip:sip.example.com")
    names = {"sip.example.com": NameSeen(error="no such name in DNS", hosts_file=("10.0.0.7",))}
    finding = one(snapshot(gateways=(seen,), names=names), "provider")
    assert (finding.status, finding.fault) == ("fail", "name_not_resolved")
    assert "/etc/hosts has 10.0.0.7" in finding.seen
    assert "/etc/hosts" in finding.remedy.advice


def test_a_name_that_fails_here_while_the_gateway_works_is_no_fault() -> None:
    names = {"sip.example.com": NameSeen(error="Name or service not known")}
    seen = gateway(proxy="sip:sip.example.com")
    assert one(snapshot(gateways=(seen,), names=names), "provider").status == "pass"


def test_a_slow_provider() -> None:
    assert one(snapshot(gateways=(gateway(ping_seconds=1.2),)), "provider").fault == "slow_ping"


def test_names_not_looked_up_yet() -> None:
    seen = gateway(proxy="sip:sip.example.com")
    assert one(snapshot(gateways=(seen,), names=None), "provider").status == "not_checked"


@pytest.mark.parametrize(
    ("changes", "fault", "status"),
    [
        ({"causes": {"USER_BUSY": 5, "NO_ANSWER": 5}}, "", "pass"),
        ({"causes": {"CALL_REJECTED": 1}, "codes": {"D1": 1}}, "capacity", "warn"),
        ({"causes": {"CALL_REJECTED": 5}, "codes": {"D1": 4, "D2": 1}}, "capacity", "fail"),
        ({"causes": {"UNALLOCATED_NUMBER": 5}, "codes": {"D19": 5}}, "billing", "fail"),
        ({"causes": {"CALL_REJECTED": 5}, "codes": {"D35": 5}}, "caller_id", "fail"),
        ({"causes": {"CALL_REJECTED": 5}, "codes": {"Z9": 5}}, "other", "fail"),
        ({"silent": 10}, "no_media", "fail"),
        ({"silent": 1}, "no_media", "warn"),
        ({"refused": 10}, "refused", "fail"),
        ({"causes": {"NORMAL_TEMPORARY_FAILURE": 9}}, "NORMAL_TEMPORARY_FAILURE", "fail"),
        ({"causes": {"NORMAL_TEMPORARY_FAILURE": 2}}, "NORMAL_TEMPORARY_FAILURE", "warn"),
    ],
)
def test_recent_calls(changes: dict[str, object], fault: str, status: str) -> None:
    finding = one(snapshot(recent=calls(**changes)), "calls")
    assert (finding.fault, finding.status) == (fault, status)


def test_failures_that_no_code_explains_are_reported_beside_those_that_one_does() -> None:
    mixed = calls(causes={"CALL_REJECTED": 5, "NETWORK_OUT_OF_ORDER": 3}, codes={"D1": 4})
    reported = [(finding.fault, finding.summary) for finding in found(snapshot(recent=mixed), "calls")]
    assert [fault for fault, _ in reported] == ["capacity", "NETWORK_OUT_OF_ORDER"]
    assert "3 times" in reported[1][1]


def test_without_calls_freeswitchs_own_counters_are_shown() -> None:
    seen = gateway(calls_out=40, failed_calls_out=12)
    finding = one(snapshot(gateways=(seen,), recent=calls(answered=0)), "calls")
    assert finding.status == "not_checked"
    assert "12 of 40" in finding.seen


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (LogEntry("", False, "[WARNING] switch_rtp.c:1 odd"), "pass"),
        (LogEntry("telnyx", False, "[WARNING] sofia.c:6463 Ping succeeded telnyx with code 200"), "pass"),
        (LogEntry("telnyx", False, "[WARNING] sofia_reg.c:520 telnyx Failed Registration [403]"), "warn"),
        (LogEntry("telnyx", False, "[WARNING] sofia_reg.c:560 Timeout Registering telnyx"), "warn"),
        (LogEntry("", False, "[WARNING] sofia_reg.c:1 somebody else's Failed Registration"), "pass"),
        (LogEntry("", True, "[ERR] mod_sofia.c:4857 x"), "warn"),
    ],
)
def test_of_the_log_errors_count_and_failures_of_a_watched_gateway(line: LogEntry, status: str) -> None:
    finding = one(snapshot(log=LogSeen(3.5, {}, {"a.c": 4}, (line,))), "log")
    assert finding.status == status
    assert "a.c 4" in finding.seen
    if status == "warn":
        assert finding.gateway == line.gateway
        assert line.text in finding.private


@pytest.mark.parametrize(
    ("backend", "fault", "status"),
    [
        (BackendSeen("http://a", connected=True, answered=True), "", "pass"),
        (BackendSeen("http://a", connected=False, answered=True), "disconnected", "fail"),
        (BackendSeen("http://a", error="refused"), "unreachable", "fail"),
        (BackendSeen("http://a", answered=True, error="HTTP 404"), "unclear", "fail"),
    ],
)
def test_what_the_application_reports(backend: BackendSeen, fault: str, status: str) -> None:
    finding = one(snapshot(backend=backend), "backend")
    assert (finding.fault, finding.status) == (fault, status)


def test_an_application_is_not_blamed_for_what_the_exporter_sees_too() -> None:
    away = BackendSeen("http://a", connected=False, answered=True)
    assert one(lost("refused", backend=away), "backend").status == "pass"
    assert one(snapshot(backend=away, others_down=("fs2",)), "backend").status == "not_checked"
    there = BackendSeen("http://a", connected=True, answered=True)
    assert "the path from this machine" in one(lost("timeout", backend=there), "backend").summary


def record(**changes: object) -> CallRecord:
    fields = {
        "call_uuid": "70726f62-0000-4000-8000-000000000000",
        "probe": "echo",
        "node": "fs1",
        "gateway": "telnyx",
        "destination": "+15550000001",
        "application": "echo",
        "own": True,
        "started_at": 1.7e9,
        "status": "ended",
    }
    return CallRecord(**fields | changes)  # type: ignore[arg-type]


CODE = ProviderRecord(code="D19", class_="billing", meaning="account is blocked", remedy="top up")


@pytest.mark.parametrize(
    ("changes", "fault", "status"),
    [
        ({"result": "success"}, "", "pass"),
        ({"result": "aborted"}, "", "not_checked"),
        ({"result": "degraded", "reasons": ("MOS 3.1 is below 3.6",)}, "degraded", "warn"),
        ({"result": "failed", "cause": "USER_BUSY", "sip_code": 486}, "USER_BUSY", "fail"),
        ({"result": "failed", "cause": "CALL_REJECTED", "provider_code": CODE}, "billing", "fail"),
        ({"result": "failed", "cause": "NORMAL_CLEARING", "failed_phase": "media"}, "no_media", "fail"),
        ({"result": "failed", "failed_phase": "originate"}, "failed", "fail"),
    ],
)
def test_the_synthetic_call(changes: dict[str, object], fault: str, status: str) -> None:
    finding = one(snapshot(call=record(**changes)), "call")
    assert (finding.fault, finding.status) == (fault, status)


@pytest.mark.parametrize(
    "cause", ["CALL_REJECTED", "SUBSCRIBER_ABSENT", "INVALID_GATEWAY", "DESTINATION_OUT_OF_ORDER"]
)
def test_a_cause_is_explained(cause: str) -> None:
    finding = one(snapshot(call=record(result="failed", cause=cause, sip_call_id="70726f62-a")), "call")
    assert cause in finding.seen
    assert finding.seen.endswith(", SIP Call-ID 70726f62-a")
    assert len(finding.seen) > len(cause) + 30


NEEDS_CONNECTION: tuple[CheckName, ...] = (
    "profile",
    "gateway",
    "registration",
    "provider",
    "calls",
    "log",
)


@pytest.mark.parametrize("check", NEEDS_CONNECTION)
def test_a_skipped_check_has_its_reason(check: CheckName) -> None:
    finding = one(lost("acl_denied"), check)
    assert finding.status == "not_checked"
    assert "access list" in finding.seen
    fresh = one(Snapshot(node="fs1", problem=""), check)
    assert "still running" in fresh.seen


@pytest.mark.parametrize(
    ("reason", "cause", "words", "advice"),
    [
        ("no_answer_to_invite", "RECOVERY_ON_TIMER_EXPIRE", "nothing came back for the INVITE", "firewall"),
        ("refused_port", "NORMAL_TEMPORARY_FAILURE", "nothing takes SIP at its address", "port"),
        ("dns", "NORMAL_TEMPORARY_FAILURE", "its name has no address", "name servers"),
    ],
)
def test_a_provider_that_gives_no_answer_has_rejected_nothing(
    reason: str, cause: str, words: str, advice: str
) -> None:
    recent = calls(causes={cause: 9, "CALL_REJECTED": 3}, local={reason: 7})
    local, rest = found(snapshot(recent=recent), "calls")
    assert (local.fault, local.status, local.gateway) == (reason, "fail", "telnyx")
    assert local.summary == f"Gateway telnyx: no answer from the provider to 7 calls: {words}"
    assert advice in local.remedy.advice
    assert rest.fault == "CALL_REJECTED"
    assert "(3 times)" in rest.summary


def test_calls_that_got_no_answer_are_told_once() -> None:
    recent = calls(answered=0, causes={"NORMAL_TEMPORARY_FAILURE": 7}, local={"refused_port": 4, "dns": 3})
    faults = [finding.fault for finding in found(snapshot(recent=recent), "calls")]
    assert sorted(faults) == ["dns", "refused_port"]


def test_calls_without_an_rtp_port_are_freeswitchs_failure_and_not_the_gateways() -> None:
    finding = one(snapshot(recent=calls(no_rtp_ports=3)), "calls")
    assert (finding.fault, finding.status, finding.gateway) == ("no_rtp_ports", "fail", "")
    assert finding.summary == "FreeSWITCH had no RTP port for 3 calls"
    assert finding.failed == 3
    assert "rtp-start-port" in finding.remedy.advice
    both = found(snapshot(recent=calls(no_rtp_ports=1, causes={"CALL_REJECTED": 9})), "calls")
    assert [problem.fault for problem in both] == ["no_rtp_ports", "CALL_REJECTED"]
    assert both[0].status == "warn"


@pytest.mark.parametrize(
    ("active", "words"),
    [
        ({"outbound": 4, "inbound": 3}, ""),
        ({"outbound": 5, "inbound": 3}, "is close to its limit: 8 of 10 calls"),
        ({"outbound": 10}, "is at its limit: 10 of 10 calls"),
        ({"outbound": 15}, "is over its limit: 15 of 10 calls"),
    ],
)
def test_a_gateway_near_its_limit_of_calls_is_no_healthy_one(active: dict[str, int], words: str) -> None:
    seen = snapshot(gateways=(gateway(active=active, max_calls=10),))
    told = [finding.summary for finding in found(seen, "calls") if finding.fault == "call_limit"]
    assert told == ([f"Gateway telnyx {words}"] if words else [])
    assert diagnose(seen).conclusion.status == ("warn" if words else "pass")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"answered": 200, "causes": {"UNALLOCATED_NUMBER": 3}, "codes": {"D19": 3}}, "fail"),  # critical
        ({"answered": 200, "causes": {"CALL_REJECTED": 3}, "codes": {"D1": 3}}, "warn"),
        ({"answered": 200, "causes": {"NORMAL_TEMPORARY_FAILURE": 40}}, "warn"),
        ({"answered": 200, "silent": 19}, "warn"),
        ({"answered": 200, "silent": 20}, "fail"),
    ],
)
def test_of_many_calls_few_that_fail_are_as_grave_as_their_alert(
    changes: dict[str, object], status: str
) -> None:
    assert one(snapshot(recent=calls(**changes)), "calls").status == status


def test_a_gateway_that_registers_for_long_or_cannot_be_read_is_a_problem() -> None:
    for problem in ("registering", "unknown"):
        for seconds, status in ((10.0, "warn"), (121.0, "fail")):
            seen = snapshot(gateways=(gateway(problem=problem, usable=False, in_state=seconds),))
            assert one(seen, "registration").status == status, (problem, seconds)


def test_commands_fit_the_switch() -> None:
    unreachable = gateway(problem="unreachable", usable=False, proxy="sip:203.0.113.5:5062;transport=tcp")
    rejected = gateway(problem="auth_rejected", usable=False)
    commands = one(snapshot(gateways=(unreachable,)), "registration").remedy.commands
    assert "nc -vzu -w 3 203.0.113.5 5062" in commands
    told = snapshot(gateways=(rejected,), conf_dir="/usr/local/freeswitch/conf")
    assert one(told, "registration").remedy.commands[0] == (
        "less /usr/local/freeswitch/conf/sip_profiles/external/telnyx.xml"
    )


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"default_password": True}, ""),
        ({}, "add `-p PASSWORD`"),
        ({"user": "monitor"}, "add `-u USER -p PASSWORD`"),
    ],
)
def test_a_password_is_spoken_of_where_fs_cli_needs_one(changes: dict[str, Any], note: str) -> None:
    seen = snapshot(gateways=(gateway(problem="unregistered", usable=False),), **changes)
    said = one(seen, "registration").remedy.note
    assert note in said
    assert bool(said) == bool(note)
    assert not one(lost("refused", **changes), "port").remedy.note  # no fs_cli in its commands
