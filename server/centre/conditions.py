"""What the centre's words mean in SQL: open, overdue, below minimum, expiring, under way today, roster incomplete.

One definition per word, used by the figures and by the lists behind them, so that a tile and the list it opens can never
disagree. Builders of SQL expressions without a clock: the day is an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, FromClause, Table, and_, false, func, not_, or_, select
from sqlalchemy.orm import Session

from server.centre.tables import day_of, day_start_ms, table_of

HAZARD_CLOSED = ("closed",)
HAZARD_NOT_DUE = ("closed", "escalated")
# Used while the town has no setting `expiry_warn_days`.
EXPIRY_WARN_DAYS = 30
EXPIRY_DAYS_MAX = 3650
PATROL_UNDER_WAY = ("ongoing", "paused")
LOT_UNUSABLE = ("scrapped",)


@dataclass(frozen=True, slots=True)
class Today:
    """The day a question is asked on, with the town's own period for what counts as expiring soon."""

    now_ms: int
    expiry_days: int = EXPIRY_WARN_DAYS

    @property
    def date(self) -> str:
        """The town's date."""
        return day_of(self.now_ms)

    @property
    def horizon(self) -> str:
        """The last date that counts as expiring soon."""
        return day_of(self.now_ms, self.expiry_days)

    @property
    def start_ms(self) -> int:
        """Midnight."""
        return day_start_ms(self.now_ms)


def today_of(session: Session, now_ms: int) -> Today:
    """Today by the town's settings: periods are settings with a source line (mission table 4), never constants."""
    setting = table_of("setting")
    value = session.scalar(select(setting.c.value).where(setting.c.key == "expiry_warn_days", setting.c.life).limit(1))
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= EXPIRY_DAYS_MAX:
        return Today(now_ms, value)
    return Today(now_ms)


def hazard_open(t: Table) -> ColumnElement[bool]:
    """Not yet closed; a hazard without a state counts as open (the cautious reading)."""
    return or_(t.c.status.is_(None), t.c.status.not_in(HAZARD_CLOSED))


def hazard_overdue(t: Table, today: Today) -> ColumnElement[bool]:
    """Past its rectification date and still in the station's hands."""
    unfinished = or_(t.c.status.is_(None), t.c.status.not_in(HAZARD_NOT_DUE))
    return and_(unfinished, t.c.due.is_not(None), t.c.due < today.date)


def hazard_major(t: Table) -> ColumnElement[bool]:
    """Open and graded 重大."""
    return and_(hazard_open(t), t.c.severity == "major")


def lot_held(t: Table) -> ColumnElement[bool]:
    """A lot that still holds something usable."""
    return and_(t.c.on_hand > 0, or_(t.c.condition.is_(None), t.c.condition.not_in(LOT_UNUSABLE)))


def lot_expired(t: Table, today: Today) -> ColumnElement[bool]:
    """Held and past its date."""
    return and_(lot_held(t), t.c.expiry.is_not(None), t.c.expiry < today.date)


def lot_expiring(t: Table, today: Today) -> ColumnElement[bool]:
    """Held and running out of date within the horizon, but not yet past it."""
    return and_(lot_held(t), t.c.expiry >= today.date, t.c.expiry <= today.horizon)


def lot_usable(t: FromClause, today: Today) -> ColumnElement[bool]:
    """What may be counted on: not scrapped, in date."""
    return and_(
        t.c.life,
        or_(t.c.condition.is_(None), t.c.condition.not_in(LOT_UNUSABLE)),
        or_(t.c.expiry.is_(None), t.c.expiry >= today.date),
    )


def item_below(t: Table, today: Today) -> ColumnElement[bool]:
    """Usable, in-date stock of the item is less than its minimum. Items without a minimum never count."""
    lot = table_of("stock_lot").alias("lot_of_item")
    usable = and_(lot.c.item == t.c.id, lot_usable(lot, today))
    held = select(func.coalesce(func.sum(lot.c.on_hand), 0)).where(usable).correlate(t).scalar_subquery()
    return and_(t.c.min_level > 0, held < t.c.min_level)


def patrol_today(t: Table, today: Today) -> ColumnElement[bool]:
    """Begun today, or still under way from before."""
    return or_(t.c.started_at >= today.start_ms, t.c.status.in_(PATROL_UNDER_WAY))


def roster_incomplete(t: Table) -> ColumnElement[bool]:
    """To be evacuated, but without a shelter or without a person responsible for the transfer (M-47)."""
    return and_(t.c.evac_kind.is_not(None), or_(_unset(t.c.shelter), _unset(t.c.responsible_a)))


def _unset(column: ColumnElement[str]) -> ColumnElement[bool]:
    return or_(column.is_(None), column == "")


Condition = Callable[[Table, Today], ColumnElement[bool]]

ONLY: dict[str, dict[str, Condition]] = {
    "hazard": {
        "open": lambda t, d: hazard_open(t),
        "overdue": hazard_overdue,
        "major": lambda t, d: hazard_major(t),
        "closed": lambda t, d: not_(hazard_open(t)),
    },
    "stock_item": {"below": item_below},
    "stock_lot": {"expired": lot_expired, "expiring": lot_expiring},
    "patrol": {"today": patrol_today},
    "person": {"incomplete": lambda t, d: roster_incomplete(t)},
}


def only(kind: str, word: str, table: Table, today: Today) -> ColumnElement[bool]:
    """The condition behind a word for a kind; an unknown word selects nothing, never everything."""
    found = ONLY.get(kind, {}).get(word)
    if word == "disputed":
        return table.c.in_dispute
    return found(table, today) if found is not None else false()
