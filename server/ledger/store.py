"""Writing one folded batch: op log, records, typed rows, conflicts.

Owns the SQL of the push transaction up to the feed, which comes last (`server.ledger.feed`). One read and one write per table, whatever
the size of the batch. Invariant (P-26): records are locked in id order, the existing ones before new ones are made, so two writers wait
for each other in one direction only; nothing written here carries a feed number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import sha256

from server.kinds import KINDS
from server.ledger.apply import Stored, Touched, Verdict
from server.ledger.bulk import Bulk, Row
from server.ledger.feed import UNFED, UNSTAMPED, moved
from server.ledger.intake import Line
from server.ledger.lines import keep_line, keep_raw
from server.ledger.rows import STANDING, projection, standing
from server.ledger.state import keep as keep_state
from sync.stamp import conflict_id, erased_line

OP_COLUMNS = (
    "dev", "n", "h", "device", "rec", "kind", "scope", "user", "line", "node", "rx_at", "at_c", "verdict", "why",
)  # fmt: skip
RECORD_COLUMNS = ("kind", "scope", "seq", "state", "open_conflicts", "parked_since", "id")
CONFLICT_COLUMNS = ("id", "rec", "kind", "field", "scope", "opened_at", "closed_at", "severity")
QUARANTINE_COLUMNS = ("op_id", "dev", "n", "sha", "raw", "why", "rx_at", "state", "h")
# Brought by somebody and proven by nobody: beside its chain, until its author sends it or a person lets it in.
UNPROVEN = "unsigned_bundle"


def read_records(bulk: Bulk, ids: Iterable[str]) -> dict[str, Stored]:
    """Records by id, locked against other writers until commit."""
    keys = sorted(set(ids))
    if bulk.postgres:
        # Locks are taken in one statement and the rows read in a later one, which sees what the waits let through.
        bulk.select_in("id", "record", "id", keys, "ORDER BY id FOR UPDATE")
    rows = bulk.select_in("id, kind, scope, seq, state, open_conflicts", "record", "id", keys)
    return {row[0]: Stored(row[1], row[2], row[3], bytes(row[4]), row[5]) for row in rows}


def write_records(bulk: Bulk, touched: Sequence[Touched], rx_at: int) -> None:
    """Write records, rows and conflicts; every record that readers may know is told to the feed."""
    fed = [each for each in touched if each.folded or _is_fed(each.stored)]
    _write_states(bulk, touched, rx_at)
    _write_rows(bulk, fed)
    _write_conflicts(bulk, fed, rx_at)
    for each in fed:
        moved(bulk, each.record.id, each.record.kind, _known_at(each.stored), each.record.scope)


def withdraw(bulk: Bulk, rec: str, rx_at: int) -> None:
    """Take away a record none of whose ops is in the log any more; its readers are told it is gone."""
    stored = read_records(bulk, [rec]).get(rec)
    if stored is None:
        return
    bulk.execute("DELETE FROM record WHERE id = ?", (rec,))
    if (plan := projection(stored.kind)) is not None:
        bulk.execute(f'DELETE FROM "{plan.table}" WHERE id = ?', (rec,))
    bulk.execute("UPDATE conflict SET closed_at = ? WHERE rec = ? AND closed_at IS NULL", (rx_at, rec))
    if _is_fed(stored):
        moved(bulk, rec, stored.kind, _known_at(stored), None)


def _is_fed(stored: Stored | None) -> bool:
    return stored is not None and stored.seq != UNFED


def _known_at(stored: Stored | None) -> tuple[str, int] | None:
    """Where readers know a record."""
    return (stored.scope, stored.seq) if stored is not None and stored.seq > 0 else None


def _write_states(bulk: Bulk, touched: Sequence[Touched], rx_at: int) -> None:
    new: list[Row] = []
    old: list[Row] = []
    for each in touched:
        record = each.record
        parked = rx_at if record.wait else None
        # A number that stands stays until the feed gives the next one: the row's index is not touched twice.
        seq = each.stored.seq if each.stored is not None and _is_fed(each.stored) else UNSTAMPED if each.folded else UNFED
        row = (
            record.kind, record.scope or each.fallback_scope, seq, keep_state(record),
            len(each.disputed_after), parked, record.id,
        )  # fmt: skip
        (old if each.stored else new).append(row)
    bulk.insert("record", RECORD_COLUMNS, new)
    bulk.update("record", RECORD_COLUMNS, old)


def _write_rows(bulk: Bulk, fed: Sequence[Touched]) -> None:
    """Insert new typed rows; update only what changed, grouped by the set of changed columns."""
    inserts: dict[tuple[str, tuple[str, ...]], list[Row]] = defaultdict(list)
    updates: dict[tuple[str, tuple[str, ...]], list[Row]] = defaultdict(list)
    for each in fed:
        record = each.record
        plan = projection(record.kind)
        if plan is None:
            continue
        fixed = standing(record, bool(each.disputed_after), each.first_at, each.last_at)
        if each.anew:
            bulk.execute(f'DELETE FROM "{plan.table}" WHERE id = ?', (record.id,))
        if record.erased is not None:
            continue
        if each.anew or not _is_fed(each.stored):
            values = plan.whole(record)
            inserts[plan.table, plan.insert_columns].append((*values, record.scope, *fixed))
            continue
        # A released parked field is not among the op's own fields, so such a record is projected whole.
        columns = plan.all if each.had_parked else plan.changed(each.changed)
        names = [column.name for column in columns]
        values = [column.read(record) for column in columns]
        if each.stored is not None and record.scope != each.stored.scope:
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


def write_ops(
    bulk: Bulk, dev: str, device_id: str, node: str, verdicts: Sequence[Verdict], rx_at: int
) -> None:
    """Append the lines to the sacred log, and keep what could not be applied whole in quarantine."""
    rows: list[Row] = []
    kept: list[Row] = []
    for each in verdicts:
        line, op = each.line, each.line.op
        about = (op.rec, op.kind, op.scope, op.user or "") if op is not None else (line.erased or "", "", "", "")
        if each.erasure is not None:
            about = (each.erasure.rec, each.erasure.kind, each.erasure.scope, "")
        raw = line.raw if each.erasure is None else erased_line(line.h, each.erasure.rec)
        kept_line = keep_line(about[1], dev, line.n, line.h, raw)
        came = line.came
        where = (came.device, came.node, came.rx_at) if came else (device_id, node, rx_at)
        rows.append((dev, line.n, line.h, where[0], *about, kept_line, where[1], where[2], each.at_c, each.verdict, each.why))
        if each.verdict == "quarantined":
            kept.append(aside(dev, line, each.why or "unknown", rx_at))
    bulk.insert("op_log", OP_COLUMNS, rows)
    keep(bulk, kept)
    if kept:
        bulk.execute(
            "UPDATE quarantine SET op_id = (SELECT o.id FROM op_log o WHERE o.dev = quarantine.dev AND o.n = quarantine.n)"
            f" WHERE dev = ? AND op_id IS NULL AND why NOT IN ('fork', '{UNPROVEN}')",
            (dev,),
        )


def aside(dev: str, line: Line, why: str, rx_at: int) -> Row:
    """The quarantine row of a line."""
    sha = sha256(line.raw).hexdigest()
    return (None, dev, line.n, sha, keep_raw(sha, line.raw), why, rx_at, "open", line.h)


def keep(bulk: Bulk, rows: Sequence[Row]) -> None:
    """Put bytes in quarantine once, however often they arrive; what was only brought before gets the reason it has now."""
    again = f"quarantine.op_id IS NULL AND quarantine.why = '{UNPROVEN}' AND excluded.why <> '{UNPROVEN}'"
    said = "why = excluded.why, state = excluded.state, h = excluded.h"
    bulk.insert("quarantine", QUARANTINE_COLUMNS, rows, f"ON CONFLICT (dev, n, sha) DO UPDATE SET {said} WHERE {again}")
