"""The real TypeScript engine in the seeded world (tests/simulation/typescript.py says why it lives there instead of replaying).

`python -m tests.simulation --engines` plays more of these histories and shrinks what fails.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import orjson
import pytest

from sync.record import Record
from tests.simulation.defences import DEFENCES
from tests.simulation.handheld import Handheld
from tests.simulation.run import Ground, play
from tests.simulation.town import Town
from tests.simulation.typescript import Engines, TypeScriptHandheld

FRESH, LENGTH = 3, 160
# 99 found that a device pruned the op from which a server set back to its backup goes on; the last, that a copied disk pruned ops
# it had not compared yet.
FIXED = (*((seed, LENGTH) for seed in (*range(3), 99)), (805725579, 300))
TRIES_MAX = 12
MUST_HAPPEN = {
    "413", "answer cut", "cloned", "decided", "device killed", "device set back", "dropped", "duplicated", "edited in flight",
    "reassigned", "rebase", "released", "server killed", "server rolled back", "snapshot", "view evicted",
}  # fmt: skip


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    ground = Ground(tmp_path_factory.mktemp("typescript"))
    ground.engines = Engines(tmp_path_factory.mktemp("engines"))
    yield ground
    ground.engines.close()


def test_fixed_histories_with_real_engines_break_no_property(ground: Ground) -> None:
    happened: Counter[str] = Counter()
    for seed, length in FIXED:
        result = play(ground, seed, length)
        assert result.found == [], f"python -m tests.simulation --engines --runs 1 --seed {seed} --length {length}"
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


def noticed(ground: Ground, off: AbstractContextManager[Any], numbers: set[str]) -> bool:
    with off:
        return any({line.split(" ", 1)[0] for line in play(ground, seed, LENGTH).found} & numbers for seed in range(TRIES_MAX))


def test_a_record_that_a_real_engine_misses_is_noticed(ground: Ground) -> None:
    assert noticed(ground, pages_lose_a_record(), {"1"})


def test_a_screen_that_differs_from_the_disk_is_noticed(ground: Ground) -> None:
    assert noticed(ground, screens_show_something_else(), {"21"})


@pytest.mark.parametrize("name", ["forks are noticed", "a restore starts a new epoch", "only what is stored is acknowledged"])
def test_a_defence_the_server_lacks_is_noticed_with_real_engines(ground: Ground, name: str) -> None:
    defence = next(each for each in DEFENCES if each.name == name)
    assert noticed(ground, defence.off(), set(defence.noticed_by))
