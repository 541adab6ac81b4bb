"""A record in memory and its canonical bytes (sync/PROTOCOL.md section 3).

Owns Record and the step to its wire state and back. Decides nothing: `sync.fold` does. Invariant: equal records give equal bytes on
every node, whatever the order their ops came in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sync.op import Fop


@dataclass(slots=True)
class Counter:
    """`counts`: live stocktakes (stamp, value). `seen`: what any stocktake ever included. `deltas`: the rest."""

    counts: list[tuple[str, int]] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    deltas: list[tuple[str, int, list[str]]] = field(default_factory=list)


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
    # (when, stamps of the ops whose text is gone) once the record was erased; then nothing else of it is kept (P-43).
    erased: tuple[int, list[str]] | None = None

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
        if self.erased is not None:
            wire["erased"] = {"at": self.erased[0], "ops": sorted(self.erased[1])}
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
        if (erased := wire.get("erased")) is not None:
            record.erased = (erased["at"], list(erased["ops"]))
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


def erased_record(rec: str, kind: str, scope: str, at: int, stamps: Iterable[str]) -> Record:
    """What is left of a record: that it was, when it was erased, and of which ops the text is gone."""
    gone = list(stamps)
    return Record(rec, kind, scope, vv=implied_vector(gone), erased=(at, gone))


def dump(record: Record) -> bytes:
    """Canonical bytes: compact JSON, UTF-8 unescaped, without `seq`."""
    return json.dumps(record.to_wire(), ensure_ascii=False, separators=(",", ":")).encode()


def load(state: bytes) -> Record:
    """The record of canonical bytes."""
    return Record.from_wire(json.loads(state))
