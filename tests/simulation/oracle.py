"""What the log means, worked out a second time from the specification and without the product's fold.

Reads lines as stored and says, per record, which heads, sums, members and entries there must be. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sync import merge_kinds
from sync.record import Record


@dataclass(frozen=True, slots=True)
class Logged:
    """One row of the op log."""

    dev: str
    n: int
    h: str
    line: bytes
    verdict: str

    @property
    def stamp(self) -> str:
        """As others name it."""
        return f"{self.dev}:{self.n}:{self.h}"


@dataclass
class Meaning:
    """What a record must be. Values are JSON text, so that 1 and true differ."""

    registers: dict[str, dict[str, str]] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    sets: dict[str, dict[str, str]] = field(default_factory=dict)
    logs: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    deleted: bool = False
    disputed: set[str] = field(default_factory=set)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def meaning_of(rows: Iterable[Logged]) -> Meaning:
    """The record these rows make. Quarantined rows count as seen and change nothing."""
    by_verb: dict[tuple[str, str], list[tuple[Logged, dict[str, Any]]]] = {}
    reach: dict[str, int] = {}
    for row in rows:
        reach[row.dev] = max(reach.get(row.dev, 0), row.n)
        if row.verdict == "quarantined":
            continue
        for name, fop in json.loads(row.line)["f"].items():
            by_verb.setdefault((name, fop["k"]), []).append((row, fop))

    def live(name: str, verb: str) -> dict[str, dict[str, Any]]:
        found = by_verb.get((name, verb), [])
        replaced = {parent for _, fop in found for parent in fop["b"]}
        return {row.stamp: fop for row, fop in found if row.stamp not in replaced}

    meaning = Meaning()
    for name, verb in by_verb:
        if verb == "reg":
            meaning.registers[name] = {stamp: _text(fop["v"]) for stamp, fop in live(name, verb).items()}
            if len(set(meaning.registers[name].values())) > 1:
                meaning.disputed.add(name)
        elif verb in ("inc", "count"):
            counted = {fop["v"] for fop in live(name, "count").values()}
            included: dict[str, int] = {}
            for _, fop in by_verb.get((name, "count"), []):
                for dev, n in fop["seen"].items():
                    included[dev] = max(included.get(dev, 0), n)
            rest = [fop["v"] for row, fop in by_verb.get((name, "inc"), []) if row.n > included.get(row.dev, 0)]
            meaning.counters[name] = min(counted, default=0) + sum(rest)
            if len(counted) > 1:
                meaning.disputed.add(name)
        elif verb == "add":
            gone = {stamp for _, fop in by_verb.get((name, "rem"), []) for stamp in fop["b"]}
            meaning.sets[name] = {row.stamp: _text(fop["v"]) for row, fop in by_verb[name, verb] if row.stamp not in gone}
        elif verb == "log":
            taken = {stamp for _, fop in by_verb.get((name, "retract"), []) for stamp in fop["b"]}
            meaning.logs[name] = {row.stamp: (_text(fop["v"]), row.stamp in taken) for row, fop in by_verb[name, verb]}
    lives = live("life", "life")
    if any(fop["v"] == "deleted" for fop in lives.values()):
        seen: dict[str, int] = {}
        for stamp, fop in lives.items():
            dev, n, _ = stamp.split(":")
            for other, last in (*fop["seen"].items(), (dev, int(n))):
                seen[other] = max(seen.get(other, 0), last)
        meaning.deleted = all(fop["v"] == "deleted" for fop in lives.values()) and all(n <= seen.get(dev, 0) for dev, n in reach.items())
        if not meaning.deleted:
            meaning.disputed.add("life")
    return meaning


def shown_by(record: Record) -> Meaning:
    """The same, as the product folded it."""
    return Meaning(
        {name: {stamp: _text(value) for stamp, value in live} for name, live in record.reg.items() if live},
        {name: merge_kinds.counter_state(record, name).value for name in record.ctr},
        {name: {stamp: _text(value) for stamp, value in members} for name, members in record.sets.items()},
        {name: {stamp: (_text(value), gone) for stamp, value, gone in entries} for name, entries in record.log.items()},
        merge_kinds.is_deleted(record),
        set(merge_kinds.disputes(record)),
    )
