"""The keys of the web config file: TLS, headers and users, in the format of the Prometheus exporter-toolkit.

Format and rules: exporter-toolkit, docs/web-configuration.md. Only what the exporter supports is declared;
any other key of that format is refused by name, so that no user believes that it works.

`WebFile` is the file as it is written, `WebConfig` what the rest of the program sees.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec

from exporter.config import kinds
from exporter.config.key import Key, ListOf, MapOf, Section
from exporter.config.secret import Secret

ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
TlsVersion = Literal["TLS12", "TLS13"]


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How HTTPS is served. Of each pair `x_file`, `x` (PEM text) one is set, or for the client CA none."""

    cert_file: Annotated[
        Path | None, Key(kinds.FILE, "Certificate in PEM, with its chain. Read again when it changes.")
    ] = None
    cert: Annotated[str | None, Key(kinds.PEM, "The same, in place.")] = None
    key_file: Annotated[
        Path | None, Key(kinds.FILE, "Its key in PEM, without a password. Read again when it changes.")
    ] = None
    key: Annotated[Secret | None, Key(kinds.SECRET_PEM, "The same, in place.")] = None
    client_ca_file: Annotated[
        Path | None, Key(kinds.FILE, "Certificates of the authorities that may issue client certificates.")
    ] = None
    client_ca: Annotated[str | None, Key(kinds.PEM, "The same, in place.")] = None
    client_auth_type: Annotated[
        ClientAuth,
        Key(kinds.choice(*get_args(ClientAuth)), "Whether clients must have a certificate."),
    ] = "NoClientCert"
    client_allowed_sans: Annotated[
        tuple[str, ...],
        Key(ListOf(kinds.TEXT), "Names, one of which a client's certificate must have. Empty: any."),
    ] = ()
    min_version: Annotated[TlsVersion, Key(kinds.choice(*get_args(TlsVersion)), "Oldest TLS version.")] = (
        "TLS12"
    )
    max_version: Annotated[TlsVersion, Key(kinds.choice(*get_args(TlsVersion)), "Newest TLS version.")] = (
        "TLS13"
    )

    def files(self) -> tuple[Path, ...]:
        """The files whose change asks for a new context."""
        return tuple(path for path in (self.cert_file, self.key_file, self.client_ca_file) if path)


class WebConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The web config file: TLS, headers for every answer, users with the bcrypt hashes of their passwords."""

    tls: TlsConfig | None = None
    headers: dict[str, str] = {}
    users: dict[str, Secret] = {}

    def secrets(self) -> Iterator[Secret]:
        """Every secret in it."""
        yield from self.users.values()
        if self.tls and self.tls.key:
            yield self.tls.key


class Headers(msgspec.Struct, frozen=True, kw_only=True):
    """Headers of every answer: the toolkit's own list (web/handler.go), with the values it takes."""

    csp: Annotated[str | None, Key(kinds.TEXT, "Header of every answer.", name="Content-Security-Policy")] = (
        None
    )
    hsts: Annotated[
        str | None, Key(kinds.TEXT, "Header of every answer.", name="Strict-Transport-Security")
    ] = None
    content_type: Annotated[
        str | None, Key(kinds.choice("nosniff"), "Header of every answer.", name="X-Content-Type-Options")
    ] = None
    frame: Annotated[
        str | None, Key(kinds.choice("deny", "sameorigin"), "Header of every answer.", name="X-Frame-Options")
    ] = None
    xss: Annotated[str | None, Key(kinds.TEXT, "Header of every answer.", name="X-XSS-Protection")] = None


class HttpServer(msgspec.Struct, frozen=True, kw_only=True):
    """How HTTP is served."""

    http2: Annotated[bool, Key(kinds.NO_HTTP2, "HTTP/2 is not served.")] = False
    headers: Annotated[Headers, Key(Section(Headers), "Headers of every answer.")] = Headers()


class WebFile(msgspec.Struct, frozen=True, kw_only=True):
    """The file as it is written."""

    tls_server_config: Annotated[
        TlsConfig | None, Key(Section(TlsConfig), "TLS. Without it plain HTTP is served.")
    ] = None
    http_server_config: Annotated[HttpServer, Key(Section(HttpServer), "HTTP.")] = HttpServer()
    basic_auth_users: Annotated[
        dict[str, Secret],
        Key(
            MapOf(kinds.USER_NAME, kinds.BCRYPT_HASH),
            "Who may ask, each with the bcrypt hash of a password: what `htpasswd -nBC 10 NAME` prints.",
        ),
    ] = {}
