"""From the TLS part of the web config to a context of the standard library; the check of a client's names.

Building the context is the check that certificate, key and CA are readable and belong together. So `web`
builds one and drops it; the server builds another each time one of `TlsConfig.files` changes.
"""

import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exporter.config.files import read_text
from exporter.config.problems import InvalidValue
from exporter.config.secret import Secret
from exporter.config.web_model import TlsConfig

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_VERIFY = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


def context(tls: TlsConfig) -> ssl.SSLContext:
    """A server context.

    Raises:
        InvalidValue: certificate, key or client CA cannot be read or used.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = _VERSIONS[tls.min_version]
    made.maximum_version = _VERSIONS[tls.max_version]
    try:
        with _path(tls.cert_file, tls.cert) as certificate, _path(tls.key_file, tls.key) as key:
            # For an encrypted key OpenSSL would ask on the terminal; with an empty password it fails.
            made.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError):
        raise InvalidValue(
            "has no matching certificate and key; write both in PEM, the key without a password"
        ) from None
    made.verify_mode = _VERIFY[tls.client_auth_type]
    authority = read_text(tls.client_ca_file) if tls.client_ca_file else tls.client_ca
    if authority is not None:
        try:
            made.load_verify_locations(cadata=authority)
        except (ssl.SSLError, ValueError):
            raise InvalidValue("has a client CA that is not a certificate; write it in PEM") from None
    return made


@contextmanager
def _path(file: Path | None, pem: str | Secret | None) -> Iterator[Path]:
    """The file, or one with `pem` that no other user can read: OpenSSL takes only paths.

    On Linux that one is in memory and has no name in any folder: a system may have no folder to write to, and
    a key has no business on a disk.
    """
    if file:
        read_text(file)  # its errors name the file and what to do; OpenSSL's do not
        yield file
        return
    text = (pem.reveal() if isinstance(pem, Secret) else pem or "").encode()
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("exporter"), "wb") as memory:  # closed with it
            memory.write(text)
            memory.flush()
            yield Path(f"/proc/self/fd/{memory.fileno()}")
        return
    with tempfile.NamedTemporaryFile(prefix="exporter-") as temporary:
        temporary.write(text)
        temporary.flush()
        yield Path(temporary.name)


def is_allowed(tls: TlsConfig, peer: Mapping[str, Any] | None) -> bool:
    """Whether the client with the certificate `peer` (`ssl.SSLSocket.getpeercert()`) may connect.

    Without `client_allowed_sans` each client that passed the handshake may; with it, one of the
    certificate's DNS names, e-mail, IP or URI addresses must be listed.
    """
    if not tls.client_allowed_sans:
        return True
    names = (peer or {}).get("subjectAltName", ())
    return any(_plain(kind, name) in tls.client_allowed_sans for kind, name in names)


def _plain(kind: str, name: str) -> str:
    """The address as people write it: OpenSSL spells IPv6 out."""
    if kind != "IP Address":
        return name
    try:
        return str(ipaddress.ip_address(name.strip()))
    except ValueError:
        return name
