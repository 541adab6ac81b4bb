"""The fold: a record as a pure, order-free function of the set of its ops (protocol sections 3 and 4).

Owns Record, its canonical bytes and `fold_op`. No I/O, no clock. Invariants:
 1 heads of a register = its ops minus every op another op names as parent; the verb drives the fold, so kinds and fields this
   version has never heard of fold like any other (P-41);
 2 ops of one incarnation arrive in n order (gapless push), so a parent is known exactly when n ≤ vv[dev] and it is not itself
   waiting; otherwise only that field waits (P-10);
 3 folding an op twice changes nothing (n ≤ vv); equal op sets give equal bytes on every node.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from sync.merge_kinds import differ, disputes
from sync.op import Fop, Op
from sync.stamp import split_stamp

SCOPE = "scope"


@dataclass(slots=True)
class Counter:
    """`counts`: live stocktakes (stamp, value). `seen`: what any stocktake ever included. `deltas`: the rest."""

    counts: list[tuple[str, int]] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    deltas: list[tuple[str, int, list[str]]] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Outcome:
    """What one op did: applied · absorbed · conflict · parked · duplicate, and the fields it changed."""

    verdict: str
    changed: tuple[str, ...] = ()


@dataclass(slots=True)
class Record:
    """One record in memory. `meta` gives (user, at_c) of every stamp that is referenced."""

    id: str
    kind: str
    scope: str = ""
    vv: dict[str, int] = field(default_factory=dict)
    meta: dict[str, tuple[str, int]] = field(default_factory=dict)
    reg: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)
    ctr: dict[str, Counter] = field(default_factory=dict)
    sets: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)
    log: dict[str, list[tuple[str, Any, bool]]] = field(default_factory=dict)
    life: list[tuple[str, str, dict[str, int]]] = field(default_factory=list)
    wait: list[tuple[str, str, int, str, Fop]] = field(default_factory=list)
    void: dict[str, list[str]] = field(default_factory=dict)

    def to_wire(self) -> dict[str, Any]:
        """The canonical state without `seq`; see `sync/PROTOCOL.md` section 3 for every key."""
        stamps = {stamp for live in self.reg.values() for stamp, _ in live}
        for counter in self.ctr.values():
            stamps.update(stamp for stamp, _ in counter.counts)
            stamps.update(stamp for stamp, _, _ in counter.deltas)
        for members in self.sets.values():
            stamps.update(stamp for stamp, _ in members)
        for entries in self.log.values():
            stamps.update(stamp for stamp, _, _ in entries)
        stamps.update(stamp for stamp, _, _ in self.life)
        table = sorted(stamps)
        index = {stamp: i for i, stamp in enumerate(table)}
        wire: dict[str, Any] = {"id": self.id, "kind": self.kind, "scope": self.scope}
        if table:
            meta = self.meta
            wire["ops"] = [[stamp, *meta[stamp]] for stamp in table]
        implied = implied_vector(table)
        vector = {dev: n for dev, n in sorted(self.vv.items()) if implied.get(dev) != n}
        if vector:
            wire["vv"] = vector
        # Nearly every register has one head: this loop is most of what a server spends on writing a state.
        live_reg = {
            name: [index[live[0][0]], live[0][1]] if len(live) == 1 else _flat(index, live)
            for name, live in sorted(self.reg.items())
            if live
        }
        if live_reg:
            wire["reg"] = live_reg
        if self.ctr:
            wire["ctr"] = {name: _counter_wire(index, self.ctr[name]) for name in sorted(self.ctr)}
        live_sets = {name: _flat(index, self.sets[name]) for name in sorted(self.sets) if self.sets[name]}
        if live_sets:
            wire["set"] = live_sets
        live_log = {
            name: _flat(index, [(s, v, int(gone)) for s, v, gone in self.log[name]])
            for name in sorted(self.log)
            if self.log[name]
        }
        if live_log:
            wire["log"] = live_log
        if self.life:
            wire["life"] = _flat(index, [(s, v, dict(sorted(seen.items()))) for s, v, seen in self.life])
        if self.wait:
            wire["wait"] = [list(entry) for entry in sorted(self.wait, key=lambda entry: (entry[0], entry[3]))]
        if self.void:
            wire["void"] = {name: sorted(self.void[name]) for name in sorted(self.void)}
        return wire

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Record:
        """The inverse of `to_wire`; `seq` is ignored."""
        table = wire.get("ops", ())
        stamps = [entry[0] for entry in table]
        record = cls(wire["id"], wire["kind"], wire["scope"])
        record.meta = {stamp: (user, at_c) for stamp, user, at_c in table}
        record.vv = implied_vector(stamps)
        vector = wire.get("vv")
        if vector:
            record.vv.update(vector)
        record.reg = {
            name: [(stamps[flat[0]], flat[1])]
            if len(flat) == 2
            else [(stamps[flat[i]], flat[i + 1]) for i in range(0, len(flat), 2)]
            for name, flat in wire.get("reg", {}).items()
        }
        for name, parts in wire.get("ctr", {}).items():
            counts, deltas = parts.get("c", ()), parts.get("d", ())
            record.ctr[name] = Counter(
                [(stamps[counts[i]], counts[i + 1]) for i in range(0, len(counts), 2)],
                dict(parts.get("seen", ())),
                [(stamps[deltas[i]], deltas[i + 1], list(deltas[i + 2])) for i in range(0, len(deltas), 3)],
            )
        for name, flat in wire.get("set", {}).items():
            record.sets[name] = [(stamps[flat[i]], flat[i + 1]) for i in range(0, len(flat), 2)]
        for name, flat in wire.get("log", {}).items():
            record.log[name] = [(stamps[flat[i]], flat[i + 1], bool(flat[i + 2])) for i in range(0, len(flat), 3)]
        flat = wire.get("life", ())
        record.life = [(stamps[flat[i]], flat[i + 1], dict(flat[i + 2])) for i in range(0, len(flat), 3)]
        record.wait = [(entry[0], entry[1], entry[2], entry[3], entry[4]) for entry in wire.get("wait", ())]
        record.void = {name: list(stamps_) for name, stamps_ in wire.get("void", {}).items()}
        return record


def implied_vector(stamps: Iterable[str]) -> dict[str, int]:
    """The highest n per incarnation among stamps."""
    vector: dict[str, int] = {}
    for stamp in stamps:
        dev, number, _ = stamp.split(":")
        n = int(number)
        if n > vector.get(dev, 0):
            vector[dev] = n
    return vector


def _flat(index: dict[str, int], entries: Iterable[tuple[Any, ...]]) -> list[Any]:
    flat: list[Any] = []
    for stamp, *rest in sorted(entries, key=lambda entry: index[entry[0]]):
        flat.append(index[stamp])
        flat.extend(rest)
    return flat


def _counter_wire(index: dict[str, int], counter: Counter) -> dict[str, Any]:
    wire: dict[str, Any] = {}
    if counter.counts:
        wire["c"] = _flat(index, counter.counts)
    if counter.deltas:
        wire["d"] = _flat(index, counter.deltas)
    if counter.seen:
        wire["seen"] = dict(sorted(counter.seen.items()))
    return wire


def new_record(rec: str, kind: str) -> Record:
    """A record nothing was written to yet."""
    return Record(rec, kind)


def dump(record: Record) -> bytes:
    """Canonical bytes: compact JSON, UTF-8 unescaped, without `seq`."""
    return json.dumps(record.to_wire(), ensure_ascii=False, separators=(",", ":")).encode()


def load(state: bytes) -> Record:
    """The record of canonical bytes."""
    return Record.from_wire(json.loads(state))


def absorb(record: Record, op: Op) -> tuple[str, ...]:
    """Note that a quarantined op exists (P-20): its values are not folded, its waiting children are. Gives the fields changed."""
    _note(record, op)
    if not record.wait:
        return ()
    changed = _retry(record)
    _settle_scope(record)
    return tuple(changed)


def fold_op(record: Record, op: Op, at_c: int) -> Outcome:
    """Fold one op; at_c is its corrected time in ms. Mutates the record."""
    if op.n <= record.vv.get(op.dev, 0):
        return Outcome("duplicate")
    _note(record, op)
    parked = False
    changed: list[str] = []
    for name, fop in op.fields.items():
        if _is_known(record, name, fop):
            _apply(record, op.stamp, op.user, at_c, name, fop)
            changed.append(name)
        else:
            record.wait.append((op.stamp, op.user, at_c, name, fop))
            parked = True
    if record.wait:
        changed += _retry(record)
    _settle_scope(record)
    if parked:
        return Outcome("parked", tuple(changed))
    return Outcome(_judge_change(record, op, changed), tuple(changed))


def fold_all(entries: Iterable[tuple[Op, int]], absorbed: Collection[str] = ()) -> Record:
    """The record of a set of (op, at_c) of one record; `absorbed` names quarantined stamps. Any order across devices."""
    ordered = sorted(entries, key=lambda entry: (entry[0].n, entry[0].dev))
    record = new_record(ordered[0][0].rec, ordered[0][0].kind)
    for op, at_c in ordered:
        if op.stamp in absorbed:
            absorb(record, op)
        else:
            fold_op(record, op, at_c)
    return record


def release_parked(record: Record, stamp: str) -> tuple[str, ...]:
    """Fold what waits under this stamp as a head with unknown base (P-10); returns the fields changed."""
    changed: list[str] = []
    for entry in [entry for entry in record.wait if entry[0] == stamp]:
        record.wait.remove(entry)
        _, user, at_c, name, fop = entry
        # A parent that waits itself is missing too: when it is let go in its turn it must not become a head beside its child.
        waiting = {other[0] for other in record.wait if other[3] == name}
        missing = [p for p in fop["b"] if not _is_stamp_known(record, p) or p in waiting]
        if missing:
            record.void.setdefault(name, []).extend(p for p in missing if p not in record.void.get(name, ()))
        _apply(record, stamp, user, at_c, name, fop)
        changed.append(name)
    changed += _retry(record)
    _settle_scope(record)
    return tuple(changed)


def _note(record: Record, op: Op) -> None:
    if op.n > record.vv.get(op.dev, 0):
        record.vv[op.dev] = op.n
    if SCOPE not in record.reg and (not record.scope or op.scope < record.scope):
        record.scope = op.scope


def _settle_scope(record: Record) -> None:
    live = record.reg.get(SCOPE)
    if live:
        shown = live[0] if len(live) == 1 else max(live, key=lambda head: (record.meta[head[0]][1], head[0]))
        record.scope = str(shown[1])


def _is_stamp_known(record: Record, stamp: str) -> bool:
    dev, n, _ = split_stamp(stamp)
    return n <= record.vv.get(dev, 0)


def _is_known(record: Record, name: str, fop: Fop) -> bool:
    if fop["k"] == "inc":
        return True
    parents = fop.get("b")
    if not parents:
        return True
    live = record.reg.get(name)
    if live is not None and len(parents) == 1 and any(parents[0] == stamp for stamp, _ in live):
        return True
    waiting = {entry[0] for entry in record.wait if entry[3] == name}
    void = record.void.get(name, ())
    return all((_is_stamp_known(record, p) or p in void) and p not in waiting for p in parents)


def _retry(record: Record) -> list[str]:
    changed: list[str] = []
    progress = True
    while progress:
        progress = False
        for entry in sorted(record.wait, key=lambda item: (item[0], item[3])):
            record.wait.remove(entry)
            stamp, user, at_c, name, fop = entry
            if _is_known(record, name, fop):
                _apply(record, stamp, user, at_c, name, fop)
                changed.append(name)
                progress = True
            else:
                record.wait.append(entry)
    return changed


def _apply(record: Record, stamp: str, user: str, at_c: int, name: str, fop: Fop) -> None:
    verb = fop["k"]
    superseded = record.void.get(name)
    if superseded is not None and stamp in superseded:
        superseded.remove(stamp)
        if not superseded:
            del record.void[name]
        if verb in ("reg", "count", "life"):
            _supersede_only(record, name, fop)
            return
    record.meta[stamp] = (user, at_c)
    if verb == "reg":
        _apply_register(record, stamp, name, fop)
    elif verb == "inc":
        _apply_delta(record, stamp, name, fop)
    elif verb == "count":
        _apply_count(record, stamp, name, fop)
    elif verb == "add":
        record.sets.setdefault(name, []).append((stamp, fop["v"]))
    elif verb == "rem":
        record.sets[name] = [entry for entry in record.sets.get(name, ()) if entry[0] not in fop["b"]]
    elif verb == "log":
        record.log.setdefault(name, []).append((stamp, fop["v"], False))
    elif verb == "retract":
        record.log[name] = [(s, v, gone or s in fop["b"]) for s, v, gone in record.log.get(name, ())]
    else:
        record.life = [entry for entry in record.life if entry[0] not in fop["b"]]
        record.life.append((stamp, fop["v"], fop["seen"]))


def _supersede_only(record: Record, name: str, fop: Fop) -> None:
    """A late parent that a released child already replaced: it still replaces its own parents, but is no head."""
    parents = fop["b"]
    if fop["k"] == "reg":
        record.reg[name] = [head for head in record.reg.get(name, ()) if head[0] not in parents]
    elif fop["k"] == "count":
        counter = record.ctr.setdefault(name, Counter())
        counter.counts = [entry for entry in counter.counts if entry[0] not in parents]
        _cover(counter, fop["seen"])
    else:
        record.life = [entry for entry in record.life if entry[0] not in parents]


def _apply_register(record: Record, stamp: str, name: str, fop: Fop) -> None:
    parents = fop["b"]
    live = record.reg.get(name)
    head = (stamp, fop["v"])
    if not live:
        record.reg[name] = [head]
    elif len(live) == 1 and live[0][0] in parents:
        live[0] = head
    else:
        record.reg[name] = [entry for entry in live if entry[0] not in parents]
        record.reg[name].append(head)


def _apply_delta(record: Record, stamp: str, name: str, fop: Fop) -> None:
    counter = record.ctr.setdefault(name, Counter())
    dev, n, _ = split_stamp(stamp)
    if n > counter.seen.get(dev, 0):
        counter.deltas.append((stamp, fop["v"], sorted(fop.get("b") or ())))


def _apply_count(record: Record, stamp: str, name: str, fop: Fop) -> None:
    counter = record.ctr.setdefault(name, Counter())
    parents = fop["b"]
    counter.counts = [entry for entry in counter.counts if entry[0] not in parents]
    counter.counts.append((stamp, fop["v"]))
    _cover(counter, fop["seen"])


def _cover(counter: Counter, seen: dict[str, int]) -> None:
    """Forget the movements a stocktake included; the union over all stocktakes keeps this order-free."""
    for dev, n in seen.items():
        if n > counter.seen.get(dev, 0):
            counter.seen[dev] = n
    kept = []
    for stamp, delta, base in counter.deltas:
        dev, n, _ = split_stamp(stamp)
        if n > counter.seen.get(dev, 0):
            kept.append((stamp, delta, base))
    counter.deltas = kept


def _judge_change(record: Record, op: Op, changed: list[str]) -> str:
    if record.life or len(record.ctr) or any(len(record.reg.get(name, ())) > 1 for name in changed):
        disputed = set(disputes(record))
        if disputed.intersection(op.fields) or ("life" in disputed):
            return "conflict"
        if any(
            len(live := record.reg.get(name, [])) > 1 and not differ([value for _, value in live]) for name in op.fields
        ):
            return "absorbed"
    return "applied"
