"""The declarations of all metric families: name, type, labels, and what a person should conclude from them.

A declaration says nothing about where the values come from: each package that has values writes them to a
page (exposition.py) under a family declared here. The order here is the order on the page. A help text is one
line of fewer than 120 characters; docs/metrics.md is made from these declarations.
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
    "exporter_limit",
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
    "1 while FreeSWITCH has authenticated the exporter and answers; if 0, see freeswitch_connection_problem.",
)
CONNECTION_PROBLEM = _gauge(
    "freeswitch_connection_problem",
    "Why FreeSWITCH cannot be watched: exactly one problem is 1. No series before the first attempt has "
    "ended.",
    ("node", "problem"),
)
CONNECTION_ATTEMPTS = _counter(
    "freeswitch_connection_attempts_total",
    "Attempts to connect, by outcome; a growing 'connected' means that the connection keeps breaking.",
    ("node", "outcome"),
)
CONNECTION_LOSSES = _counter(
    "freeswitch_connection_losses_total",
    "Losses of a connected node, by problem; unlike failed attempts, each is an interruption of the watch.",
    ("node", "problem"),
)
EVENTS = _counter(
    "freeswitch_events_total",
    "Events received, by name (CUSTOM: by subclass); if HEARTBEAT stops growing, no events arrive.",
    ("node", "event"),
)
EVENTS_DROPPED = _counter(
    "freeswitch_events_dropped_total",
    "What the exporter dropped rather than hold FreeSWITCH back or grow without limit; above 0, figures "
    "have gaps.",
    ("node", "reason"),
)
EVENT_LAG = _histogram(
    "freeswitch_event_lag_seconds",
    "How late events arrive, relative to the fastest of the last 10 minutes; clock error is not part of it.",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
EVENT_ROUND_TRIP = _gauge(
    "freeswitch_event_round_trip_seconds",
    "Round trip of the exporter's tick event through FreeSWITCH; 0 to 20 ms of it is FreeSWITCH's polling.",
)
EVENT_BACKLOG = _gauge(
    "freeswitch_event_backlog_bytes",
    "Bytes that FreeSWITCH has sent and the exporter has not read; if it grows, the exporter is too slow.",
)
LAST_EVENT = _gauge(
    "freeswitch_last_event_timestamp_seconds",
    "When the last event arrived; if this is old, all other values are stale.",
)
LAST_POLL = _gauge(
    "freeswitch_last_poll_timestamp_seconds",
    "When the last poll of gateways succeeded; if this is old, gateway values are stale.",
)
COMMAND_DURATION = _histogram(
    "freeswitch_command_duration_seconds",
    "How long FreeSWITCH took to answer a command; answers get slow before it hangs.",
    (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    ("node", "command"),
)
OPTIONAL_ANSWERS_OK = _gauge(
    "freeswitch_optional_answers_ok",
    "0 while this answer of FreeSWITCH is late or unusable: its families are absent or (log) stand still.",
    ("node", "command"),
)
LOOP_LAG = _gauge(
    "freeswitch_exporter_loop_lag_seconds",
    "How late the exporter's event loop ran in the last 10 seconds; above 0.1, the exporter lacks CPU.",
    (),
)
BUILD_INFO = _gauge(
    "freeswitch_exporter_build_info", "Version of the exporter and of its Python.", ("version", "python")
)
STATE_OK = _gauge(
    "freeswitch_exporter_state_ok",
    "0 if state_dir cannot be read or written: probe calls are refused, watching goes on.",
    (),
)
HISTORY_OK = _gauge(
    "freeswitch_exporter_history_ok",
    "0 if the history cannot be read or written: outages and calls of this time may be missing in it.",
    (),
)
HISTORY_ROWS = _gauge(
    "freeswitch_exporter_history_rows", "Entries of the history, by kind; each kind is bounded.", ("kind",)
)
RELOAD_SUCCESSFUL = _gauge(
    "freeswitch_exporter_config_last_reload_successful",
    "1 if the last reload succeeded; 0 if it was refused and the old configuration is still in force.",
    (),
)
RELOAD_TIMESTAMP = _gauge(
    "freeswitch_exporter_config_last_reload_success_timestamp_seconds",
    "When the configuration in force was loaded.",
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
    "FreeSWITCH's clock minus the exporter's; beyond 1 s, times in its call records are wrong.",
)
TIME_SYNCED = _gauge(
    "freeswitch_time_synced", "1 if FreeSWITCH's clock and the exporter's differ by less than 1 s."
)
SESSIONS = _counter(
    "freeswitch_sessions_total", "Sessions (legs) since FreeSWITCH started, by its own count."
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
CURRENT_CALLS = _gauge("freeswitch_current_calls", "Calls by 'show calls count' (a bridged call is one).")
CURRENT_CHANNELS = _gauge("freeswitch_current_channels", "Channels by 'show channels count'.")
REGISTRATIONS = _gauge(
    "freeswitch_registrations",
    "Endpoints registered, by FreeSWITCH's core table, which keeps the rows of telephones that are gone.",
)
PAUSED = _gauge(
    "freeswitch_paused",
    "1 while FreeSWITCH is paused ('fsctl pause') and refuses new calls in that direction.",
    ("node", "direction"),
)
ACCEPTING_CALLS = _gauge(
    "freeswitch_accepting_calls",
    "0 while FreeSWITCH itself refuses new calls (and registrations): most often without an event or a log "
    "line.",
    ("node", "direction"),
)
REFUSAL_REASON = _gauge(
    "freeswitch_refusal_reason",
    "Why FreeSWITCH refuses new calls: exactly one reason is 1. The provider's ping stays green meanwhile.",
    ("node", "direction", "reason"),
)
PROFILE_UP = _gauge(
    "freeswitch_sofia_profile_up",
    "1 while the SIP profile runs; a stopped profile has no gateways.",
    ("node", "profile"),
)
PROFILE_INFO = _gauge(
    "freeswitch_sofia_profile_info", "The address a SIP profile listens on.", ("node", "profile", "url")
)
CHANGES = _counter(
    "freeswitch_changes_total",
    "Changes of FreeSWITCH by kind; look here first when calls fail all at once.",
    ("node", "what"),
)
LOG_LINES = _counter(
    "freeswitch_log_lines_total",
    "Lines of FreeSWITCH's log by level; many at crit or err: read them on the exporter's page.",
    ("node", "level"),
)
LOG_EVENTS = _counter(
    "freeswitch_log_events_total",
    "What lines of FreeSWITCH's log tell that no event does; in a flood of lines, of a sample.",
    ("node", "what"),
)

# -- subscribers and strangers ----------------------------------------------------------------------------

PROFILE_REGISTRATIONS = _gauge(
    "freeswitch_profile_registrations",
    "Registrations by the profile's own table; a drop: telephones cannot be called.",
    ("node", "profile"),
)
REGISTRATIONS_EXPIRED = _counter(
    "freeswitch_registrations_expired_total",
    "Registrations that ended because the telephone did not refresh them: it, or the way to it, is gone.",
    ("node", "profile"),
)
SUBSCRIBER_REGISTERED = _gauge(
    "freeswitch_subscriber_registered",
    "1 while a subscriber that the configuration names is registered; at 0 it cannot be called.",
    ("node", "subscriber"),
)
SUBSCRIBER_CHANGE = _gauge(
    "freeswitch_subscriber_change_timestamp_seconds",
    "When the subscriber last came or went; before that, the first look.",
    ("node", "subscriber"),
)

SIP_AUTH_FAILURES = _counter(
    "freeswitch_sip_auth_failures_total",
    "REGISTERs and INVITEs refused with 403; many: somebody guesses passwords, see /api/diagnosis for whom.",
    ("node", "profile", "method"),
)
SIP_SCANS = _counter(
    "freeswitch_sip_scans_total",
    "INVITEs whose challenge nobody answered: the usual mark of a scanner.",
    ("node", "profile"),
)
SIP_SUCCESSES_AFTER_FAILURES = _counter(
    "freeswitch_sip_successes_after_failures_total",
    "Registrations from a new address with 20 wrong passwords in the hour before: guessed, change it now.",
    ("node", "profile"),
)

# -- gateways ---------------------------------------------------------------------------------------------

GATEWAY_STATE = _gauge(
    "freeswitch_gateway_state",
    "Registration state in FreeSWITCH: exactly one is 1. REGISTER at each refresh is normal. MISSING: "
    "not in FreeSWITCH.",
    (*_GATEWAY, "state"),
)
GATEWAY_UP = _gauge(
    "freeswitch_gateway_up",
    "FreeSWITCH's Status of the gateway; at 0 it dials nothing through it. Without ping and registration "
    "always 1.",
    _GATEWAY,
)
GATEWAY_PROBLEM = _gauge(
    "freeswitch_gateway_problem",
    "The exporter's verdict: exactly one problem is 1, the one to repair first.",
    (*_GATEWAY, "problem"),
)
GATEWAY_USABLE = _gauge(
    "freeswitch_gateway_usable",
    "1 while FreeSWITCH would dial through the gateway and it is not missing, profile_down or ping_overdue.",
    _GATEWAY,
)
GATEWAY_SECONDS = _counter(
    "freeswitch_gateway_seconds_total",
    "Time in each state, including changes between scrapes; UNKNOWN grows while FreeSWITCH cannot be "
    "watched.",
    (*_GATEWAY, "state"),
)
GATEWAY_USABLE_SECONDS = _counter(
    "freeswitch_gateway_usable_seconds_total",
    "Time in which the gateway was usable; divided by the watched seconds it is the availability.",
    _GATEWAY,
)
GATEWAY_WATCHED_SECONDS = _counter(
    "freeswitch_gateway_watched_seconds_total",
    "Time in which the gateway was watched; it stands still while FreeSWITCH cannot be watched.",
    _GATEWAY,
)
GATEWAY_STATE_CHANGES = _counter(
    "freeswitch_gateway_state_changes_total",
    "Entries into each state; many into FAILED or FAIL_WAIT: the gateway flaps.",
    (*_GATEWAY, "state"),
)
GATEWAY_LAST_CHANGE = _gauge(
    "freeswitch_gateway_last_change_timestamp_seconds", "When the state last changed.", _GATEWAY
)
GATEWAY_REGISTRATION_EXPECTED = _gauge(
    "freeswitch_gateway_registration_expected",
    "1 if the gateway should register: the configuration says so, or it has been seen registering.",
    _GATEWAY,
)
GATEWAY_REGISTRATION_RESPONSES = _counter(
    "freeswitch_gateway_registration_responses_total",
    "Final answers to REGISTER, by SIP status; 401, 403, 407: credentials; 904: a repeated challenge.",
    (*_GATEWAY, "code"),
)
GATEWAY_PING = _gauge(
    "freeswitch_gateway_ping_seconds",
    "Round trip of the last answered OPTIONS; absent if pings are off or the last one failed.",
    _GATEWAY,
)
GATEWAY_PING_INTERVAL = _gauge(
    "freeswitch_gateway_ping_interval_seconds", "How often FreeSWITCH sends OPTIONS; 0: never.", _GATEWAY
)
GATEWAY_PING_PENDING = _gauge(
    "freeswitch_gateway_ping_pending_seconds",
    "Age of the unanswered OPTIONS, 0 if none; above 3 the far end is silent. FreeSWITCH reports it 29 s "
    "later.",
    _GATEWAY,
)
GATEWAY_UPTIME = _gauge(
    "freeswitch_gateway_uptime_seconds", "How long FreeSWITCH has had the gateway UP.", _GATEWAY
)
GATEWAY_CALLS = _counter(
    "freeswitch_gateway_calls_total",
    "Calls by FreeSWITCH's own gateway counters. Inbound: only calls to the registered contact.",
    (*_GATEWAY, "direction"),
)
GATEWAY_FAILED_CALLS = _counter(
    "freeswitch_gateway_failed_calls_total",
    "Outbound calls that ended unanswered, busy included, and dials refused because the gateway is DOWN.",
    (*_GATEWAY, "direction"),
)
GATEWAY_REFUSED_CALLS = _counter(
    "freeswitch_gateway_refused_calls_total",
    "Dials that FreeSWITCH refused without an INVITE because the gateway was DOWN; not in the call families.",
    _GATEWAY,
)
GATEWAY_CALLS_LIMIT = _gauge(
    "freeswitch_gateway_calls_limit",
    "The trunk's limit of concurrent calls (max_calls of the configuration).",
    _GATEWAY,
)
GATEWAY_OUTAGES = _counter(
    "freeswitch_gateway_outages_total",
    "Outages begun: more than 3 s watched with a problem (10 s if it is only registering).",
    _GATEWAY,
)
GATEWAY_OUTAGE = _gauge(
    "freeswitch_gateway_outage",
    "1 during an outage; see freeswitch_gateway_problem for its reason.",
    _GATEWAY,
)
GATEWAY_OUTAGE_CHANGE = _gauge(
    "freeswitch_gateway_outage_change_timestamp_seconds",
    "Down since, or up since: when the last outage began or ended; before any, the first look.",
    _GATEWAY,
)

# -- calls ------------------------------------------------------------------------------------------------

CALLS_STARTED = _counter(
    "freeswitch_calls_started_total", "Legs that began while the exporter watched.", _CALLS
)
CALLS_ANSWERED = _counter(
    "freeswitch_calls_answered_total",
    "Legs answered; divided by the legs started it is the answer-seizure ratio (ASR).",
    _CALLS,
)
CALLS_LEARNED = _counter(
    "freeswitch_calls_learned_total", "Legs that were already up when the exporter connected.", _CALLS
)
CALLS_LOST = _counter(
    "freeswitch_calls_lost_total",
    "Legs that were up when the connection to their switch was lost; their end is unknown.",
    _CALLS,
)
CALLS_ACTIVE = _gauge("freeswitch_calls_active", "Legs up now, including those that still ring.", _CALLS)
CALL_HANGUPS = _counter(
    "freeswitch_call_hangups_total",
    "Legs ended, by cause; CALL_REJECTED is usually the provider, GATEWAY_DOWN is FreeSWITCH itself.",
    (*_CALLS, "cause", "answered"),
)
CALL_SIP_RESPONSES = _counter(
    "freeswitch_call_sip_responses_total",
    "Final SIP status from the far end of unanswered calls; 403, 503: the provider; 404, 486: the callee.",
    (*_CALLS, "code"),
)
CALL_LOCAL_FAILURES = _counter(
    "freeswitch_call_local_failures_total",
    "Unanswered legs that FreeSWITCH failed itself; no_rtp_ports is never the provider's fault.",
    (*_CALLS, "reason"),
)
CALL_PROVIDER_REJECTIONS = _counter(
    "freeswitch_call_provider_rejections_total",
    "Rejections in which the provider gave a reason, by its own code; the class says who can solve it.",
    (*_CALLS, "provider", "code", "class"),
)
_SETUP_BUCKETS: Final = (0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60)
CALL_POST_DIAL_DELAY = _histogram(
    "freeswitch_call_post_dial_delay_seconds",
    "Time from start to the first ringing or early media (else answer), in which callers hear nothing.",
    _SETUP_BUCKETS,
    _CALLS,
)
CALL_ANSWER = _histogram(
    "freeswitch_call_answer_seconds", "Time from start to answer.", _SETUP_BUCKETS, _CALLS
)
CALL_DURATION = _histogram(
    "freeswitch_call_duration_seconds",
    "Time from answer to hang-up; many very short calls are a sign of audio trouble.",
    (1, 5, 15, 30, 60, 180, 600, 1800, 3600),
    _CALLS,
)
CALL_MOS = _histogram(
    "freeswitch_call_mos",
    "FreeSWITCH's estimate of the audio received (1 to 4.5), for calls with packets; below 3.6 people "
    "complain.",
    (1, 2, 2.6, 3.1, 3.6, 4, 4.3, 4.5),
    _CALLS,
)
CALL_JITTER = _histogram(
    "freeswitch_call_jitter_seconds",
    "Worst running deviation of packet arrival in a call; 20 ms is about the best value.",
    (0.005, 0.01, 0.02, 0.03, 0.05, 0.1),
    _CALLS,
)
CALL_PACKET_LOSS = _histogram(
    "freeswitch_call_packet_loss_ratio",
    "Share of packets lost on the way to FreeSWITCH, calls longer than 10 s; above 0.05 it can be heard.",
    (0, 0.01, 0.03, 0.05, 0.1, 0.25),
    _CALLS,
)
LIVE_CALLS_SILENT = _gauge(
    "freeswitch_live_calls_silent",
    "Running answered calls in whose last 10 s nothing was heard though it should, of those sampled.",
    _CALLS,
)
LIVE_CALLS_SAMPLED = _gauge(
    "freeswitch_live_calls_sampled",
    "Running answered calls whose last 10 s were judged: live_quality.calls at most, taken in turn.",
    _CALLS,
)
LIVE_CALL_PACKET_LOSS = _histogram(
    "freeswitch_live_call_packet_loss_ratio",
    "Share of packets lost towards FreeSWITCH in one look at a running call; above 0.05 it can be heard.",
    (0, 0.01, 0.03, 0.05, 0.1, 0.25),
    _CALLS,
)
_COUNTRY: Final = ("node", "gateway", "country")
COUNTRY_CALLS = _counter(
    "freeswitch_country_calls_total",
    "Outbound calls ended, by country of the number dialled; failures of one country alone: the provider's "
    "route.",
    (*_COUNTRY, "outcome"),
)
COUNTRY_TALK_SECONDS = _counter(
    "freeswitch_country_talk_seconds_total",
    "Talk time by country of the number dialled, running calls included; a jump may be fraud.",
    _COUNTRY,
)
COUNTRY_COST = _counter(
    "freeswitch_country_cost_total",
    "Cost by the table of rates, running calls included; calls to numbers without a rate cost nothing here.",
    (*_COUNTRY, "currency"),
)
EXPENSIVE_CALLS = _counter(
    "freeswitch_expensive_calls_total",
    "Outbound calls answered by expensive numbers: premium rate, satellites; unless you call such, it is "
    "fraud.",
    ("node", "gateway", "kind"),
)
CALLS_WITHOUT_MEDIA = _counter(
    "freeswitch_calls_without_media_total",
    "Answered calls that should have received audio and got no packet: firewall, NAT or the provider's "
    "media.",
    _CALLS,
)
CALLS_REFUSED_LOCALLY = _counter(
    "freeswitch_calls_refused_locally_total",
    "Legs that FreeSWITCH dropped before any INVITE: the gateway was down or unknown.",
)
DIALS_REFUSED = _counter(
    "freeswitch_dials_refused_total",
    "Dials of others that never became a leg, where something shows it; never sum with the older counters.",
    ("node", "cause", "kind", "gateway", "source"),
)
CALLS_UNACCOUNTED = _counter(
    "freeswitch_calls_unaccounted_total",
    "Sessions that FreeSWITCH counted and no event reported; above 0, events were lost.",
)

# -- probes -----------------------------------------------------------------------------------------------

PROBE_SUCCESS = _gauge(
    "freeswitch_probe_success",
    "1 if the last run succeeded: the call was answered and heard, or was rejected as expected.",
    _PROBE,
)
PROBE_DEGRADED = _gauge(
    "freeswitch_probe_degraded",
    "1 if the last run succeeded but missed a threshold (slow, or bad audio).",
    _PROBE,
)
PROBE_RUNS = _counter("freeswitch_probe_runs_total", "Runs, by result.", (*_PROBE, "result"))
PROBE_FAILURES = _counter(
    "freeswitch_probe_failures_total",
    "Failed runs, by the phase that failed and FreeSWITCH's cause.",
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
PROBE_STANDBY = _gauge(
    "freeswitch_probe_standby", "1 while another exporter on the same switch runs its schedule.", _PROBE
)
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
