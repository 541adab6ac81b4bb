"""Writing one folded batch: op log, records, typed rows, conflicts, departures, digests, counter.

Owns every SQL statement of the push transaction. One read and one write per table, whatever the size of the batch.
Invariant (P-26): the feed counter is taken after all records are locked and folded, and only the writes that carry its
value follow before commit, so a reader never sees a later number before an earlier one. Records are locked in id order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import sha256

from server.kinds import KINDS
from server.ledger.apply import Stored, Touched, Verdict
from server.ledger.bulk import Bulk, Row
from server.ledger.intake import Line
from server.ledger.lines import keep_line, keep_raw
from server.ledger.rows import STANDING, projection, standing
from server.ledger.state import keep as keep_state
from sync.stamp import conflict_id, digest64

OP_COLUMNS = (
    "dev", "n", "h", "device", "rec", "kind", "scope", "user", "line", "node", "rx_at", "at_c", "seq", "verdict", "why",
)  # fmt: skip
RECORD_COLUMNS = ("kind", "scope", "seq", "state", "open_conflicts", "parked_since", "id")
CONFLICT_COLUMNS = ("id", "rec", "kind", "field", "scope", "opened_at", "closed_at", "severity")
QUARANTINE_COLUMNS = ("op_id", "dev", "n", "sha", "raw", "why", "rx_at", "state")


def read_records(bulk: Bulk, ids: Iterable[str]) -> dict[str, Stored]:
    """Records by id, locked against other writers until commit."""
    keys = sorted(set(ids))
    if bulk.postgres:
        # Locks are taken in one statement and the rows read in a later one, which sees what the waits let through.
        bulk.select_in("id", "record", "id", keys, "ORDER BY id FOR UPDATE")
    rows = bulk.select_in("id, kind, scope, seq, state, open_conflicts", "record", "id", keys)
    return {row[0]: Stored(row[1], row[2], row[3], bytes(row[4]), row[5]) for row in rows}


def take_seq(bulk: Bulk, count: int) -> int:
    """Move the feed counter by `count` and give its old value; on PostgreSQL this is the lock that orders commits."""
    row = bulk.select("UPDATE sync_clock SET seq = seq + ? WHERE id = 1 RETURNING seq", (count,))[0]
    return int(row[0]) - count


def write_records(bulk: Bulk, touched: Sequence[Touched], rx_at: int) -> dict[str, int]:
    """Give every fed record its seq and write records, rows, conflicts, departures and digests. Gives seq by id."""
    fed = [each for each in touched if each.folded or (each.stored is not None and each.stored.seq > 0)]
    seq = take_seq(bulk, len(fed))
    seq_by_id = {each.record.id: 0 for each in touched}
    for number, each in enumerate(fed, seq + 1):
        seq_by_id[each.record.id] = number
    _write_states(bulk, touched, seq_by_id, rx_at)
    _write_rows(bulk, fed, seq_by_id)
    _write_conflicts(bulk, fed, rx_at)
    _write_departures(bulk, fed, seq_by_id)
    _write_digests(bulk, fed, seq_by_id)
    return seq_by_id


def _write_states(bulk: Bulk, touched: Sequence[Touched], seq_by_id: dict[str, int], rx_at: int) -> None:
    new: list[Row] = []
    old: list[Row] = []
    for each in touched:
        record = each.record
        parked = rx_at if record.wait else None
        row = (
            record.kind, record.scope or each.fallback_scope, seq_by_id[record.id], keep_state(record),
            len(each.disputed_after), parked, record.id,
        )  # fmt: skip
        (old if each.stored else new).append(row)
    bulk.insert("record", RECORD_COLUMNS, new)
    bulk.update("record", RECORD_COLUMNS, old)


def _write_rows(bulk: Bulk, fed: Sequence[Touched], seq_by_id: dict[str, int]) -> None:
    """Insert new typed rows; update only what changed, grouped by the set of changed columns."""
    inserts: dict[tuple[str, tuple[str, ...]], list[Row]] = defaultdict(list)
    updates: dict[tuple[str, tuple[str, ...]], list[Row]] = defaultdict(list)
    for each in fed:
        record = each.record
        plan = projection(record.kind)
        if plan is None:
            continue
        fixed = standing(record, seq_by_id[record.id], bool(each.disputed_after), each.first_at, each.last_at)
        if each.anew:
            bulk.execute(f'DELETE FROM "{plan.table}" WHERE id = ?', (record.id,))
        if each.anew or each.stored is None or each.stored.seq == 0:
            values = [column.read(record) for column in plan.all]
            inserts[plan.table, plan.insert_columns].append((*values, record.scope, *fixed))
            continue
        # A released parked field is not among the op's own fields, so such a record is projected whole.
        columns = plan.all if each.had_parked else plan.changed(each.changed)
        names = [column.name for column in columns]
        values = [column.read(record) for column in columns]
        if record.scope != each.stored.scope:
            names.append("scope")
            values.append(record.scope)
        updates[plan.table, (*names, *STANDING, "id")].append((*values, *fixed))
    for (table, written), rows in inserts.items():
        bulk.insert(table, written, rows)
    for (table, written), rows in updates.items():
        bulk.update(table, written, rows)


def _severity(kind: str, field: str) -> str:
    declared = KINDS[kind].field_by_name.get(field) if kind in KINDS else None
    return "major" if field == "life" or (declared is not None and declared.merge == "cautious") else "general"


def _write_conflicts(bulk: Bulk, fed: Sequence[Touched], rx_at: int) -> None:
    opened: list[Row] = []
    closed: list[Row] = []
    for each in fed:
        record = each.record
        for field in each.disputed_after - each.disputed_before:
            key = conflict_id(record.id, field)
            severity = _severity(record.kind, field)
            opened.append((key, record.id, record.kind, field, record.scope, rx_at, None, severity))
        closed += [(rx_at, conflict_id(record.id, field)) for field in each.disputed_before - each.disputed_after]
        if each.stored is not None and each.stored.scope != record.scope and each.disputed_before:
            bulk.execute("UPDATE conflict SET scope = ? WHERE rec = ?", (record.scope, record.id))
    reopen = "ON CONFLICT (id) DO UPDATE SET closed_at = NULL, scope = excluded.scope"
    bulk.insert("conflict", CONFLICT_COLUMNS, opened, reopen)
    bulk.update("conflict", ("closed_at", "id"), closed)


def _write_departures(bulk: Bulk, fed: Sequence[Touched], seq_by_id: dict[str, int]) -> None:
    rows = [
        (each.stored.scope, each.record.id, seq_by_id[each.record.id])
        for each in fed
        if each.stored is not None and each.stored.seq > 0 and each.stored.scope != each.record.scope
    ]
    bulk.insert("departure", ("scope", "rec", "seq"), rows, "ON CONFLICT (scope, rec) DO UPDATE SET seq = excluded.seq")


def _write_digests(bulk: Bulk, fed: Sequence[Touched], seq_by_id: dict[str, int]) -> None:
    """Take out each record's old `id:seq` and put in the new one, per scope."""
    count: dict[str, int] = defaultdict(int)
    xor: dict[str, int] = defaultdict(int)
    for each in fed:
        record = each.record
        if each.stored is not None and each.stored.seq > 0:
            count[each.stored.scope] -= 1
            xor[each.stored.scope] ^= digest64(record.id, each.stored.seq)
        count[record.scope] += 1
        xor[record.scope] ^= digest64(record.id, seq_by_id[record.id])
    for scope, old_count, old_xor in bulk.select_in("scope, count, xor", "scope_digest", "scope", list(count)):
        count[scope] += old_count
        xor[scope] ^= int(old_xor, 16)
    rows = [(scope, count[scope], f"{xor[scope]:016x}") for scope in sorted(count)]
    bulk.insert(
        "scope_digest", ("scope", "count", "xor"), rows,
        "ON CONFLICT (scope) DO UPDATE SET count = excluded.count, xor = excluded.xor",
    )  # fmt: skip


def write_ops(
    bulk: Bulk, dev: str, device_id: str, node: str, verdicts: Sequence[Verdict], seq_by_id: dict[str, int], rx_at: int
) -> None:
    """Append the lines to the sacred log, and keep what could not be applied whole in quarantine."""
    rows: list[Row] = []
    kept: list[Row] = []
    for each in verdicts:
        line, op = each.line, each.line.op
        about = (op.rec, op.kind, op.scope, op.user or "") if op is not None else ("", "", "", "")
        seq = seq_by_id.get(op.rec, 0) if op is not None else 0
        kept_line = keep_line(about[1], dev, line.n, line.h, line.raw)
        rows.append((dev, line.n, line.h, device_id, *about, kept_line, node, rx_at, each.at_c, seq, each.verdict, each.why))
        if each.verdict == "quarantined":
            kept.append(aside(dev, line, each.why or "unknown", rx_at))
    bulk.insert("op_log", OP_COLUMNS, rows)
    keep(bulk, kept)
    if kept:
        bulk.execute(
            "UPDATE quarantine SET op_id = (SELECT o.id FROM op_log o WHERE o.dev = quarantine.dev AND o.n = quarantine.n)"
            " WHERE dev = ? AND op_id IS NULL AND why <> 'fork'",
            (dev,),
        )


def aside(dev: str, line: Line, why: str, rx_at: int) -> Row:
    """The quarantine row of a line."""
    sha = sha256(line.raw).hexdigest()
    return (None, dev, line.n, sha, keep_raw(sha, line.raw), why, rx_at, "open")


def keep(bulk: Bulk, rows: Sequence[Row]) -> None:
    """Put bytes in quarantine once, however often they arrive."""
    bulk.insert("quarantine", QUARANTINE_COLUMNS, rows, "ON CONFLICT (dev, n, sha) DO NOTHING")
