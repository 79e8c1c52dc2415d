"""The web config file: TLS, headers and users, in the format of the Prometheus exporter-toolkit.

Format and rules: exporter-toolkit, docs/web-configuration.md. Supported is what the contract names. Whoever
copies a file with anything else is told so by name, rather than left to believe that it works.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from exporter.config import values
from exporter.config.document import parse
from exporter.config.files import read_text
from exporter.config.model import ClientAuth, TlsConfig, TlsVersion, WebConfig
from exporter.config.secret import Secret
from exporter.config.section import InvalidValue, Problems, Section, kind
from exporter.config.tls import context

# The toolkit's own list (web/handler.go), with the values it takes; None: any.
_HEADERS: dict[str, tuple[str, ...] | None] = {
    "Content-Security-Policy": None,
    "Strict-Transport-Security": None,
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": None,
}
_BCRYPT = re.compile(r"\$2[aby]\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")


def read_web_config(path: Path, problems: Problems) -> WebConfig | None:
    """The web config in the file at `path`; None once problems were noted."""
    try:
        document = parse(read_text(path))
    except InvalidValue as unfit:
        problems.add(str(path), "", str(unfit))
        return None
    file = Section(problems, str(path), document)
    tls = _tls(file.section("tls_server_config"), path.parent) if "tls_server_config" in file else None
    http = file.section("http_server_config")
    http.take("http2", _no_http2, None)
    headers = dict(_headers(http.section("headers")))
    http.close()
    users = dict(_users(file.section("basic_auth_users")))
    file.close()
    return WebConfig(path=path, tls=tls, headers=headers, users=users)


def _no_http2(value: object) -> None:
    if value is not False:
        raise InvalidValue("is not false; HTTP/2 is not served: write false, or leave it out")


def _tls(section: Section, folder: Path) -> TlsConfig:
    path = values.path_below(folder)
    versions = values.choice(*get_args(TlsVersion))
    plain = TlsConfig()
    tls = TlsConfig(
        cert_file=section.take("cert_file", path, None),
        cert=section.take("cert", _pem, None),
        key_file=section.take("key_file", path, None),
        key=section.take("key", lambda value: Secret(_pem(value)), None),
        client_ca_file=section.take("client_ca_file", path, None),
        client_ca=section.take("client_ca", _pem, None),
        client_auth_type=section.take(
            "client_auth_type", values.choice(*get_args(ClientAuth)), plain.client_auth_type
        ),
        client_allowed_sans=section.take_list("client_allowed_sans", values.text, ()),
        min_version=section.take("min_version", versions, plain.min_version),
        max_version=section.take("max_version", versions, plain.max_version),
    )
    section.close()
    _pair(section, "cert")
    _pair(section, "key")
    if "client_ca" in section and "client_ca_file" in section:
        section.add("client_ca_file", "stands beside client_ca; keep one of the two")
    authority = "client_ca" in section or "client_ca_file" in section
    if authority != (tls.client_auth_type != "NoClientCert"):
        section.add(
            "client_auth_type",
            f"is {tls.client_auth_type} {'with' if authority else 'without'} a client CA; "
            "write client_ca_file and client_auth_type: RequireAndVerifyClientCert, or neither",
        )
    if tls.client_allowed_sans and tls.client_auth_type != "RequireAndVerifyClientCert":
        section.add(
            "client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert; write that too"
        )
    if tls.min_version > tls.max_version:
        section.add("min_version", f"is above max_version; write {tls.max_version}")
    if not section.problems.concern(section.key):
        try:
            context(tls)
        except InvalidValue as unfit:
            section.add("", str(unfit))
    return tls


def _pair(section: Section, name: str) -> None:
    """Of `name` and `name_file` one must be there."""
    if name in section and f"{name}_file" in section:
        section.add(f"{name}_file", f"stands beside {name}; keep one of the two")
    if name not in section and f"{name}_file" not in section:
        section.add(f"{name}_file", "is missing; write the path of a file in PEM")


def _pem(value: object) -> str:
    if isinstance(value, str) and "-----BEGIN " in value:
        return value
    raise InvalidValue(
        f"is {kind(value)} and no PEM; write a block after |, or a path under the key with _file"
    )


def _headers(section: Section) -> Iterator[tuple[str, str]]:
    for name, words in _HEADERS.items():
        value = section.take(name, values.text if words is None else values.choice(*words), "")
        if value:
            yield name, value
    section.close()


def _users(section: Section) -> Iterator[tuple[str, Secret]]:
    for name, password_hash in section.items(_bcrypt):
        if ":" in name or not name:
            section.add(name, "is no user name; write one without a colon")
        yield name, password_hash


def _bcrypt(value: object) -> Secret:
    if isinstance(value, str) and _BCRYPT.fullmatch(value):
        return Secret(value)
    raise InvalidValue(
        "is no bcrypt hash; write what `htpasswd -nBC 10 USER` prints behind the colon, in quotes"
    )
