"""Every property of protocol section 9 is named in the simulation's report, and what it is said to be proven by is there."""

from __future__ import annotations

import re

from tests.house.sources import ROOT
from tests.simulation.defences import DEFENCES
from tests.simulation.mutants import MUTANTS
from tests.simulation.properties import PROPERTIES


def test_all_22_are_there_once() -> None:
    assert [each.number for each in PROPERTIES] == list(range(1, 23))


def test_the_tests_named_are_there_and_are_tests() -> None:
    for each in PROPERTIES:
        for name in each.tests:
            assert re.search(r"^def test_|^\s*test\(", (ROOT / name).read_text(encoding="utf-8"), re.M), f"{each.number}: {name}"
        assert each.checked or each.tests, f"{each.number} is checked nowhere"


def test_what_a_property_misses_when_it_is_taken_away_is_a_control_that_exists() -> None:
    names = {each.name for each in (*DEFENCES, *MUTANTS)}
    for each in PROPERTIES:
        path, _, test = each.control.partition("::")
        assert each.control, f"{each.number} has no negative control"
        assert each.control in names or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{each.number}: {each.control}"


def test_every_finding_of_the_checks_bears_a_number_of_the_list() -> None:
    source = "".join((ROOT / "tests/simulation" / name).read_text(encoding="utf-8") for name in ("checks.py", "town.py"))
    found = {int(number) for number in re.findall(r'f?"(\d+) [a-z]', source)} - {0}
    # Deletes, disputes and counters are numbered by a table; 8 and 13 break as what they would lose or differ in.
    assert found <= {each.number for each in PROPERTIES if each.checked}
    assert {1, 2, 3, 5, 6, 7, 11, 14, 15, 17, 19, 21, 22} <= found
