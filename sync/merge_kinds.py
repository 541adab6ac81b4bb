"""What a folded record shows: values, disputes, counters, sets, logs, life (protocol section 4).

Pure readers of a Record; they never change it. Invariants: nothing here orders by a clock to *decide* anything, at_c only
picks which head is shown while people decide; a dispute is derived from heads and cannot be forgotten.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync.stamp import split_stamp

if TYPE_CHECKING:
    from sync.fields import Field
    from sync.record import Record


@dataclass(slots=True, frozen=True)
class CounterState:
    """A counter as shown. `recount_advised`: a movement and a count happened without knowing of each other."""

    value: int
    disputed: bool
    recount_advised: bool
    negative: bool


def same_value(left: Any, right: Any) -> bool:
    """Equal as JSON: 1 is not true, key order does not matter."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict | list):
        return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)
    return bool(left == right)


def differ(values: list[Any]) -> bool:
    """Whether any two of the values differ."""
    return any(not same_value(values[0], other) for other in values[1:])


def heads(record: Record, field: str) -> list[tuple[str, Any, str, int]]:
    """(stamp, value, user, at_c) of every live head of a register, by stamp."""
    return sorted((stamp, value, *record.meta[stamp]) for stamp, value in record.reg.get(field, ()))


def shown_value(record: Record, name: str, field: Field | None = None) -> Any:
    """The value to show: the only one, or while in dispute the most cautious, else the greatest (at_c, stamp)."""
    live = record.reg.get(name)
    if not live:
        return None
    if len(live) == 1:
        return live[0][1]
    order: tuple[str, ...] = ()
    if field is not None and field.merge == "cautious" and field.choices is not None:
        order = field.choices.cautious or ()

    def rank(head: tuple[str, Any]) -> tuple[int, int, str]:
        stamp, value = head
        caution = len(order) - order.index(value) if isinstance(value, str) and value in order else 0
        return caution, record.meta[stamp][1], stamp

    return max(live, key=rank)[1]


def counter_state(record: Record, name: str) -> CounterState:
    """Counts ⊕ movements: the smallest counted value, plus every movement no count has included."""
    counter = record.ctr.get(name)
    if counter is None:
        return CounterState(0, disputed=False, recount_advised=False, negative=False)
    open_sum = sum(delta for _, delta, _ in counter.deltas)
    counted = [value for _, value in counter.counts]
    value = (min(counted) if counted else 0) + open_sum
    stamps = {stamp for stamp, _ in counter.counts}
    advised = bool(stamps) and any(not stamps.issubset(base) for _, _, base in counter.deltas)
    return CounterState(value, bool(counted) and differ(counted), advised, value < 0)


def set_values(record: Record, name: str) -> list[Any]:
    """The distinct values of a set, by the stamp that first added them."""
    seen: dict[str, Any] = {}
    for _, value in sorted(record.sets.get(name, ()), key=lambda item: item[0]):
        seen.setdefault(json.dumps(value, sort_keys=True), value)
    return list(seen.values())


def log_entries(record: Record, name: str) -> list[tuple[str, Any, bool, str, int]]:
    """(stamp, value, retracted, user, at_c) by corrected time."""
    entries = [(stamp, value, gone, *record.meta[stamp]) for stamp, value, gone in record.log.get(name, ())]
    return sorted(entries, key=lambda entry: (entry[4], entry[0]))


def is_deleted(record: Record) -> bool:
    """Deleted only when every deleter together had seen everything that was ever written to the record (M-life)."""
    if not record.life or any(value == "alive" for _, value, _ in record.life):
        return False
    seen: dict[str, int] = {}
    for stamp, _, vector in record.life:
        dev, n, _ = split_stamp(stamp)
        for other, last in (*vector.items(), (dev, n)):
            seen[other] = max(seen.get(other, 0), last)
    return all(n <= seen.get(dev, 0) for dev, n in record.vv.items())


def is_visible(record: Record) -> bool:
    """Whether screens list the record. A delete beside an unseen edit keeps it visible; an erased one has nothing to show."""
    return record.erased is None and not is_deleted(record)


def disputes(record: Record) -> tuple[str, ...]:
    """Names of the fields in conflict, sorted."""
    found = [name for name, live in record.reg.items() if len(live) > 1 and differ([value for _, value in live])]
    found += [
        name
        for name, counter in record.ctr.items()
        if len(counter.counts) > 1 and differ([value for _, value in counter.counts])
    ]
    if any(value == "deleted" for _, value, _ in record.life) and not is_deleted(record):
        found.append("life")
    return tuple(sorted(found))
