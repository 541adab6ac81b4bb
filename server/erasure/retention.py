"""What is due by the town's own periods: which records were kept as long as the town said they may be.

Owns the rules and their settings; a rule without a period is off, and no period is built in, because the law names none - the town
sets it with its source (个人信息保护法 Art. 19, 47). Reads only, but for the job that erases what is due, some at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_, or_, select
from sqlalchemy.orm import Session

from server import jobs
from server.centre.masking import mask_value
from server.centre.naming import station_names
from server.centre.tables import DAY_MS, kind_named, station_of, table_of
from server.erasure.service import erase
from server.kinds import KINDS
from server.seal import seal

JOB = "erase_due"
AT_ONCE = 20
DAYS_MAX = 36_500
PERSON_GONE = ("moved", "deceased")


@dataclass(frozen=True, slots=True)
class Rule:
    """One period. `setting` is the key under which the town sets it."""

    name: str
    kind: str
    setting: str


RULES = {
    rule.name: rule
    for rule in (Rule("person_gone", "person", "retention_person_days"), Rule("event_over", "transfer", "retention_transfer_days"))
}


def period(session: Session, rule: Rule) -> tuple[int | None, str | None, str | None]:
    """(days or None when off, source, id of the setting) as the town set it."""
    t = table_of("setting")
    row = session.execute(select(t.c.value, t.c.source, t.c.id).where(t.c.key == rule.setting, t.c.life).order_by(t.c.id).limit(1)).first()
    if row is None:
        return None, None, None
    days = row[0]
    usable = isinstance(days, int) and not isinstance(days, bool) and 0 < days <= DAYS_MAX
    return days if usable else None, row[1], row[2]


def _due(rule: Rule, days: int, at: int) -> ColumnElement[bool]:
    t, before = table_of(rule.kind), at - days * DAY_MS
    if rule.name == "person_gone":
        return and_(t.c.updated_at < before, or_(not_(t.c.life), t.c.review_status.in_(PERSON_GONE)))
    event = table_of("event")
    return t.c.event.in_(select(event.c.id).where(event.c.ended_at < before))


def due(session: Session, at: int, name: str | None = None, after: str = "", size: int = 50) -> list[dict[str, Any]]:
    """Every rule with its period, how many records are due and the first of them; personal values masked."""
    stations = station_names(session)
    found = []
    for rule in RULES.values():
        if name not in (None, rule.name):
            continue
        days, source, setting = period(session, rule)
        told: dict[str, Any] = {
            "rule": rule.name, "kind": rule.kind, "key": rule.setting, "setting": setting, "days": days, "source": source,
            "total": 0, "items": [], "running": jobs.is_waiting(session, JOB, {"rule": rule.name}, running=True),
        }  # fmt: skip
        if days is not None:
            t, kind = table_of(rule.kind), KINDS[rule.kind]
            told["total"] = session.scalar(select(func.count()).select_from(t).where(_due(rule, days, at))) or 0
            rows = session.execute(select(t).where(_due(rule, days, at), t.c.id > after).order_by(t.c.id).limit(size)).mappings()
            for row in rows:
                field = kind.field(kind.title_field)
                value = row[kind.title_field]
                if field is not None and field.privacy == "sensitive" and value is not None:
                    value = seal.open_text(f"{rule.kind}.{field.name}", row["id"], value)
                told["items"].append(
                    {
                        "id": row["id"], "kind": rule.kind, "title": mask_value(kind_named(rule.kind), field, value),
                        "station": stations.get(station_of(row["scope"]) or ""), "updated_at": row["updated_at"],
                    }
                )  # fmt: skip
        found.append(told)
    return found


def erase_some(session: Session, name: str, author: str, at: int, device: str | None = None) -> int:
    """Erase the next few records that are due; gives how many there were. Each step stands alone, so the work may stop anywhere."""
    rule = RULES[name]
    days, _, _ = period(session, rule)
    if days is None:
        session.rollback()
        return 0
    t = table_of(rule.kind)
    recs = list(session.scalars(select(t.c.id).where(_due(rule, days, at)).order_by(t.c.id).limit(AT_ONCE)))
    session.rollback()
    if recs:
        erase(session, recs, "expired", author, at, device)
    return len(recs)


def run(session: Session, args: dict[str, Any], at: int) -> None:
    """The job: until nothing is due. A lease that ends hands the rest to whoever takes the job next."""
    while erase_some(session, args["rule"], args["author"], at, args.get("device")):
        pass
