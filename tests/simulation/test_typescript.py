"""The real TypeScript engine in the seeded world (tests/simulation/typescript.py says why it lives there instead of replaying).

`python -m tests.simulation --engines` plays more of these histories and shrinks what fails.
"""

from __future__ import annotations

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
from tests.simulation.defences import DEFENCES
from tests.simulation.handheld import Handheld
from tests.simulation.mutants import FILES_FIRST, MUTANTS, Mutant, changed
from tests.simulation.run import Ground, play
from tests.simulation.town import Town
from tests.simulation.typescript import PWA, Engines, TypeScriptHandheld

FIXED, FRESH, LENGTH = (0, 1, 2, 3, 10), 3, 160
TRIES_MAX = 32
MUTANT_TRIES_MAX, MUTANT_LENGTH = 40, 100
MUST_HAPPEN = {
    "413", "answer cut", "answer damaged", "app upgraded", "cloned", "decided", "device killed", "device set back", "dropped", "duplicated", "edited in flight",
    "overtaken", "reassigned", "rebase", "released", "server killed", "server rolled back", "snapshot", "tab frozen", "tab opened", "tab swapped", "view evicted",
}  # fmt: skip


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
    assert {name for name, times in happened.items() if times} >= MUST_HAPPEN


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


def noticed(ground: Ground, off: AbstractContextManager[Any], numbers: set[str], first: int = 0) -> bool:
    """`first`: a history that is known to notice."""
    with off:
        return any({line.split(" ", 1)[0] for line in play(ground, seed, LENGTH).found} & numbers for seed in (first, *range(TRIES_MAX)))


def test_a_record_that_a_real_engine_misses_is_noticed(ground: Ground) -> None:
    assert noticed(ground, pages_lose_a_record(), {"1"})


def test_a_screen_that_differs_from_the_disk_is_noticed(ground: Ground) -> None:
    assert noticed(ground, screens_show_something_else(), {"21"})


@pytest.mark.parametrize("name", ["forks are noticed", "a restore starts a new epoch", "only what is stored is acknowledged"])
def test_a_defence_the_server_lacks_is_noticed_with_real_engines(ground: Ground, name: str) -> None:
    defence = next(each for each in DEFENCES if each.name == name)
    assert noticed(ground, defence.off(), set(defence.noticed_by), defence.seed)


def test_an_upgrade_that_drops_the_queue_is_noticed(ground: Ground) -> None:
    """Property 16."""
    assert ground.engines is not None
    ground.engines.call("off", names=["upgrades keep the queue"])
    try:
        assert noticed(ground, nullcontext(), {"22", "19"})
    finally:
        ground.engines.call("off", names=[])


def runs_green(source: Path, test: str) -> bool:
    told = subprocess.run([PWA / "node_modules/.bin/vitest", "run", test], cwd=source, capture_output=True, text=True)
    assert "Test Files" in told.stdout, told.stdout + told.stderr
    return told.returncode == 0


def test_files_that_go_before_the_data_are_noticed(tmp_path: Path) -> None:
    """Property 20: no device of the town sends files; the engine's own test of it must fail."""
    source = changed(tmp_path, FILES_FIRST)
    assert not runs_green(source, "tests/media_first.test.ts")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_defence_the_engine_lacks_is_noticed(tmp_path: Path, mutant: Mutant) -> None:
    ground = Ground(tmp_path)
    ground.engines = mutant.engines(tmp_path)
    try:
        for seed in (mutant.seed, *range(MUTANT_TRIES_MAX)):
            if {line.split(" ", 1)[0] for line in play(ground, seed, MUTANT_LENGTH).found} & mutant.noticed_by:
                return
        pytest.fail(f"{MUTANT_TRIES_MAX} histories without this defence, and no check noticed")
    finally:
        ground.engines.close()
