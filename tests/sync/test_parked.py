"""Parked fields: whatever a device sends, the work stays proportional to what waits, and the outcome to what was said (P-10)."""

from __future__ import annotations

from typing import Any

import pytest

from sync import fold
from sync.fold import absorb, fold_all, fold_op, release_parked
from sync.op import Op, parse_op
from sync.record import dump, new_record

A, B, LENGTH = "a" * 16, "b" * 16, 2_000
H = "00000000"


PARENT: dict[str, Any] = {
    "n": 1, "rec": "r1", "kind": "hazard", "scope": "station:1",
    "at": "2026-11-22T05:10:33.120+08:00", "skew": 0, "user": "u1", "schema": 1, "app": "1.0.0",
}  # fmt: skip


def op(dev: str, n: int, *parents: str) -> Op:
    line: dict[str, Any] = {
        "n": n, "rec": "r1", "kind": "hazard", "scope": "station:1", "f": {"note": {"k": "reg", "v": f"{dev[0]}{n}", "b": list(parents)}},
        "at": "2026-11-22T05:10:33.120+08:00", "skew": 0, "user": "u1", "schema": 1, "app": "1.0.0",
    }  # fmt: skip
    return parse_op(line, dev, n, H)


def chain_backwards() -> list[Op]:
    """Every op waits for the next one, and the last for a colleague's: the worst order there is."""
    waiting = [op(A, n, f"{A}:{n + 1}:{H}") for n in range(1, LENGTH)]
    return [*waiting, op(A, LENGTH, f"{B}:1:{H}"), op(B, 1)]


def test_a_long_chain_that_waits_costs_its_length_not_its_square(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    is_known = fold._is_known

    def counted(*arguments: Any) -> bool:
        nonlocal calls
        calls += 1
        return is_known(*arguments)

    monkeypatch.setattr(fold, "_is_known", counted)
    record = new_record("r1", "hazard")
    ops = chain_backwards()
    for each in ops[:-1]:
        assert fold_op(record, each, each.n).verdict == "parked"
    # One look per op as it came, one more when the next of its own device became known.
    assert calls <= 2 * LENGTH * 2
    assert len(record.wait) == LENGTH
    calls = 0
    fold_op(record, ops[-1], 1)
    assert (record.wait, calls <= 3 * LENGTH) == ([], True)


def test_the_outcome_is_that_of_the_same_ops_in_another_order() -> None:
    ops = chain_backwards()[-50:]
    shifted = [op(A, index, *(parent.replace(f":{each.n + 1}:", f":{index + 1}:") for parent in each.fields["note"]["b"])) for index, each in enumerate(ops[:-1], 1)]
    one, other = new_record("r1", "hazard"), new_record("r1", "hazard")
    for each in (*shifted, ops[-1]):
        fold_op(one, each, each.n)
    for each in (ops[-1], *shifted):
        fold_op(other, each, each.n)
    assert dump(one) == dump(other) == dump(fold_all([(each, each.n) for each in (*shifted, ops[-1])]))


@pytest.mark.parametrize("fate", ["kept aside", "writes another field"])
def test_a_parent_that_was_missed_and_comes_late_leaves_nothing_behind(fate: str) -> None:
    """The hub found it: let go first and parent later must end as parent first, or two nodes differ."""
    child, parent = op(A, 1, f"{B}:1:{H}"), op(B, 1)
    if fate == "writes another field":
        parent = parse_op({**PARENT, "f": {"title": {"k": "reg", "v": "别的", "b": []}}}, B, 1, H)
    late = new_record("r1", "hazard")
    fold_op(late, child, 1)
    release_parked(late, child.stamp)
    absorb(late, parent) if fate == "kept aside" else fold_op(late, parent, 2)
    early = fold_all([(child, 1), (parent, 2)], {parent.stamp} if fate == "kept aside" else ())
    assert dump(late) == dump(early)
