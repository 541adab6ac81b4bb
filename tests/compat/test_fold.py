"""Today's fold on the lines of every released version: the states they had then, as they arrived and folded anew (P-41).

`pwa/tests/frozen.test.ts` asks the same of the app.
"""

from __future__ import annotations

import orjson
import pytest

from sync.fold import absorb, fold_all, fold_op
from sync.op import Op, parse_op
from sync.record import dump, new_record
from sync.stamp import GENESIS, chain
from tests.compat.frozen import Release, releases

VERBS = {"reg", "inc", "count", "add", "rem", "log", "retract", "life"}
KINDS_MIN = 20
each_release = pytest.mark.parametrize("release", releases(), ids=lambda release: release.name)


def ops_by_record(release: Release) -> dict[str, list[tuple[Op, int, bool]]]:
    """Op, corrected time, and whether it was kept aside; lines that are no op belong to no record."""
    found: dict[str, list[tuple[Op, int, bool]]] = {}
    for line in release.log["lines"]:
        aside = line["verdict"] == "quarantined"
        try:
            op = parse_op(orjson.loads(line["line"]), line["dev"], line["n"], line["h"])
        except ValueError:
            assert aside
            continue
        found.setdefault(op.rec, []).append((op, line["at_c"], aside))
    return found


def test_there_is_a_frozen_release() -> None:
    assert [release.name for release in releases()][:1] == ["1.0.0"]


@each_release
def test_frozen_lines_fold_to_the_states_they_had(release: Release) -> None:
    by_rec, states = ops_by_record(release), release.log["states"]
    assert states.keys() <= by_rec.keys()
    for rec, entries in by_rec.items():
        arrived = new_record(rec, entries[0][0].kind)
        for op, at_c, aside in entries:
            if aside:
                absorb(arrived, op)
            else:
                fold_op(arrived, op, at_c)
        anew = fold_all([(op, at_c) for op, at_c, _ in entries], {op.stamp for op, _, aside in entries if aside})
        if rec in states:
            assert dump(arrived).decode() == dump(anew).decode() == states[rec]


@each_release
def test_frozen_lines_hold_every_verb_and_many_kinds(release: Release) -> None:
    ops = [op for entries in ops_by_record(release).values() for op, _, _ in entries]
    assert {fop["k"] for op in ops for fop in op.fields.values()} >= VERBS
    assert len({op.kind for op in ops}) >= KINDS_MIN


@each_release
def test_frozen_hashes_are_those_of_the_bytes_p_03(release: Release) -> None:
    tails: dict[str, str] = {}
    for line in sorted(release.log["lines"], key=lambda line: (line["dev"], line["n"])):
        tails[line["dev"]] = chain(tails.get(line["dev"], GENESIS), line["line"].encode())
        assert tails[line["dev"]] == line["h"]
