"""The 22 properties of protocol section 9: by what every simulated history checks them, and where else they are proven.

Owns the list that the report prints. A house test holds it to the protocol and to the tests it names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulation.defences import DEFENCES
from tests.simulation.mutants import MUTANTS


@dataclass(frozen=True, slots=True)
class Property:
    """`happened`: what of a history puts it to the test; `checked`: whether every history is judged by it at its end; `control`: a test that
    takes away what it needs, beside the DEFENCES and MUTANTS that bear its number."""

    number: int
    words: str
    happened: tuple[str, ...] = ()
    checked: bool = True
    tests: tuple[str, ...] = ()
    control: str = ""

    @property
    def controls(self) -> tuple[str, ...]:
        """What, when it is taken away, must break this property."""
        named = (each.name for each in (*DEFENCES, *MUTANTS) if each.breaks == str(self.number))
        return (*named, *filter(None, (self.control,)))


STORY, SERVER = "tests/browser/test_story.py", "tests/server/ledger"
ENGINE = "pwa/tests/engine.test.ts"
PROPERTIES = (
    Property(1, "the cursor never passes an unseen commit", ("rebase", "reassigned"), tests=(f"{SERVER}/test_feed_race.py", "tests/faults/test_cursor_race.py")),
    Property(2, "an identical push again changes nothing", ("duplicated", "late copy", "overtaken", "answer cut", "request damaged", "answer damaged"), tests=(f"{SERVER}/test_push.py",)),
    Property(3, "a bad op delays nobody and reaches a person", ("quarantined", "released", "poison unreadable", "poison wrong type", "poison defect"), tests=(f"{SERVER}/test_quarantine.py", ENGINE)),
    Property(4, "413 still makes progress", ("413",), tests=(ENGINE,)),
    Property(5, "an edit during its own push is neither lost nor in conflict", ("edited in flight",), tests=(ENGINE,)),
    Property(6, "one device never conflicts with itself", ("edited in flight", "answer cut"), tests=(ENGINE, "pwa/tests/fork.test.ts")),
    Property(7, "two unseen edits are one conflict with both values on every node", ("decided", "nodes met"), tests=(f"{SERVER}/test_push.py", "tests/server/nodes/test_meeting.py")),
    Property(8, "disjoint or equal edits are no conflict", tests=("tests/sync/test_vectors.py",)),
    Property(9, "a counter is the sum of its movements, once", ("duplicated", "cloned"), tests=("tests/sync/test_vectors.py", ENGINE)),
    Property(10, "a delete beside an edit keeps the edit", tests=("tests/sync/test_vectors.py", ENGINE)),
    Property(11, "a later good sync never closes a conflict", ("decided",), tests=(f"{SERVER}/test_push.py",)),
    Property(12, "clocks ten years wrong change nothing but times", ("clock wrong by years", "clock jumped"), checked=False, tests=("tests/simulation/test_simulation.py", ENGINE),
        control="tests/simulation/test_simulation.py::test_a_fold_that_trusts_clocks_is_noticed"),
    Property(13, "clone, device restore, server rollback: nothing lost, noticed", ("cloned", "device set back", "server rolled back"), tests=("pwa/tests/fork.test.ts",)),
    Property(14, "unsent work leaves before any purge", ("revoked with unsent work",), tests=(f"{SERVER}/test_pull.py", "tests/simulation/test_typescript.py")),
    Property(15, "old client and new ops, new client and old server: nothing stripped", ("server upgraded", "app upgraded"), tests=(f"{SERVER}/test_upgrade.py", "tests/compat/test_server.py", "tests/compat/test_fold.py", "pwa/tests/frozen.test.ts")),
    Property(16, "an upgrade with a full queue keeps it", ("app upgraded with a full queue",), tests=("tests/browser/test_update.py", "tests/compat/test_handheld.py"),
        control="tests/simulation/test_typescript.py::test_an_upgrade_that_drops_the_queue_is_noticed"),
    Property(17, "two tabs and a new worker: one engine", ("tab opened", "tab swapped", "tab frozen", "tab thawed", "tab closed"), tests=("tests/browser/test_tabs.py", "tests/browser/test_update.py", ENGINE)),
    Property(18, "saved means a strict commit; eviction is noticed and counted", ("view evicted", "device killed"), tests=("tests/browser/test_evicted.py", "tests/browser/test_quota.py", "pwa/tests/eviction.test.ts"),
        control="tests/simulation/test_kills.py::test_a_save_that_is_not_strict_is_noticed"),
    Property(19, "pending without progress restarts and raises an alarm", ("dropped", "disk full"), tests=(ENGINE,),
        control="tests/simulation/test_typescript.py::test_what_no_history_can_wait_for_is_noticed_by_the_engines_own_tests"),
    Property(20, "a media failure never delays data", checked=False, tests=(ENGINE, "pwa/tests/media_first.test.ts", "tests/faults/test_store_gone.py"),
        control="tests/simulation/test_typescript.py::test_what_no_history_can_wait_for_is_noticed_by_the_engines_own_tests"),
    Property(21, "incremental state is the pure fold of all ops", ("parked", "parked let go"), tests=("tests/sync/test_parked.py",)),
    Property(22, "kill -9 at any moment loses nothing reported stored", ("server killed", "device killed"), tests=("tests/simulation/test_kills.py", "tests/faults/test_kill9.py", STORY)),
)  # fmt: skip
# Beside section 9: what histories are judged by as well. 43 and 50 are rules of the protocol.
BESIDE = (
    Property(0, "nothing that happens makes the product fail", ("answer damaged", "request damaged")),
    Property(43, "what is erased is nowhere any more", ("erased",), checked=False, tests=("tests/simulation/test_erasure.py",)),
    Property(50, "a file that reads delivered is stored whole", ("photo attached", "file delivered", "file damaged request", "file torn", "server killed under a file", "device killed under a file"),
        tests=("tests/server/files/test_tus.py", "tests/server/files/test_hostile_files.py")),
)  # fmt: skip


def told(histories: int, broken: Counter[str], happened: Counter[str]) -> Iterator[str]:
    """The report: each property with what of these histories bears on it."""
    for each in (*PROPERTIES, *BESIDE):
        if each.checked:
            verdict = f"BROKEN in {broken[str(each.number)]}" if broken[str(each.number)] else f"held in {histories}"
        else:
            verdict = "in its own tests"
        tried = ", ".join(f"{name} {happened[name]}" for name in each.happened if happened[name])
        yield f"{each.number:>3} {verdict:<20} {each.words}{f' ({tried})' if tried else ''}; also {', '.join(each.tests) or 'nowhere'}; without: {', '.join(each.controls)}"
