"""First-sync packs: one immutable gzip NDJSON file per feed of a scope at a known seq (P-29, P-45).

Owns building, naming, sealing and finding of these files under `<data>/snapshots`; serves no request itself.
Invariants: a file never changes after it has its name (the name is its hash); a snapshot is reused while few records of
the scope changed since, because the pull that follows brings the difference; the cursor given with a set of snapshots
is the smallest seq all of them are valid at.
"""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.orm import Session

from server.db import reading, unit
from server.ledger.bulk import Bulk
from server.ledger.clock import Clock, Cursor, read_clock, scopes_hash, write_cursor
from server.ledger.feeds import scope_of, visible
from server.ledger.state import wire
from server.ledger.sync import is_ready, narrowed, prepare
from server.seal import seal
from sync import limits

FORMAT = "xunan-snapshot-1"
GZIP_LEVEL = 6
# Rebuilding is worth it once a reader would pull more than this after the snapshot.
STALE_RECORDS_MIN = 500
STALE_SHARE = 0.05
KEEP_PER_SCOPE = 2


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A built file. `seq`: the feed as of that number; `bytes`: size of the gzip text sealed in it."""

    feed: str
    path: Path
    etag: str
    seq: int
    count: int
    bytes: int

def get(session: Session, feed: str, data_dir: Path) -> Snapshot:
    """The snapshot of a feed, built when there is none or when the last one is too old."""
    with reading(session) as reader:
        found, _ = _fresh(Bulk(reader), feed, data_dir)
    return found if found is not None else build(session, feed, data_dir)


def content(snapshot: Snapshot) -> bytes:
    """The gzip text of a pack. Raises SealBroken."""
    return seal.open("snapshot", snapshot.etag, snapshot.path.read_bytes())


def listing(session: Session, feeds: tuple[str, ...], data_dir: Path) -> dict[str, Any]:
    """What a new device loads: the snapshots of its feeds and the cursor to pull from afterwards."""
    names = narrowed(feeds, None)
    with reading(session) as reader:
        ready = is_ready(reader, names)
    if not ready:
        prepare(session, names)
    snapshots = {feed: get(session, feed, data_dir) for feed in names}
    with reading(session) as reader:
        clock = _clock(reader)
        bulk = Bulk(reader)
        seqs = [clock.seq if _changed_since(bulk, feed, each.seq) == 0 else each.seq for feed, each in snapshots.items()]
    cursor = Cursor(clock.node, clock.epoch, min(seqs, default=clock.seq), scopes_hash(names))
    return {
        "cursor": write_cursor(cursor, clock.secret),
        "scopes": [
            {
                "scope": scope_of(each.feed), "seq": each.seq, "count": each.count, "bytes": each.bytes, "etag": each.etag,
                "url": f"/api/v1/snapshots/{scope_of(each.feed)}",
            }
            for each in snapshots.values()
        ],
    }  # fmt: skip


def build(session: Session, feed: str, data_dir: Path) -> Snapshot:
    """Write the file from one consistent read, then register it; older files beyond the last two are removed."""
    folder = data_dir / "snapshots"
    folder.mkdir(parents=True, exist_ok=True)
    with reading(session) as reader:
        clock = _clock(reader)
        condition, values = visible((feed,))
        count = int(Bulk(reader).select(f"SELECT COUNT(*) FROM record WHERE {condition} AND seq > 0", values)[0][0])
        packs = -(-count // limits.PACK_SIZE)
        head = {
            "format": FORMAT, "scope": scope_of(feed), "seq": clock.seq, "epoch": clock.epoch,
            "cursor_part": f"{clock.node}:{clock.epoch}:{clock.seq}", "count": count, "packs": packs,
        }  # fmt: skip
        packed = _packed(head, _packs(Bulk(reader), feed))
    etag, size = sha256(packed).hexdigest()[:32], len(packed)
    name = f"{sha256(feed.encode()).hexdigest()[:16]}-{clock.seq}-{etag}.sealed"
    path = folder / name
    _write(path, seal.close("snapshot", etag, packed))
    with unit(session):
        bulk = Bulk(session)
        bulk.insert(
            "snapshot", ("scope", "seq", "name", "etag", "count", "bytes"),
            [(feed, clock.seq, name, etag, count, size)],
            "ON CONFLICT (scope, seq) DO UPDATE SET name = excluded.name, etag = excluded.etag, bytes = excluded.bytes",
        )  # fmt: skip
        old = bulk.select("SELECT seq, name FROM snapshot WHERE scope = ? ORDER BY seq DESC", (feed,))[KEEP_PER_SCOPE:]
        for seq, _ in old:
            bulk.execute("DELETE FROM snapshot WHERE scope = ? AND seq = ?", (feed, seq))
    for _, stale in old:
        (folder / stale).unlink(missing_ok=True)
    return Snapshot(feed, path, etag, clock.seq, count, size)


def forget(session: Session, data_dir: Path) -> None:
    """Remove every pack; the next device that asks has them built again."""
    with unit(session):
        Bulk(session).execute("DELETE FROM snapshot", ())
    for path in (data_dir / "snapshots").glob("*"):
        path.unlink(missing_ok=True)


def _fresh(bulk: Bulk, feed: str, data_dir: Path) -> tuple[Snapshot | None, int]:
    rows = bulk.select("SELECT seq, name, etag, count, bytes FROM snapshot WHERE scope = ? ORDER BY seq DESC LIMIT 1", (feed,))
    if not rows:
        return None, 0
    seq, name, etag, count, size = rows[0]
    path = data_dir / "snapshots" / name
    changed = _changed_since(bulk, feed, seq)
    clock = bulk.select("SELECT seq FROM sync_clock WHERE id = 1", ())
    # A counter behind the snapshot means the database was restored: the file describes a future that never was.
    if not path.exists() or clock[0][0] < seq or changed > max(STALE_RECORDS_MIN, int(count * STALE_SHARE)):
        return None, changed
    return Snapshot(feed, path, etag, seq, count, size), changed


def _changed_since(bulk: Bulk, feed: str, seq: int) -> int:
    condition, values = visible((feed,))
    came = bulk.select(f"SELECT COUNT(*) FROM record WHERE {condition} AND seq > ?", (*values, seq))[0][0]
    left = bulk.select("SELECT COUNT(*) FROM departure WHERE scope = ? AND seq > ?", (scope_of(feed), seq))[0][0]
    return int(came) + int(left)


def _packs(bulk: Bulk, feed: str) -> Iterator[list[bytes]]:
    """States in feed order, 500 at a time, without holding the scope in memory."""
    condition, values = visible((feed,))
    after = 0
    while True:
        rows = bulk.select(
            f"SELECT seq, id, state FROM record WHERE {condition} AND seq > ? ORDER BY seq LIMIT {limits.PACK_SIZE}", (*values, after)
        )
        if not rows:
            return
        after = rows[-1][0]
        yield [wire(rec, seq, bytes(state)) for seq, rec, state in rows]


def _packed(head: dict[str, Any], packs: Iterator[list[bytes]]) -> bytes:
    """The gzip text; the same content always gives the same bytes."""
    target = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=target, compresslevel=GZIP_LEVEL, mtime=0) as packed:
        packed.write(orjson.dumps(head) + b"\n")
        for pack in packs:
            packed.write(b"[" + b",".join(pack) + b"]\n")
    return target.getvalue()


def _write(path: Path, content: bytes) -> None:
    """The whole file under its name, or nothing."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix="building-")
    try:
        with os.fdopen(handle, "wb") as raw:
            raw.write(content)
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _clock(session: Session) -> Clock:
    clock = read_clock(session)
    if clock is None:
        raise RuntimeError("the ledger was never opened for writing")
    return clock
