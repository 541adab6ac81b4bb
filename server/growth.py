"""How fast the town grows, and for how many days the disk will do: `flask estimate` and the gauges of /metrics.

Owns the estimate. Reads only, and little: where the last 30 days begin in the op log is found by halving, never by counting rows. The
database's growth is its own size, shared out over its ops: rows, indexes and history come with them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

DAY_MS = 86_400_000
DAYS = 30


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes now and per day. `days` the figures stand on; `days_left` None when nothing grows."""

    days: float
    database_bytes: int
    files_bytes: int
    database_per_day: float
    files_per_day: float
    free_bytes: int

    @property
    def days_left(self) -> float | None:
        """Until the disk is full, when database and files both lie on the disk of the data folder."""
        per_day = self.database_per_day + self.files_per_day
        return self.free_bytes / per_day if per_day > 0 else None


def measure(session: Session, data_dir: Path, at: int) -> Growth:
    """Look at a reading session and at the disk."""
    since = at - DAYS * DAY_MS
    low, high = (int(each or 0) for each in session.execute(text("SELECT MIN(id), MAX(id) FROM op_log")).one())
    start = _first_id_since(session, since, low, high)
    ops, recent = (high - low + 1, high - start + 1) if high else (0, 0)
    held, fresh = session.execute(
        text("SELECT COALESCE(SUM(size), 0), COALESCE(SUM(CASE WHEN stored_at > :since THEN size ELSE 0 END), 0) FROM stored_file"),
        {"since": since},
    ).one()
    begun = session.scalar(text("SELECT rx_at FROM op_log WHERE id = :id"), {"id": start})
    days = min(DAYS, max(1.0, (at - int(begun)) / DAY_MS)) if begun is not None else float(DAYS)
    size = _database_bytes(session)
    return Growth(
        days=days, database_bytes=size, files_bytes=int(held), database_per_day=size * recent / ops / days if ops else 0.0,
        files_per_day=int(fresh) / days, free_bytes=shutil.disk_usage(data_dir).free,
    )  # fmt: skip


def _first_id_since(session: Session, since: int, low: int, high: int) -> int:
    """The first op that came after `since`; `high` + 1 when none did. Ids rise with the time of arrival, give or take a batch."""
    end = high + 1
    while low < end:
        middle = (low + end) // 2
        row = session.execute(text("SELECT id, rx_at FROM op_log WHERE id >= :id ORDER BY id LIMIT 1"), {"id": middle}).first()
        if row is None or row[1] > since:
            end = middle
        else:
            low = int(row[0]) + 1
    row = session.execute(text("SELECT id FROM op_log WHERE id >= :id ORDER BY id LIMIT 1"), {"id": low}).first()
    return int(row[0]) if row is not None else high + 1


def _database_bytes(session: Session) -> int:
    if session.get_bind().dialect.name == "postgresql":
        return int(session.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    return int(session.execute(text("PRAGMA page_count")).scalar_one()) * int(session.execute(text("PRAGMA page_size")).scalar_one())
