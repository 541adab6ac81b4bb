"""The demo town is the same for the same number, covers the ground without gap or overlap (M-01, M-02), and names nobody real."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from seed.checklist import sections
from seed.geometry import Lattice
from seed.load import load, ops_of
from seed.names import impossible_id, station_names
from seed.town import BLOCK_TYPES, TOWN_CODE, Draft, Town
from server.db import db, migrate
from server.kinds import KINDS, LISTS
from server.ledger.verify import fold_anew
from server.settings import Settings
from sync import limits
from sync.fields import Field
from sync.op import encode_op, parse_op

DAY = date(2026, 6, 1)
Edge = tuple[tuple[int, int], tuple[int, int]]


@pytest.fixture(scope="module")
def drafts() -> list[Draft]:
    return list(Town(20260601, 48, 2000, DAY).drafts())


def cells(drafts: list[Draft], level: str) -> list[Draft]:
    return [draft for draft in drafts if draft.kind == "grid_cell" and draft.fields["level"] == level]


def edges(cell: Draft) -> list[Edge]:
    ring = [tuple(corner) for corner in cell.fields["geometry"]["rings"][0]]
    return list(pairwise(ring))


def twice_area(cell: Draft) -> int:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in edges(cell))


def test_the_same_number_makes_the_same_town() -> None:
    first, again = (list(Town(7, 8, 200, DAY).drafts()) for _ in range(2))
    assert first == again
    assert first != list(Town(8, 8, 200, DAY).drafts())


def test_sizes_are_followed() -> None:
    for stations, records in ((1, 12), (6, 60), (48, 5000)):
        made = Counter(draft.kind for draft in Town(7, stations, records, DAY).drafts())
        assert made["station"] == made["patrol_plan"] == stations
        assert made["person"] >= records // stations // 2


@pytest.mark.parametrize("level", ["grid", "village", "block"])
def test_a_level_covers_the_town_without_gap_or_overlap(drafts: list[Draft], level: str) -> None:
    """Every inner edge belongs to two cells, once in each direction; what is left over is exactly the border of the town."""
    found = Counter(edge for cell in cells(drafts, level) for edge in edges(cell))
    assert set(found.values()) == {1}, "an edge walked twice in one direction: two cells overlap"
    border = {edge for edge in found if (edge[1], edge[0]) not in found}
    (town,) = cells(drafts, "town")
    assert border == set(edges(town))
    assert sum(twice_area(cell) for cell in cells(drafts, level)) == twice_area(town)
    assert all(twice_area(cell) > 0 for cell in cells(drafts, level))


def test_no_cell_crosses_itself() -> None:
    """Corners move by at most a quarter of a step, so a cell keeps the order of its corners for any number."""
    for seed in range(20):
        lattice = Lattice(Town(seed, 4, 40, DAY).random, 6, 6)
        assert all(lattice.corners[x, y][0] < lattice.corners[x + 1, y][0] for x in range(6) for y in range(7))
        assert all(lattice.corners[x, y][1] < lattice.corners[x, y + 1][1] for x in range(7) for y in range(6))


def test_children_fill_their_parents(drafts: list[Draft]) -> None:
    by_id = {draft.rec: draft for draft in drafts if draft.kind == "grid_cell"}
    area: Counter[str] = Counter()
    for cell in by_id.values():
        if parent := cell.fields.get("parent"):
            area[parent] += twice_area(cell)
    for parent, filled in area.items():
        assert filled == twice_area(by_id[parent]), f"{by_id[parent].fields['name']} is not filled by its children"


def test_every_block_has_a_type_and_a_responsible_body(drafts: list[Draft]) -> None:
    blocks = cells(drafts, "block")
    assert {block.fields["block_type"] for block in blocks} == set(BLOCK_TYPES)
    assert len(BLOCK_TYPES) == 14
    assert all(block.fields["responsible_unit"] for block in blocks)


def test_stations_are_shaped_like_a_real_list() -> None:
    rows = station_names(48)
    kinds = Counter(kind for _, _, kind in rows)
    assert kinds == {"neighbourhood": 35, "village": 13}
    assert len({name for _, name, _ in rows}) == len({code for code, _, _ in rows}) == 48
    assert all((int(code) < 200) == (kind == "neighbourhood") for code, _, kind in rows)
    assert any("村" in name for _, name, kind in rows if kind == "neighbourhood"), "a 居委会 with 村 in its name is the tricky case"
    assert all(len(TOWN_CODE + code) == 12 for code, _, _ in rows)


def test_the_checklist_is_of_real_length_and_its_items_are_unique() -> None:
    items = [item for section in sections() for item in section["items"]]
    assert len(items) >= 60
    assert len({item["id"] for item in items}) == len(items)
    assert all(item["title"] and item["method"] and item["rectify"] for item in items)
    assert {item["severity"] for item in items} == {"general", "major"}
    assert {section["id"] for section in sections()} >= {"old_house", "outdoor_ad", "shop_sign", "illegal_building", "corridor_clutter", "falling_object", "ebike_charging"}


def test_nobody_is_real(drafts: list[Draft]) -> None:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    people = [draft.fields for draft in drafts if draft.kind == "person"]
    assert people
    for person in people:
        number = person["id_no"]
        assert len(number) == 18
        right = "10X98765432"[sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False)) % 11]
        assert number[-1] != right, "a valid check digit could be somebody's"
        assert person["phone"].startswith("1990000")
        assert person["name"][0] in "示例演练样测试虚"
    assert impossible_id(Town(1, 1, 12, DAY).random)[:6] == "310199"


def choices_of(field: Field) -> set[str]:
    return set() if field.choices is None else {choice.code for choice in field.choices.choices}


def test_every_value_is_of_the_declared_lists(drafts: list[Draft]) -> None:
    fields: dict[tuple[str, str], Field] = {(kind.name, field.name): field for kind in KINDS.values() for field in kind.fields}
    for draft in drafts:
        for name, value in draft.fields.items():
            if name.startswith("ans."):
                continue
            field = fields[draft.kind, name]
            if allowed := choices_of(field):
                values: list[Any] = value if isinstance(value, list) else [value]
                assert set(values) <= allowed, f"{draft.kind}.{name}: {value}"
    assert LISTS


def test_references_lead_somewhere(drafts: list[Draft]) -> None:
    held = {draft.rec: draft.kind for draft in drafts}
    for draft in drafts:
        for field in KINDS[draft.kind].fields:
            if field.ref and (target := draft.fields.get(field.name)):
                assert held.get(target) == field.ref, f"{draft.kind}.{field.name}"


def test_personal_records_stay_in_their_station(drafts: list[Draft]) -> None:
    assert {draft.scope for draft in drafts if KINDS[draft.kind].personal} & {"town"} == set()


def test_every_op_fits_the_protocol(drafts: list[Draft]) -> None:
    for draft in drafts:
        for op in ops_of(draft):
            line = encode_op(op | {"n": 1, "at": "2026-06-01T08:00:00+08:00", "user": "u_operator"})
            assert len(line) <= limits.LINE_BYTES_MAX
            parse_op(op | {"n": 1, "at": "2026-06-01T08:00:00+08:00", "user": "u_operator"}, "aeaqcaibaeaqcaib", 1, "00000000")


def test_loading_is_through_the_ledger_and_only_once(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/town.db", data_dir=tmp_path, demo_password="demo-pass-2026")
    migrate(db.init(settings.database_url))
    try:
        said = load(db.session(), settings, 7, 4, 48, DAY)
        assert "4 stations" in said
        assert "already" in load(db.session(), settings, 7, 4, 48, DAY)
        report = fold_anew(db.session())
        assert report.ok
        assert report.records == sum(1 for _ in Town(7, 4, 48, DAY).drafts())
    finally:
        db.close()


def test_no_demo_town_where_no_demo_password_is_set(tmp_path: Path) -> None:
    settings = Settings(env="prod", secret_key="s" * 40, database_url=f"sqlite:///{tmp_path}/town.db", data_dir=tmp_path)
    migrate(db.init(settings.database_url))
    try:
        assert "no demo town" in load(db.session(), settings, 7, 4, 48, DAY)
    finally:
        db.close()
