"""The one place where metric families are declared: name, type, labels, and what to conclude from them.

Families say nothing about where their values come from; each room that has values writes them to a page
(exposition.py) under a family declared here. The order here is the order on the page.
"""

from typing import Final

from exporter.metrics.exposition import Family

FAMILIES: Final[dict[str, Family]] = {}

PROBLEMS: Final = (
    "none",
    "dns",
    "refused",
    "timeout",
    "auth_rejected",
    "acl_denied",
    "protocol_error",
    "permission_denied",
    "hung",
    "events_stalled",
    "shutdown",
)
OUTCOMES: Final = ("connected", *PROBLEMS[1:])
DROP_REASONS: Final = ("behind", "loop_stalled", "call_limit", "gateway_limit", "handler_error")
PROBE_RESULTS: Final = ("success", "degraded", "failed", "refused", "aborted")
PROBE_PHASES: Final = ("originate", "ringing", "answer", "media", "hangup")
REFUSALS: Final = (
    "not_allowed",
    "rate",
    "budget",
    "concurrency",
    "disabled",
    "invalid_number",
    "premium",
    "cross_site",
    "unauthorized",
    "overlap",
)

_NODE: Final = ("node",)
_GATEWAY: Final = ("node", "gateway", "profile")
_CALLS: Final = ("node", "gateway", "direction")
_PROBE: Final = ("node", "probe", "gateway")


def _family(
    kind: str, name: str, text: str, labels: tuple[str, ...] = _NODE, buckets: tuple[float, ...] = ()
) -> Family:
    family = Family(name, kind, text, labels, buckets)
    FAMILIES[name] = family
    return family


def _gauge(name: str, text: str, labels: tuple[str, ...] = _NODE) -> Family:
    return _family("gauge", name, text, labels)


def _counter(name: str, text: str, labels: tuple[str, ...] = _NODE) -> Family:
    return _family("counter", name, text, labels)


def _histogram(name: str, text: str, buckets: tuple[float, ...], labels: tuple[str, ...] = _NODE) -> Family:
    return _family("histogram", name, text, labels, buckets)


# -- connection and exporter ------------------------------------------------------------------------------

UP = _gauge(
    "freeswitch_up",
    "1 while FreeSWITCH has authenticated us and answers; 0: see freeswitch_connection_problem.",
)
CONNECTION_PROBLEM = _gauge(
    "freeswitch_connection_problem",
    "What keeps us from watching FreeSWITCH: exactly one problem is 1. hung: no command is answered; "
    "events_stalled: commands are answered, events do not arrive. No series before the first attempt "
    "ended.",
    ("node", "problem"),
)
CONNECTION_ATTEMPTS = _counter(
    "freeswitch_connection_attempts_total",
    "Attempts to connect by how they ended; many 'connected' mean that the connection keeps breaking.",
    ("node", "outcome"),
)
EVENTS = _counter(
    "freeswitch_events_total",
    "Events received by name (CUSTOM: by subclass); a rate of 0 for HEARTBEAT means no events arrive.",
    ("node", "event"),
)
EVENTS_DROPPED = _counter(
    "freeswitch_events_dropped_total",
    "What we gave up rather than hold FreeSWITCH back or grow without bound; above 0, figures have gaps.",
    ("node", "reason"),
)
EVENT_LAG = _histogram(
    "freeswitch_event_lag_seconds",
    "How late events arrive, compared with the promptest of the last 10 minutes (so clock error is left "
    "out).",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
EVENT_ROUND_TRIP = _gauge(
    "freeswitch_event_round_trip_seconds",
    "Time of our own tick event through FreeSWITCH and back; 0 to 20 ms of it is FreeSWITCH's own polling.",
)
EVENT_BACKLOG = _gauge(
    "freeswitch_event_backlog_bytes",
    "Bytes that FreeSWITCH has sent and we have not read yet; growing, we are too slow for it.",
)
LAST_EVENT = _gauge(
    "freeswitch_last_event_timestamp_seconds",
    "When the last event arrived; old, nothing else here is current.",
)
LAST_POLL = _gauge(
    "freeswitch_last_poll_timestamp_seconds",
    "When the last poll of gateways succeeded; old, gateway figures are not current.",
)
COMMAND_DURATION = _histogram(
    "freeswitch_command_duration_seconds",
    "How long FreeSWITCH took to answer our commands; slow answers come before it hangs.",
    (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    ("node", "command"),
)
LOOP_LAG = _gauge(
    "freeswitch_exporter_loop_lag_seconds",
    "How late the exporter's own loop ran in the last seconds; above 0.1, the exporter lacks CPU.",
    (),
)
BUILD_INFO = _gauge(
    "freeswitch_exporter_build_info", "Version of this exporter and its Python.", ("version", "python")
)
RELOAD_SUCCESSFUL = _gauge(
    "freeswitch_exporter_config_last_reload_successful",
    "1 if the configuration in force is the file's; 0: the last reload was refused, the old one is kept.",
    (),
)
RELOAD_TIMESTAMP = _gauge(
    "freeswitch_exporter_config_last_reload_success_timestamp_seconds",
    "When the configuration was last loaded.",
    (),
)

PROCESS_VIRTUAL = _gauge("process_virtual_memory_bytes", "Virtual memory of the exporter.", ())
PROCESS_RESIDENT = _gauge("process_resident_memory_bytes", "Resident memory of the exporter.", ())
PROCESS_START = _gauge("process_start_time_seconds", "When the exporter started; a jump is a restart.", ())
PROCESS_CPU = _counter("process_cpu_seconds_total", "CPU time the exporter has used.", ())
PROCESS_OPEN_FDS = _gauge("process_open_fds", "File descriptors the exporter has open.", ())
PROCESS_MAX_FDS = _gauge("process_max_fds", "File descriptors the exporter may have open.", ())

# -- switch -----------------------------------------------------------------------------------------------

INFO = _gauge("freeswitch_info", "FreeSWITCH's version and host name.", ("node", "version", "hostname"))
UPTIME = _gauge("freeswitch_uptime_seconds", "How long FreeSWITCH has been running; a drop is a restart.")
CLOCK_SKEW = _gauge(
    "freeswitch_clock_skew_seconds",
    "FreeSWITCH's clock minus ours, from our own tick event; beyond 1 s, its call records are off.",
)
TIME_SYNCED = _gauge("freeswitch_time_synced", "1 when FreeSWITCH's clock and ours differ by less than 1 s.")
SESSIONS = _counter(
    "freeswitch_sessions_total", "Sessions (legs) since FreeSWITCH started, as it counts them."
)
CURRENT_SESSIONS = _gauge(
    "freeswitch_current_sessions", "Sessions (legs) now; at freeswitch_max_sessions, calls fail."
)
SESSIONS_PEAK = _gauge("freeswitch_current_sessions_peak", "Most sessions at once since FreeSWITCH started.")
SESSIONS_PEAK_5MIN = _gauge(
    "freeswitch_current_sessions_peak_last_5min",
    "Most sessions at once in FreeSWITCH's current 5-minute window.",
)
CURRENT_SPS = _gauge(
    "freeswitch_current_sps", "New sessions in the last second; at freeswitch_max_sps, calls fail."
)
SPS_PEAK = _gauge("freeswitch_current_sps_peak", "Most new sessions in one second since FreeSWITCH started.")
SPS_PEAK_5MIN = _gauge(
    "freeswitch_current_sps_peak_last_5min",
    "Most new sessions in one second in FreeSWITCH's current 5-minute window.",
)
MAX_SESSIONS = _gauge(
    "freeswitch_max_sessions", "FreeSWITCH's limit of sessions; beyond it, calls are refused."
)
MAX_SPS = _gauge(
    "freeswitch_max_sps", "FreeSWITCH's limit of new sessions per second; beyond it, calls are refused."
)
IDLE_CPU = _gauge("freeswitch_current_idle_cpu", "Idle CPU of FreeSWITCH's host, percent.")
MIN_IDLE_CPU = _gauge(
    "freeswitch_min_idle_cpu",
    "Idle CPU (percent) below which FreeSWITCH refuses new calls; 0: no such limit.",
)
CURRENT_CALLS = _gauge(
    "freeswitch_current_calls", "Calls as 'show calls count' has it (a bridged call is one)."
)
CURRENT_CHANNELS = _gauge("freeswitch_current_channels", "Channels as 'show channels count' has it.")
REGISTRATIONS = _gauge("freeswitch_registrations", "Endpoints registered with FreeSWITCH.")
PAUSED = _gauge(
    "freeswitch_paused",
    "1 while FreeSWITCH refuses new calls in that direction ('fsctl pause').",
    ("node", "direction"),
)
PROFILE_UP = _gauge(
    "freeswitch_sofia_profile_up",
    "1 while the SIP profile runs; a stopped one loses all its gateways.",
    ("node", "profile"),
)
PROFILE_INFO = _gauge(
    "freeswitch_sofia_profile_info", "The address a SIP profile listens on.", ("node", "profile", "url")
)

# -- gateways ---------------------------------------------------------------------------------------------

GATEWAY_STATE = _gauge(
    "freeswitch_gateway_state",
    "Registration state as FreeSWITCH has it: exactly one is 1. MISSING: expected, and FreeSWITCH does "
    "not know it. "
    "A healthy gateway passes through REGISTER at each refresh.",
    (*_GATEWAY, "state"),
)
GATEWAY_UP = _gauge(
    "freeswitch_gateway_up",
    "FreeSWITCH's Status of the gateway: at 0 it dials nothing through it. At 1 without registration "
    "and ping, nothing "
    "was checked (problem unmonitored).",
    _GATEWAY,
)
GATEWAY_PROBLEM = _gauge(
    "freeswitch_gateway_problem",
    "The exporter's verdict: exactly one problem is 1, and it names what to mend first.",
    (*_GATEWAY, "problem"),
)
GATEWAY_USABLE = _gauge(
    "freeswitch_gateway_usable",
    "1 while FreeSWITCH would dial through the gateway and nothing speaks against it (missing, "
    "profile_down, "
    "ping_overdue).",
    _GATEWAY,
)
GATEWAY_SECONDS = _counter(
    "freeswitch_gateway_seconds_total",
    "Time spent in each state, flaps between scrapes included; UNKNOWN grows while FreeSWITCH cannot be "
    "watched.",
    (*_GATEWAY, "state"),
)
GATEWAY_USABLE_SECONDS = _counter(
    "freeswitch_gateway_usable_seconds_total",
    "Time usable; divided by watched seconds it is the availability.",
    _GATEWAY,
)
GATEWAY_WATCHED_SECONDS = _counter(
    "freeswitch_gateway_watched_seconds_total",
    "Time watched: everything but the time FreeSWITCH was lost.",
    _GATEWAY,
)
GATEWAY_STATE_CHANGES = _counter(
    "freeswitch_gateway_state_changes_total",
    "Entries into each state; many into FAILED or FAIL_WAIT: it flaps.",
    (*_GATEWAY, "state"),
)
GATEWAY_LAST_CHANGE = _gauge(
    "freeswitch_gateway_last_change_timestamp_seconds", "When the state last changed.", _GATEWAY
)
GATEWAY_REGISTRATION_EXPECTED = _gauge(
    "freeswitch_gateway_registration_expected",
    "1 if the gateway should register: configured so, or it has been seen registering.",
    _GATEWAY,
)
GATEWAY_REGISTRATION_RESPONSES = _counter(
    "freeswitch_gateway_registration_responses_total",
    "Final answers to REGISTER by SIP status; 401, 403 and 407 are credentials, 904 a repeated challenge.",
    (*_GATEWAY, "code"),
)
GATEWAY_PING = _gauge(
    "freeswitch_gateway_ping_seconds",
    "Round trip of the last answered OPTIONS; absent if off or the last failed.",
    _GATEWAY,
)
GATEWAY_PING_INTERVAL = _gauge(
    "freeswitch_gateway_ping_interval_seconds", "How often FreeSWITCH sends OPTIONS; 0: never.", _GATEWAY
)
GATEWAY_PING_PENDING = _gauge(
    "freeswitch_gateway_ping_pending_seconds",
    "Age of the OPTIONS in flight, 0 if none; above 3 the far end is silent, 29 s before FreeSWITCH says so.",
    _GATEWAY,
)
GATEWAY_UPTIME = _gauge(
    "freeswitch_gateway_uptime_seconds", "How long FreeSWITCH has had the gateway UP.", _GATEWAY
)
GATEWAY_CALLS = _counter(
    "freeswitch_gateway_calls_total",
    "Calls by FreeSWITCH's own gateway counters, resets taken out. Inbound counts only calls to the "
    "registered contact.",
    (*_GATEWAY, "direction"),
)
GATEWAY_FAILED_CALLS = _counter(
    "freeswitch_gateway_failed_calls_total",
    "Outbound calls that ended unanswered, busy and no answer included, and dials refused because the "
    "gateway is DOWN.",
    (*_GATEWAY, "direction"),
)
GATEWAY_REFUSED_CALLS = _counter(
    "freeswitch_gateway_refused_calls_total",
    "Dials that FreeSWITCH refused without an INVITE because the gateway was DOWN; no call family shows "
    "them.",
    _GATEWAY,
)
GATEWAY_CALLS_LIMIT = _gauge(
    "freeswitch_gateway_calls_limit",
    "The trunk's limit of calls at once (max_calls of the configuration).",
    _GATEWAY,
)

# -- calls ------------------------------------------------------------------------------------------------

CALLS_STARTED = _counter("freeswitch_calls_started_total", "Legs that began while we watched.", _CALLS)
CALLS_ANSWERED = _counter(
    "freeswitch_calls_answered_total", "Legs answered; over started, the answer-seizure ratio.", _CALLS
)
CALLS_LEARNED = _counter("freeswitch_calls_learned_total", "Legs that were already up when we came.", _CALLS)
CALLS_LOST = _counter(
    "freeswitch_calls_lost_total",
    "Legs that were up when the connection to their switch was lost: end unknown.",
    _CALLS,
)
CALLS_ACTIVE = _gauge("freeswitch_calls_active", "Legs up now, ringing included.", _CALLS)
CALL_HANGUPS = _counter(
    "freeswitch_call_hangups_total",
    "Legs ended, by FreeSWITCH's cause; CALL_REJECTED is usually the provider, GATEWAY_DOWN is us.",
    (*_CALLS, "cause", "answered"),
)
CALL_SIP_RESPONSES = _counter(
    "freeswitch_call_sip_responses_total",
    "Final SIP status from the far end of unanswered calls; 403 and 503 are the provider's, 404 and 486 "
    "the callee's.",
    (*_CALLS, "code"),
)
CALL_PROVIDER_REJECTIONS = _counter(
    "freeswitch_call_provider_rejections_total",
    "Rejections in which the provider said why, by its own code; the class says whose problem it is.",
    (*_CALLS, "provider", "code", "class"),
)
_SETUP_BUCKETS: Final = (0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60)
CALL_POST_DIAL_DELAY = _histogram(
    "freeswitch_call_post_dial_delay_seconds",
    "From start to the first ringing or early media (else answer): how long callers hear nothing.",
    _SETUP_BUCKETS,
    _CALLS,
)
CALL_ANSWER = _histogram("freeswitch_call_answer_seconds", "From start to answer.", _SETUP_BUCKETS, _CALLS)
CALL_DURATION = _histogram(
    "freeswitch_call_duration_seconds",
    "From answer to hang-up; many very short calls hint at audio trouble.",
    (1, 5, 15, 30, 60, 180, 600, 1800, 3600),
    _CALLS,
)
CALL_MOS = _histogram(
    "freeswitch_call_mos",
    "FreeSWITCH's estimate of the quality heard (1 to 4.5), calls that received packets only; below 3.6 "
    "people complain.",
    (1, 2, 2.6, 3.1, 3.6, 4, 4.3, 4.5),
    _CALLS,
)
CALL_JITTER = _histogram(
    "freeswitch_call_jitter_seconds",
    "Worst running deviation of packet arrival in a call; about 20 ms at best.",
    (0.005, 0.01, 0.02, 0.03, 0.05, 0.1),
    _CALLS,
)
CALL_PACKET_LOSS = _histogram(
    "freeswitch_call_packet_loss_ratio",
    "Share of packets lost on the way to us, calls longer than 10 s; above 0.05 it is heard.",
    (0, 0.01, 0.03, 0.05, 0.1, 0.25),
    _CALLS,
)
CALLS_WITHOUT_MEDIA = _counter(
    "freeswitch_calls_without_media_total",
    "Answered calls that should have heard audio and received no packet: firewall, NAT or the "
    "provider's media.",
    _CALLS,
)
CALLS_REFUSED_LOCALLY = _counter(
    "freeswitch_calls_refused_locally_total",
    "Legs FreeSWITCH dropped before any INVITE: the gateway was down or unknown.",
)
CALLS_UNACCOUNTED = _counter(
    "freeswitch_calls_unaccounted_total",
    "Sessions FreeSWITCH counted and no event told us of; above 0, events were lost.",
)

# -- probes -----------------------------------------------------------------------------------------------

PROBE_SUCCESS = _gauge(
    "freeswitch_probe_success", "1 if the last scheduled or requested run got through.", _PROBE
)
PROBE_DEGRADED = _gauge(
    "freeswitch_probe_degraded",
    "1 if the last run got through but missed a threshold (slow, or bad audio).",
    _PROBE,
)
PROBE_RUNS = _counter("freeswitch_probe_runs_total", "Runs by result.", (*_PROBE, "result"))
PROBE_FAILURES = _counter(
    "freeswitch_probe_failures_total",
    "Failed runs by the phase that failed and FreeSWITCH's cause.",
    (*_PROBE, "phase", "cause"),
)
PROBE_PHASE = _gauge(
    "freeswitch_probe_phase_seconds", "How long each phase of the last run took.", (*_PROBE, "phase")
)
PROBE_DURATION = _histogram(
    "freeswitch_probe_duration_seconds",
    "How long runs took from originate to hang-up.",
    (1, 2, 5, 8, 13, 20, 30, 45, 60, 120),
    _PROBE,
)
PROBE_MOS = _gauge(
    "freeswitch_probe_mos", "Quality estimate of the last run; absent if no packet came.", _PROBE
)
PROBE_JITTER = _gauge("freeswitch_probe_jitter_seconds", "Worst jitter of the last run.", _PROBE)
PROBE_PACKET_LOSS = _gauge(
    "freeswitch_probe_packet_loss_ratio", "Share of packets lost in the last run.", _PROBE
)
PROBE_ROUND_TRIP = _gauge(
    "freeswitch_probe_round_trip_seconds",
    "Round trip of the tone in the last run, in steps of 20 ms.",
    _PROBE,
)
PROBE_PACKETS = _gauge("freeswitch_probe_packets_received", "Media packets received in the last run.", _PROBE)
PROBE_SIP_STATUS = _gauge("freeswitch_probe_sip_status_code", "Final SIP status of the last run.", _PROBE)
PROBE_LAST_RUN = _gauge("freeswitch_probe_last_run_timestamp_seconds", "When the last run ended.", _PROBE)
PROBE_INTERVAL = _gauge("freeswitch_probe_interval_seconds", "How often the probe is scheduled.", _PROBE)
PROBE_BUDGET_CALLS = _gauge("freeswitch_probe_budget_calls_remaining", "Probe calls left today (UTC).", ())
PROBE_BUDGET_SECONDS = _gauge(
    "freeswitch_probe_budget_seconds_remaining", "Probe talk time left today (UTC).", ()
)
PROBE_BUDGET_CALLS_LIMIT = _gauge("freeswitch_probe_budget_calls_limit", "Probe calls allowed a day.", ())
PROBE_BUDGET_SECONDS_LIMIT = _gauge(
    "freeswitch_probe_budget_seconds_limit", "Probe talk time allowed a day.", ()
)
PROBE_REFUSED = _counter(
    "freeswitch_probe_refused_total", "Requests for probe calls that were refused, by reason.", ("reason",)
)
