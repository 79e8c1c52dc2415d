"""What to do about each fault: one table from (check, fault) to advice and commands.

Commands are meant to be typed as they stand, so nothing from the network may reach one: the only fields are
`gateway`, `profile`, `name`, `url`, `host` and `port`, and a value that is not plain is replaced by the word
for it, in capitals, for the reader to fill in. `{cli}` is fs_cli as it must be called for this node; a
password other than the default comes from its `-p` or from ~/.fs_cli_conf.

`{dir}` is FreeSWITCH's configuration folder where the doctor has asked for it, else the usual one.
"""

import re
from typing import Final, NamedTuple

from exporter.diagnosis.finding import CheckName, Remedy
from exporter.diagnosis.snapshot import Snapshot

_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9_.:-]{1,253}", re.ASCII)
_URL: Final = re.compile(r"https?://[A-Za-z0-9_.:/\[\]-]{1,200}", re.ASCII)
_FOLDER: Final = re.compile(r"/[A-Za-z0-9_./-]{1,200}", re.ASCII)
_DEFAULT_PROFILE: Final = "external"  # where FreeSWITCH's own example configuration puts its trunks


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

_ROWS: Final[dict[tuple[CheckName, str], _Row]] = {
    # 1: the port
    ("port", "dns"): _Row(
        "Write a name that resolves, or the address, as `host` of this node (FREESWITCH_HOST).",
        ("getent ahosts {host}",),
    ),
    ("port", "refused"): _Row(
        "Start FreeSWITCH, or let its event socket listen where we look: listen-ip and listen-port in "
        f"{_SOCKET_CONF} (the default listens on 127.0.0.1 only), and mod_event_socket in modules.conf.xml. "
        "A firewall that rejects looks the same.",
        ("systemctl status freeswitch", _LISTENING, "systemctl start freeswitch"),
    ),
    ("port", "timeout"): _Row(
        "A firewall drops our packets, or the host is down. Open the port for this machine only, and let "
        f"apply-inbound-acl in {_SOCKET_CONF} list it.",
        (
            "ping -c 3 {host}",
            "nc -vz -w 3 {host} {port}",
            "iptables -L INPUT -n | grep -w {port}",
        ),
    ),
    ("port", "protocol_error"): _Row(
        "Something else than FreeSWITCH's event socket has this port. Write the port of the event socket "
        f"(FREESWITCH_PORT; listen-port in {_SOCKET_CONF}), or move the other service away.",
        (_LISTENING,),
    ),
    ("port", "shutdown"): _Row(
        "FreeSWITCH is stopping, restarting, or was killed. If that was not meant, its log says why.",
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
        f"Give us the password that stands in {_SOCKET_CONF} (FREESWITCH_PASSWORD, or `password` of this "
        "node). A changed file counts only after the module was reloaded.",
        ("grep -n password {dir}/autoload_configs/event_socket.conf.xml", _RELOAD_SOCKET),
    ),
    ("password", "acl_denied"): _Row(
        f"Let the list named by apply-inbound-acl in {_SOCKET_CONF} allow that address (acl.conf.xml); "
        "without that setting only loopback may connect.",
        (
            "grep -n apply-inbound-acl {dir}/autoload_configs/event_socket.conf.xml",
            "{cli} -x 'reloadacl'",
            _RELOAD_SOCKET,
        ),
    ),
    ("password", "permission_denied"): _Row(
        "Extend esl-allowed-api and esl-allowed-events of this user in FreeSWITCH's directory "
        "(docs: the list of commands and events that the exporter needs).",
        ("{cli} -x 'reloadxml'",),
    ),
    ("password", "default_password"): _Row(
        f"Whoever reaches the port owns the switch. Set another password in {_SOCKET_CONF} and in our "
        "configuration, and let a firewall and apply-inbound-acl admit this machine only.",
        ("openssl rand -hex 16", _RELOAD_SOCKET),
    ),
    # 3: commands
    ("commands", "hung"): _Row(
        "FreeSWITCH's process stands still. Look at it before restarting it: a core file or its stack tells "
        "why. An event socket client that does not read can be the cause.",
        (
            "ps -o pid,stat,wchan:30,etime,cmd -C freeswitch",
            "ss -tnp 'sport = :{port}'",
            "gdb -p $(pidof freeswitch) -batch -ex 'thread apply all bt' > /tmp/freeswitch-stack.txt",
            "systemctl restart freeswitch",
        ),
    ),
    ("commands", "paused"): _Row(
        "Somebody paused FreeSWITCH: it refuses new calls. Let it go on.",
        ("{cli} -x 'fsctl pause_check'", "{cli} -x 'fsctl resume'"),
    ),
    ("commands", "not_ready"): _Row(
        "FreeSWITCH is starting up, or shutting down.",
        ("{cli} -x 'fsctl ready_check'", "{cli} -x 'fsctl shutdown_check'"),
    ),
    ("commands", "session_limit"): _Row(
        "FreeSWITCH refuses every further call leg until some end. Find calls that hang, or raise the limit "
        "(for good: max-sessions in switch.conf.xml).",
        ("{cli} -x 'show calls'", "{cli} -x 'fsctl max_sessions 2000'"),
    ),
    ("commands", "session_room"): _Row(
        "Before the limit is reached, find calls that hang, or raise it (max-sessions in switch.conf.xml).",
        ("{cli} -x 'show calls'", "{cli} -x 'fsctl max_sessions'"),
    ),
    ("commands", "rate_limit"): _Row(
        "FreeSWITCH refuses the call legs beyond its limit per second (it lets one less than the limit "
        "pass). Find who dials so fast, or raise the limit (for good: sessions-per-second in "
        "switch.conf.xml).",
        ("{cli} -x 'fsctl last_sps'", "{cli} -x 'fsctl sps 60'"),
    ),
    ("commands", "idle_cpu"): _Row(
        "FreeSWITCH refuses calls while the CPU has less idle time than min-idle-cpu in switch.conf.xml.",
        ("top -b -n 1 | head -15", "{cli} -x 'fsctl min_idle_cpu'"),
    ),
    ("commands", "cpu_busy"): _Row(
        "Audio suffers when the CPU has no time. See what takes it.", ("top -b -n 1 | head -15",)
    ),
    ("commands", "clock_skew"): _Row(
        "Let both hosts take their time from the network; FreeSWITCH follows a corrected clock only when "
        "told so.",
        ("timedatectl", "chronyc tracking", "{cli} -x 'fsctl sync_clock'"),
    ),
    ("commands", "unreadable"): _Row(
        "The SIP module does not answer. Load it, or allow `sofia` to this user (esl-allowed-api).",
        ("{cli} -x 'module_exists mod_sofia'", "{cli} -x 'load mod_sofia'"),
    ),
    # 4: events
    ("events", "events_stalled"): _Row(
        "Commands work, but no event is delivered: FreeSWITCH's event threads wait for something, often for "
        "a client of the event socket that does not read. End that client, else restart FreeSWITCH.",
        ("ss -tnp 'sport = :{port}'", "systemctl restart freeswitch"),
    ),
    ("events", "slow"): _Row(
        "FreeSWITCH's event threads or the network are behind. See what loads the host.",
        ("top -b -n 1 | head -15", "ss -tnp 'sport = :{port}'"),
    ),
    ("events", "denied"): _Row(
        "Extend esl-allowed-events of this user in FreeSWITCH's directory; what is missing is not watched.",
        ("{cli} -x 'reloadxml'",),
    ),
    # 5: the SIP profile
    ("profile", "no_profile"): _Row(
        "No SIP profile runs. Start the one of the trunk; if it does not stay, its port is taken or its file "
        "has a mistake, and FreeSWITCH's log says which.",
        ("{cli} -x 'sofia profile {profile} start'", "{cli} -x 'sofia status'", "ss -lunp | grep -w 5080"),
    ),
    ("profile", "profile_down"): _Row(
        "Start the profile. If it does not stay, its port is taken or its file has a mistake, and "
        "FreeSWITCH's log says which.",
        ("{cli} -x 'sofia profile {profile} start'", "{cli} -x 'sofia status'", "ss -lunp"),
    ),
    ("profile", "private_address"): _Row(
        "Set ext-sip-ip and ext-rtp-ip of the profile to the public address (or `auto-nat`, or "
        "`stun:HOST`), unless the provider is known to cope with NAT. Calls without audio are the usual "
        "consequence.",
        ("{cli} -x 'sofia status profile {profile}'", "{cli} -x 'sofia profile {profile} restart'"),
    ),
    # 6: the gateway exists
    ("gateway", "missing"): _Row(
        "Create the gateway's file below sip_profiles/{profile}/ in FreeSWITCH's configuration (a name of "
        "letters, digits, _ . - only), then let the profile read it. If it is there already, a mistake in it "
        "makes FreeSWITCH skip it: its log says so at the rescan.",
        (
            _SHOW_CONF,
            "ls {dir}/sip_profiles/{profile}/",
            "{cli} -x 'reloadxml'",
            "{cli} -x 'sofia profile {profile} rescan'",
            _STATUS,
        ),
    ),
    ("gateway", "misspelt"): _Row(
        "Correct the name in our configuration (nodes: ... gateways:, or FREESWITCH_GATEWAYS), or in "
        "FreeSWITCH's if that one is wrong.",
        ("{cli} -x 'sofia status'",),
    ),
    # 7: the gateway is usable; the words are those of freeswitch_gateway_problem
    ("registration", "auth_rejected"): _Row(
        "Compare username, password, realm and auth-username of the gateway with what the provider shows. "
        "If they are right, ask the provider whether the account is blocked or bound to other addresses.",
        (
            "less {dir}/sip_profiles/{profile}/{gateway}.xml",
            *_KILL_AND_RESCAN,
            _REGISTER,
            _STATUS,
        ),
    ),
    ("registration", "rejected"): _Row(
        "The provider answers, and says no: look the status up, compare the gateway's settings, and ask the "
        "provider. A SIP trace shows the whole exchange.",
        (_TRACE, _REGISTER, _STATUS),
    ),
    ("registration", "unreachable"): _Row(
        "Nothing comes back from the provider (or its own 408 or 503). Check the proxy's address and port, "
        "the firewall for UDP both ways, and the provider's status page.",
        (_STATUS, "nc -vzu -w 3 PROXY 5060", _TRACE, _REGISTER),
    ),
    ("registration", "unregistered"): _Row(
        "Somebody unregistered the gateway; FreeSWITCH does not try again by itself.", (_REGISTER, _STATUS)
    ),
    ("registration", "not_registering"): _Row(
        "The gateway is set to register=false. Set register to true in its file, or tell us that it should "
        "not (register: false, or NAME:noreg in FREESWITCH_GATEWAYS).",
        ("grep -n register {dir}/sip_profiles/{profile}/{gateway}.xml", *_KILL_AND_RESCAN, _STATUS),
    ),
    ("registration", "registering"): _Row("Registration is under way; look again in a minute.", (_STATUS,)),
    ("registration", "register_failed"): _Row(
        "Registration failed before we came, and FreeSWITCH tells the reason only at its next try. Have it "
        "try now, and look again.",
        (_REGISTER, _STATUS),
    ),
    ("registration", "revived"): _Row(
        "It works now. If it goes down again although registration succeeds, the provider does not answer "
        "OPTIONS: take `ping` out of the gateway, or ask the provider.",
        (_STATUS,),
    ),
    ("registration", "ping_failed"): _Row(
        "The provider does not answer OPTIONS, so FreeSWITCH sends no call there. Check its address, the "
        "firewall and its status page. If it does not support OPTIONS at all, take `ping` out of the "
        "gateway.",
        (_STATUS, _TRACE),
    ),
    ("registration", "ping_overdue"): _Row(
        "An OPTIONS is out and unanswered: the provider, or the way to it, has just gone silent. FreeSWITCH "
        "notices after 32 s; until then its calls run into nothing.",
        (_STATUS, _TRACE),
    ),
    ("registration", "unmonitored"): _Row(
        "The gateway neither registers nor is it pinged, so FreeSWITCH shows it as UP whatever happens. Add "
        '<param name="ping" value="25"/> to it.',
        ("less {dir}/sip_profiles/{profile}/{gateway}.xml", *_KILL_AND_RESCAN, _STATUS),
    ),
    ("registration", "unknown"): _Row(
        "FreeSWITCH shows a state that we do not know, or its list cannot be read.", (_STATUS,)
    ),
    # 8: the provider can be reached
    ("provider", "name_not_resolved"): _Row(
        "The provider's name leads nowhere: check its spelling in the gateway's proxy and realm, and the "
        "name servers of FreeSWITCH's host.",
        (
            "getent ahosts {name}",
            "cat /etc/resolv.conf",
            _STATUS,
        ),
    ),
    ("provider", "slow_ping"): _Row(
        "The way to the provider is slow or loaded; calls will have long delays.", ("mtr -rwc 20 {name}",)
    ),
    # 9: recent calls. Words that name a class of a provider's codes have their remedy from that code.
    ("calls", "no_media"): _Row(
        "Calls are answered, and no audio arrives: open the RTP ports for UDP (16384-32768 by default), and "
        "set ext-rtp-ip of the profile to the address under which the provider reaches us.",
        (
            "{cli} -x 'sofia status profile {profile}'",
            "{cli} -x 'global_getvar rtp_start_port'",
            "tcpdump -ni any udp portrange 16384-32768 -c 20",
        ),
    ),
    ("calls", "refused"): _Row(
        "Dials were refused before any INVITE: the dialplan or the application uses a gateway that is down "
        "or unknown. Mend the gateway, or the name in the dial string.",
        ("{cli} -x 'sofia status'",),
    ),
    # 10: the log
    ("log", "logged_errors"): _Row(
        "Read the lines in their context.",
        ("journalctl -u freeswitch -n 200", "tail -n 200 /var/log/freeswitch/freeswitch.log"),
    ),
    # 11: the calling application
    ("backend", "unreachable"): _Row(
        "The calling application does not answer. Start it, or correct backend_url.",
        ("curl -sS -m 5 '{url}/api/calls/health'",),
    ),
    ("backend", "disconnected"): _Row(
        "FreeSWITCH is well, and the application says it is not connected to it: check the host, port and "
        "password of its event socket connection, and the firewall between the two; then restart it.",
        ("curl -sS -m 5 '{url}/api/calls/health'", "ss -tn 'sport = :{port}'"),
    ),
    ("backend", "unclear"): _Row(
        "Its answer is not that of GET /api/calls/health. Check backend_url.",
        ("curl -sS -m 5 '{url}/api/calls/health'",),
    ),
    # 12: the synthetic call: the probe's own record has the remedy
}


def remedy(
    snapshot: Snapshot, check: CheckName, fault: str, *, gateway: str = "", profile: str = "", name: str = ""
) -> Remedy:
    """What to do about a fault of this node.

    Args:
        name: a host name.

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
        "url": _url(snapshot),
    }
    return Remedy(_fill(row.advice, fields), tuple(_fill(command, fields) for command in row.commands))


def _fill(template: str, fields: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: fields[found[1]], template)


def _cli(snapshot: Snapshot) -> str:
    if snapshot.host in ("127.0.0.1", "localhost") and snapshot.port == 8021:
        return "fs_cli"
    return f"fs_cli -H {_host(snapshot)} -P {snapshot.port}"


def _host(snapshot: Snapshot) -> str:
    return snapshot.host if _HOST.fullmatch(snapshot.host) else "HOST"


def _url(snapshot: Snapshot) -> str:
    url = snapshot.backend.url.rstrip("/") if snapshot.backend is not None else ""
    return url if _URL.fullmatch(url) else "URL"


def _plain(name: str, placeholder: str) -> str:
    return name if _PLAIN.fullmatch(name) else placeholder
