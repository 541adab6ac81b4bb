"""The real TypeScript engine with one of its defences taken out of its source: a simulation that does not notice would prove nothing of it.

Owns the list - what is changed where, and the one property whose check must notice - and the changed copy of the source. A change that no
longer fits the source is an error, never a silent pass.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.typescript import PWA, Engines


@dataclass(frozen=True, slots=True)
class Mutant:
    """`changes`: file below pwa/src, text, what takes its place. `seed`: a history that is known to notice."""

    name: str
    breaks: str
    changes: tuple[tuple[str, str, str], ...]
    seed: int = 0

    def engines(self, folder: Path) -> Engines:
        """The engine so changed, bundled into `folder`."""
        return Engines(folder, changed(folder, self.changes))


def changed(folder: Path, changes: tuple[tuple[str, str, str], ...]) -> Path:
    """A copy of the app's source, so changed, in `folder`."""
    source = folder / "pwa"
    for part in ("src", "tests"):
        shutil.copytree(PWA / part, source / part)
    for path in (PWA / "package.json", PWA / "vitest.config.ts", *PWA.glob("tsconfig*.json")):
        shutil.copy(path, source)
    (source / "node_modules").symlink_to(PWA / "node_modules")
    for name, before, after in changes:
        path = source / "src" / name
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{name} has changed, and so must this change of it"
        path.write_text(text.replace(before, after), encoding="utf-8")
    return source


COURIER, STORE = "courier/courier.ts", "store/ops_store.ts"
PURGE_EARLY = """    for (;;) {
      if (this.#over) return;
      const early = this.#deps.view.revoked_scopes();
      if (early.length > 0 && this.#pending() > 0) this.#deps.incident("scope_purged", { removed: await this.#deps.view.purge(early) });
"""
# Not mutants: no history can wait ten minutes of a page, or for a request that hangs for ever. The engine's own tests are played against them.
NUDGE = "    if (this.#leader?.leading === true) await this.#courier.nudge();"
FILES_FIRST = ("running_engine.ts", NUDGE, f"    await this.#wake_files();\n{NUDGE}")
NO_WATCHDOG = (COURIER, "    this.#resting = false;\n    this.#watch();\n", "    this.#resting = false;\n")
MUTANTS = (
    Mutant("one tab sends at a time", "17", (("courier/leader.ts", "`${ports.db_prefix}-sync`", "`${ports.db_prefix}-sync-${Math.random()}`"),), seed=1),
    Mutant(
        "ops are kept until they are durable", "13",
        ((STORE, "Math.max(0, durable - 1)", "acked"), (STORE, "if (row.saved_ms >= oldest) break;", "")), seed=2,
    ),
    Mutant(
        "the engine purges after its work has left", "14",
        (
            (COURIER, "if (scopes.length > 0 && this.#pending() === 0) {", "if (scopes.length > 0) {"),
            (COURIER, "    for (;;) {\n      if (this.#over) return;\n", PURGE_EARLY),
        ), seed=24,
    ),
    Mutant("a fork is taken for one", "13", (
        (COURIER, "if (answer.fork === true || outrun) {", "if (answer.fork === true && outrun) {"),
    ), seed=2),
    Mutant("own unsent edits are seen by the next", "6", (("store/model.ts", "if (op.n > known) fold_op(record, op, local_at_c(op));", ""),), seed=13),
    Mutant(
        "who was cut off tries again", "19",
        ((COURIER, "if (!this.#resting) delay = this.#failed(error);", "if (!this.#resting) {\n        delay = this.#failed(error);\n        this.#closed = true;\n      }"),),
    ),
    Mutant(
        "a damaged answer is no answer", "0",
        (("courier/transport.ts", 'if (is_damaged(answer.headers.get("Unencoded-Digest"), bytes))', "if (is_damaged(null, bytes))"),),
    ),
)  # fmt: skip
