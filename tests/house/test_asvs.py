"""server/security/asvs.toml is complete, and every place and test it names is there; README.md tells the same figures."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from typing import Any

import pytest

from tests.house.sources import ROOT

FOLDER = ROOT / "server" / "security"
STATUSES = ("met", "partly", "not_met", "not_applicable", "deployer")
KEYS = {"id", "level", "gist", "status", "where", "test", "note", "organisational"}
# ASVS 5.0.0: requirements of level 1 and of level 2, by chapter.
LEVELS = {1: 70, 2: 183}
CHAPTERS = {1: 27, 2: 11, 3: 19, 4: 10, 5: 9, 6: 35, 7: 18, 8: 7, 9: 7, 10: 29, 11: 14, 12: 9, 13: 13, 14: 9, 15: 13, 16: 16, 17: 7}
REQUIREMENTS: list[dict[str, Any]] = tomllib.loads((FOLDER / "asvs.toml").read_text(encoding="utf-8"))["requirement"]


def number(requirement: dict[str, Any]) -> list[int]:
    return [int(part) for part in requirement["id"][1:].split(".")]


def stands(place: str, separator: str) -> bool:
    """Whether a path exists and its file holds the name after the separator."""
    path, _, name = place.partition(separator)
    if not (ROOT / path).exists():
        return False
    return not name or re.search(rf"\b{re.escape(name)}\b", (ROOT / path).read_text(encoding="utf-8")) is not None


def test_every_requirement_of_both_levels_has_one_entry() -> None:
    ids = [each["id"] for each in REQUIREMENTS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"V\d{1,2}\.\d{1,2}\.\d{1,2}", each) for each in ids)
    assert ids == [each["id"] for each in sorted(REQUIREMENTS, key=number)]
    assert Counter(each["level"] for each in REQUIREMENTS) == LEVELS
    assert Counter(number(each)[0] for each in REQUIREMENTS) == CHAPTERS


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda each: each["id"])
def test_what_is_claimed_can_be_found(requirement: dict[str, Any]) -> None:
    assert set(requirement) <= KEYS
    assert requirement["status"] in STATUSES
    assert 0 < len(requirement["gist"].split()) <= 12
    for place in requirement.get("where", []):
        assert stands(place, ":"), f"where: {place}"
    if test := requirement.get("test"):
        assert test.startswith(("tests/", "pwa/tests/")), test
        assert stands(test, "::"), f"test: {test}"
    if requirement["status"] == "met":
        assert requirement.get("where"), "met needs the place"
        assert requirement.get("test") or requirement.get("organisational"), "met needs the test that shows it"
    else:
        assert requirement.get("note", "").strip(), "anything but met needs its reason"


def test_the_readme_tells_the_same_figures() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for status in STATUSES:
        counts = [sum(each["status"] == status and each["level"] == level for each in REQUIREMENTS) for level in LEVELS]
        assert f"| {status} | {counts[0]} | {counts[1]} | {sum(counts)} |" in text, (status, counts)


def test_the_to_do_holds_every_gap_once() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    todo = re.findall(r"\bV\d+\.\d+\.\d+\b", text.split("## To do", 1)[1])
    gaps = {each["id"] for each in REQUIREMENTS if each["status"] in ("partly", "not_met")}
    assert sorted(todo) == sorted(gaps)
