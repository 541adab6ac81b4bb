"""Hashes of what people know and of what machines carry, and the random words handed to people.

Owns the choice of hash: passwords with argon2id and a salt each; codes short enough to be tried with the same, salted by something that
is not beside them; 256-bit tokens with SHA-256. Knows no table.
"""

from __future__ import annotations

import re
import secrets
from hashlib import sha256

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import Type, hash_secret_raw

from server.accounts.passwords import is_weak

# OWASP's smallest argon2id set: 26 ms here, so that a morning of sign-ins does not stall the sync.
TIME_COST, MEMORY_KIB = 2, 19_456
_hasher = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=1)
# What an unknown name is compared with, so that it costs what a known one does.
NOBODY = _hasher.hash(secrets.token_hex(16))
# Without what looks alike on paper.
LETTERS, WORD_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", "abcdefghjkmnpqrstuvwxyz23456789"
CODE_LENGTH = PASSWORD_LENGTH = 12
RECOVERY_LENGTH = 10


def hash_password(password: str) -> str:
    """argon2id with its own salt."""
    return _hasher.hash(password)


def is_password(stored: str, password: str) -> bool:
    """Whether a password is the one whose hash is stored."""
    try:
        return _hasher.verify(stored, password)
    except (Argon2Error, InvalidHashError):
        return False


def token_hash(token: str) -> str:
    """SHA-256 of a random token; enough for 256 random bits."""
    return sha256(token.encode()).hexdigest()


def code_hash(code: str, salt: str) -> str:
    """Slow hash of a code as typed: case and separators do not count. One salt gives one hash, so that it can be looked up."""
    plain = re.sub(r"[^A-Z0-9]", "", code.upper()).encode()
    return hash_secret_raw(plain, sha256(salt.encode()).digest(), TIME_COST, MEMORY_KIB, 1, 32, Type.ID).hex()


def _groups(raw: str, size: int) -> str:
    return "-".join(raw[at : at + size] for at in range(0, len(raw), size))


def new_code() -> str:
    """An enrolment code such as `XK4P-7TQM-2HWD`: 60 bits."""
    return _groups("".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH)), 4)


def new_recovery_code() -> str:
    """A recovery code such as `K7QMX-2HWDP`: 50 bits."""
    return _groups("".join(secrets.choice(LETTERS) for _ in range(RECOVERY_LENGTH)), 5)


def new_password(*names: str) -> str:
    """A first password such as `kq7m-x2vp-9rtd`: 59 bits, and one the rule takes (of random letters too some are none) for who has these names."""
    while True:
        word = _groups("".join(secrets.choice(WORD_LETTERS) for _ in range(PASSWORD_LENGTH)), 4)
        if not is_weak(word, names):
            return word
