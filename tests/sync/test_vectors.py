"""Runs the shared vectors against the Python core, and the vectors against their schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from server.centre.tracks import BadTrack, decode
from server.kinds import KINDS
from sync.errors import OpError
from sync.fold import fold_op
from sync.fork import renumber
from sync.judge import corrected_time, judge_op
from sync.merge_kinds import counter_state, disputes, is_visible, shown_value
from sync.op import parse_op
from sync.record import dump, load, new_record
from sync.stamp import GENESIS, chain, conflict_id, digest64, forked_dev
from tests.vectors.make_vectors import JUDGE_RIGHTS

FOLDER = Path(__file__).parents[1] / "vectors"
FILES = sorted(path for path in FOLDER.glob("*.json") if path.name != "schema.json")
VECTORS = [
    pytest.param(vector, id=f"{path.stem}: {vector['name']}")
    for path in FILES
    for vector in json.loads(path.read_text(encoding="utf-8"))["vectors"]
]


def test_there_are_vectors_and_they_fit_their_schema() -> None:
    validator = Draft202012Validator(json.loads((FOLDER / "schema.json").read_text()))
    for path in FILES:
        validator.validate(json.loads(path.read_text(encoding="utf-8")))
    assert len(VECTORS) >= 40


@pytest.mark.parametrize("vector", VECTORS)
def test_vector(vector: dict[str, Any]) -> None:
    RUN[vector["kind"]](vector)


def run_chain(vector: dict[str, Any]) -> None:
    h = GENESIS
    for line, expected in zip(vector["lines_hex"], vector["h"], strict=True):
        h = chain(h, bytes.fromhex(line))
        assert h == expected


def run_parse(vector: dict[str, Any]) -> None:
    try:
        parse_op(vector["op"], "aeaqcaibaeaqcaib", 1, "00000000")
        code = None
    except OpError as error:
        code = error.code
    assert code == vector["code"]


def run_fold(vector: dict[str, Any]) -> None:
    ops = [(parse_op(each["op"], each["dev"], each["n"], each["h"]), each["at_c"]) for each in vector["ops"]]
    assert vector["orders"]
    for order in vector["orders"]:
        record = load(vector["onto"].encode()) if "onto" in vector else new_record(ops[0][0].rec, ops[0][0].kind)
        for index in order:
            fold_op(record, *ops[index])
            assert fold_op(record, *ops[index]).verdict == "duplicate"
        assert dump(record).decode() == vector["state"]
        assert dump(load(dump(record))) == dump(record)
    assert list(disputes(record)) == vector["disputes"]
    assert is_visible(record) == vector["visible"]
    assert {field: shown_value(record, field) for field in vector["shown"]} == vector["shown"]
    for field, expected in vector["counters"].items():
        state = counter_state(record, field)
        assert (state.value, state.disputed, state.recount_advised, state.negative) == tuple(expected.values())


def run_digest(vector: dict[str, Any]) -> None:
    assert f"{digest64(vector['rec'], vector['seq']):016x}" == vector["digest"]


def run_forked_dev(vector: dict[str, Any]) -> None:
    assert forked_dev(vector["stamp"]) == vector["dev"]


def run_renumber(vector: dict[str, Any]) -> None:
    lines = [(each["h"], bytes.fromhex(each["line_hex"])) for each in vector["lines"]]
    fresh, made = renumber(vector["dev"], vector["first"], lines)
    assert (fresh, [line.hex() for line in made]) == (vector["fresh"], vector["made_hex"])


def run_conflict_id(vector: dict[str, Any]) -> None:
    assert conflict_id(vector["rec"], vector["field"]) == vector["id"]


def run_judge(vector: dict[str, Any]) -> None:
    assert judge_op(parse_op(vector["op"], "aeaqcaibaeaqcaib", 1, GENESIS), JUDGE_RIGHTS, KINDS) == vector["why"]


def run_corrected_time(vector: dict[str, Any]) -> None:
    assert corrected_time(*vector["in"]) == vector["out"]


def run_track(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    if vector["fixes"] is None:
        with pytest.raises(BadTrack):
            decode(data)
    else:
        assert [[fix.t_ms, fix.lat_e7, fix.lon_e7, fix.acc_dm] for fix in decode(data)] == vector["fixes"]


RUN = {
    "chain": run_chain, "parse": run_parse, "fold": run_fold, "digest": run_digest, "conflict_id": run_conflict_id, "forked_dev": run_forked_dev,
    "renumber": run_renumber,
    "judge": run_judge,
    "track": run_track,
    "corrected_time": run_corrected_time,
}  # fmt: skip
