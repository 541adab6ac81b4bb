"""The months of the op log on PostgreSQL: one partition per month of receipt (`rx_at`, UTC), made ahead, moved when closed.

Owns which partitions there are. SQLite has one table and nothing to do here. A push writes one month and reads none; who asks for a record
or a chain asks every month. Invariants: an op always finds a place, at worst in `op_log_default`, from where its month takes it later;
no op is ever dropped or taken out of the log with its month; whoever needs a lock others want waits for it briefly and tries again later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from server.db import reading, unit

PARENT, DEFAULT = "op_log", "op_log_default"
AHEAD = 3
# What lies in the default partition is given its month from here on; an earlier time of receipt is a broken clock.
FIRST_MONTH = 2020 * 12
LOCK_TIMEOUT = "2s"
KEY = 0x6F706C6F67  # advisory: two workers do not make the same month
_BOUND = re.compile(r"FROM \((MINVALUE|'?-?\d+'?)\) TO \('?(-?\d+)'?\)")


@dataclass(frozen=True, slots=True)
class Part:
    """One partition. `first_ms` None: from the beginning; `until_ms` None: the default one, for whatever has no month yet."""

    name: str
    first_ms: int | None
    until_ms: int | None
    bytes: int
    rows: int
    tablespace: str


class NotMovable(ValueError):
    """There is no such closed month."""


def month_of(ms: int) -> int:
    """The number of the month of a moment, UTC."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.year * 12 + moment.month - 1


def start_ms(month: int) -> int:
    """The first millisecond of a month."""
    return int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp() * 1000)


def name_of(month: int) -> str:
    """`op_log_2026_11`."""
    return f"{PARENT}_{month // 12}_{month % 12 + 1:02d}"


def is_partitioned(session: Session) -> bool:
    """Whether this database has partitions at all."""
    return session.get_bind().dialect.name == "postgresql"


def listed(session: Session) -> list[Part]:
    """Every partition with its size, oldest first. Rows are the database's own estimate."""
    rows = session.execute(
        text(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), pg_total_relation_size(c.oid), c.reltuples, COALESCE(t.spcname, 'pg_default')"
            " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace"
            f" WHERE i.inhparent = '{PARENT}'::regclass"
        )
    )
    found = [Part(name, *_bounds(bound), size, max(0, int(tuples)), space) for name, bound, size, tuples, space in rows]
    return sorted(found, key=lambda part: (part.until_ms is None, part.until_ms or 0))


def _bounds(bound: str) -> tuple[int | None, int | None]:
    match = _BOUND.search(bound)
    if match is None:
        return None, None
    first, until = match.group(1).strip("'"), int(match.group(2))
    return (None if first == "MINVALUE" else int(first)), until


def missing(session: Session, at: int) -> list[int]:
    """Months that should have a partition and have none: the current one, those ahead, and those of rows in the default one."""
    covered = [(part.first_ms, part.until_ms) for part in listed(session) if part.until_ms is not None]
    stray = session.execute(
        text(f"SELECT DISTINCT date_trunc('month', to_timestamp(rx_at / 1000.0) AT TIME ZONE 'UTC') FROM {DEFAULT} WHERE rx_at >= :from AND rx_at < :until"),
        {"from": start_ms(FIRST_MONTH), "until": start_ms(month_of(at) + AHEAD + 1)},
    ).scalars()
    wanted = {month_of(at) + later for later in range(AHEAD + 1)} | {moment.year * 12 + moment.month - 1 for moment in stray}
    return sorted(m for m in wanted if not any((first is None or first <= start_ms(m)) and start_ms(m) < until for first, until in covered if until))


def make_coming(session: Session, at: int) -> list[str]:
    """Make what is missing; gives the names. For migrate, restore and the housekeeping: nobody has to remember the end of a month."""
    if not is_partitioned(session):
        return []
    with reading(session) as reader:
        months = missing(reader, at)
    return [name for month in months if (name := _make(session, month)) is not None]


def _make(session: Session, month: int) -> str | None:
    """One month, with the rows that waited for it. Attached, not created in place: that lets pushes of other months go on."""
    name, first, until = name_of(month), start_ms(month), start_ms(month + 1)
    with unit(session):
        session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        taken = session.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": KEY}).scalar_one()
        if not taken or session.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar_one() is not None:
            return None
        session.execute(text(f"CREATE TABLE {name} (LIKE {PARENT} INCLUDING ALL, CONSTRAINT {name}_rx_at CHECK (rx_at >= {first} AND rx_at < {until}))"))
        # From here on nothing new can come to lie in the default partition that belongs to this month.
        session.execute(text(f"LOCK TABLE {DEFAULT} IN ACCESS EXCLUSIVE MODE"))
        session.execute(
            text(f"WITH moved AS (DELETE FROM {DEFAULT} WHERE rx_at >= :first AND rx_at < :until RETURNING *) INSERT INTO {name} SELECT * FROM moved"),
            {"first": first, "until": until},
        )
        session.execute(text(f"ALTER TABLE {PARENT} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({until})"))
        session.execute(text(f"ALTER TABLE {name} DROP CONSTRAINT {name}_rx_at"))
    return name


def move(session: Session, name: str, tablespace: str, at: int) -> None:
    """Copy a closed month to another tablespace and put the copy in its place. Raises NotMovable.

    Meanwhile the month can be read and every other month written; a decision about one of its ops waits. Only the change of places
    needs the log to itself: it takes milliseconds, and when it does not get the lock in time everything stays as it was.
    """
    with unit(session):
        part = next((each for each in listed(session) if each.name == name), None)
        if part is None or part.until_ms is None or part.until_ms > at:
            raise NotMovable(name)
        first, until = "MINVALUE" if part.first_ms is None else part.first_ms, part.until_ms
        copy = f"{name}_moving"
        bound = f"rx_at < {until}" + ("" if part.first_ms is None else f" AND rx_at >= {first}")
        space = '"' + tablespace.replace('"', '""') + '"'
        session.execute(text(f"LOCK TABLE ONLY {name} IN SHARE MODE"))
        # Indexes first: LIKE gives them the default tablespace of the transaction.
        session.execute(text(f"SET LOCAL default_tablespace = {space}"))
        session.execute(text(f"CREATE TABLE {copy} (LIKE {name} INCLUDING ALL, CONSTRAINT {name}_rx_at CHECK ({bound})) TABLESPACE {space}"))
        session.execute(text(f"INSERT INTO {copy} SELECT * FROM {name}"))
        session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        session.execute(text(f"ALTER TABLE {PARENT} DETACH PARTITION {name}"))
        session.execute(text(f"ALTER TABLE {PARENT} ATTACH PARTITION {copy} FOR VALUES FROM ({first}) TO ({until})"))
        session.execute(text(f"DROP TABLE {name}"))
        session.execute(text(f"ALTER TABLE {copy} RENAME TO {name}"))
        session.execute(text(f"ALTER TABLE {name} DROP CONSTRAINT {name}_rx_at"))
