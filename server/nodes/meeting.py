"""The meeting of two nodes: `meet` is the hub's part, `serve` the centre's. The link between them is a function of the caller.

Owns who sends what when. Invariants: every step stands alone - a meeting cut anywhere is simply begun again; a chain is compared
by number and hash, never by time; where two chains part under one name the centre's stands and the other goes on renamed (P-24).
A hub calls nothing durable but what the centre's backups hold: devices keep the rest (P-23). Erasures go first, both ways (P-43).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DataError, DBAPIError, StatementError
from sqlalchemy.orm import Session

from server.db import reading, unit
from server.erasure.service import adopt
from server.errors import fail
from server.ledger import chains, erasures, take
from server.ledger.bulk import Bulk
from server.ledger.chains import Chain
from server.ledger.clock import Clock, ensure_clock
from server.ledger.erasures import Erasure
from server.ledger.intake import BadBatch
from server.nodes import wire
from sync import limits
from sync.stamp import GENESIS

log = structlog.get_logger(__name__)
Send = Callable[[bytes], bytes]
ROUNDS_MAX = 50
# Of one message; a request stays far below the smallest body a server takes.
MESSAGE_OPS_MAX = 5 * limits.OPS_PER_BATCH_MAX
MESSAGE_BYTES_MAX = limits.BATCH_BYTES_MAX
NOTES_MAX = 2_000


@dataclass(slots=True)
class Met:
    """What a meeting did. `done`: nothing was left when it ended."""

    given: int = 0
    taken: int = 0
    noted: int = 0
    parted: int = 0
    erased: int = 0
    done: bool = False


def identity(session: Session) -> Clock:
    """Name and epoch of the node a session belongs to."""
    with unit(session):
        return ensure_clock(session)


# ------------------------------------------------------------------------------------------------------------- centre


def serve(session: Session, raw: bytes, at: int, device: str | None = None) -> bytes:
    """Answer another node, let in as `device`: take what it brings, then tell what it asks for. Raises a problem for what is no message."""
    try:
        message = wire.decode(raw)
        me = identity(session)
        if message.head.get("node") == me.node:
            raise fail("same_node")
        return _serve(session, message, {"node": me.node, "epoch": me.epoch}, at, device)
    except BadBatch as error:
        raise fail(error.code, reason=str(error)) from error
    except (KeyError, TypeError, ValueError, AttributeError, StatementError) as error:
        if isinstance(error, DBAPIError) and not isinstance(error, DataError):
            raise
        log.warning("node_message_unreadable", error=type(error).__name__)
        raise fail("bad_batch", reason="unreadable") from error


def _serve(session: Session, message: wire.Message, answer: dict[str, Any], at: int, device: str | None) -> bytes:
    head = message.head
    if "erase" in head:
        adopt(session, [erasures.from_wire(each) for each in head["erase"]], at, device)
    if "erased_after" in head:
        answer["erased"] = [each.wire() for each in _erased(session, str(head["erased_after"]))]
    taken = {block.dev: take.take(session, block, at, yielding=False) for block in message.blocks}
    answer["taken"] = {dev: [each.n, each.h, each.parted] for dev, each in taken.items()}
    for dev, notes in head.get("notes", {}).items():
        take.merge(session, dev, wire.notes_in(notes), at)
    if "tell" in head:
        dev, first = head["tell"]
        answer["notes"] = wire.notes_out(chains.notes(session, dev, int(first), NOTES_MAX))
    if "hashes" in head:
        answer["hashes"] = chains.hashes(session, str(head["hashes"]))
    if head.get("vector"):
        answer["vector"] = wire.vector_out(chains.vector(session))
        answer["erasures"] = _erasures(session)
    blocks, answer["parted"] = _cut(session, [(str(dev), int(first), str(prev)) for dev, first, prev in head.get("want", ())])
    return wire.encode(answer, blocks)


def _erasures(session: Session) -> str:
    with reading(session) as reader:
        return erasures.digest(Bulk(reader))


def _erased(session: Session, after: str) -> list[Erasure]:
    with reading(session) as reader:
        return erasures.page(Bulk(reader), after)


def _cut(session: Session, wants: Sequence[tuple[str, int, str]]) -> tuple[list[chains.Block], list[str]]:
    """Blocks of the chains asked for, as many as one message takes, and the chains that are others here."""
    blocks: list[chains.Block] = []
    parted: list[str] = []
    ops_left, bytes_left = MESSAGE_OPS_MAX, MESSAGE_BYTES_MAX
    for dev, first, prev_h in wants:
        if ops_left <= 0 or bytes_left <= 0:
            break
        block = chains.block(session, dev, first, prev_h, min(ops_left, limits.OPS_PER_BATCH_MAX), bytes_left)
        if block is None:
            parted.append(dev)
        elif block.lines:
            blocks.append(block)
            ops_left -= len(block.lines)
            bytes_left -= sum(map(len, block.lines))
    return blocks, parted


# ---------------------------------------------------------------------------------------------------------------- hub


def meet(session: Session, send: Send, now: Callable[[], int]) -> Met:
    """Exchange with the centre until nothing is left. Whatever `send` raises ends the meeting; what was done stays."""
    return _Meeting(session, send, now).run()


class _Meeting:
    def __init__(self, session: Session, send: Send, now: Callable[[], int]) -> None:
        self.session, self.now = session, now
        self.met = Met()
        self._send = send
        self._node = identity(session).node

    def run(self) -> Met:
        for _ in range(ROUNDS_MAX):
            told = self._ask({"vector": True}).head
            if told.get("erasures") != _erasures(self.session):
                self._share_erasures()
                continue
            theirs = wire.vector_in(told["vector"])
            mine = chains.vector(self.session)
            self._note_durable(mine, theirs)
            apart = {dev for dev in mine.keys() & theirs.keys() if mine[dev].n == theirs[dev].n and mine[dev].h != theirs[dev].h}
            noted = {
                dev for dev in (mine.keys() & theirs.keys()) - apart
                if mine[dev].n == theirs[dev].n and mine[dev].xor != theirs[dev].xor
            }  # fmt: skip
            ahead = {dev: _end(theirs, dev) for dev in mine if mine[dev].n > _end(theirs, dev).n}
            behind = {dev: _end(mine, dev) for dev in theirs if theirs[dev].n > _end(mine, dev).n}
            if not (apart or noted or ahead or behind):
                self.met.done = True
                break
            apart |= self._give(mine, ahead)
            apart |= self._fetch({dev: (end.n + 1, end.h) for dev, end in behind.items()}, yielding=False)
            for dev in sorted(apart):
                self._follow(dev)
            for dev in sorted(noted):
                self._compare_notes(dev)
        return self.met

    def _ask(self, head: dict[str, Any], blocks: Sequence[chains.Block] = ()) -> wire.Message:
        return wire.decode(self._send(wire.encode({"node": self._node, **head}, blocks)))

    def _share_erasures(self) -> None:
        """What either node has erased is erased on both, before anything else is compared (P-43)."""
        after = ""
        while rows := _erased(self.session, after):
            self._ask({"erase": [each.wire() for each in rows]})
            after = rows[-1].rec
        after = ""
        while rows := [erasures.from_wire(each) for each in self._ask({"erased_after": after}).head["erased"]]:
            self.met.erased += len(adopt(self.session, rows, self.now()))
            after = rows[-1].rec

    def _give(self, mine: dict[str, Chain], ends: dict[str, Chain]) -> set[str]:
        """Bring chains further than the centre has them; gives those that part."""
        wants = {dev: (end.n + 1, end.h) for dev, end in ends.items()}
        apart: set[str] = set()
        while wants:
            blocks, parted = _cut(self.session, [(dev, *place) for dev, place in wants.items()])
            apart.update(parted)
            if not blocks:
                break
            taken = self._ask({}, blocks).head["taken"]
            for block in blocks:
                del wants[block.dev]
                n, h, differs = taken[block.dev]
                if differs:
                    apart.add(block.dev)
                elif n >= block.first:
                    self.met.given += len(block.lines)
                    if n < mine[block.dev].n:
                        wants[block.dev] = (n + 1, h)
            wants = {dev: place for dev, place in wants.items() if dev not in parted}
        return apart

    def _fetch(self, wants: dict[str, tuple[int, str]], *, yielding: bool) -> set[str]:
        """Take chains the centre has further; gives those that part."""
        apart: set[str] = set()
        while wants:
            answer = self._ask({"want": [[dev, *place] for dev, place in sorted(wants.items())[:NOTES_MAX]]})
            apart.update(answer.head["parted"])
            for dev in answer.head["parted"]:
                wants.pop(dev, None)
            if not answer.blocks:
                break
            for block in answer.blocks:
                before = wants.pop(block.dev)
                taken = take.take(self.session, block, self.now(), yielding=yielding)
                if taken.parted:
                    apart.add(block.dev)
                elif taken.n >= before[0]:
                    self.met.taken += len(block.lines)
                    wants[block.dev] = (taken.n + 1, taken.h)
        return apart

    def _follow(self, dev: str) -> None:
        """Two chains bear one name: go on with the centre's; what is only here goes on under another."""
        theirs, mine = self._ask({"hashes": dev}).head["hashes"], chains.hashes(self.session, dev)
        same = next((at for at, (left, right) in enumerate(zip(mine, theirs, strict=False)) if left != right), None)
        if same is None:
            return
        log.warning("node_chain_given_up", dev=dev, after=same, ops=len(mine) - same)
        self.met.parted += 1
        self._fetch({dev: (same + 1, mine[same - 1] if same else GENESIS)}, yielding=True)

    def _compare_notes(self, dev: str) -> None:
        """Both nodes take over the greater mark and the earlier time of every op."""
        first = 1
        while True:
            theirs = self._ask({"tell": [dev, first]}).head["notes"]
            if not theirs:
                return
            last = theirs[-1][0]
            mine = chains.notes(self.session, dev, first, last - first + 1)
            take.merge(self.session, dev, wire.notes_in(theirs), self.now())
            self._ask({"notes": {dev: wire.notes_out(mine)}})
            self.met.noted += 1
            first = last + 1

    def _note_durable(self, mine: dict[str, Chain], theirs: dict[str, Chain]) -> None:
        """What the centre's backups hold is durable; nothing else is (P-23)."""
        moved = [
            {"dev": dev, "n": min(theirs[dev].durable, mine[dev].n)} for dev in mine.keys() & theirs.keys()
            if min(theirs[dev].durable, mine[dev].n) > mine[dev].durable
        ]  # fmt: skip
        if moved:
            with unit(self.session) as session:
                session.execute(text("UPDATE incarnation SET durable = :n WHERE dev = :dev"), moved)


def _end(of: dict[str, Chain], dev: str) -> Chain:
    return of.get(dev) or Chain(0, GENESIS, chains.NOTHING, 0)

