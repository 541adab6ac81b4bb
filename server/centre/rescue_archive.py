"""A rescue bundle as an archive: `header.json`, `ops.ndjson`, `files/<sha256>` in a ZIP. Reads only; trusts nothing.

Invariants: no name in the archive ever becomes a path; every entry is bounded before it is unpacked, and a file takes no more
room than it took in the archive (P-61: stored, not packed); lines are the bytes the device hashed. A line of the archive is
{"dev", "n", "h", "line"}.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256 as sha256_of
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from sync import limits
from sync.op import DEV

FORMATS = frozenset({"xunan-rescue", "xunan-bundle"})
VERSION = 1
HEADER_BYTES_MAX = 8 * 1024 * 1024
OPS_BYTES_MAX = 64 * 1024 * 1024
ENTRIES_MAX = 20_000
FILE_NAME = re.compile(r"files/([0-9a-f]{64})\Z")
# What zipfile raises for a damaged, foreign or encrypted archive.
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)
HASH = re.compile(r"[0-9a-f]{8}\Z")
SHA256 = re.compile(r"[0-9a-f]{64}\Z")
MIME = re.compile(r"[a-z]+/[a-z0-9.+-]{1,60}\Z")


@dataclass(frozen=True, slots=True)
class Carried:
    """One op line as the device stored it."""

    n: int
    h: str
    line: bytes


@dataclass(frozen=True, slots=True)
class BundleHeader:
    """What the bundle says of itself. `files` maps sha256 to the claimed type."""

    device_id: str | None
    dev: str
    first: int
    prev_h: str
    made_at: str
    count: int
    ops_sha256: str
    left_behind: int
    signature: str | None
    files: dict[str, str]

    @property
    def signed_bytes(self) -> bytes:
        """What the device's key signs."""
        return f"{self.dev}:{self.count}:{self.ops_sha256}".encode()


class Archive:
    """An open bundle. Raises ValueError, KeyError or one of UNREADABLE for anything that is not one."""

    def __init__(self, path: Path, file_bytes_max: int) -> None:
        """Opens and checks the outline; nothing is unpacked to disk."""
        self._zip = zipfile.ZipFile(path)
        self._file_bytes_max = file_bytes_max
        entries = self._zip.infolist()
        if len(entries) > ENTRIES_MAX:
            raise ValueError("too many entries")
        self.files = {found[1]: entry for entry in entries if (found := FILE_NAME.match(entry.filename)) is not None}
        self.header = read_header(self._bounded("header.json", HEADER_BYTES_MAX))
        self._ops = self._bounded("ops.ndjson", OPS_BYTES_MAX)
        if sha256_of(self._ops).hexdigest() != self.header.ops_sha256:
            raise ValueError("ops.ndjson is not what the header says")
        if self._ops.count(b"\n") > self.header.count:
            raise ValueError("count of lines")
        self.lines_by_dev = self._by_author()

    def __enter__(self) -> Archive:
        """Use as a context."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the file."""
        self._zip.close()

    def _bounded(self, name: str, limit: int) -> bytes:
        entry = self._zip.getinfo(name)
        if entry.file_size > limit:
            raise ValueError(f"{name} is too large")
        with self._zip.open(entry) as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise ValueError(f"{name} is too large")
        return data

    def _by_author(self) -> dict[str, list[Carried]]:
        """Lines by author, each in the order of `n`, repeated lines once."""
        found: dict[str, dict[int, Carried]] = {}
        texts = [text for text in self._ops.split(b"\n") if text.strip()]
        if len(texts) != self.header.count:
            raise ValueError("count of lines")
        for text in texts:
            dev, carried = read_carried(orjson.loads(text))
            found.setdefault(dev, {})[carried.n] = carried
        return {dev: [lines[n] for n in sorted(lines)] for dev, lines in sorted(found.items())}

    def mime(self, sha256: str) -> str:
        """The claimed type of a file."""
        return self.header.files.get(sha256, "application/octet-stream")

    def size(self, sha256: str) -> int:
        """Bytes of a file, as the archive claims."""
        return min(self.files[sha256].file_size, self._file_bytes_max)

    @contextmanager
    def extracted(self, sha256: str, folder: Path) -> Iterator[Path | None]:
        """A local copy of one file, gone afterwards; None when it is too large or damaged in the archive."""
        with tempfile.NamedTemporaryFile(dir=folder, prefix="rescue-", delete=False) as target:
            path = Path(target.name)
            whole = self._unpack(sha256, target)
        try:
            yield path if whole else None
        finally:
            path.unlink(missing_ok=True)

    def _unpack(self, sha256: str, target: Any) -> bool:
        left = self._file_bytes_max
        entry = self.files[sha256]
        if entry.compress_type != zipfile.ZIP_STORED:
            return False
        try:
            with self._zip.open(entry) as stream:
                while chunk := stream.read(1 << 20):
                    left -= len(chunk)
                    if left < 0:
                        return False
                    target.write(chunk)
        except UNREADABLE:
            return False
        return True


def read_header(raw: bytes) -> BundleHeader:
    """Check the header. Unknown keys are ignored; both names of the format are read."""
    value = orjson.loads(raw)
    if not isinstance(value, dict) or value.get("format") not in FORMATS or value.get("version") != VERSION:
        raise ValueError("not a rescue bundle")
    dev, ops_sha256 = value.get("dev"), value.get("ops_sha256") or value.get("sha256")
    count, first = value.get("count"), value.get("from", 1)
    if not isinstance(dev, str) or not DEV.match(dev) or type(count) is not int or type(first) is not int:
        raise ValueError("header")
    if not isinstance(ops_sha256, str) or not SHA256.match(ops_sha256):
        raise ValueError("header")
    device_id, signature, left_behind = value.get("device_id"), value.get("signature"), value.get("sealed_left_behind", 0)
    files = value.get("files")
    return BundleHeader(
        device_id=device_id if isinstance(device_id, str) and len(device_id) <= 64 else None,
        dev=dev, first=first, prev_h=str(value.get("prev_h", "")), made_at=str(value.get("made_at", ""))[:40], count=count,
        ops_sha256=ops_sha256, left_behind=left_behind if type(left_behind) is int else 0,
        signature=signature if isinstance(signature, str) else None, files=_claimed(files if isinstance(files, list) else []),
    )  # fmt: skip


def _claimed(files: list[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in files[:ENTRIES_MAX]:
        if isinstance(each, dict) and isinstance(each.get("sha256"), str) and SHA256.match(each["sha256"]):
            mime = each.get("mime")
            found[each["sha256"]] = mime if isinstance(mime, str) and MIME.match(mime) else "application/octet-stream"
    return found


def read_carried(value: Any) -> tuple[str, Carried]:
    """Check one line of ops.ndjson."""
    if not isinstance(value, dict):
        raise ValueError("line")
    dev, n, h, line = value.get("dev"), value.get("n"), value.get("h"), value.get("line")
    if not isinstance(dev, str) or not DEV.match(dev) or type(n) is not int or not 1 <= n <= limits.INT_MAX:
        raise ValueError("line")
    if not isinstance(h, str) or not HASH.match(h) or not isinstance(line, str):
        raise ValueError("line")
    return dev, Carried(n, h, line.encode())
