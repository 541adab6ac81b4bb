"""Running, repeating and shrinking histories. Owns the temporary databases; decides nothing about the protocol."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sync.record import Record, load
from tests.simulation.actions import Action, plan, with_a_hub, with_erasures, with_files, with_more, with_tabs
from tests.simulation.checks import check, heal
from tests.simulation.facts import FACT
from tests.simulation.town import Town
from tests.simulation.typescript import Engines
from tests.tools.databases import copied, new_sqlite
from tests.tools.memory import in_memory


@dataclass
class Result:
    """How a history ended. `shape` is the final state without times and identities."""

    seed: int
    actions: Sequence[Action]
    found: list[str]
    happened: Counter[str] = field(default_factory=Counter)
    shape: dict[str, object] = field(default_factory=dict)
    ops: int = 0


class Ground:
    """Where histories run: each on its own copy of a migrated, empty SQLite file."""

    # When set, every other device of a history is the real TypeScript engine.
    engines: Engines | None = None
    # When set, a second node on SQLite lives beside the centre.
    hub: bool = False
    # When set, records are erased in between.
    erasures: bool = False

    _home: tempfile.TemporaryDirectory[str] | None = None

    def __init__(self, folder: Path) -> None:
        """`folder` is this run's own."""
        self.folder = folder

    @staticmethod
    def of(folder: Path, world: str) -> Ground:
        """The ground of a world: `models`, `engines` or `hub`."""
        ground = Ground(folder)
        ground.hub = world == "hub"
        ground.engines = Engines(folder) if world == "engines" else None
        return ground

    @property
    def world(self) -> str:
        """Its name."""
        return "hub" if self.hub else "engines" if self.engines else "models"

    @contextmanager
    def database(self) -> Iterator[tuple[str, Path]]:
        """An empty database and a folder beside it: the same for every history, one after another."""
        if self._home is None:
            self._home = tempfile.TemporaryDirectory(dir=in_memory() or self.folder)
        folder = Path(self._home.name) / "town"
        folder.mkdir()
        try:
            yield new_sqlite(folder / "town.db"), folder
        finally:
            shutil.rmtree(folder)


class PostgresGround(Ground):
    """The same on PostgreSQL: copies of a migrated, empty template of a running cluster."""

    def __init__(self, folder: Path, cluster_url: str, template: str) -> None:
        """`cluster_url` is the address of any database of the cluster."""
        self.folder, self.cluster_url, self.empty = folder, cluster_url, template

    @contextmanager
    def database(self) -> Iterator[tuple[str, Path]]:
        """An empty database and a folder."""
        with copied(self.cluster_url, self.empty) as url, tempfile.TemporaryDirectory(dir=self.folder) as folder:
            yield url, Path(folder)


def draw(seed: int, length: int, hub: bool = False) -> tuple[int, list[Action]]:
    """How many devices, and what happens to them. A town of six or seven is the exception: it takes twice the time."""
    random = Random(seed)
    size, actions = random.randint(2, 5), plan(random, length)
    size = Random(f"{seed} more devices").choice((size,) * 14 + (6, 7))
    if hub:
        actions = with_a_hub(random, actions)
    return size, with_files(Random(f"{seed} files"), with_more(Random(f"{seed} more"), actions))


def play(ground: Ground, seed: int, length: int = 120, actions: Sequence[Action] | None = None, shaped: bool = False) -> Result:
    """One history from its seed; `actions` replaces the drawn ones (shrinking, replaying). `shaped`: its end is told as well."""
    size, drawn = draw(seed, length, ground.hub)
    if ground.erasures:
        drawn = with_erasures(Random(f"{seed} erasures"), drawn)
    if ground.engines is not None:
        drawn = with_tabs(Random(f"{seed} tabs"), drawn)
    chosen = drawn if actions is None else list(actions)
    # Who is upgraded on the way began two releases ago.
    older = frozenset(action.name.removeprefix("upgrade_") for action in chosen if action.name.startswith("upgrade_"))
    with ground.database() as (url, folder), Town(url, folder, Random(seed)).running(size, ground.engines, ground.hub, older) as town:
        try:
            for action in chosen:
                action.run(town)
            heal(town)
            found = check(town)
        except Exception as error:
            # Nothing in a history may make the product fail; what does is the finding.
            return Result(seed, chosen, [*town.findings, f"0 no error: {type(error).__name__}: {error}"], town.happened)
        return Result(seed, chosen, found, town.happened, _shape(town) if shaped else {}, sum(town.in_log().values()))


def shrink(ground: Ground, result: Result, tries_max: int = 400) -> Result:
    """A shorter history that breaks the same property, by leaving out ever smaller pieces."""
    wanted = {line.split(" ", 1)[0] for line in result.found}
    best, piece, tries = result, max(1, len(result.actions) // 2), 0
    while piece >= 1 and tries < tries_max:
        start, shorter = 0, False
        while start < len(best.actions) and tries < tries_max:
            tries += 1
            fewer = [*best.actions[:start], *best.actions[start + piece :]]
            again = play(ground, result.seed, actions=fewer)
            if wanted & {line.split(" ", 1)[0] for line in again.found}:
                best, shorter = again, True
            else:
                start += piece
        piece = piece if shorter and piece > 1 else piece // 2
    return best


def _shape(town: Town) -> dict[str, object]:
    """Final records with facts in place of stamps: what must not depend on any clock (property 12)."""
    names = {row.stamp: (found[0].decode() if (found := FACT.findall(row.line)) else row.stamp) for row in town.log()}
    return {rec: _plain(load(state), names) for rec, (_, _, state) in town.states().items()}


def _plain(record: Record, names: dict[str, str]) -> object:
    return {
        "reg": {name: sorted((names.get(stamp, stamp), str(value)) for stamp, value in live) for name, live in record.reg.items() if live},
        "ctr": {
            name: (sorted((names.get(stamp, stamp), value) for stamp, value in counter.counts), sorted((names.get(stamp, stamp), value) for stamp, value, _ in counter.deltas))
            for name, counter in record.ctr.items()
        },
        "set": {name: sorted((names.get(stamp, stamp), str(value)) for stamp, value in members) for name, members in record.sets.items() if members},
        "log": {name: sorted((names.get(stamp, stamp), str(value), gone) for stamp, value, gone in entries) for name, entries in record.log.items()},
        "life": sorted((names.get(stamp, stamp), value) for stamp, value, _ in record.life),
        "scope": record.scope if len(record.reg.get("scope", ())) < 2 else "",
    }  # fmt: skip
