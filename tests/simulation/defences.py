"""Negative controls: each switches one defence of the product off. A simulation that does not notice would prove nothing.

Owns the list of defences with the properties whose checks must notice. Patches the real code for the length of a history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import orjson

import server.ledger.apply as apply
import server.ledger.clock as clock
import server.ledger.intake as intake
import server.ledger.pull as pull
import server.ledger.push as push
import server.ledger.store as store
import server.web.digest as digest
import sync.fold as fold
import sync.merge_kinds as merge_kinds
import tests.simulation.town as town
from server.errors import fail
from sync.op import Fop
from sync.record import Counter, Record, new_record
from tests.simulation.handheld import Handheld


@dataclass(frozen=True, slots=True)
class Defence:
    """What is switched off, and numbers of section 9 of which at least one must be reported. `seed`: a history that is known to notice."""

    name: str
    noticed_by: frozenset[str]
    off: Callable[[], AbstractContextManager[Any]]
    seed: int = 0


def _last_writer_wins(record: Record, stamp: str, name: str, fop: Fop) -> None:
    record.reg[name] = [(stamp, fop["v"])]


def _counts_cover_nothing(counter: Counter, seen: dict[str, int]) -> None:
    counter.seen.update(seen)


def _any_delete_deletes(record: Record) -> bool:
    return any(value == "deleted" for _, value, _ in record.life)


@contextmanager
def _pages_skip_a_record() -> Iterator[None]:
    def skipping(bulk: Any, page: Any, *rest: Any) -> tuple[int, bool]:
        before = len(page.records)
        reached = honest(bulk, page, *rest)
        if len(page.records) > before + 1:
            page.records.pop()
        return reached

    honest = pull._read
    with patch.object(pull, "_read", skipping):
        yield


@contextmanager
def _cursors_outlive_a_restore() -> Iterator[None]:
    def trusting(token: str, now: clock.Clock) -> clock.Cursor:
        del now
        raw = clock.base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return clock.Cursor(*orjson.loads(raw[clock.SIGNATURE_BYTES :]))

    with patch.object(pull, "read_cursor", trusting), patch("server.ledger.sync.read_cursor", trusting):
        yield


@contextmanager
def _forks_unnoticed() -> Iterator[None]:
    def blind(_bulk: Any, _author: Any, batch: Any, repeated: list[Any]) -> tuple[list[dict[str, Any]], int]:
        return [{"n": line.n, "v": "duplicate", "was": "applied"} for line in repeated], batch.header.first - 1 + len(repeated)

    with patch.object(push, "_compare", blind), patch("server.ledger.sync.hash_before", lambda _bulk, _author, _n: _Any()):
        yield


class _Any:
    """Equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__


@contextmanager
def _purge_first() -> Iterator[None]:
    def purge(device: Handheld, answer: dict[str, Any]) -> None:
        honest(device, answer)
        gone = set(answer["scopes"]["revoked"])
        device.disk.rows = [row for row in device.disk.rows if not (row.line and gone and _scope(row.line) in gone)]
        device.disk.own.acked = device.disk.own.n if gone else device.disk.own.acked

    honest = Handheld._take
    with patch.object(Handheld, "_take", purge):
        yield


def _scope(line: bytes) -> str:
    try:
        return str(orjson.loads(line)["scope"])
    except orjson.JSONDecodeError:
        return ""


@contextmanager
def _strangers_stripped() -> Iterator[None]:
    honest = intake.parse_op

    def strip(value: Any, dev: str, n: int, h: str) -> Any:
        if isinstance(value, dict) and isinstance(value.get("f"), dict):
            value["f"] = {name: fop for name, fop in value["f"].items() if name not in ("smell_level", "height")} or value["f"]
        return honest(value, dev, n, h)

    with patch.object(intake, "parse_op", strip):
        yield


@contextmanager
def _one_bad_line_stops_all() -> Iterator[None]:
    def judge(lines: list[intake.Line], rights: Any) -> None:
        honest(lines, rights)
        if any(line.why for line in lines):
            raise fail("bad_batch", reason="a line")

    honest = push.judge_lines
    with patch.object(push, "judge_lines", judge):
        yield


@contextmanager
def _acks_more_than_it_stores() -> Iterator[None]:
    honest = store.write_ops

    def forgetful(bulk: Any, dev: str, device_id: str, node: str, done: list[Any], rx_at: int) -> None:
        honest(bulk, dev, device_id, node, done[: len(done) - 1] if len(done) > 1 else done, rx_at)

    with patch.object(store, "write_ops", forgetful):
        yield


def _overlay_forgets_flight(device: Handheld, rec: str, kind: str = "") -> Record:
    """The view without own ops that the server does not have: parents are then those of the pulled state."""
    state = device.disk.states.get(rec)
    return Record.from_wire(orjson.loads(orjson.dumps(state))) if state else new_record(rec, kind)


@contextmanager
def _nobody_is_told() -> Iterator[None]:
    """What is kept aside stands in no list."""
    with patch.object(store, "keep", lambda *_: None):
        yield


def _equal_heads_dispute(record: Record) -> list[str]:
    return sorted([name for name, live in record.reg.items() if len(live) > 1])


def _patched(target: Any, name: str, value: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: patch.object(target, name, value)


def _nothing_shown(*_: Any) -> tuple[()]:
    return ()


DEFENCES = (
    Defence("heads of unseen edits stay", frozenset({"7"}), _patched(fold, "_apply_register", _last_writer_wins)),
    Defence("a stocktake covers what it saw", frozenset({"9"}), _patched(fold, "_cover", _counts_cover_nothing)),
    Defence(
        "a delete needs sight of every edit", frozenset({"10", "11"}), _patched(merge_kinds, "is_deleted", _any_delete_deletes),
    ),
    Defence("conflicts are derived from heads", frozenset({"11"}), _patched(apply, "disputes", _nothing_shown)),
    Defence("the cursor never passes an unseen commit", frozenset({"1"}), _pages_skip_a_record),
    Defence("a restore starts a new epoch", frozenset({"1"}), _cursors_outlive_a_restore, seed=20),
    Defence("a device keeps its ops until they are durable", frozenset({"22"}), _patched(Handheld, "forgettable", staticmethod(lambda one: one.acked)), seed=9),
    Defence("forks are noticed", frozenset({"22"}), _forks_unnoticed),
    Defence("unsent work leaves before rows are purged", frozenset({"22"}), _purge_first, seed=13),
    Defence("what a version does not know is kept", frozenset({"7"}), _strangers_stripped),
    Defence("one bad line delays nobody", frozenset({"19"}), _one_bad_line_stops_all),
    Defence("only what is stored is acknowledged", frozenset({"0", "22"}), _acks_more_than_it_stores),
    Defence("a batch that is too large is cut down", frozenset({"19"}), _patched(Handheld, "_halve", lambda _self, _sent: None)),
    Defence("own unsent edits are parents of the next", frozenset({"6"}), _patched(Handheld, "view", _overlay_forgets_flight)),
    Defence("parked fields wait for their parent", frozenset({"7", "21"}), _patched(fold, "_is_known", lambda _record, _name, _fop, _waiting: True)),
    Defence("what is kept aside is shown to a person", frozenset({"3"}), _nobody_is_told),
    Defence("equal values are no dispute", frozenset({"8", "11"}), _patched(apply, "disputes", _equal_heads_dispute)),
    Defence("damaged bytes count as none", frozenset({"0", "1", "2", "22"}), _patched(digest, "is_damaged", lambda *_: False)),
    Defence("an upgrade brings what was kept into its tables", frozenset({"15"}), _patched(town, "catch_up", lambda *_: 0)),
)  # fmt: skip
