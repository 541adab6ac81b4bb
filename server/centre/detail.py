"""One record in full: shown values, what is in dispute, its wire state and its files.

Owns the record page. The wire state given here carries masked values in personal fields, so a write from the centre on
such a field needs the unmasked value first (unmask.py); stamps and structure are never altered.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.centre import blobs
from server.centre.history import fields_of, load_ops
from server.centre.masking import is_masked_field, mask_value
from server.centre.naming import (
    devices_named,
    names_in,
    station_names,
    titles,
    user_names,
)
from server.centre.reader import Reader
from server.centre.tables import (
    core_table,
    has_table,
    kind_named,
    plain,
    station_of,
    table_of,
    values_of,
)
from server.ledger.state import load as load_state
from sync import merge_kinds
from sync.fields import Kind
from sync.record import Record


def load_record(session: Session, reader: Reader, rec: str) -> tuple[Record, dict[str, Any]] | None:
    """The folded record with its row, or nothing when it does not exist or is not the reader's to see."""
    record = core_table("record")
    # PostgreSQL refuses NUL in a text; no record id contains one.
    row = session.execute(select(record).where(record.c.id == rec.replace("\x00", ""))).mappings().first()
    if row is None or not reader.may_see(row["scope"]):
        return None
    return load_state(rec, bytes(row["state"])), dict(row)


def masked_state(kind: Kind | None, wire: dict[str, Any]) -> dict[str, Any]:
    """The wire state with personal values replaced; positions and stamps stay as they are."""
    if kind is None:
        return wire

    def mask(name: str, value: Any) -> Any:
        return mask_value(kind, kind.field(name), value)

    out = dict(wire)
    if "reg" in wire:
        out["reg"] = {
            name: [mask(name, each) if index % 2 else each for index, each in enumerate(heads)]
            for name, heads in wire["reg"].items()
        }
    for section, width in (("set", 2), ("log", 3)):
        if section in wire:
            out[section] = {
                name: [mask(name, each) if index % width == 1 else each for index, each in enumerate(flat)]
                for name, flat in wire[section].items()
            }
    if "wait" in wire:
        out["wait"] = [
            [stamp, user, at_c, name, {key: mask(name, each) if key in ("v", "p") else each for key, each in verb.items()}]
            for stamp, user, at_c, name, verb in wire["wait"]
        ]
    return out


def candidates(record: Record, field: str) -> list[tuple[str, Any, str, int]]:
    """(stamp, value, user, at_c) of every live head of a register, of every live stocktake, or of the life of a record."""
    if field == "life":
        pairs: list[tuple[str, Any]] = [(stamp, value) for stamp, value, _ in record.life]
    elif field in record.ctr:
        pairs = list(record.ctr[field].counts)
    else:
        return merge_kinds.heads(record, field)
    return sorted((stamp, value, *record.meta[stamp]) for stamp, value in pairs)


def heads_of(session: Session, record: Record, field: str, kind: Kind | None) -> list[dict[str, Any]]:
    """Every candidate of a disputed field: value, who, on which device, when, received when, and what he had seen."""
    declared = kind.field(field) if kind is not None else None
    ops = {op["stamp"]: op for op in load_ops(session, record.id)}
    heads = candidates(record, field)
    devices = devices_named(session, (ops[stamp]["device"] for stamp, *_ in heads if stamp in ops))
    users = user_names(session, (user for _, _, user, _ in heads if user))
    found = []
    for stamp, value, user, at_c in heads:
        op = ops.get(stamp)
        verb = fields_of(op["body"]).get(field, {}) if op is not None else {}
        found.append(
            {
                "stamp": stamp, "value": mask_value(kind, declared, value), "user": user,
                "user_name": users.get(user or ""), "device": devices.get(op["device"]) if op else None,
                "at": op["body"].get("at") if op else None, "at_c_ms": at_c, "rx_ms": op["rx_at"] if op else None,
                "saw": mask_value(kind, declared, verb.get("p")), "bases": verb.get("b") or [],
                "masked": is_masked_field(declared),
            }
        )  # fmt: skip
    return found


def head_stamps(wire: dict[str, Any]) -> dict[str, list[str]]:
    """Field → stamps of its heads, for writing from the centre with explicit bases."""
    stamps = [op[0] for op in wire.get("ops", ())]
    found = {name: [stamps[index] for index in flat[::2]] for name, flat in wire.get("reg", {}).items()}
    if "life" in wire:
        found["life"] = [stamps[index] for index in wire["life"][::3]]
    for name, counter in wire.get("ctr", {}).items():
        found[name] = [stamps[index] for index in counter.get("c", ())[::2]]
    return found


def attachments(session: Session, reader: Reader, rec: str) -> list[dict[str, Any]]:
    """Files that belong to a record, each with whether the centre really holds the bytes."""
    attachment = table_of("attachment")
    rows = session.execute(
        select(attachment)
        .where(attachment.c.owner == rec, attachment.c.life, reader.scopes(attachment.c.scope))
        .order_by(attachment.c.taken_at, attachment.c.id)
    ).mappings()
    found: list[dict[str, Any]] = []
    for row in rows:
        for file in _files_in(row["file"]):
            found.append(
                {
                    "id": row["id"], "role": row["role"], "caption": row["caption"], "taken_at": row["taken_at"],
                    "point": row["point"], "taken_by": row["taken_by"], "sha256": file.get("sha256"),
                    "mime": file.get("mime"), "size": file.get("size"), "file_role": file.get("role"),
                }
            )  # fmt: skip
    held = blobs.complete_among(session, [each["sha256"] for each in found if each["sha256"]])
    for each in found:
        each["delivered"] = each["sha256"] in held
    return found


def _files_in(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value]
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def record_detail(session: Session, reader: Reader, rec: str) -> dict[str, Any] | None:
    """Everything the right-hand panel shows except the history."""
    loaded = load_record(session, reader, rec)
    if loaded is None:
        return None
    record, row = loaded
    kind = kind_named(row["kind"])
    if record.erased is not None:
        return _erased_detail(session, record, row)
    values = _values(session, kind, record)
    wire = record.to_wire()
    disputes = merge_kinds.disputes(record)
    files = attachments(session, reader, rec)
    counters = {
        name: {
            "value": state.value, "disputed": state.disputed, "recount_advised": state.recount_advised,
            "negative": state.negative,
        }
        for name in wire.get("ctr", {})
        for state in (merge_kinds.counter_state(record, name),)
    }  # fmt: skip
    masked_fields = [name for name in values if kind is not None and is_masked_field(kind.field(name))]
    shown = {name: mask_value(kind, kind.field(name) if kind else None, value) for name, value in values.items()}
    if kind is not None and kind.personal:
        shown.pop("pinyin", None)
    detail: dict[str, Any] = {
        "id": rec, "kind": row["kind"], "scope": row["scope"], "station": station_of(row["scope"]), "seq": row["seq"],
        "visible": merge_kinds.is_visible(record), "v": shown, "masked": masked_fields, "counters": counters,
        "state": masked_state(kind, wire), "heads": head_stamps(wire),
        "disputes": [{"field": name, "heads": heads_of(session, record, name, kind)} for name in disputes],
        "waiting": [{"stamp": each[0], "field": each[3]} for each in wire.get("wait", ())],
        "files": {"total": len(files), "delivered": sum(1 for each in files if each["delivered"])},
        "attachments": files, "stations": station_names(session), "related": related(session, reader, row["kind"], rec),
    }  # fmt: skip
    detail |= names_in(session, reader, kind, [shown]) if kind is not None else {"users": {}, "refs": {}}
    if kind is not None and has_table(kind.name):
        times = session.execute(
            select(table_of(kind.name).c.created_at, table_of(kind.name).c.updated_at).where(table_of(kind.name).c.id == rec)
        ).first()
        if times is not None:
            detail |= {"created_at": times[0], "updated_at": times[1]}
    title = shown.get(kind.title_field) if kind is not None else None
    if row["kind"] == "transfer" and isinstance(shown.get("person"), str):
        title = titles(session, reader, "person", [shown["person"]]).get(shown["person"], title)
    detail["title"] = title or rec
    return detail


def _erased_detail(session: Session, record: Record, row: dict[str, Any]) -> dict[str, Any]:
    """Of an erased record: that it was, and who erased it when and why."""
    erasure = core_table("erasure")
    said = session.execute(select(erasure.c.at, erasure.c.why, erasure.c.author).where(erasure.c.rec == record.id)).one()
    by = user_names(session, [said.author]).get(said.author, said.author)
    return {
        "id": record.id, "kind": row["kind"], "scope": row["scope"], "station": station_of(row["scope"]), "seq": row["seq"],
        "visible": False, "v": {}, "masked": [], "counters": {}, "state": record.to_wire(), "heads": {}, "disputes": [], "waiting": [],
        "files": {"total": 0, "delivered": 0}, "attachments": [], "stations": station_names(session), "related": [], "users": {},
        "refs": {}, "title": record.id, "erased": {"at": said.at, "why": said.why, "by": by},
    }  # fmt: skip


def _values(session: Session, kind: Kind | None, record: Record) -> dict[str, Any]:
    if kind is not None and has_table(kind.name):
        table = table_of(kind.name)
        row = session.execute(select(table).where(table.c.id == record.id)).mappings().first()
        if row is not None:
            values = values_of(kind, row)
            answers = {name: value for name, value in _registers(record, kind).items() if "." in name}
            return values | answers
    return _registers(record, kind)


def _registers(record: Record, kind: Kind | None) -> dict[str, Any]:
    names = [name for name in record.to_wire().get("reg", {}) if name != "scope"]
    return {name: plain(merge_kinds.shown_value(record, name, kind.field(name) if kind is not None else None)) for name in names}


RELATED: dict[str, tuple[tuple[str, str], ...]] = {
    "stock_item": (("stock_lot", "item"), ("stock_movement", "item")),
    "stock_lot": (("stock_movement", "lot"),),
    "patrol": (("hazard", "patrol"), ("inspection", "patrol")),
    "inspection": (("hazard", "inspection"),),
    "person": (("transfer", "person"),),
    "shelter": (("transfer", "shelter"), ("person", "shelter")),
    "event": (("transfer", "event"),),
}
RELATED_MAX = 30


def related(session: Session, reader: Reader, kind_name: str, rec: str) -> list[dict[str, Any]]:
    """Records that point at this one, newest first, for reading on: {kind, id, title, updated_at, status}."""
    found: list[dict[str, Any]] = []
    for other, column in RELATED.get(kind_name, ()):
        kind = kind_named(other)
        if kind is None:
            continue
        table = table_of(other)
        rows = session.execute(
            select(table)
            .where(table.c[column] == rec, table.c.life, reader.scopes(table.c.scope))
            .order_by(table.c.updated_at.desc(), table.c.id)
            .limit(RELATED_MAX)
        ).mappings()
        for row in rows:
            values = values_of(kind, row)
            title = mask_value(kind, kind.field(kind.title_field), values.get(kind.title_field))
            found.append(
                {
                    "kind": other, "id": row["id"], "title": title or values.get("code"), "code": values.get("code"),
                    "status": values.get("status"), "updated_at": row["updated_at"],
                    "qty": values.get("on_hand", values.get("qty")), "extra": values.get("movement_type") or values.get("expiry"),
                }
            )  # fmt: skip
    return found
