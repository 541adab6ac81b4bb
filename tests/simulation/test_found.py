"""Every history that once broke a property is played again (tests/simulation/cases.py): what was mended stays mended."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.cases import FOLDER, cases, replay
from tests.simulation.run import Ground

WORLDS = ("models", "engines", "hub")
# What only these histories of a world put to the test.
MUST_HAPPEN = {"engines": {"decided"}}


def test_every_case_says_why_it_is_kept_and_lives_in_a_known_world() -> None:
    for path in FOLDER.glob("*.json"):
        case = json.loads(path.read_text(encoding="utf-8"))
        assert case["why"], path.name
        assert case["world"] in WORLDS, path.name


@pytest.mark.parametrize("world", WORLDS)
def test_found_cases_break_nothing_any_more(tmp_path: Path, world: str) -> None:
    found = cases(world)
    if not found:
        return
    ground = Ground.of(tmp_path, world)
    happened: Counter[str] = Counter()
    for path in found:
        result = replay(ground, path.read_text(encoding="utf-8"))
        assert result.found == [], path.name
        happened.update(result.happened)
    assert {name for name, times in happened.items() if times} >= MUST_HAPPEN.get(world, set())
    if ground.engines is not None:
        ground.engines.close()
