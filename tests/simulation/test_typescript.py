"""The real TypeScript engine in the seeded world (tests/simulation/typescript.py says why it lives there instead of replaying).

`python -m tests.simulation --engines` plays more of these histories and shrinks what fails.
"""

from __future__ import annotations

import json
import secrets
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pytest

from sync.record import Record
from tests.simulation.bad_luck import MUST_HAPPEN
from tests.simulation.controls import notices
from tests.simulation.defences import DEFENCES
from tests.simulation.handheld import Handheld
from tests.simulation.mutants import FILES_FIRST, MUTANTS, NO_WATCHDOG, Mutant, changed
from tests.simulation.run import Ground, play
from tests.simulation.town import Town
from tests.simulation.typescript import PWA, Engines, TypeScriptHandheld

FIXED, FRESH, LENGTH = (0, 1, 2, 9, 21), 3, 160
TRIES_MAX = 32
MUTANT_TRIES_MAX, MUTANT_LENGTH = 40, 100


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    ground = Ground(tmp_path_factory.mktemp("typescript"))
    ground.engines = Engines(tmp_path_factory.mktemp("engines"))
    yield ground
    ground.engines.close()


def test_fixed_histories_with_real_engines_break_no_property(ground: Ground) -> None:
    happened: Counter[str] = Counter()
    for seed in FIXED:
        result = play(ground, seed, LENGTH)
        assert result.found == [], f"python -m tests.simulation --engines --runs 1 --seed {seed} --length {LENGTH}"
        happened.update(result.happened)
    assert {name for name, times in happened.items() if times} >= MUST_HAPPEN["engines"]


def test_fresh_histories_with_real_engines_break_no_property(ground: Ground) -> None:
    first = secrets.randbelow(2**32)
    print(f"first seed {first}")
    for seed in range(first, first + FRESH):
        result = play(ground, seed, LENGTH)
        assert result.found == [], f"python -m tests.simulation --engines --runs 1 --seed {seed} --length {LENGTH}"


# ----------------------------------------------------------------------------------------------------- negative controls


def pages_lose_a_record() -> AbstractContextManager[Any]:
    """Between server and engine, and no digest that would show it."""
    honest = Town.send

    def send(town: Town, device: Handheld, body: bytes) -> bytes:
        answer = orjson.loads(honest(town, device, body))
        if isinstance(device, TypeScriptHandheld):
            answer["records"] = answer["records"][1:]
            answer.pop("digest", None)
            device.told_digest = ""
        return orjson.dumps(answer)

    return patch.object(Town, "send", send)


def screens_show_something_else() -> AbstractContextManager[Any]:
    """The engine's screen forgets a field."""
    honest = TypeScriptHandheld.shown

    def shown(device: TypeScriptHandheld, recs: list[str]) -> dict[str, Record]:
        found = honest(device, recs)
        for record in found.values():
            record.reg.pop("scope", None)
        return found

    return patch.object(TypeScriptHandheld, "shown", shown)


def noticed(ground: Ground, off: AbstractContextManager[Any], breaks: str, first: int = 0) -> bool:
    """`first`: a history that is known to notice."""
    with off:
        return any(line.startswith(f"{breaks} ") for seed in (first, *range(TRIES_MAX)) for line in play(ground, seed, LENGTH).found)


def test_a_record_that_a_real_engine_misses_is_noticed(ground: Ground) -> None:
    assert noticed(ground, pages_lose_a_record(), "1")


def test_a_screen_that_differs_from_the_disk_is_noticed(ground: Ground) -> None:
    assert noticed(ground, screens_show_something_else(), "21")


@pytest.mark.parametrize("name", ["forks are noticed", "a restore starts a new epoch", "only what is stored is acknowledged"])
def test_a_defence_the_server_lacks_is_noticed_with_real_engines(ground: Ground, name: str) -> None:
    defence = next(each for each in DEFENCES if each.name == name)
    assert noticed(ground, defence.off(), defence.breaks, defence.seed)


def test_an_upgrade_that_drops_the_queue_is_noticed(ground: Ground) -> None:
    """Property 16."""
    assert ground.engines is not None
    ground.engines.call("off", names=["upgrades keep the queue"])
    try:
        assert noticed(ground, nullcontext(), "16")
    finally:
        ground.engines.call("off", names=[])


def test_what_no_history_can_wait_for_is_noticed_by_the_engines_own_tests(tmp_path: Path) -> None:
    """Properties 19 and 20: ten minutes of a page without progress, and an upload that hangs for ever while data waits behind it."""
    source = changed(tmp_path, (FILES_FIRST, NO_WATCHDOG))
    told = subprocess.run(
        [PWA / "node_modules/.bin/vitest", "run", "media_first", "engine.test", "-t", "property 19|upload hangs", "--reporter", "json"],
        cwd=source, capture_output=True, text=True,
    )  # fmt: skip
    tests = [test for file in json.loads(told.stdout)["testResults"] for test in file["assertionResults"]]
    complaints = {test["title"]: test["failureMessages"][0].splitlines()[0] for test in tests if test["status"] == "failed"}
    wedged, hanging = "a wedged push restarts and raises an alarm after ten minutes (property 19)", "data leaves while an upload hangs"
    assert complaints.keys() == {wedged, hanging}
    assert complaints[wedged] == "AssertionError: expected [] to include 'stuck'"
    # How many ops wait behind it is a matter of turns.
    assert complaints[hanging] in {f"AssertionError: expected {left} to be +0 // Object.is equality" for left in (1, 2)}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_defence_the_engine_lacks_is_noticed(tmp_path: Path, mutant: Mutant) -> None:
    ground = Ground(tmp_path)
    ground.engines = mutant.engines(tmp_path)
    try:
        assert any(notices(play(ground, seed, MUTANT_LENGTH), mutant) for seed in (mutant.seed, *range(MUTANT_TRIES_MAX)))
    finally:
        ground.engines.close()
