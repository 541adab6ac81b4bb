"""Bulk statements do the same on both databases."""

from __future__ import annotations

from sqlalchemy import text

from server.db import reading, unit
from server.ledger.bulk import Bulk
from tests.server.ledger.world import World

COLUMNS = ("scope", "kind", "count", "xor")
UPSERT = "ON CONFLICT (scope, kind) DO UPDATE SET count = excluded.count, xor = excluded.xor"


def rows() -> list[tuple[str, int, int]]:
    with reading() as session:
        found = session.execute(text("SELECT scope, count, xor FROM scope_digest ORDER BY scope")).all()
        return [(row[0], row[1], row[2]) for row in found]


def test_insert_and_upsert_keep_quotes_percent_signs_and_unicode(world: World) -> None:
    odd = 'station:\'; DROP TABLE record; -- %s %(x)s ? "引号" \\'
    with unit() as session:
        Bulk(session).insert("scope_digest", COLUMNS, [(odd, "k", 1, 0), ("b", "k", 2, 1)], UPSERT)
        Bulk(session).insert("scope_digest", COLUMNS, [("b", "k", 5, -1)], UPSERT)
    assert rows() == [("b", 5, -1), (odd, 1, 0)]


def test_select_in_finds_only_what_was_asked_for(world: World) -> None:
    with unit() as session:
        bulk = Bulk(session)
        bulk.insert("scope_digest", COLUMNS, [(f"s{number}", "k", number, 0) for number in range(300)])
        found = bulk.select_in("scope", "scope_digest", "scope", [f"s{number}" for number in range(0, 600, 2)])
        assert {row[0] for row in found} == {f"s{number}" for number in range(0, 300, 2)}
        assert bulk.select_in("scope", "scope_digest", "scope", []) == []


def test_nothing_remains_of_a_unit_that_fails(world: World) -> None:
    try:
        with unit() as session:
            Bulk(session).insert("scope_digest", COLUMNS, [("a", "k", 1, 0)])
            raise LookupError
    except LookupError:
        pass
    assert rows() == []
