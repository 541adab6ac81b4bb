"""Certificates of this server's addresses, seen as a handheld sees them: who vouches, for which name, for how many days.

Owns the looking. Connects to the address and reads what is served there, because a renewed file that nobody loaded is still an old certificate.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography import x509

SECONDS_MAX = 5


@dataclass(frozen=True, slots=True)
class Served:
    """What an address served. `why_not` is the reason why a browser would refuse it, None when it would not."""

    begins: datetime
    ends: datetime
    why_not: str | None

    def days_left(self, at: datetime) -> int:
        """Whole days until it ends; negative when it has ended."""
        return (self.ends - at).days


def look(url: str) -> Served:
    """The certificate served at an https address. Raises OSError when nothing answers there."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, port), SECONDS_MAX) as plain, anyone.wrap_socket(plain, server_hostname=host) as secure:
        found = x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"")
    return Served(found.not_valid_before_utc, found.not_valid_after_utc, _why_not(host, port))


def _why_not(host: str, port: int) -> str | None:
    try:
        with socket.create_connection((host, port), SECONDS_MAX) as plain, ssl.create_default_context().wrap_socket(plain, server_hostname=host):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message


def now() -> datetime:
    """The time of the machine it runs on."""
    return datetime.now(UTC)
