"""What mod_sofia answers: the texts of `sofia ...`, byte for byte.

Strategy: as replies.py. The same gateway is shown in five ways (two texts, two XMLs and a list), each with
FreeSWITCH's peculiarities: only three fields of the XML are escaped, `sofia xmlstatus` has bare text
between its elements, an unknown gateway is "Invalid Gateway!" in XML too.
"""

from typing import Final
from xml.sax.saxutils import escape

from exporter.simulator import telephones
from exporter.simulator.clock import local_date
from exporter.simulator.gateways import Gateway
from exporter.simulator.profiles import Profile
from exporter.simulator.switch import Switch

LINE: Final = "=" * 97 + "\n"
PROLOG: Final = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
INVALID_GATEWAY: Final = "Invalid Gateway!\n"
INVALID_PROFILE: Final = "Invalid Profile!\n"


def sofia(switch: Switch, arguments: str) -> str:
    """The reply to `sofia arguments`."""
    words = arguments.split()
    match words:
        case ["status"]:
            return _sofia_status(switch)
        case ["status", "gateway", name]:
            gateway = switch.sofia.find(name)
            return _gateway_text(gateway) if gateway else INVALID_GATEWAY
        case ["status", "gateway"]:
            return _gateway_list(switch)
        case ["status", "profile", name, "user", user]:
            profile = switch.sofia.running_profile(name)
            return _registrations_text(switch, profile, user) if profile else INVALID_PROFILE
        case ["status", "profile", name, "reg"]:
            profile = switch.sofia.running_profile(name)
            return _registrations_text(switch, profile) if profile else INVALID_PROFILE
        case ["status", "profile", name, *_]:
            profile = switch.sofia.running_profile(name)
            return _profile_text(switch, profile) if profile else INVALID_PROFILE
        case ["xmlstatus"]:
            return _sofia_xml(switch)
        case ["xmlstatus", "gateway", name]:
            gateway = switch.sofia.find(name)
            return PROLOG + _gateway_xml(gateway) if gateway else INVALID_GATEWAY
        case ["xmlstatus", "gateway"]:
            body = "".join(_gateway_xml(gateway) for gateway in switch.listed_gateways())
            return f"{PROLOG}<gateways>\n{body}</gateways>\n"
        case ["profile", name, *rest]:
            return _sofia_profile(switch, name, rest)
    return "Invalid Syntax!\n"


def _legs_of(switch: Switch, profile: Profile) -> int:
    return sum(leg.sip.profile == profile.name for leg in switch.legs.values())


def _retry(seconds: int | None) -> str:
    if seconds is None:
        return ""
    return f" (retry: {seconds}s)" if seconds else " (retry: NEVER)"


def _to(gateway: Gateway) -> str:
    return f"sip:{gateway.config.username}@{gateway.config.proxy}"


def _sofia_status(switch: Switch) -> str:
    rows = [f"{'Name':>25}\t   Type\t  {'Data':>40}\tState\n", LINE]
    running = switch.sofia.running()
    for profile in running:
        rows.append(
            f"{profile.name:>25}\tprofile\t  {profile.url:>40}\tRUNNING ({_legs_of(switch, profile)})\n"
        )
        for gateway in profile.gateways:
            label = f"{profile.name}::{gateway.name}"
            rows.append(f"{label:>25}\tgateway\t  {_to(gateway):>40}\t{gateway.state}")
            rows.append(_retry(gateway.retry_seconds) + "\n")
    rows.append(LINE)
    rows.append(f"{len(running)} profile{'' if len(running) == 1 else 's'} 0 aliases\n")
    return "".join(rows)


def _sofia_xml(switch: Switch) -> str:
    parts = [PROLOG, "<profiles>\n"]
    for profile in switch.sofia.running():
        state = f"RUNNING ({_legs_of(switch, profile)})"
        parts.append(f"<profile>\n<name>{profile.name}</name>\n<type>profile</type>\n")
        parts.append(f"<data>{profile.url}</data>\n<state>{state}</state>\n</profile>\n")
        for gateway in profile.gateways:
            parts.append(f"<gateway>\n<name>{gateway.name}</name>\n<type>gateway</type>\n")
            parts.append(f"<data>{_to(gateway)}</data>\n<state>{gateway.state}</state>\n</gateway>\n")
            parts.append(_retry(gateway.retry_seconds) + "\n")
    parts.append("</profiles>\n")
    return "".join(parts)


def _gateway_list(switch: Switch) -> str:
    head = (
        "    Profile::Gateway-Name\t                        Data    \tState\tPing Time\t"
        "IB Calls(F/T)\tOB Calls(F/T)\n"
    )
    rows = [head, LINE]
    gateways = switch.listed_gateways()
    for gateway in gateways:
        label = f"{gateway.profile}::{gateway.name}"
        rows.append(
            f"{label:>25}\t{_to(gateway):>32}\t{gateway.state}\t{gateway.ping_milliseconds:6.2f}\t"
            f"{gateway.failed_calls_in}/{gateway.calls_in}\t{gateway.failed_calls_out}/{gateway.calls_out}"
            f"{_retry(gateway.timeout_seconds)}\n"
        )
    rows.append(LINE)
    rows.append(
        f"{len(gateways)} gateway{'' if len(gateways) == 1 else 's'}: Inbound(Failed/Total): "
        f"{sum(g.failed_calls_in for g in gateways)}/{sum(g.calls_in for g in gateways)},"
        f"Outbound(Failed/Total):"
        f"{sum(g.failed_calls_out for g in gateways)}/{sum(g.calls_out for g in gateways)}\n"
    )
    return "".join(rows)


def _domain(gateway: Gateway) -> str:
    return gateway.config.from_domain or gateway.config.proxy


def _contact(gateway: Gateway) -> str:
    name = gateway.name
    return f"<sip:gw+{name}@127.0.0.1:5080;transport=udp;gw={name}>"


def _gateway_text(gateway: Gateway) -> str:
    config = gateway.config
    status = ("UP" if gateway.up else "DOWN") + (" (ping)" if gateway.pinging else "")
    fields = (
        ("Name    ", config.name),
        ("Profile ", config.profile),
        ("Scheme  ", "Digest"),
        ("Realm   ", config.realm),
        ("Username", config.username),
        ("Password", "yes"),
        ("From    ", f"<sip:{config.username}@{_domain(gateway)}>"),
        ("Contact ", _contact(gateway)),
        ("Exten   ", config.username),
        ("To      ", _to(gateway)),
        ("Proxy   ", f"sip:{config.proxy}"),
        ("Context ", "public"),
        ("Expires ", str(config.expire_seconds)),
        ("Freq    ", str(config.expire_seconds)),
        ("Ping    ", str(int(gateway.ping_at))),
        ("PingFreq", str(config.ping)),
        ("PingTime", f"{gateway.ping_milliseconds:.2f}"),
        ("PingState", "/".join(map(str, _ping_counts(gateway)))),
        ("State   ", gateway.state),
        ("Status  ", status),
        ("Uptime  ", f"{int(gateway.uptime)}s"),
        ("CallsIN ", str(gateway.calls_in)),
        ("CallsOUT", str(gateway.calls_out)),
        ("FailedCallsIN", str(gateway.failed_calls_in)),
        ("FailedCallsOUT", str(gateway.failed_calls_out)),
    )
    return LINE + "".join(f"{name}\t{value}\n" for name, value in fields) + LINE


def _ping_counts(gateway: Gateway) -> tuple[int, int, int]:
    config = gateway.config
    return (config.ping_min, gateway.ping_count, config.ping_max) if config.ping else (0, 0, 0)


def _gateway_xml(gateway: Gateway) -> str:
    """Only from, contact and exten are escaped: a raw `&` in a username stays raw, as in FreeSWITCH."""
    config = gateway.config
    minimum, count, maximum = _ping_counts(gateway)
    fields = [
        ("name", config.name),
        ("profile", config.profile),
        ("scheme", "Digest"),
        ("realm", config.realm),
        ("username", config.username),
        ("password", "yes"),
        ("from", escape(f"<sip:{config.username}@{_domain(gateway)}>")),
        ("contact", escape(_contact(gateway))),
        ("exten", escape(config.username)),
        ("to", _to(gateway)),
        ("proxy", f"sip:{config.proxy}"),
        ("context", "public"),
        ("expires", str(config.expire_seconds)),
        ("freq", str(config.expire_seconds)),
        ("ping", str(int(gateway.ping_at))),
        ("pingfreq", str(config.ping)),
        ("pingmin", str(minimum)),
        ("pingcount", str(count)),
        ("pingmax", str(maximum)),
        ("pingtime", f"{gateway.ping_milliseconds:.2f}"),
        ("pinging", "1" if gateway.pinging else "0"),
        ("state", gateway.state),
        ("status", "UP" if gateway.up else "DOWN"),
        ("uptime-usec", str(int(gateway.uptime * 1_000_000))),
        ("calls-in", str(gateway.calls_in)),
        ("calls-out", str(gateway.calls_out)),
        ("failed-calls-in", str(gateway.failed_calls_in)),
        ("failed-calls-out", str(gateway.failed_calls_out)),
    ]
    retry = gateway.retry_seconds
    if retry is not None:
        fields.append(("retry", f"{retry}s" if retry else "NEVER"))
    inner = "".join([f"    <{name}>{value}</{name}>\n" for name, value in fields])
    return f"  <gateway>\n{inner}  </gateway>\n"


def _profile_text(switch: Switch, profile: Profile) -> str:
    gateways = profile.gateways
    fields = (
        ("Name", profile.name),
        ("Domain Name", "N/A"),
        ("Auto-NAT", "false"),
        ("DBName", f"sofia_reg_{profile.name}"),
        ("Pres Hosts", ""),
        ("Dialplan", "XML"),
        ("Context", profile.context),
        ("Challenge Realm", "auto_to"),
        ("RTP-IP", profile.ip),
        ("SIP-IP", profile.ip),
        *([("Ext-SIP-IP", profile.external_ip)] if profile.external_ip else []),
        ("URL", profile.url),
        ("BIND-URL", f"{profile.bind_url};transport=udp,tcp"),
        ("HOLD-MUSIC", "N/A"),
        ("OUTBOUND-PROXY", "N/A"),
        ("CODECS IN", "PCMU,PCMA"),
        ("CODECS OUT", "PCMU,PCMA"),
        ("TEL-EVENT", "101"),
        ("DTMF-MODE", "rfc2833"),
        ("CNG", "13"),
        ("SESSION-TO", "0"),
        ("MAX-DIALOG", "0"),
        ("MAX-RECV-RPS", "1000"),
        ("NOMEDIA", "false"),
        ("LATE-NEG", "false"),
        ("PROXY-MEDIA", "false"),
        ("AGGRESSIVENAT", "false"),
        ("CALLS-IN", str(sum(g.calls_in for g in gateways))),
        ("FAILED-CALLS-IN", str(sum(g.failed_calls_in for g in gateways))),
        ("CALLS-OUT", str(sum(g.calls_out for g in gateways))),
        ("FAILED-CALLS-OUT", str(sum(g.failed_calls_out for g in gateways))),
        ("REGISTRATIONS", str(_registrations(switch, profile))),
    )
    return LINE + "".join(f"{name:<17}\t{value}\n" for name, value in fields)


def _registrations(switch: Switch, profile: Profile) -> int:
    if profile.name != telephones.PROFILE:
        return 0
    return switch.registrations + len(switch.telephones.rows)


def _registrations_text(switch: Switch, profile: Profile, user: str | None = None) -> str:
    """The registrations, of one user if asked; none in any other profile than that of the telephones."""
    phones = switch.telephones.rows.values() if profile.name == telephones.PROFILE else ()
    listed = [phone for phone in phones if user in (None, f"{phone.user}@{telephones.DOMAIN}")]
    rows = "".join(_telephone_text(switch, phone) for phone in listed)
    return f"\nRegistrations:\n{LINE}{rows}Total items returned: {len(listed)}\n{LINE}"


def _telephone_text(switch: Switch, phone: telephones.Telephone) -> str:
    ends = int(phone.since) + telephones.EXPIRES + telephones.MARGIN
    account = f"{phone.user}@{telephones.DOMAIN}"
    left = ends - int(switch.clock.now())
    status = f"Registered(UDP)(unknown) EXP({local_date(ends * 1_000_000)}) EXPSECS({left})"
    fields = (
        ("Call-ID:    ", phone.call_id),
        ("User:       ", account),
        ("Contact:    ", phone.contact),
        ("Agent:      ", phone.agent),
        ("Status:     ", status),
        ("Ping-Status:", "Reachable"),
        ("Ping-Time:", "0.00"),
        ("Host:       ", switch.identity.switchname),
        ("IP:         ", phone.address),
        ("Port:       ", telephones.PORT),
        ("Auth-User:  ", phone.user),
        ("Auth-Realm: ", telephones.DOMAIN),
        ("MWI-Account:", account),
    )
    return "".join(f"{name}\t{value}\n" for name, value in fields) + "\n"


def _sofia_profile(switch: Switch, name: str, rest: list[str]) -> str:
    profile = switch.sofia.running_profile(name)
    reloaded = "Reload XML [Success]\n"
    if rest[:1] == ["start"]:
        if profile is not None or name not in switch.profiles:
            return f"{reloaded}Failure starting {name}\n"
        switch.start_profile(name)
        return f"{reloaded}{name} started successfully\n"
    if profile is None:
        return f"Invalid Profile [{name}]"
    match rest:
        case ["restart", *_]:
            switch.restart_profile(name)
            return f"{reloaded}restarting: {name}"
        case ["stop", *_]:
            switch.stop_profile(name)
            return f"stopping: {name}"
        case ["rescan", *_]:
            switch.rescan(name)
            return f"{reloaded}+OK scan complete\n"
        case ["gwlist", *which]:
            up = which != ["down"]
            return "".join(f"{gateway.name} " for gateway in profile.gateways if gateway.up == up)
        case [("killgw" | "register" | "unregister") as verb, gateway_name]:
            return _gateway_command(switch.sofia.find(gateway_name), verb)
    return f"Unknown Command [{rest[0] if rest else ''}]\n"


def _gateway_command(gateway: Gateway | None, verb: str) -> str:
    if verb == "killgw":
        if gateway is None:
            return "-ERR no such gateway.\n"
        gateway.kill()
        return "+OK gateway marked for deletion.\n"
    if gateway is None or not gateway.config.register:
        return "Invalid gateway!\n"
    if verb == "register":
        gateway.ask_register()
    else:
        gateway.ask_unregister()
    return "+OK\n"
