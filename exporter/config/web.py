"""Reads the web config file, which `web_model` declares, and checks the rules over several of its keys."""

from pathlib import Path

from exporter.config.document import parse
from exporter.config.files import read_text
from exporter.config.key import Given, keys
from exporter.config.problems import InvalidValue, KeyPath, Origin, Problems
from exporter.config.reader import Reader
from exporter.config.tls import context
from exporter.config.web_model import Headers, TlsConfig, WebConfig, WebFile

_TLS: KeyPath = ("tls_server_config",)


def read_web_config(path: Path, problems: Problems) -> WebConfig | None:
    """The web config in the file at `path`; None if the file cannot be read.

    Args:
        path: of the file; relative paths in it are relative to its folder.
        problems: where everything that is wrong with it is noted.
    """
    of_file = Problems()
    try:
        document = parse(read_text(path))
    except InvalidValue as invalid:
        problems.add((), str(invalid), Origin(str(path), invalid.line))
        return None
    file = Reader(of_file, str(path), Given(path.parent, (), ())).read(WebFile, document)
    if file.tls_server_config:
        _check_tls(file.tls_server_config, of_file)
    problems.include(of_file)
    headers = file.http_server_config.headers
    return WebConfig(
        tls=file.tls_server_config,
        headers={
            key.name: text for key in keys(Headers) if (text := getattr(headers, key.field)) is not None
        },
        users=file.basic_auth_users,
    )


def _check_tls(tls: TlsConfig, problems: Problems) -> None:
    for name in ("cert", "key"):
        _one_of(name, problems, needed=True)
    _one_of("client_ca", problems, needed=False)
    authority = _written("client_ca", problems) or _written("client_ca_file", problems)
    if authority != (tls.client_auth_type != "NoClientCert"):
        problems.add(
            (*_TLS, "client_auth_type"),
            f"is {tls.client_auth_type} {'with' if authority else 'without'} a client CA; "
            "write client_ca_file and client_auth_type: RequireAndVerifyClientCert, or neither",
        )
    if tls.client_allowed_sans and tls.client_auth_type != "RequireAndVerifyClientCert":
        problems.add(
            (*_TLS, "client_allowed_sans"),
            "needs client_auth_type: RequireAndVerifyClientCert; write that too",
        )
    if tls.min_version > tls.max_version:
        problems.add((*_TLS, "min_version"), f"is above max_version; write {tls.max_version}")
    if not problems.concern(_TLS):
        try:
            context(tls)
        except InvalidValue as invalid:
            problems.add(_TLS, str(invalid))


def _one_of(name: str, problems: Problems, *, needed: bool) -> None:
    """Of `name` and `name_file` one must be written, or, if not `needed`, none."""
    path = (*_TLS, f"{name}_file")
    if _written(name, problems) and problems.written(path):
        problems.add(path, f"is set together with {name}; keep one of the two")
    elif needed and not _written(name, problems) and not problems.written(path):
        problems.add(path, "is missing; write the path of a file in PEM")


def _written(name: str, problems: Problems) -> bool:
    return problems.written((*_TLS, name))
