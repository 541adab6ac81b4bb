"""The fold: a record as a pure, order-free function of the set of its ops (protocol sections 3 and 4).

Owns `fold_op`. No I/O, no clock. Invariants:
 1 heads of a register = its ops minus every op another op names as parent; the verb drives the fold, so kinds and fields this
   version has never heard of fold like any other (P-41);
 2 ops of one incarnation arrive in n order (gapless push), so a parent is known exactly when n ≤ vv[dev] and it is not itself
   waiting; otherwise only that field waits (P-10);
 3 folding an op twice changes nothing (n ≤ vv); equal op sets give equal bytes on every node;
 4 of an op on an erased record nothing is folded but that it exists (P-43).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass

from sync.merge_kinds import differ, disputes
from sync.op import Fop, Op
from sync.record import Counter, Record, new_record
from sync.stamp import split_stamp

SCOPE = "scope"


@dataclass(slots=True, frozen=True)
class Outcome:
    """What one op did: applied · absorbed · conflict · parked · duplicate, and the fields it changed."""

    verdict: str
    changed: tuple[str, ...] = ()


def absorb(record: Record, op: Op) -> tuple[str, ...]:
    """Note that a quarantined op exists (P-20): its values and its scope are not folded, its waiting children are. Gives the fields changed."""
    before = record.vv.get(op.dev, 0)
    _note(record, op)
    if record.erased is not None:
        return ()
    _strike_found(record, op.stamp, ())
    changed = _retry(record, _awaiting(record, op, before))
    if changed:
        _settle_scope(record)
    return tuple(changed)


def fold_op(record: Record, op: Op, at_c: int) -> Outcome:
    """Fold one op; at_c is its corrected time in ms. Mutates the record."""
    before = record.vv.get(op.dev, 0)
    if op.n <= before:
        return Outcome("duplicate")
    _note(record, op)
    if record.erased is not None:
        return Outcome("absorbed")
    if SCOPE not in record.reg and (not record.scope or op.scope < record.scope):
        record.scope = op.scope
    _strike_found(record, op.stamp, op.fields)
    parked = False
    changed: list[str] = []
    waiting = {(entry[0], entry[3]) for entry in record.wait}
    for name, fop in op.fields.items():
        if _is_known(record, name, fop, waiting):
            _apply(record, op.stamp, op.user, at_c, name, fop)
            changed.append(name)
        else:
            record.wait.append((op.stamp, op.user, at_c, name, fop))
            parked = True
    if record.wait:
        changed += _retry(record, _awaiting(record, op, before))
    _settle_scope(record)
    if parked:
        return Outcome("parked", tuple(changed))
    return Outcome(_judge_change(record, op, changed), tuple(changed))


def fold_all(entries: Iterable[tuple[Op, int]], absorbed: Collection[str] = ()) -> Record:
    """The record of a set of (op, at_c) of one record; `absorbed` names quarantined stamps. Any order across devices."""
    ordered = sorted(entries, key=lambda entry: (entry[0].n, entry[0].dev))
    made = next((op for op, _ in ordered if op.stamp not in absorbed), None)
    record = new_record(ordered[0][0].rec, (made or ordered[0][0]).kind)
    for op, at_c in ordered:
        if op.stamp in absorbed:
            absorb(record, op)
        else:
            fold_op(record, op, at_c)
        if made is None:
            file_bare(record, op)
    return record


def file_bare(record: Record, op: Op) -> None:
    """Where a record belongs of which everything is kept aside so far; the first op that is folded says it anew."""
    record.kind = min(record.kind, op.kind)
    record.scope = min(record.scope or op.scope, op.scope)


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
    changed += _retry(record, [(entry[0], entry[3]) for entry in record.wait])
    _settle_scope(record)
    return tuple(changed)


def _note(record: Record, op: Op) -> None:
    if op.n > record.vv.get(op.dev, 0):
        record.vv[op.dev] = op.n


def _settle_scope(record: Record) -> None:
    live = record.reg.get(SCOPE)
    if live:
        shown = live[0] if len(live) == 1 else max(live, key=lambda head: (record.meta[head[0]][1], head[0]))
        record.scope = str(shown[1])


def _is_stamp_known(record: Record, stamp: str) -> bool:
    dev, n, _ = split_stamp(stamp)
    return n <= record.vv.get(dev, 0)


def _awaiting(record: Record, op: Op, before: int) -> list[tuple[str, str]]:
    """(stamp, field) of what waits for a parent this op made known: nothing else can be let go by it."""
    return [
        (entry[0], entry[3])
        for entry in record.wait
        if any(parent.startswith(op.dev) and before < split_stamp(parent)[1] <= op.n for parent in entry[4].get("b") or ())
    ]


def _is_known(record: Record, name: str, fop: Fop, waiting: Container[tuple[str, str]]) -> bool:
    """Whether every parent is. `waiting`: (stamp, field) of what waits itself."""
    if fop["k"] == "inc":
        return True
    parents = fop.get("b")
    if not parents:
        return True
    live = record.reg.get(name)
    if live is not None and len(parents) == 1 and any(parents[0] == stamp for stamp, _ in live):
        return True
    void = record.void.get(name, ())
    return all((_is_stamp_known(record, p) or p in void) and (p, name) not in waiting for p in parents)


def _retry(record: Record, first: list[tuple[str, str]]) -> list[str]:
    """Let go what waits no more, beginning with the entries of `first`. An entry is looked at again only when a parent of it was let go:
    whatever a device sends, the work stays proportional to what waits.
    """
    if not first:
        return []
    waiting = {(entry[0], entry[3]): entry for entry in record.wait}
    heirs: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for key, entry in waiting.items():
        for parent in entry[4].get("b") or ():
            heirs.setdefault((parent, entry[3]), []).append(key)
    changed: list[str] = []
    queue = deque(sorted(first))
    while queue:
        key = queue.popleft()
        if (found := waiting.pop(key, None)) is None:
            continue
        stamp, user, at_c, name, fop = found
        if _is_known(record, name, fop, waiting):
            _apply(record, stamp, user, at_c, name, fop)
            changed.append(name)
            queue.extend(heirs.get(key, ()))
        else:
            waiting[key] = found
    record.wait = list(waiting.values())
    return changed


def _apply(record: Record, stamp: str, user: str, at_c: int, name: str, fop: Fop) -> None:
    verb = fop["k"]
    if stamp in record.void.get(name, ()):
        _strike(record, name, stamp)
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


def _strike_found(record: Record, stamp: str, except_for: Container[str]) -> None:
    """An op was missed as a parent and writes nothing to these fields: it will never become a head there."""
    for name in [name for name, missing in record.void.items() if stamp in missing and name not in except_for]:
        _strike(record, name, stamp)


def _strike(record: Record, name: str, stamp: str) -> None:
    """A parent that was missed when its child was let go is known now."""
    record.void[name].remove(stamp)
    if not record.void[name]:
        del record.void[name]


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
