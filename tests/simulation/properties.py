"""The 22 properties of protocol section 9: by what every simulated history checks them, and where else they are proven.

Owns the list that the report prints. A house test holds it to the protocol and to the tests it names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Property:
    """`happened`: what of a history puts it to the test; `checked`: whether every history is judged by it at its end; `control`: what, when it
    is taken away, must be noticed - a name of DEFENCES or MUTANTS, or a test that takes it away itself."""

    number: int
    words: str
    happened: tuple[str, ...] = ()
    checked: bool = True
    tests: tuple[str, ...] = ()
    control: str = ""


STORY, SERVER = "tests/browser/test_story.py", "tests/server/ledger"
ENGINE = "pwa/tests/engine.test.ts"
PROPERTIES = (
    Property(1, "the cursor never passes an unseen commit", ("rebase", "reassigned"), tests=(f"{SERVER}/test_feed_race.py", "tests/faults/test_cursor_race.py"),
        control="the cursor never passes an unseen commit"),
    Property(2, "an identical push again changes nothing", ("duplicated", "late copy", "overtaken", "answer cut", "request damaged", "answer damaged"), tests=(f"{SERVER}/test_push.py",),
        control="damaged bytes count as none"),
    Property(3, "a bad op delays nobody and reaches a person", ("released",), tests=(f"{SERVER}/test_quarantine.py", ENGINE),
        control="what is kept aside is shown to a person"),
    Property(4, "413 still makes progress", ("413",), tests=(ENGINE,),
        control="a batch that is too large is cut down"),
    Property(5, "an edit during its own push is neither lost nor in conflict", ("edited in flight",), tests=(ENGINE,),
        control="own unsent edits are seen by the next"),
    Property(6, "one device never conflicts with itself", ("edited in flight", "answer cut"), tests=(ENGINE, "pwa/tests/fork.test.ts"),
        control="own unsent edits are parents of the next"),
    Property(7, "two unseen edits are one conflict with both values on every node", ("decided", "nodes met"), tests=(f"{SERVER}/test_push.py", "tests/server/nodes/test_meeting.py"),
        control="heads of unseen edits stay"),
    Property(8, "disjoint or equal edits are no conflict", tests=("tests/sync/test_vectors.py",),
        control="equal values are no dispute"),
    Property(9, "a counter is the sum of its movements, once", ("duplicated", "cloned"), tests=("tests/sync/test_vectors.py", ENGINE),
        control="a stocktake covers what it saw"),
    Property(10, "a delete beside an edit keeps the edit", tests=("tests/sync/test_vectors.py", ENGINE),
        control="a delete needs sight of every edit"),
    Property(11, "a later good sync never closes a conflict", ("decided",), tests=(f"{SERVER}/test_push.py",),
        control="conflicts are derived from heads"),
    Property(12, "clocks ten years wrong change nothing but times", checked=False, tests=("tests/simulation/test_simulation.py", ENGINE),
        control="tests/simulation/test_simulation.py::test_a_fold_that_trusts_clocks_is_noticed"),
    Property(13, "clone, device restore, server rollback: nothing lost, noticed", ("cloned", "device set back", "server rolled back"), tests=("pwa/tests/fork.test.ts",),
        control="forks are noticed"),
    Property(14, "unsent work leaves before any purge", ("reassigned",), tests=(f"{SERVER}/test_pull.py", "tests/simulation/test_typescript.py"),
        control="unsent work leaves before rows are purged"),
    Property(15, "old client and new ops, new client and old server: nothing stripped", ("server upgraded", "app upgraded"), tests=(f"{SERVER}/test_upgrade.py", "tests/compat/test_server.py", "tests/compat/test_fold.py", "pwa/tests/frozen.test.ts"),
        control="an upgrade brings what was kept into its tables"),
    Property(16, "an upgrade with a full queue keeps it", ("app upgraded",), tests=("tests/browser/test_update.py", "tests/compat/test_handheld.py"),
        control="tests/simulation/test_typescript.py::test_an_upgrade_that_drops_the_queue_is_noticed"),
    Property(17, "two tabs and a new worker: one engine", ("tab opened", "tab swapped", "tab frozen", "tab closed"), tests=("tests/browser/test_tabs.py", "tests/browser/test_update.py", ENGINE),
        control="one tab sends at a time"),
    Property(18, "saved means a strict commit; eviction is noticed and counted", ("view evicted",), checked=False, tests=("tests/browser/test_evicted.py", "tests/browser/test_quota.py", "pwa/tests/eviction.test.ts"),
        control="tests/simulation/test_kills.py::test_a_save_that_is_not_strict_is_noticed"),
    Property(19, "pending without progress restarts and raises an alarm", ("dropped", "disk full"), tests=(ENGINE,),
        control="one bad line delays nobody"),
    Property(20, "a media failure never delays data", checked=False, tests=(ENGINE, "pwa/tests/media_first.test.ts", "tests/faults/test_store_gone.py"),
        control="tests/simulation/test_typescript.py::test_files_that_go_before_the_data_are_noticed"),
    Property(21, "incremental state is the pure fold of all ops", ("parked let go",), tests=("tests/sync/test_parked.py",),
        control="parked fields wait for their parent"),
    Property(22, "kill -9 at any moment loses nothing reported stored", ("server killed", "device killed"), tests=("tests/simulation/test_kills.py", "tests/faults/test_kill9.py", STORY),
        control="only what is stored is acknowledged"),
)  # fmt: skip


def told(histories: int, broken: Counter[str], happened: Counter[str]) -> Iterator[str]:
    """The report: each property with what of these histories bears on it."""
    for each in PROPERTIES:
        if each.checked:
            verdict = f"BROKEN in {broken[str(each.number)]}" if broken[str(each.number)] else f"held in {histories}"
        else:
            verdict = "in its own tests"
        tried = ", ".join(f"{name} {happened[name]}" for name in each.happened if happened[name])
        yield f"{each.number:>3} {verdict:<20} {each.words}{f' ({tried})' if tried else ''}; also {', '.join(each.tests)}; without: {each.control or 'no control'}"
