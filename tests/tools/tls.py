"""A TLS server on this machine with a certificate of any age, and the authority that vouches for it. Holds no assertion."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """Issues certificates for 127.0.0.1 into a folder; `file` is its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
        self.file = folder / "authority.pem"
        self.file.write_bytes(self._sign(self.name, self.key.public_key(), 3650, None).public_bytes(Encoding.PEM))

    def _sign(self, name: x509.Name, key: ec.EllipticCurvePublicKey, days: float, host: str | None) -> x509.Certificate:
        end = datetime.now(UTC) + timedelta(days=days)
        made = x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(key).serial_number(x509.random_serial_number())
        made = made.not_valid_before(end - timedelta(days=4000)).not_valid_after(end)
        made = made.add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        if host is None:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            return made.add_extension(usage, critical=True).sign(self.key, SHA256())
        return made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False).sign(self.key, SHA256())

    def issue(self, days: float, host: str = "127.0.0.1") -> Path:
        """A certificate with its key that ends in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        found = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "town")]), key.public_key(), days, host)
        path = self.folder / f"town-{days}-{host}.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + found.public_bytes(Encoding.PEM))
        return path


@contextmanager
def serving(certificate: Path, key: Path | None = None) -> Iterator[str]:
    """Shakes hands with whoever comes; gives the address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                plain.settimeout(5)
                with suppress(OSError), context.wrap_socket(plain, server_side=True) as secure:
                    secure.recv(1)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
