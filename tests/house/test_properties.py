"""Every property of protocol section 9 is named in the simulation's report, and what it is said to be proven by is there."""

from __future__ import annotations

import re
from collections import Counter

from tests.house.sources import ROOT
from tests.simulation.bad_luck import BAD_DAYS, MUST_HAPPEN
from tests.simulation.defences import DEFENCES
from tests.simulation.mutants import MUTANTS
from tests.simulation.properties import BESIDE, PROPERTIES


def test_all_22_are_there_once() -> None:
    assert [each.number for each in PROPERTIES] == list(range(1, 23))


def test_the_tests_named_are_there_and_are_tests() -> None:
    for each in PROPERTIES:
        for name in each.tests:
            assert re.search(r"^def test_|^\s*test\(", (ROOT / name).read_text(encoding="utf-8"), re.M), f"{each.number}: {name}"
        assert each.checked or each.tests, f"{each.number} is checked nowhere"


def test_every_property_has_a_control_and_every_control_a_property() -> None:
    for each in (*PROPERTIES, *BESIDE):
        assert each.controls, f"{each.number} has no negative control"
        path, _, test = each.control.partition("::")
        assert not each.control or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{each.number}: {each.control}"
    told = Counter(name for each in (*PROPERTIES, *BESIDE) for name in each.controls if "::" not in name)
    assert told == Counter(each.name for each in (*DEFENCES, *MUTANTS))


def test_every_control_is_tried_in_the_tests_of_its_world() -> None:
    assert {(each.world, each.erasures) for each in DEFENCES} == {("models", False), ("hub", False), ("hub", True)}


def test_every_bad_day_has_to_happen_in_the_fixed_histories_of_some_world() -> None:
    for day, names in BAD_DAYS.items():
        assert names, day
        assert set(names) <= set().union(*MUST_HAPPEN.values()), day


def test_every_finding_of_the_checks_bears_a_number_of_the_list() -> None:
    source = "".join((ROOT / "tests/simulation" / name).read_text(encoding="utf-8") for name in ("checks.py", "town.py", "actions.py"))
    found = {int(number) for number in re.findall(r'f?"(\d+) [a-z]', source)} - {0}
    # Deletes, disputes, counters and what is lost are numbered by what was at stake.
    assert found <= {each.number for each in PROPERTIES if each.checked} | {43}
    assert {1, 2, 3, 5, 7, 14, 15, 17, 18, 19, 21} <= found
