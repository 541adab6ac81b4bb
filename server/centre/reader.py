"""Who is reading, and what of the town he may see.

Owns the step from a caller (his posts) to a filter that every query of this package applies.
Invariants: operators and administrators read the whole town; a station head reads the records of the stations he heads and
the town's reference records; a patroller reads nothing here. No query of this package may be built without a Reader.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, or_, select, true
from sqlalchemy.orm import Session

from server.accounts.models import Post
from server.accounts.rights import Caller
from server.centre.tables import STATION_PREFIX, station_of

TOWN_ROLES = frozenset({"operator", "admin"})
READING_ROLES = ("head", "operator", "admin")


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader of the centre. `stations` are the codes he heads; ignored when he reads the whole town."""

    user_id: str
    whole_town: bool
    stations: frozenset[str] = frozenset()
    device_id: str | None = None

    def may_see(self, scope: str) -> bool:
        """Whether a record of that scope may be shown."""
        station = station_of(scope)
        return self.whole_town or station is None or station in self.stations

    def may_see_station(self, code: str) -> bool:
        """Whether that station's figures may be shown."""
        return self.whole_town or code in self.stations

    def scopes(self, column: Column[str], station: str | None = None) -> ColumnElement[bool]:
        """Filter on a scope column; `station` narrows it further, never widens it."""
        if station is not None:
            wanted = STATION_PREFIX + station
            return column == wanted if self.may_see(wanted) else column.in_(())
        if self.whole_town:
            return true()
        own = sorted(STATION_PREFIX + code for code in self.stations)
        return or_(column.in_(own), ~column.startswith(STATION_PREFIX))

    def station_codes(self, column: Column[str]) -> ColumnElement[bool]:
        """Filter on a column that holds station codes."""
        return true() if self.whole_town else column.in_(sorted(self.stations))


def reader_of(session: Session, caller: Caller, now_ms: int) -> Reader:
    """The reader behind a request. Heading a station is what counts: a head who also patrols elsewhere reads only his own."""
    if caller.user_id is None:
        return Reader("", whole_town=False, device_id=caller.device_id)
    if caller.all_town:
        return Reader(caller.user_id, whole_town=True, device_id=caller.device_id)
    posts = session.scalars(
        select(Post.station_code).where(
            Post.user_id == caller.user_id,
            Post.role == "head",
            Post.valid_from <= now_ms,
            or_(Post.valid_to.is_(None), Post.valid_to > now_ms),
        )
    )
    headed = frozenset(code for code in posts if code)
    return Reader(caller.user_id, whole_town=False, stations=headed & frozenset(caller.stations), device_id=caller.device_id)
