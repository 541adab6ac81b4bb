"""Sealing what is personal before it reaches a disk: AES-256-GCM bound to its row, and blind indexes for exact look-up.

Owns the key ring, the form of a sealed value and the rule what is sealed. Knows no table: a caller names the purpose and the row.
A record kind marked personal is sealed wherever a copy lies (log line, folded state, kept bytes, snapshot packs, sensitive
columns), and so is everything whose kind this version does not know. Source: GB/T 35273-2020 6.3 (storage of sensitive personal
information), 个人信息保护法 Art. 51.
Invariants: a value opens only under the purpose and row it was sealed for, so copying bytes between rows is noticed; the first key
of the ring seals, every key opens, so a key is changed without stopping (`flask reseal`).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.kinds import KINDS

KEY_BYTES = 32
# No stored plain value begins so: a state and a line that is an op begin with a brace, any other line is always sealed.
MARK = b"\x01"
TEXT_MARK = "sealed:"
NAME_BYTES, NONCE_BYTES, INDEX_BYTES = 4, 12, 16
PURPOSES = ("op", "record", "quarantine", "snapshot", "column")


class SealBroken(RuntimeError):
    """A sealed value does not open: its key is not in the ring, or its bytes were changed or moved to another row."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the ring: a cipher per purpose, and the secret of its blind indexes."""

    name: bytes
    ciphers: dict[str, AESGCM]
    index: bytes


def is_sealed_kind(kind: str) -> bool:
    """Whether records of a kind are sealed; unknown kinds are, because nobody can say what they hold."""
    return kind not in KINDS or KINDS[kind].personal


def _derive(key: bytes, purpose: str) -> bytes:
    # A key per purpose: each may seal 2^32 values under random nonces (NIST SP 800-38D 8.3).
    return HKDF(SHA256(), KEY_BYTES, None, b"xunan/" + purpose.encode()).derive(key)


def _unpacked(stored: str) -> bytes:
    try:
        return base64.b64decode(stored.rpartition(":")[2], validate=True)
    except binascii.Error:
        return MARK


class Seal:
    """The ring of this process; opened once by `create_app`, like the database."""

    def __init__(self) -> None:
        self.keys: dict[bytes, Key] = {}
        self.first: Key | None = None

    def init(self, keys: Sequence[bytes]) -> None:
        """Take the keys of the settings, the sealing one first."""
        ring = [
            Key(sha256(key).digest()[:NAME_BYTES], {each: AESGCM(_derive(key, each)) for each in PURPOSES}, _derive(key, "index"))
            for key in keys
        ]
        self.keys = {key.name: key for key in ring}
        self.first = ring[0]

    def close(self, purpose: str, row: str, plain: bytes) -> bytes:
        """Seal bytes for a row: mark, key name, nonce, AES-GCM text."""
        key = self._sealing()
        nonce = os.urandom(NONCE_BYTES)
        return MARK + key.name + nonce + key.ciphers[purpose].encrypt(nonce, plain, row.encode())

    def open(self, purpose: str, row: str, stored: bytes) -> bytes:
        """The bytes that were sealed; a value that is not sealed as it is. Raises SealBroken."""
        if stored[:1] != MARK:
            return stored
        head = len(MARK) + NAME_BYTES
        key = self.keys.get(stored[len(MARK) : head])
        if key is None:
            raise SealBroken(f"no key for {purpose} {row}")
        nonce, text = stored[head : head + NONCE_BYTES], stored[head + NONCE_BYTES :]
        try:
            return key.ciphers[purpose].decrypt(nonce, text, row.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(f"{purpose} {row} was changed or moved") from None

    def is_current(self, stored: bytes) -> bool:
        """Whether a value is sealed with the sealing key."""
        return stored.startswith(MARK + self._sealing().name)

    def close_text(self, column: str, row: str, plain: str) -> str:
        """A sealed text column: `sealed:<blind index>:<base64>`, found by `indexes_of` as a prefix."""
        sealed = self.close("column", f"{column}:{row}", plain.encode())
        return f"{self._index(self._sealing(), column, plain)}{base64.b64encode(sealed).decode()}"

    def open_text(self, column: str, row: str, stored: str) -> str:
        """The text of a column; a text that is not sealed as it is. Raises SealBroken."""
        return self.open("column", f"{column}:{row}", _unpacked(stored)).decode() if stored.startswith(TEXT_MARK) else stored

    def is_current_text(self, stored: str) -> bool:
        """Whether a text is sealed with the sealing key."""
        return stored.startswith(TEXT_MARK) and self.is_current(_unpacked(stored))

    def indexes_of(self, column: str, plain: str) -> list[str]:
        """Prefixes under which a value may stand in a sealed column, one per key of the ring."""
        return [self._index(key, column, plain) for key in self.keys.values()]

    def _index(self, key: Key, column: str, plain: str) -> str:
        same = unicodedata.normalize("NFKC", plain).upper().translate({ord(each): None for each in " -‐–—\t"})
        mac = hmac.digest(key.index, f"{column}\0{same}".encode(), "sha256")[:INDEX_BYTES]
        return f"{TEXT_MARK}{base64.urlsafe_b64encode(mac).decode().rstrip('=')}:"

    def _sealing(self) -> Key:
        if self.first is None:
            raise RuntimeError("no data key is set: call seal.init(settings.data_keys) first")
        return self.first


seal = Seal()
