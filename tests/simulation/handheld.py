"""The device's half of the protocol, as `pwa/src/courier` and `pwa/src/store` do it, in Python.

Owns a disk (what survives a kill) and the steps between which a kill may come: save, send, settle, take the page. Holds no
assertion. Every method that changes the disk does it in one step, as one strict IndexedDB transaction would.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import orjson

import server.web.digest as digest
from sync.fold import fold_op
from sync.fork import renumber
from sync.op import encode_op, parse_op
from sync.record import Record, new_record
from sync.stamp import DEV_BYTES, GENESIS, chain, erased_line, erased_rec, make_stamp, new_dev

OPS_MAX = 40
Send = Callable[["Handheld", bytes], bytes]


class Gone(Exception):
    """No answer came: nothing is known about what the server did."""


class TooLarge(Exception):
    """413: the batch must be smaller."""


class Rebase(Exception):
    """410: the cursor cannot be continued."""


class Killed(BaseException):
    """The device lost power between two steps."""


@dataclass(slots=True)
class Row:
    """One own op as kept in the outbox."""

    dev: str
    n: int
    h: str
    line: bytes
    rec: str
    group: tuple[str, int, int] | None = None
    # The server keeps it aside: it is in no state, but its author wrote it.
    aside: bool = False


@dataclass(slots=True)
class FileRow:
    """One photo as kept in the queue: `waiting`, `sent` (the server took the bytes) or `delivered` (the server said it has the file)."""

    sha256: str
    data: bytes
    state: str = "waiting"
    begun: bool = False


@dataclass(slots=True)
class Chain:
    """One incarnation and how far the server has it."""

    dev: str
    n: int = 0
    h: str = GENESIS
    acked: int = 0
    acked_h: str = GENESIS
    durable: int = 0


@dataclass(slots=True)
class Disk:
    """What a device has after a power cut. `former` incarnations are delivered until a backup holds all of them."""

    own: Chain
    former: list[Chain] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    cursor: str | None = None
    revoked: set[str] = field(default_factory=set)
    # By scope the kinds that may be held of it.
    masked: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # Ids seen since a reload began; None when none is under way.
    reloaded: set[str] | None = None
    files: dict[str, FileRow] = field(default_factory=dict)


@dataclass
class Handheld:
    """One device. `kill_at` names the step before which the next sync dies; `clock_ms` is what its wall clock is wrong by."""

    name: str
    user: str
    scopes: tuple[str, ...]
    random: Random
    disk: Disk
    clock_ms: int = 0
    skew: int = 0
    ops_max: int = OPS_MAX
    kill_at: str = ""
    # As enrolled: a copied disk carries the enrolment of the original.
    enrolled: str = ""
    # What the last answer said of its own bytes.
    told_digest: str = ""

    def __post_init__(self) -> None:
        self.enrolled = self.enrolled or self.name

    @staticmethod
    def fresh(name: str, user: str, scopes: tuple[str, ...], random: Random) -> Handheld:
        """A new device with an incarnation drawn from its own random numbers."""
        return Handheld(name, user, scopes, random, Disk(Chain(new_dev(random.randbytes(DEV_BYTES)))))

    # ------------------------------------------------------------------------------------------------ what its user sees

    def view(self, rec: str, kind: str = "") -> Record:
        """The record as shown: the pulled state and own ops it does not hold yet."""
        state = self.disk.states.get(rec)
        own = [row for row in self.disk.rows if row.rec == rec]
        record = Record.from_wire(orjson.loads(orjson.dumps(state))) if state else new_record(rec, kind)
        for row in own:
            if row.n > record.vv.get(row.dev, 0) and erased_rec(row.line) is None:
                op = parse_op(orjson.loads(row.line), row.dev, row.n, row.h)
                record.kind = record.kind or op.kind
                fold_op(record, op, op.at_ms)
        return record

    def kept_aside(self, rec: str, name: str) -> list[str]:
        """Stamps of own edits of a field that wait in quarantine: the author's next edit replaces them too."""
        own = [row for row in self.disk.rows if row.rec == rec and row.aside]
        return [make_stamp(row.dev, row.n, row.h) for row in own if name in orjson.loads(row.line)["f"]]

    def known(self, kind: str) -> list[str]:
        """Ids of the records of a kind this device holds, its own unsent ones included."""
        found = {rec for rec, state in self.disk.states.items() if state["kind"] == kind and "erased" not in state}
        for row in self.disk.rows:
            unsent = row.dev == self.disk.own.dev and row.n > self.disk.own.acked and erased_rec(row.line) is None
            if unsent and row.rec and row.rec not in self.disk.states and orjson.loads(row.line)["kind"] == kind:
                found.add(row.rec)
        return sorted(found)

    # --------------------------------------------------------------------------------------------------------- writing

    def save(self, now_ms: int, ops: list[Mapping[str, Any]]) -> bool:
        """Write ops in one transaction: they get their numbers and hashes here. True when they were written."""
        own = self.disk.own
        rows, n, h = [], own.n, own.h
        at = datetime.fromtimestamp((now_ms + self.clock_ms) / 1000, UTC).isoformat(timespec="milliseconds")
        for op in ops:
            n += 1
            line = encode_op({"n": n, "at": at, "skew": self.skew, "user": self.user, **op})
            h = chain(h, line)
            rows.append(Row(own.dev, n, h, line, str(op["rec"]), op.get("group")))
        self.disk.rows += rows
        own.n, own.h = n, h
        return True

    def save_raw(self, line: bytes) -> bool:
        """A line this version should never have written: it takes its place in the chain all the same. True when it did."""
        own = self.disk.own
        own.n, own.h = own.n + 1, chain(own.h, line)
        self.disk.rows.append(Row(own.dev, own.n, own.h, line, ""))
        return True

    # --------------------------------------------------------------------------------------------------------- syncing

    @property
    def is_doomed(self) -> bool:
        """Whether the next sync is to die on the way."""
        return bool(self.kill_at)

    @property
    def pending(self) -> int:
        """How many own ops the server has not acknowledged."""
        return sum(each.n - each.acked for each in (self.disk.own, *self.disk.former))

    def sync(self, send: Send, rounds: int = 40) -> bool:
        """Exchange until nothing is left either way; True when that was reached."""
        asked: set[str] = set()
        for _ in range(rounds):
            old = next((each for each in self.disk.former if each.dev not in asked), None)
            if old is not None:
                if not self._exchange(send, old):
                    asked.add(old.dev)
            elif not self._exchange(send, self.disk.own) and len(asked) >= len(self.disk.former):
                self._purge()
                return True
        return False

    def _exchange(self, send: Send, one: Chain) -> bool:
        """One request for one incarnation; only the present one also pulls. True when another should follow."""
        disk = self.disk
        mine = one is disk.own
        lines = [row for row in disk.rows if row.dev == one.dev and row.n > one.acked]
        batch = self._batch(lines)
        header = {
            "protocol": 1, "dev": one.dev, "from": one.acked + 1, "prev_h": one.acked_h, "cursor": disk.cursor if mine else None,
            "limit": 30 if mine else 1, "schema": 1, "status": {"pending": len(lines)},
        }  # fmt: skip
        body = b"\n".join([orjson.dumps(header), *(row.line for row in batch)])
        self.step("send")
        try:
            raw = send(self, body)
            if digest.is_damaged(self.told_digest, raw):
                raise Gone  # like no answer (P-31)
            answer = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise Gone from error
        except TooLarge:
            self._halve(len(batch))
            return True
        except Rebase:
            disk.cursor, disk.reloaded = None, set()
            return True
        self.step("settle")
        last = batch[-1].n if batch else one.acked
        if answer.get("fork") or (answer["acked"] > last == one.n and mine):
            self._part(one, answer.get("same_to", last))
            return True
        if (first := answer.get("resend_from")) is not None:
            if first <= one.n and not any(row.dev == one.dev and row.n == first for row in disk.rows):
                raise Gone  # that node has less than the backups hold: it must catch up by itself
            self._settle(one, first - 1, one.durable)
            return True
        aside = {each["n"] for each in answer["verdicts"] if "quarantined" in (each["v"], each.get("was"))}
        for row in batch:
            row.aside = row.n in aside
        # Beyond what this batch compared, the server may hold ops of a copy of this device.
        self._settle(one, min(answer["acked"], last), answer["durable"])
        self.ops_max = min(OPS_MAX, self.ops_max * 2) if one.acked >= last else self.ops_max
        if not mine:
            return one.n > one.acked
        self.step("page")
        self._take(answer)
        return bool(answer["more"] or one.n > one.acked or batch)

    def _halve(self, sent: int) -> None:
        """A batch that was too large is cut down to one op if need be."""
        self.ops_max = max(1, min(self.ops_max, sent) // 2)

    def _batch(self, lines: list[Row]) -> list[Row]:
        batch: list[Row] = []
        while len(batch) < len(lines):
            first = lines[len(batch)]
            size = first.group[2] - first.group[1] if first.group else 1
            if batch and len(batch) + size > self.ops_max:
                break
            batch += lines[len(batch) : len(batch) + size]
        return batch

    def step(self, name: str) -> None:
        """A point at which power may fail."""
        if self.kill_at == name:
            self.kill_at = ""
            raise Killed(name)

    def _settle(self, one: Chain, acked: int, durable: int) -> None:
        """Note how far the server has an incarnation, and forget what a proven backup holds."""
        disk = self.disk
        known = {row.n: row.h for row in disk.rows if row.dev == one.dev}
        one.acked_h = GENESIS if acked == 0 else known.get(acked, one.acked_h)
        one.acked, one.durable = acked, min(durable, acked)
        # The last acknowledged op stays: its hash is needed.
        disk.rows = [row for row in disk.rows if row.dev != one.dev or row.n >= min(self.forgettable(one), one.acked)]
        disk.former = [each for each in disk.former if each.durable < each.n]

    @staticmethod
    def forgettable(one: Chain) -> int:
        """Up to which op an incarnation may be forgotten."""
        return one.durable

    def _take(self, answer: dict[str, Any]) -> None:
        """A page: rows, departures and cursor together."""
        disk = self.disk
        for state in answer["records"]:
            disk.states[state["id"]] = state
            self.forget(state.get("erased", {}).get("ops", ()))
        for rec in answer["gone"]:
            disk.states.pop(rec, None)
        if disk.reloaded is not None:
            disk.reloaded |= {state["id"] for state in answer["records"]}
            if not answer["more"]:
                disk.states = {rec: state for rec, state in disk.states.items() if rec in disk.reloaded}
                disk.reloaded = None
        disk.cursor = answer["cursor"]
        disk.revoked = (disk.revoked | set(answer["scopes"]["revoked"])) - set(answer["scopes"]["granted"])
        disk.masked = {scope: tuple(answer["scopes"]["common"]) for scope in answer["scopes"]["masked"]}

    def forget(self, stamps: Sequence[str]) -> None:
        """The text of own ops that were erased goes; number, hash and place stay (P-43)."""
        for row in self.disk.rows:
            if make_stamp(row.dev, row.n, row.h) in stamps:
                row.line, row.aside = erased_line(row.h, row.rec), False

    def holds(self, rec: str) -> bool:
        """Whether the device was ever told of a record; of scopes it has lost it hears nothing any more."""
        return rec in self.disk.states

    def _purge(self) -> None:
        """Unsent work leaves before rows do (P-40); of a scope held masked only people go (P-45)."""
        disk = self.disk
        if self.pending == 0:
            disk.states = {rec: state for rec, state in disk.states.items() if not self._lost(state)}
            disk.revoked = set()

    def _lost(self, state: dict[str, Any]) -> bool:
        scope = state["scope"]
        return scope in self.disk.revoked or state["kind"] not in self.disk.masked.get(scope, (state["kind"],))

    # -------------------------------------------------------------------------------------------------------- bad days

    def image(self) -> Any:
        """A copy of the disk, for `set_back`."""
        return copy.deepcopy(self.disk)

    def set_back(self, image: Any) -> None:
        """The disk is that of the image again."""
        self.disk = copy.deepcopy(image)

    def twin(self, name: str, random: Random) -> Handheld:
        """A second device with a copy of this disk."""
        return Handheld(name, self.user, self.scopes, random, copy.deepcopy(self.disk), enrolled=self.enrolled)

    def upgrade(self) -> bool:
        """A new version of the app; the model has but one."""
        return False

    def change_tabs(self, how: str) -> str:
        """The model has but one tab."""
        del how
        return ""

    def evict(self) -> None:
        """The browser throws the view away; own ops are in another database."""
        self.disk.states, self.disk.cursor, self.disk.revoked, self.disk.reloaded = {}, None, set(), None

    # --------------------------------------------------------------------------------------------------------- forking

    def _part(self, one: Chain, same_to: int | None) -> None:
        """The server has another chain under this name: find where they part, then go on under a new one (P-24)."""
        if same_to is None and one.acked > one.durable:
            self._settle(one, one.durable, one.durable)
            return
        if same_to is not None and same_to > one.acked:
            self._settle(one, same_to, one.durable)
        disk = copy.deepcopy(self.disk)
        parted = next(each for each in (disk.own, *disk.former) if each.dev == one.dev)
        unsent = [row for row in disk.rows if row.dev == parted.dev and row.n > parted.acked]
        disk.rows = [row for row in disk.rows if row not in unsent]
        dev, lines = renumber(parted.dev, parted.acked + 1, [(row.h, row.line) for row in unsent]) if unsent else (new_dev(self.random.randbytes(DEV_BYTES)), [])
        fresh = Chain(dev)
        for row, line in zip(unsent, lines, strict=True):
            fresh.n, fresh.h = fresh.n + 1, chain(fresh.h, line)
            disk.rows.append(Row(fresh.dev, fresh.n, fresh.h, line, row.rec, row.group))
        parted.n, parted.h = parted.acked, parted.acked_h
        if parted is disk.own:
            disk.own = fresh
            disk.former.append(parted)
        elif unsent:
            disk.former.append(fresh)
        disk.former = [each for each in disk.former if each.durable < each.n]
        self.disk = disk
