"""What to do about each fault: one table from (check, fault) to advice and commands.

Commands are to be typed as shown, so no text from the network may reach one: the only fields are `gateway`,
`profile`, `name`, `proxy`, `proxy_port`, `url`, `host` and `port`. A value that is not plain is replaced by
its word in capitals, for the reader to fill in. `{cli}` is fs_cli with the host and port of this node; the
note of a remedy says whether it needs a password or a user, no command has one. `{dir}` is FreeSWITCH's
configuration folder as it told it, else the usual one.
"""

import re
from typing import Final, NamedTuple

from exporter.diagnosis.finding import CheckName, Remedy
from exporter.diagnosis.severity import fault_of
from exporter.diagnosis.snapshot import Snapshot
from exporter.switch.events import OLDEST_FREESWITCH
from exporter.watch.gateway_table import proxy_host

_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9_.:-]{1,253}", re.ASCII)
_URL: Final = re.compile(r"https?://[A-Za-z0-9_.:/\[\]-]{1,200}", re.ASCII)
_FOLDER: Final = re.compile(r"/[A-Za-z0-9_./-]{1,200}", re.ASCII)
_PORT: Final = re.compile(r":([0-9]{1,5})(?:;|$)", re.ASCII)
_DEFAULT_PROFILE: Final = "external"  # the profile for trunks in FreeSWITCH's example configuration


class _Row(NamedTuple):
    advice: str
    commands: tuple[str, ...] = ()


_SHOW_CONF: Final = "{cli} -x 'global_getvar conf_dir'"
_LISTENING: Final = "ss -ltnp 'sport = :{port}'"
_SOCKET_CONF: Final = "autoload_configs/event_socket.conf.xml in FreeSWITCH's configuration"
_RELOAD_SOCKET: Final = "{cli} -x 'reload mod_event_socket'"
_STATUS: Final = "{cli} -x 'sofia status gateway {gateway}'"
_REGISTER: Final = "{cli} -x 'sofia profile {profile} register {gateway}'"
_TRACE: Final = "{cli} -x 'sofia profile {profile} siptrace on'"
_KILL_AND_RESCAN: Final = (
    "{cli} -x 'sofia profile {profile} killgw {gateway}'",
    "{cli} -x 'sofia profile {profile} rescan'",
)

_SILENT: Final = (
    "Meanwhile it answers INVITE and REGISTER with 503, without an event or a log line, but still answers "
    "OPTIONS: the provider's ping stays green."
)
_STRANGERS: Final = (
    "Open the SIP ports to the addresses of your phones and providers only, in the firewall or with "
    "apply-inbound-acl and apply-register-acl of the profile. Where phones come from anywhere: fail2ban on "
    "FreeSWITCH's log, for which the profile needs log-auth-failures=true, and long random passwords. A "
    "telephone of your own with an old password looks the same."
)
_AGAINST_STRANGERS: Final = (
    "iptables -I INPUT -s ADDRESS -j DROP",
    "fail2ban-client status",
    "grep -rn 'log-auth-failures\\|apply-.*-acl' {dir}/sip_profiles",
)

_RATE_LIMIT: Final = (
    "FreeSWITCH refuses call legs above its limit per second (it accepts one fewer than the limit). Find out "
    "who dials so fast, or raise the limit (permanently: sessions-per-second in switch.conf.xml)."
)
_RATES: Final = ("{cli} -x 'fsctl last_sps'", "{cli} -x 'fsctl sps 60'")

_ROWS: Final[dict[tuple[CheckName, str], _Row]] = {
    # 1: the port
    ("port", "dns"): _Row(
        "Set `host` of this node (FREESWITCH_HOST) to a name that resolves, or to the address.",
        ("getent ahosts {host}",),
    ),
    ("port", "refused"): _Row(
        "Start FreeSWITCH. If it is running, make its event socket listen on this address and port: "
        f"listen-ip and listen-port in {_SOCKET_CONF} (the default is 127.0.0.1 only), and mod_event_socket "
        "in modules.conf.xml. A firewall that rejects looks the same.",
        ("systemctl status freeswitch", _LISTENING, "systemctl start freeswitch"),
    ),
    ("port", "timeout"): _Row(
        "A firewall drops the packets, or the host is down. Open the port for this machine only, and allow "
        f"this machine in the list that apply-inbound-acl names in {_SOCKET_CONF}.",
        (
            "ping -c 3 {host}",
            "nc -vz -w 3 {host} {port}",
            "iptables -L INPUT -n | grep -w {port}",
        ),
    ),
    ("port", "protocol_error"): _Row(
        "Another service uses this port. Set the port of the event socket (FREESWITCH_PORT; listen-port in "
        f"{_SOCKET_CONF}), or move the other service to another port.",
        (_LISTENING,),
    ),
    ("port", "shutdown"): _Row(
        "FreeSWITCH is stopping or restarting, or was killed. If this was not planned, look for the reason "
        "in its log.",
        ("systemctl status freeswitch", "journalctl -u freeswitch -n 50", "systemctl start freeswitch"),
    ),
    ("port", "exporter_limit"): _Row(
        "The exporter's own limit is reached; FreeSWITCH has no part in it. Raise the limit that the reason "
        "names: LimitNOFILE or MemoryMax of the systemd unit, limits.memory of the container.",
        (
            "systemctl show freeswitch-exporter -p LimitNOFILE -p MemoryMax -p MemoryPeak",
            "systemctl edit freeswitch-exporter",
        ),
    ),
    # 2: the password
    ("password", "auth_rejected"): _Row(
        f"Set FREESWITCH_PASSWORD (or `password` of this node) to the password in {_SOCKET_CONF}. FreeSWITCH "
        "reads a changed file only when mod_event_socket is reloaded.",
        ("grep -n password {dir}/autoload_configs/event_socket.conf.xml", _RELOAD_SOCKET),
    ),
    ("password", "acl_denied"): _Row(
        f"Allow the address in the list (acl.conf.xml) that apply-inbound-acl names in {_SOCKET_CONF}. "
        "Without apply-inbound-acl FreeSWITCH accepts connections from loopback only.",
        (
            "grep -n apply-inbound-acl {dir}/autoload_configs/event_socket.conf.xml",
            "{cli} -x 'reloadacl'",
            _RELOAD_SOCKET,
        ),
    ),
    ("password", "permission_denied"): _Row(
        "Add the missing commands and events to esl-allowed-api and esl-allowed-events of this user in "
        "FreeSWITCH's directory. docs/runbook.md lists those that the exporter needs.",
        ("{cli} -x 'reloadxml'",),
    ),
    ("password", "default_password"): _Row(
        f"Anyone who reaches the port controls FreeSWITCH. Set another password in {_SOCKET_CONF} and in the "
        "exporter's configuration, and allow this machine only in the firewall and in apply-inbound-acl.",
        ("openssl rand -hex 16", _RELOAD_SOCKET),
    ),
    # 3: commands
    ("commands", "hung"): _Row(
        "FreeSWITCH's process hangs. Save its stack before the restart: the stack shows the reason. One "
        "known cause is an event socket client that does not read.",
        (
            "ps -o pid,stat,wchan:30,etime,cmd -C freeswitch",
            "ss -tnp 'sport = :{port}'",
            "gdb -p $(pidof freeswitch) -batch -ex 'thread apply all bt' > /tmp/freeswitch-stack.txt",
            "systemctl restart freeswitch",
        ),
    ),
    ("commands", "shutting_down"): _Row(
        "Someone asked FreeSWITCH to shut down as soon as its calls have ended (`fsctl shutdown asap`). "
        f"Cancel that, or wait for the restart. {_SILENT}",
        ("{cli} -x 'fsctl shutdown_check'", "{cli} -x 'fsctl shutdown cancel'"),
    ),
    ("commands", "paused"): _Row(
        f"Someone paused FreeSWITCH. Resume it. {_SILENT}",
        ("{cli} -x 'fsctl pause_check'", "{cli} -x 'fsctl resume'"),
    ),
    ("commands", "not_ready"): _Row(
        "FreeSWITCH is starting or shutting down.",
        ("{cli} -x 'fsctl ready_check'", "{cli} -x 'fsctl shutdown_check'"),
    ),
    ("commands", "session_limit"): _Row(
        "FreeSWITCH refuses every new call leg until others end. Look for calls that hang, or raise the "
        f"limit (permanently: max-sessions in switch.conf.xml). {_SILENT}",
        ("{cli} -x 'show calls'", "{cli} -x 'fsctl max_sessions 2000'"),
    ),
    ("commands", "session_room"): _Row(
        "Look for calls that hang, or raise the limit before it is reached (max-sessions in "
        "switch.conf.xml).",
        ("{cli} -x 'show calls'", "{cli} -x 'fsctl max_sessions'"),
    ),
    ("commands", "rate_limit"): _Row(_RATE_LIMIT, _RATES),
    ("commands", "rate_reached"): _Row(_RATE_LIMIT, _RATES),
    ("commands", "rate_room"): _Row(_RATE_LIMIT, _RATES),
    ("commands", "idle_cpu"): _Row(
        "FreeSWITCH refuses calls while idle CPU is below min-idle-cpu in switch.conf.xml. Find the process "
        "that uses the CPU.",
        ("top -b -n 1 | head -15", "{cli} -x 'fsctl min_idle_cpu'"),
    ),
    ("commands", "no_rtp_ports"): _Row(
        "A call found every RTP port in use, so FreeSWITCH failed it: inbound with 502, outbound without an "
        "INVITE. Widen rtp-start-port to rtp-end-port in switch.conf.xml (two ports for each leg) and the "
        "firewall with it, and look for calls that hang. Only a restart of FreeSWITCH applies the range.",
        ("grep -n 'rtp-.*-port' {dir}/autoload_configs/switch.conf.xml", "{cli} -x 'show calls'"),
    ),
    ("commands", "denied"): _Row(
        "Add `json` and `fsctl` to esl-allowed-api of this user in FreeSWITCH's directory. Without them "
        "freeswitch_accepting_calls is missing.",
        ("{cli} -x 'reloadxml'",),
    ),
    ("commands", "audio_denied"): _Row(
        "Add `uuid_set_media_stats` and `uuid_dump` to esl-allowed-api of this user in FreeSWITCH's "
        "directory, or set `live_quality: {calls: 0}`. Without them freeswitch_live_calls_silent is missing.",
        ("{cli} -x 'reloadxml'",),
    ),
    ("commands", "audio_unanswered"): _Row(
        "The exporter asks on a connection of its own, and less often while FreeSWITCH is slow. Look at the "
        "CPU; `live_quality: {calls: 0}` switches it off.",
        ("top -b -n 1 | head -15",),
    ),
    ("commands", "cpu_busy"): _Row(
        "A busy CPU distorts audio. Find the process that uses it.", ("top -b -n 1 | head -15",)
    ),
    ("commands", "clock_skew"): _Row(
        "Synchronise both hosts by NTP. FreeSWITCH takes over a corrected clock only by `fsctl sync_clock`.",
        ("timedatectl", "chronyc tracking", "{cli} -x 'fsctl sync_clock'"),
    ),
    ("commands", "unreadable"): _Row(
        "mod_sofia does not answer. Load it, or allow `sofia` to this user (esl-allowed-api).",
        ("{cli} -x 'module_exists mod_sofia'", "{cli} -x 'load mod_sofia'"),
    ),
    # 4: events
    ("events", "events_stalled"): _Row(
        "FreeSWITCH's event threads wait, often for an event socket client that does not read. Stop that "
        "client. If this does not help, restart FreeSWITCH.",
        ("ss -tnp 'sport = :{port}'", "systemctl restart freeswitch"),
    ),
    ("events", "unreadable"): _Row(
        "FreeSWITCH sends its events in a form that the exporter does not read. Do not restart it: upgrade "
        f"it to {OLDEST_FREESWITCH} or later, or remove what changes the stream on the way.",
        ("{cli} -x 'version'",),
    ),
    ("events", "slow"): _Row(
        "FreeSWITCH's event threads or the network are overloaded. Find out what loads the host.",
        ("top -b -n 1 | head -15", "ss -tnp 'sport = :{port}'"),
    ),
    ("events", "denied"): _Row(
        "Add the events to esl-allowed-events of this user in FreeSWITCH's directory. The metrics that need "
        "them are missing.",
        ("{cli} -x 'reloadxml'",),
    ),
    # 5: the SIP profile
    ("profile", "no_profile"): _Row(
        "Start the profile of the trunk. If it stops again, its port is in use or its file has an error: "
        "FreeSWITCH's log shows which.",
        ("{cli} -x 'sofia profile {profile} start'", "{cli} -x 'sofia status'", "ss -lunp | grep -w 5080"),
    ),
    ("profile", "profile_down"): _Row(
        "Start the profile. If it stops again, its port is in use or its file has an error: FreeSWITCH's log "
        "shows which.",
        ("{cli} -x 'sofia profile {profile} start'", "{cli} -x 'sofia status'", "ss -lunp"),
    ),
    ("profile", "private_address"): _Row(
        "Set ext-sip-ip and ext-rtp-ip of the profile to the public address (or `auto-nat`, or `stun:HOST`), "
        "unless the provider handles NAT. The usual symptom is calls without audio.",
        ("{cli} -x 'sofia status profile {profile}'", "{cli} -x 'sofia profile {profile} restart'"),
    ),
    # 6: the gateway exists
    ("gateway", "missing"): _Row(
        "Create the gateway's file in sip_profiles/{profile}/ of FreeSWITCH's configuration (its name: "
        "letters, digits, _ . - only), then rescan the profile. If the file exists, FreeSWITCH skips it "
        "because of an error in it, and logs the error at the rescan.",
        (
            _SHOW_CONF,
            "ls {dir}/sip_profiles/{profile}/",
            "{cli} -x 'reloadxml'",
            "{cli} -x 'sofia profile {profile} rescan'",
            _STATUS,
        ),
    ),
    ("gateway", "misspelt"): _Row(
        "Correct the name in the exporter's configuration (`gateways` of the node, or FREESWITCH_GATEWAYS), "
        "or in FreeSWITCH's.",
        ("{cli} -x 'sofia status'",),
    ),
    # 7: the gateway is usable; the words are those of freeswitch_gateway_problem
    ("registration", "auth_rejected"): _Row(
        "Compare username, password, realm and auth-username of the gateway with the provider's portal. If "
        "they are correct, ask the provider whether the account is blocked or bound to other addresses.",
        (
            "less {dir}/sip_profiles/{profile}/{gateway}.xml",
            *_KILL_AND_RESCAN,
            _REGISTER,
            _STATUS,
        ),
    ),
    ("registration", "rejected"): _Row(
        "The provider answers and rejects the registration. Look up the status, compare the gateway's "
        "settings, and ask the provider. A SIP trace shows the messages.",
        (_TRACE, _REGISTER, _STATUS),
    ),
    ("registration", "unreachable"): _Row(
        "No answer from the provider (or its own 408 or 503). Check the proxy's address and port, the "
        "firewall for UDP in both directions, and the provider's status page.",
        (_STATUS, "nc -vzu -w 3 {proxy} {proxy_port}", _TRACE, _REGISTER),
    ),
    ("registration", "unregistered"): _Row(
        "Someone unregistered the gateway. FreeSWITCH does not register it again by itself.",
        (_REGISTER, _STATUS),
    ),
    ("registration", "not_registering"): _Row(
        "Set register to true in the gateway's file. If the gateway should not register, set "
        "`register: false` for it in the exporter's configuration (NAME:noreg in FREESWITCH_GATEWAYS).",
        ("grep -n register {dir}/sip_profiles/{profile}/{gateway}.xml", *_KILL_AND_RESCAN, _STATUS),
    ),
    ("registration", "registering"): _Row(
        "Registration is in progress. Check again in a minute.", (_STATUS,)
    ),
    ("registration", "register_failed"): _Row(
        "Registration failed before the exporter connected, and FreeSWITCH reports the reason at its next "
        "attempt. Start an attempt now, then check again.",
        (_REGISTER, _STATUS),
    ),
    ("registration", "revived"): _Row(
        "The gateway works now. If it goes down again while registration succeeds, the provider does not "
        "answer OPTIONS: remove `ping` from the gateway, or ask the provider.",
        (_STATUS,),
    ),
    ("registration", "ping_failed"): _Row(
        "The provider does not answer OPTIONS, so FreeSWITCH sends no calls to it. Check its address, the "
        "firewall and its status page. If the provider does not support OPTIONS, remove `ping` from the "
        "gateway.",
        (_STATUS, _TRACE),
    ),
    ("registration", "ping_overdue"): _Row(
        "The provider or the network path to it failed a moment ago. FreeSWITCH marks the gateway as down "
        "32 s after an unanswered OPTIONS; until then calls to it get no answer.",
        (_STATUS, _TRACE),
    ),
    ("registration", "unmonitored"): _Row(
        "FreeSWITCH shows this gateway as UP even when the provider is down. Add "
        '<param name="ping" value="25"/> to it.',
        ("less {dir}/sip_profiles/{profile}/{gateway}.xml", *_KILL_AND_RESCAN, _STATUS),
    ),
    ("registration", "unknown"): _Row(
        "FreeSWITCH shows a state that the exporter does not know, or does not list its gateways.", (_STATUS,)
    ),
    # 8: the provider can be reached
    ("provider", "name_not_resolved"): _Row(
        "Check the spelling of the name in the gateway's proxy and realm, and the name servers of "
        "FreeSWITCH's host. FreeSWITCH asks DNS only; it does not read /etc/hosts.",
        (
            "{cli} -x 'sofia_dig {name}'",
            "cat /etc/resolv.conf",
            _STATUS,
        ),
    ),
    ("provider", "slow_ping"): _Row(
        "The network path to the provider is slow or overloaded. Calls are set up late.",
        ("mtr -rwc 20 {name}",),
    ),
    # 9: recent calls. A fault that is a class of a provider's codes has its remedy from that code.
    ("calls", "no_media"): _Row(
        "Calls are answered but no audio arrives. Open the RTP ports for UDP (16384-32768 by default), and "
        "set ext-rtp-ip of the profile to the public address of this FreeSWITCH.",
        (
            "{cli} -x 'sofia status profile {profile}'",
            "{cli} -x 'global_getvar rtp_start_port'",
            "tcpdump -ni any udp portrange 16384-32768 -c 20",
        ),
    ),
    ("calls", "silent_now"): _Row(
        "Audio stopped in mid-call: the calls stay up, and callers hear nothing. On one gateway: its "
        "media path, ask the provider; on all: this host's network, firewall or NAT. See whether packets "
        "still come.",
        (
            "tcpdump -ni any udp portrange 16384-32768 -c 20",
            "{cli} -x 'show channels'",
            "ip -s link",
        ),
    ),
    ("calls", "country"): _Row(
        "The trunk works; the provider's route to this country does not, or the provider bars it. Send the "
        "provider the failed calls (`freeswitch-exporter calls --failed --ticket`). Until the route is "
        "repaired, dial this country through another gateway.",
    ),
    ("calls", "call_limit"): _Row(
        "The provider rejects calls above the limit. Look for calls that hang, buy more channels, or send "
        "calls through another gateway. If the trunk allows more, correct max_calls in the config.",
        ("{cli} -x 'show calls'",),
    ),
    ("calls", "refused"): _Row(
        "FreeSWITCH sent no INVITE: the dialplan or the application dials a gateway that is down or unknown. "
        "Repair the gateway, or correct the name in the dial string.",
        ("{cli} -x 'sofia status'",),
    ),
    ("calls", "unknown_gateway"): _Row(
        "Correct the name in the dialplan or the calling application, or add the gateway to a profile and "
        "rescan that profile.",
        ("{cli} -x 'sofia status'", "{cli} -x 'sofia profile {profile} rescan'"),
    ),
    ("calls", "unknown_profile"): _Row(
        "Correct the name of the profile in the dial string, or start the profile.",
        ("{cli} -x 'sofia status'", "{cli} -x 'sofia profile {profile} start'"),
    ),
    ("calls", "incomplete_dial"): _Row(
        "The application dials without a destination: sofia/gateway/NAME/NUMBER, sofia/PROFILE/USER@HOST. A "
        "variable that is empty is a usual reason.",
    ),
    ("calls", "not_registered"): _Row(
        "Register the telephone: look at its network, its password and its expiry. If nobody is to be "
        "there, send such calls to a mailbox.",
        ("{cli} -x 'show registrations'",),
    ),
    ("calls", "unknown_user"): _Row(
        "Correct the user or its domain in the dial string, or add the user to FreeSWITCH's directory.",
        ("{cli} -x 'reloadxml'",),
    ),
    ("calls", "unknown_endpoint"): _Row(
        "Correct the first part of the dial string (sofia, user, loopback), or load the module of that "
        "endpoint.",
        ("{cli} -x 'show endpoint'",),
    ),
    ("calls", "refused_on_purpose"): _Row(
        "The dial string itself has the refusal (error/CAUSE). Nothing to do if that was meant."
    ),
    ("calls", "capacity"): _Row(
        "FreeSWITCH itself made no session: compare sessions and sessions per second with their limits, and "
        "see whether it is paused.",
        ("{cli} -x 'status'", "{cli} -x 'fsctl pause_check outbound'"),
    ),
    ("calls", "bad_dial"): _Row(
        "Correct what the application sends: braces that are not closed, blanks without quotes, too few "
        "arguments, or an origination_uuid that is in use.",
    ),
    # 10: the log
    ("log", "logged_errors"): _Row(
        "Read the lines in their context.",
        ("journalctl -u freeswitch -n 200", "tail -n 200 /var/log/freeswitch/freeswitch.log"),
    ),
    ("log", "denied"): _Row(
        'Set `<param name="esl-allowed-log" value="true"/>` for this user in FreeSWITCH\'s directory, or '
        "log_stream: off in the exporter's config. Without the log freeswitch_log_lines_total and "
        "freeswitch_log_events_total are missing.",
        ("{cli} -x 'reloadxml'",),
    ),
    ("log", "flood"): _Row(
        "Find what fills the log: the counts name the source files. An attack on a SIP profile with "
        "log-auth-failures=true writes a line for each attempt: bar its addresses in the firewall. "
        "log_stream: error leaves warnings out.",
        ("tail -n 200 /var/log/freeswitch/freeswitch.log",),
    ),
    ("log", "queue_overflow"): _Row(
        "FreeSWITCH keeps 100,000 lines or events for a client that does not read, then drops it, and may "
        "answer no client for up to ten minutes. Find the client whose Send-Q does not fall, and stop it.",
        ("ss -tnp 'sport = :{port}'",),
    ),
    ("log", "sql_error"): _Row(
        "Calls go on, but lists of calls and registrations may be wrong or empty. Another process holds a "
        "lock on the database, its disk is full, or with core-db-dsn its server is gone.",
        (
            "fuser -v $({cli} -x 'global_getvar db_dir')/core.db",
            "df -h $({cli} -x 'global_getvar db_dir')",
        ),
    ),
    ("log", "module_failed"): _Row(
        "The line names the module and the reason: a file that is missing, or an error in its configuration. "
        "Correct it, then load the module.",
        ("grep 'Error Loading' /var/log/freeswitch/freeswitch.log | tail -n 5",),
    ),
    # 11: the calling application
    ("backend", "unreachable"): _Row(
        "Start the calling application, or correct backend_url.",
        ("curl -sS -m 5 '{url}/api/calls/health'",),
    ),
    ("backend", "disconnected"): _Row(
        "Check host, port and password of the application's event socket connection, and the firewall "
        "between it and FreeSWITCH. Then restart the application.",
        ("curl -sS -m 5 '{url}/api/calls/health'", "ss -tn 'sport = :{port}'"),
    ),
    ("backend", "unclear"): _Row(
        "The answer is not that of GET /api/calls/health. Check backend_url.",
        ("curl -sS -m 5 '{url}/api/calls/health'",),
    ),
    # 12: the remedy of a synthetic call is in the probe's record
    ("call", "state_dir"): _Row(
        "On the exporter's host, make room in state_dir and let the exporter's user write there. If "
        "probes.sqlite is damaged or of another program, stop the exporter and move it away.",
    ),
    # 13: the database
    ("database", "slow_database"): _Row(
        "Calls are not affected. Another process holds a lock on FreeSWITCH's database, or its disk is slow: "
        "find the process. `SQLite is BUSY` in FreeSWITCH's log shows the times. With core-db-dsn the "
        "database server is the slow one.",
        (
            "fuser -v $({cli} -x 'global_getvar db_dir')/core.db",
            "df -h $({cli} -x 'global_getvar db_dir')",
            "vmstat 1 5",
        ),
    ),
    ("database", "unusable_answer"): _Row(
        "Calls are not affected. Run the command on FreeSWITCH's host and compare; a list of calls above "
        "32 MiB is more than the exporter reads.",
        ("{cli} -x 'show channels count'", "{cli} -x 'show calls count'"),
    ),
    # 14: strangers
    ("strangers", "guessing"): _Row(_STRANGERS, _AGAINST_STRANGERS),
    ("strangers", "scanning"): _Row(_STRANGERS, _AGAINST_STRANGERS),
    ("strangers", "guessed"): _Row(
        "Find the user whose registration has this address, change its password now, and end the "
        "registration and its calls. Several telephones behind one address, one with an old password, look "
        "the same.",
        (
            "{cli} -x 'sofia status profile PROFILE reg'",
            "{cli} -x 'sofia profile PROFILE flush_inbound_reg USER@DOMAIN'",
            "{cli} -x 'show channels'",
        ),
    ),
    ("strangers", "flood"): _Row(
        "Put the worst addresses into the firewall now; at this rate FreeSWITCH leaves REGISTERs of your own "
        f"phones unanswered. The exporter counts again after a minute. {_STRANGERS}",
        _AGAINST_STRANGERS,
    ),
    # 15: subscribers
    ("subscribers", "not_registered"): _Row(
        "Nobody can call it. Is the telephone on, in the network, and does it send REGISTER to this "
        "FreeSWITCH? If it does, look for wrong passwords (check 14) and at the SIP messages.",
        (
            "{cli} -x 'sofia status profile PROFILE user USER@DOMAIN'",
            "{cli} -x 'user_exists id USER DOMAIN'",
            "{cli} -x 'sofia profile PROFILE siptrace on'",
        ),
    ),
    ("subscribers", "no_options"): _Row(
        "The telephone, or the way to it, is gone: calls to it fail until its registration expires. Behind "
        "NAT the binding may have ended: shorten the telephone's registration interval.",
        ("{cli} -x 'sofia status profile PROFILE user USER@DOMAIN'",),
    ),
    # 16: the exporter's reload
    ("reload", "reload_refused"): _Row(
        "On the exporter's host: check its configuration file; each error names file, line, and what to "
        "write. If the file is OK, the running exporter says what it cannot change without a restart. Then "
        "reload it again.",
        (
            "freeswitch-exporter check-config",
            "freeswitch-exporter check-config --against-running",
            "systemctl reload freeswitch-exporter",
        ),
    ),
}


def remedy(
    snapshot: Snapshot,
    check: CheckName,
    fault: str,
    *,
    gateway: str = "",
    profile: str = "",
    name: str = "",
    proxy: str = "",
) -> Remedy:
    """What to do about a fault of this node.

    Args:
        snapshot: for the node's host and port, the configuration folder and backend_url.
        check: the check that found it.
        fault: the fault's word.
        gateway: fills in `{gateway}`.
        profile: fills in `{profile}`; by default that of trunks.
        name: fills in `{name}`: a host name.
        proxy: fills in `{proxy}` and `{proxy_port}`: as the gateway has it.

    Raises:
        KeyError: the table does not have the fault.
    """
    row = _ROWS[check, fault]
    fields = {
        "cli": _cli(snapshot),
        "dir": snapshot.conf_dir if _FOLDER.fullmatch(snapshot.conf_dir) else "/etc/freeswitch",
        "host": _host(snapshot),
        "port": str(snapshot.port),
        "gateway": _plain(gateway, "GATEWAY"),
        "profile": _plain(profile or _DEFAULT_PROFILE, "PROFILE"),
        "name": _plain(name, "HOST"),
        "proxy": host if _HOST.fullmatch(host := proxy_host(proxy)) else "PROXY",
        "proxy_port": found[1] if (found := _PORT.search(proxy)) else "5060",
        "url": _url(snapshot),
    }
    commands = tuple(_fill(command, fields) for command in row.commands)
    note = _note(snapshot) if any(command.startswith("fs_cli") for command in commands) else ""
    return Remedy(_fill(row.advice, fields), commands, note, fault_of(check, fault).section)


def _fill(template: str, fields: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: fields[found[1]], template)


def _cli(snapshot: Snapshot) -> str:
    if snapshot.host in ("127.0.0.1", "localhost") and snapshot.port == 8021:
        return "fs_cli"
    return f"fs_cli -H {_host(snapshot)} -P {snapshot.port}"


def _note(snapshot: Snapshot) -> str:
    """What fs_cli needs to be let in; it knows the default password by itself."""
    if snapshot.user:
        return "fs_cli needs the event socket's user and password: add `-u USER -p PASSWORD`."
    if snapshot.default_password:
        return ""
    return "fs_cli needs the event socket's password: add `-p PASSWORD`, unless ~/.fs_cli_conf has it."


def _host(snapshot: Snapshot) -> str:
    return snapshot.host if _HOST.fullmatch(snapshot.host) else "HOST"


def _url(snapshot: Snapshot) -> str:
    url = snapshot.backend.url.rstrip("/") if snapshot.backend is not None else ""
    return url if _URL.fullmatch(url) else "URL"


def _plain(name: str, placeholder: str) -> str:
    return name if _PLAIN.fullmatch(name) else placeholder
