"""Negative controls: each switches one defence of the product off. A simulation that does not notice would prove nothing.

Owns the list of defences, each with the one property whose check must notice: any other finding is not enough. Patches the real code for
the length of a history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import orjson

import server.files.tus as tus
import server.ledger.apply as apply
import server.ledger.clock as clock
import server.ledger.intake as intake
import server.ledger.pull as pull
import server.ledger.push as push
import server.ledger.store as store
import server.ledger.take as take
import server.nodes.meeting as meeting
import server.web.digest as digest
import sync.fold as fold
import sync.merge_kinds as merge_kinds
import tests.simulation.file_queue as file_queue
import tests.simulation.town as town
from server.errors import fail
from sync.op import Fop
from sync.record import Counter, Record, new_record
from tests.simulation.handheld import Chain, FileRow, Gone, Handheld


@dataclass(frozen=True, slots=True)
class Defence:
    """What is switched off, and the number of the property that must be reported broken. `seed`: a history that is known to notice, in a
    world of `models` or with a `hub`, and with `erasures`."""

    name: str
    breaks: str
    off: Callable[[], AbstractContextManager[Any]]
    seed: int = 0
    world: str = "models"
    erasures: bool = False
    # Instead of a seed: a history of tests/simulation/found.
    case: str = ""


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


@contextmanager
def _answers_settle_everything() -> Iterator[None]:
    """What was written while the request was under way counts as delivered with it."""
    honest = Handheld._settle

    def settle(device: Handheld, one: Chain, acked: int, durable: int) -> None:
        honest(device, one, one.n if acked > one.acked else acked, durable)

    with patch.object(Handheld, "_settle", settle):
        yield


@contextmanager
def _what_gives_way_is_dropped() -> Iterator[None]:
    """The end of a chain that parts is taken out of the log and not stored again under its new name."""
    honest = take._give_way

    def drop(*args: Any) -> None:
        with patch.object(take, "fold_lines", lambda *_: []), patch.object(take, "write_author", lambda *_: None):
            honest(*args)

    with patch.object(take, "_give_way", drop):
        yield


@contextmanager
def _erased_text_comes_back() -> Iterator[None]:
    """A restored server, a second node and a copied disk bring it again, and it is taken for new."""
    honest = apply.Folder._covering

    def covering(folder: apply.Folder, line: intake.Line) -> Any:
        return honest(folder, line) if line.op is None else None

    with patch.object(apply.Folder, "_covering", covering):
        yield


@contextmanager
def _noted_and_not_stored() -> Iterator[None]:
    def keep(uploads: tus.Uploads, key: str, length: int, _at: int, _stored: bool) -> bool:
        return uploads.offset(key) >= length

    with patch.object(tus.Uploads, "_keep", keep):
        yield


@contextmanager
def _delivered_when_sent() -> Iterator[None]:
    """A device believes that what it sent has arrived, answer or no answer."""
    honest = file_queue._upload

    def upload(device: Handheld, row: FileRow, carry: file_queue.Carry) -> None:
        try:
            honest(device, row, carry)
        except Gone:
            row.state = "delivered"
            raise

    with patch.object(file_queue, "_upload", upload):
        yield


@contextmanager
def _retries_are_forks() -> Iterator[None]:
    """What comes again after a lost answer is taken for the work of a copy."""
    honest = push._compare

    def suspicious(bulk: Any, author: Any, batch: Any, repeated: list[Any]) -> tuple[list[dict[str, Any]], int | None]:
        return ([], batch.header.first - 1) if repeated else honest(bulk, author, batch, repeated)

    with patch.object(push, "_compare", suspicious):
        yield


def _equal_heads_dispute(record: Record) -> list[str]:
    return sorted([name for name, live in record.reg.items() if len(live) > 1])


def _patched(target: Any, name: str, value: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: patch.object(target, name, value)


def _nothing_shown(*_: Any) -> tuple[()]:
    return ()


DEFENCES = (
    Defence("the cursor never passes an unseen commit", "1", _pages_skip_a_record),
    Defence("a restore starts a new epoch", "1", _cursors_outlive_a_restore, seed=20),
    Defence("what comes again is known by its hash", "2", _retries_are_forks),
    Defence("damaged bytes count as none", "2", _patched(digest, "is_damaged", lambda *_: False), seed=9),
    Defence("what is kept aside is shown to a person", "3", _nobody_is_told),
    Defence("one bad line delays nobody", "3", _one_bad_line_stops_all),
    Defence("a batch that is too large is cut down", "4", _patched(Handheld, "_halve", lambda _self, _sent: None)),
    Defence("an answer settles only what was sent", "5", _answers_settle_everything),
    Defence("own unsent edits are parents of the next", "6", _patched(Handheld, "view", _overlay_forgets_flight)),
    Defence("heads of unseen edits stay", "7", _patched(fold, "_apply_register", _last_writer_wins)),
    Defence("a hub gives what it has", "22", _patched(meeting._Meeting, "_give", lambda *_: set()), world="hub"),
    Defence("what is kept aside at one node is so at both", "7", _patched(take, "merge", lambda *_: False), seed=1, world="hub"),
    Defence("equal values are no dispute", "8", _patched(apply, "disputes", _equal_heads_dispute)),
    Defence("a stocktake covers what it saw", "9", _patched(fold, "_cover", _counts_cover_nothing)),
    Defence("a delete needs sight of every edit", "10", _patched(merge_kinds, "is_deleted", _any_delete_deletes)),
    Defence("conflicts are derived from heads", "11", _patched(apply, "disputes", _nothing_shown)),
    Defence("forks are noticed", "13", _forks_unnoticed),
    Defence("a device keeps its ops until they are durable", "13", _patched(Handheld, "forgettable", staticmethod(lambda one: one.acked)), seed=9),
    Defence("a hub renumbers what gives way", "13", _what_gives_way_is_dropped, world="hub", case="a_copied_disk_at_two_nodes.json"),
    Defence("unsent work leaves before rows are purged", "14", _purge_first, seed=13),
    Defence("what a version does not know is kept", "15", _strangers_stripped),
    Defence("an upgrade brings what was kept into its tables", "15", _patched(town, "catch_up", lambda *_: 0)),
    Defence("parked fields wait for their parent", "21", _patched(fold, "_is_known", lambda _record, _name, _fop, _waiting: True)),
    Defence("only what is stored is acknowledged", "22", _acks_more_than_it_stores),
    Defence("a file is what its hash says", "50", _patched(tus, "hash_file", lambda path: path.stem), seed=39),
    Defence("a file is stored before it is noted", "50", _noted_and_not_stored),
    Defence("a file is delivered when the server says so", "50", _delivered_when_sent),
    Defence("what comes again is not stored again", "43", _erased_text_comes_back, seed=78, world="hub", erasures=True),
    Defence("a device forgets its own text", "43", _patched(Handheld, "forget", lambda *_: None), world="hub", erasures=True),
    Defence("nodes tell each other what is erased", "43", _patched(meeting, "_erasures", lambda _session: ""), world="hub", erasures=True),
    Defence("what comes later reaches a person", "43", _patched(apply, "is_about", lambda *_: False), world="hub", erasures=True),
)  # fmt: skip
