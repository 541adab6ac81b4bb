"""Raw limits taken in the same run: what bare sqlite3 does with the same bytes, no merge, no rights, no HTTP.

Every database here has the ledger's own safety: WAL and synchronous=FULL.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from time import perf_counter

from tests.bench.figures import median

BATCH = 200
ROUNDS = 7


def open_raw(path: Path) -> sqlite3.Connection:
    """An empty database with one table of bytes."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE op (id INTEGER PRIMARY KEY, dev TEXT, n INTEGER, line BLOB, UNIQUE (dev, n))")
    connection.execute("CREATE TABLE row (id TEXT PRIMARY KEY, seq INTEGER, state BLOB)")
    connection.execute("CREATE INDEX by_seq ON row (seq)")
    return connection


def insert_rate(folder: Path, lines: list[bytes]) -> float:
    """Rows per second of inserting the lines, 200 per transaction."""
    connection = open_raw(folder / "raw_insert.db")
    start = perf_counter()
    for first in range(0, len(lines), BATCH):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO op (dev, n, line) VALUES ('d', ?, ?)", list(enumerate(lines[first : first + BATCH], first)))
        connection.execute("COMMIT")
    rate = len(lines) / (perf_counter() - start)
    connection.close()
    return rate


def edit_rate(folder: Path, lines: list[bytes], recs: list[str]) -> float:
    """Rows per second of logging a line and replacing a row of the same size, 200 per transaction."""
    connection = open_raw(folder / "raw_edit.db")
    start = perf_counter()
    for first in range(0, len(lines), BATCH):
        some = lines[first : first + BATCH]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO op (dev, n, line) VALUES ('d', ?, ?)", list(enumerate(some, first)))
        rows = [(recs[(first + at) % len(recs)], first + at, line * 2) for at, line in enumerate(some)]
        connection.executemany("INSERT INTO row VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, state = excluded.state", rows)
        connection.execute("COMMIT")
    rate = len(lines) / (perf_counter() - start)
    connection.close()
    return rate


def commit_rate(folder: Path, seconds: float, line: bytes) -> float:
    """Transactions per second of ten rows each: every answered push costs at least one of these."""
    connection = open_raw(folder / "raw_commit.db")
    done = 0
    start = perf_counter()
    while perf_counter() - start < seconds:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO op (dev, n, line) VALUES ('d', ?, ?)", [(done * 10 + at, line) for at in range(10)])
        connection.execute("COMMIT")
        done += 1
    rate = done / (perf_counter() - start)
    connection.close()
    return rate


def read_rate(database: Path, scope: str) -> float:
    """Stored states per second read from the server's own database."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    times, count = [], 0
    for _ in range(ROUNDS):
        start = perf_counter()
        count = len(connection.execute("SELECT seq, state FROM record WHERE scope = ? AND seq > 0", (scope,)).fetchall())
        times.append(perf_counter() - start)
    connection.close()
    return count / median(times)


def newest_ms(database: Path, scope: str, count: int) -> float:
    """Milliseconds of reading the newest `count` states of a scope by its index."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    after = connection.execute("SELECT seq FROM record WHERE scope = ? ORDER BY seq DESC LIMIT 1 OFFSET ?", (scope, count)).fetchone()[0]
    times = []
    for _ in range(ROUNDS * 5):
        start = perf_counter()
        connection.execute("SELECT seq, state FROM record WHERE scope = ? AND seq > ? ORDER BY seq", (scope, after)).fetchall()
        times.append((perf_counter() - start) * 1000)
    connection.close()
    return median(times)


def disk_sync_ms(folder: Path) -> float:
    """Milliseconds of one fsync of a small append: the floor of any promise."""
    times = []
    with open(folder / "raw_sync", "ab", buffering=0) as file:
        for _ in range(ROUNDS * 5):
            start = perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            times.append((perf_counter() - start) * 1000)
    return median(times)
