"""Whether a body came as it was sent (P-31): `Content-Digest` of a request (RFC 9530), `Unencoded-Digest` of an answer.

Pure. TLS already refuses damaged bytes; a hub spoken to in plain, or a box on the way that opens the TLS, does not. An answer names the
digest of its plain bytes, because a browser does not show the packed ones. Who sends no digest is believed, as every released version was.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256

PREFIX, SUFFIX = "sha-256=:", ":"


def digest_of(body: bytes) -> str:
    """The value of the header."""
    return f"{PREFIX}{base64.b64encode(sha256(body).digest()).decode()}{SUFFIX}"


def is_damaged(told: str | None, body: bytes) -> bool:
    """True when a SHA-256 was told and is not that of the body. Other algorithms and unreadable values say nothing."""
    for part in (told or "").split(","):
        name = part.strip()
        if name.startswith(PREFIX) and name.endswith(SUFFIX):
            try:
                return base64.b64decode(name[len(PREFIX) : -len(SUFFIX)], validate=True) != sha256(body).digest()
            except binascii.Error:
                return False
    return False
