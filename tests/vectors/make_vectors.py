"""Writes the vectors from the Python core: `python -m tests.vectors.make_vectors`. Read the diff before committing it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from server.kinds import KINDS
from sync.errors import OpError
from sync.fold import fold_op
from sync.fork import renumber
from sync.judge import Rights, UserRights, corrected_time, judge_op
from sync.merge_kinds import counter_state, disputes, is_visible, shown_value
from sync.op import Op, encode_op, parse_op
from sync.record import dump, erased_record, load, new_record
from sync.stamp import GENESIS, chain, conflict_id, digest64, erased_line, forked_dev
from tests.sync.script import DEVS, REC, Script, add, count, inc, life, log, reg, rem, retract
from tests.tools.chunks import packed, varint

FOLDER = Path(__file__).parent
T0 = 1_795_000_000_000
ORDERS_MAX = 12
HEAD_OF_2 = UserRights(
    frozenset({"head", "patroller"}), frozenset({"station:1", "station:2"}), roles_at={"station:1": frozenset({"patroller"}), "station:2": frozenset({"head"})}
)
JUDGE_RIGHTS = Rights(
    {role: UserRights(frozenset({role}), frozenset({"station:1"})) for role in ("patroller", "head", "operator", "admin")} | {"head_of_2": HEAD_OF_2}
)


def orders(ops: list[Op]) -> list[list[int]]:
    """Arrival orders that keep every device's own order (P-02); all of them, or a fixed sample."""
    found = [
        list(order)
        for order in itertools.permutations(range(len(ops)))
        if all(
            ops[x].n < ops[y].n
            for i, x in enumerate(order)
            for y in order[i + 1 :]
            if ops[x].dev == ops[y].dev
        )
    ]
    Random(7).shuffle(found)
    return found[:ORDERS_MAX]


def fold_case(name: str, rule: str, write: Callable[[Script], None], onto: bytes | None = None) -> dict[str, Any]:
    """One fold vector; the expectation is asserted to be the same in every order. `onto`: the state that was there before."""
    script = Script()
    write(script)
    states: set[bytes] = set()
    for order in orders(script.ops):
        record = new_record(REC, "hazard") if onto is None else load(onto)
        for index in order:
            fold_op(record, script.ops[index], T0 + index)
        states.add(dump(record))
    assert len(states) == 1, name
    return {
        "name": name, "kind": "fold", "rule": rule, **({} if onto is None else {"onto": onto.decode()}),
        "ops": [
            {"dev": op.dev, "n": op.n, "h": op.h, "at_c": T0 + index, "op": obj}
            for index, (op, obj) in enumerate(zip(script.ops, script.objects, strict=True))
        ],
        "orders": orders(script.ops),
        "state": states.pop().decode(),
        "disputes": list(disputes(record)),
        "visible": is_visible(record),
        "shown": {field: shown_value(record, field) for field in sorted(record.reg)},
        "counters": {
            field: {
                "value": state.value, "disputed": state.disputed, "recount_advised": state.recount_advised, "negative": state.negative,
            }
            for field in sorted(record.ctr)
            for state in [counter_state(record, field)]
        },
    }  # fmt: skip


def folds() -> Iterator[dict[str, Any]]:
    """Every merge kind, alone and in dispute."""

    def disjoint(s: Script) -> None:
        first = s.write("a", scope=reg("station:1"), title=reg("裂缝"), severity=reg("general"))
        s.write("b", title=reg("墙面裂缝", first))
        s.write("c", severity=reg("major", first))

    def same_field(s: Script) -> None:
        first = s.write("a", scope=reg("station:1"), severity=reg("general"))
        s.write("b", severity=reg("major", first))
        s.write("c", severity=reg("minor", first))

    def equal(s: Script) -> None:
        first = s.write("a", scope=reg("station:1"), tags=reg({"x": 1, "y": True}))
        s.write("b", tags=reg({"p": 1, "q": 2}, first))
        s.write("c", tags=reg({"q": 2, "p": 1}, first))

    def resolved(s: Script) -> None:
        first = s.write("a", scope=reg("station:1"), severity=reg("general"))
        left = s.write("b", severity=reg("major", first))
        right = s.write("c", severity=reg("minor", first))
        s.write("d", severity=reg("major", left, right))

    def two_resolutions(s: Script) -> None:
        first = s.write("a", scope=reg("station:1"), severity=reg("general"))
        left = s.write("b", severity=reg("major", first))
        right = s.write("c", severity=reg("minor", first))
        s.write("d", severity=reg("x", left, right))
        s.write("a", severity=reg("y", left, right))

    def reopened(s: Script) -> None:
        first = s.write("a", scope=reg("station:1"), severity=reg("general"))
        left = s.write("b", severity=reg("major", first))
        s.write("c", severity=reg("minor", left))
        s.write("d", severity=reg("late", first))

    def deltas(s: Script) -> None:
        s.write("a", scope=reg("station:1"), on_hand=inc(10))
        s.write("b", on_hand=inc(-3))
        s.write("c", on_hand=inc(-4))

    def counted(s: Script) -> None:
        s.write("a", scope=reg("station:1"), on_hand=inc(10))
        s.write("b", on_hand=inc(-3))
        stocktake = s.write("c", on_hand=count(6, {"a": 1, "b": 1}))
        s.write("b", on_hand=inc(-2, stocktake))

    def ambiguous(s: Script) -> None:
        first = s.write("a", scope=reg("station:1"), on_hand=count(10, {}))
        s.write("b", on_hand=count(8, {"a": 1}, first))
        s.write("c", on_hand=inc(-2, first))

    def two_counts(s: Script) -> None:
        first = s.write("a", scope=reg("station:1"), on_hand=count(10, {}))
        s.write("b", on_hand=count(9, {"a": 1}, first))
        s.write("c", on_hand=count(7, {"a": 1}, first))

    def negative(s: Script) -> None:
        s.write("a", scope=reg("station:1"), on_hand=inc(-1))

    def sets(s: Script) -> None:
        first = s.write("a", scope=reg("station:1"), team=add("u_1"))
        s.write("b", team=rem(first))
        s.write("c", team=add("u_1"))

    def logs(s: Script) -> None:
        first = s.write("a", scope=reg("station:1"), checkins=log({"point_id": "p1"}))
        s.write("b", checkins=log({"point_id": "p2"}))
        s.write("c", checkins=retract(first))

    def deleted(s: Script) -> None:
        s.write("a", scope=reg("station:1"), title=reg("x"))
        s.write("b", life=life("deleted", {"a": 1}))

    def delete_edit(s: Script) -> None:
        first = s.write("a", scope=reg("station:1"), title=reg("x"))
        s.write("b", life=life("deleted", {"a": 1}))
        s.write("c", title=reg("y", first))

    def two_deletes(s: Script) -> None:
        s.write("a", scope=reg("station:1"), title=reg("x"))
        s.write("b", life=life("deleted", {"a": 1}))
        s.write("c", life=life("deleted", {"a": 1}))

    def parked(s: Script) -> None:
        s.write("a", scope=reg("station:1"), title=reg("x"))
        s.write("b", title=reg("y", f"{DEVS['d']}:9:00000000"), note=reg("n"))

    def moved(s: Script) -> None:
        first = s.write("a", scope=reg("station:1"), title=reg("x"))
        s.write("b", scope=reg("station:2", first))

    def answers(s: Script) -> None:
        s.write("a", scope=reg("station:1"), ans__i1=reg({"r": "ok"}))
        s.write("b", ans__i2=reg({"r": "bad", "n": "堆物"}))

    for name, rule, write in (
        ("disjoint fields merge without conflict", "9.8", disjoint),
        ("two unseen edits of one field are one dispute with both values", "9.7", same_field),
        ("equal values are no dispute whatever the key order", "9.8", equal),
        ("a resolution that saw all heads ends the dispute", "M-reg", resolved),
        ("two resolutions made apart are a new dispute", "7", two_resolutions),
        ("a late head reopens a settled field", "7", reopened),
        ("deltas add up once in every order", "9.9", deltas),
        ("a stocktake includes what it saw, later movements follow it", "M-ctr", counted),
        ("a movement beside a stocktake advises a recount", "M-ctr", ambiguous),
        ("two stocktakes that differ show the smaller", "M-ctr", two_counts),
        ("a negative stock is flagged, not refused", "M-ctr", negative),
        ("an add beside a removal wins", "M-set", sets),
        ("a log keeps retracted entries", "M-log", logs),
        ("a delete that saw everything hides the record", "M-life", deleted),
        ("a delete beside an edit keeps the record visible and disputed", "9.10", delete_edit),
        ("two deletes agree", "M-life", two_deletes),
        ("an unknown parent parks only its field", "P-10", parked),
        ("moving the scope moves the record", "4", moved),
        ("answers of a checklist are registers of their own", "4", answers),
    ):
        yield fold_case(name, rule, write)
    erased = dump(erased_record(REC, "hazard", "station:7", T0, [f"{'q' * 16}:{n}:0f9d4062" for n in (2, 1, 14)]))
    yield fold_case("of an op on an erased record nothing is folded but that it exists", "P-43", moved, erased)


def parses() -> Iterator[dict[str, Any]]:
    """What cannot be read, and what must be."""
    good = {"n": 1, "rec": "r1", "kind": "hazard", "scope": "station:1", "f": {"title": reg("x")}, "at": "2026-11-22T05:10:33+08:00", "user": "u_1"}
    cases: tuple[tuple[str, Any], ...] = (
        ("a plain op is read", good),
        ("an unknown kind and field are read (P-41)", good | {"kind": "drone", "f": {"flux": reg(1)}}),
        ("unknown envelope keys are read (P-41)", good | {"later": 1}),
        ("a list is no op", [1]),
        ("n must be the n of the chain", good | {"n": 2}),
        ("fields must not be empty", good | {"f": {}}),
        ("a verb no version ever had", good | {"f": {"title": {"k": "set", "v": 1}}}),
        ("a register needs parents", good | {"f": {"title": {"k": "reg", "v": 1}}}),
        ("a parent must be a stamp", good | {"f": {"title": reg("x", "nonsense")}}),
        ("an integer past 2^53 is refused", good | {"f": {"title": reg(2**53)}}),
        ("NUL is refused", good | {"f": {"title": reg("a\x00b")}}),
        ("true is no count", good | {"f": {"on_hand": inc(True)}}),
        ("a time without offset is refused", good | {"at": "2026-11-22T05:10:33"}),
        ("a time that is no time is refused", good | {"at": "yesterday"}),
        ("a group larger than allowed is refused", good | {"group": ["g", 0, 21]}),
        ("a group index past its size is refused", good | {"group": ["g", 2, 2]}),
        ("nesting has an end", good | {"f": {"title": reg([[[[[[[[[1]]]]]]]]])}}),
        ("a text longer than the limit is refused", good | {"f": {"title": reg("字" * 8001)}}),
    )
    for name, op in cases:
        try:
            parse_op(op, DEVS["a"], 1, "00000000")
            code = None
        except OpError as error:
            code = error.code
        yield {"name": name, "kind": "parse", "op": op, "code": code}


def chains() -> Iterator[dict[str, Any]]:
    """Hashes over bytes as sent."""
    lines = [encode_op({"n": n, "v": value}) for n, value in enumerate(("甲", "𠮷", "a\u2028b"), 1)]
    prev, hashes = GENESIS, []
    for line in lines:
        prev = chain(prev, line)
        hashes.append(prev)
    yield {"name": "three lines chain over their bytes", "kind": "chain", "rule": "P-03", "lines_hex": [line.hex() for line in lines], "h": hashes}
    odd = [lines[0], erased_line(hashes[1], REC), lines[2], erased_line("0123456z", REC), erased_line(hashes[1], "甲")]
    prev, told = GENESIS, []
    for line in odd:
        prev = chain(prev, line)
        told.append(prev)
    assert told[:3] == hashes
    yield {"name": "an erased line tells its own hash, what only looks like one is hashed", "kind": "chain", "rule": "P-43", "lines_hex": [line.hex() for line in odd], "h": told}
    for rec, seq in ((REC, 1), (REC, 2**40)):
        yield {"name": f"digest of a record at {seq}", "kind": "digest", "rule": "P-28", "rec": rec, "seq": seq, "digest": f"{digest64(rec, seq):016x}"}
    stamp = "aeaqcaibaeaqcaib:7:0f9d4062"
    yield {"name": "copies of one disk go on as one", "kind": "forked_dev", "rule": "P-24", "stamp": stamp, "dev": forked_dev(stamp)}
    yield renumbered()
    yield {"name": "one id per record and field", "kind": "conflict_id", "rec": REC, "field": "severity", "id": conflict_id(REC, "severity")}
    for name, numbers in (
        ("skew is taken off", (T0, 60, 0, T0 + 9)),
        ("never after it was received", (T0 + 10_000, 0, 0, T0)),
        ("never before the device's last op", (T0 - 315_360_000_000, 0, T0 - 5, T0)),
        ("a clock ten years ahead shows the time of receipt", (T0 + 315_360_000_000, 0, T0 - 5, T0)),
    ):
        yield {"name": name, "kind": "corrected_time", "rule": "9.12", "in": list(numbers), "out": corrected_time(*numbers)}


def renumbered() -> dict[str, Any]:
    """The end of a chain under another name: parents, coverage, awkward text, and a line that is no op."""
    dev, other, first = DEVS["a"], DEVS["b"], 3
    h, lines = "0f9d4062", []

    def write(fields: dict[str, Any]) -> str:
        nonlocal h
        n = first + len(lines)
        line = encode_op({"n": n, "rec": REC, "kind": "stock_lot", "f": fields, "at": "2026-11-22T05:10:33.120+08:00", "skew": -2, "user": "u_a"})
        h = chain(h, line)
        lines.append((h, line))
        return f"{dev}:{n}:{h}"

    one = write({"note": {"k": "reg", "v": "引号\" 反斜\\ \u0001\u007f\u2028 𠮷/é", "b": [f"{other}:4:00000000"]}})
    h = chain(h, b'{"n":4,')
    lines.append((h, b'{"n":4,'))
    write({"note": {"k": "reg", "v": None, "b": [one]}, "on_hand": {"k": "count", "v": 7, "b": [], "seen": {dev: 3, other: 9}}})
    h = "aaaa0001"
    lines.append((h, erased_line(h, REC)))
    write({"on_hand": {"k": "count", "v": 2**53 - 1, "b": [], "seen": {dev: 2}}, "life": {"k": "life", "v": "deleted", "b": [], "seen": {other: 1, dev: 6}}})
    fresh, made = renumber(dev, first, lines)
    return {
        "name": "the end of a chain goes on under another name", "kind": "renumber", "rule": "P-24", "dev": dev, "first": first,
        "lines": [{"h": h, "line_hex": line.hex()} for h, line in lines], "fresh": fresh, "made_hex": [line.hex() for line in made],
    }  # fmt: skip


def judged() -> Iterator[dict[str, Any]]:
    """Kinds as declared in server/kinds; the user is called like his role, and every role holds station:1; `head_of_2` patrols there."""
    point = {"lat_e7": 312_345_678, "lon_e7": 1_216_543_210}
    for name, who, kind, fields in (
        ("a patroller finds a hazard", "patroller", "hazard", {"title": reg("裂缝"), "status": reg("found"), "point": reg(point)}),
        ("a patroller asks for the recheck", "patroller", "hazard", {"status": reg("recheck")}),
        ("closing is the head's", "patroller", "hazard", {"status": reg("closed")}),
        ("a failed recheck is the head's", "patroller", "hazard", {"status": reg("failed"), "review_note": reg("仍有裂缝")}),
        ("the head closes", "head", "hazard", {"status": reg("closed")}),
        ("the town closes", "operator", "hazard", {"status": reg("closed")}),
        ("a step of a newer version is nobody's", "patroller", "hazard", {"status": reg("archived")}),
        ("an inherited name is no reserved code", "patroller", "hazard", {"status": reg("constructor")}),
        ("a patroller enters a person", "patroller", "person", {"name": reg("张三"), "review_status": reg("entered")}),
        ("the roster is the head's", "patroller", "person", {"review_status": reg("deceased")}),
        ("the head reviews the roster", "head", "person", {"review_status": reg("active")}),
        ("a stocktake is completed by the head", "patroller", "stock_count", {"status": reg("completed")}),
        ("an inspection is reviewed by the head", "patroller", "inspection", {"status": reg("reviewed")}),
        ("settings are the administrator's", "operator", "setting", {"key": reg("due_days")}),
        ("a kind of a newer version is folded", "patroller", "drone_flight", {"status": reg("closed")}),
        ("a field of a newer version is folded", "patroller", "hazard", {"weather": reg(["rain"])}),
        ("a long text is kept", "patroller", "hazard", {"place": reg("长" * 800)}),
        ("a flood of text waits for a person", "patroller", "hazard", {"place": reg("长" * 801)}),
        ("letters beyond the basic plane count once", "patroller", "hazard", {"place": reg("𠀀" * 800)}),
        ("a day is a day", "patroller", "hazard", {"due": reg("2026-12-31")}),
        ("a month has a number below 13", "patroller", "hazard", {"due": reg("2026-13-01")}),
        ("a day with something behind it", "patroller", "hazard", {"due": reg("2026-12-31\n")}),
        ("other digits are no date", "patroller", "hazard", {"due": reg("２０２６-12-31")}),
        ("money has two decimals", "patroller", "hazard", {"cost": reg("1234.5")}),
        ("money is a number", "patroller", "hazard", {"cost": reg("viel")}),
        ("a place abroad is a fact all the same", "patroller", "hazard", {"point": reg({"lat_e7": 0, "lon_e7": 0})}),
        ("no place on Earth", "patroller", "hazard", {"point": reg({"lat_e7": 900_000_001, "lon_e7": 0})}),
        ("half a place", "patroller", "hazard", {"point": reg({"lat_e7": 1})}),
        ("emptied is not a value", "patroller", "hazard", {"due": reg(None), "point": reg(None)}),
        ("the wrong type", "patroller", "hazard", {"title": reg(7)}),
        ("the wrong verb", "patroller", "hazard", {"title": add("x")}),
        ("the head of one station is no head at another", "head_of_2", "hazard", {"status": reg("closed")}),
        ("nor by moving it to his own", "head_of_2", "hazard", {"scope": reg("station:2"), "status": reg("closed")}),
        ("but he patrols there", "head_of_2", "hazard", {"scope": reg("station:2"), "status": reg("recheck")}),
        ("somebody unknown", "nobody", "hazard", {"title": reg("裂缝")}),
    ):
        op = {"rec": REC, "kind": kind, "scope": "station:1", "f": fields, "at": "2026-11-22T05:10:33+08:00", "skew": 0, "user": who, "n": 1}
        why = judge_op(parse_op(op, DEVS["a"], 1, GENESIS), JUDGE_RIGHTS, KINDS)
        yield {"name": name, "kind": "judge", "rule": "P-44", "op": op, "why": why}


def tracks() -> Iterator[dict[str, Any]]:
    """Chunks of a patrol's track: which fixes they hold, or that they are refused."""
    start, north, east = T0 // 1000, 6_180_000, 24_390_000
    for name, points in (
        ("a walk at five seconds a fix", [(start + 5 * n, north + 2 * n, east + n, 1 + n % 3) for n in range(20)]),
        ("south of the equator and west of Greenwich", [(start + n, -6_180_000 - n, -24_390_000 - n, 2) for n in range(4)]),
        ("a clock that was never set, then set", [(-2_147_483_648, north, east, 1), (start, north, east, 1)]),
        ("a clock set back by an hour", [(start, north, east, 1), (start - 3_600, north, east, 1)]),
        ("the corners of the earth", [(start, 18_000_000, 36_000_000, 0), (start, -18_000_000, -36_000_000, 1_000)]),
        ("the last moments there are", [(2**40, north, east, 1), (-(2**40), north, east, 1)]),
        ("nothing at all", []),
    ):
        fixes = [[t * 1000, lat * 50, lon * 50, acc * 50] for t, lat, lon, acc in points]
        yield {"name": name, "kind": "track", "hex": packed(points).hex(), "fixes": fixes}
    for name, data in (
        ("another format", b"XT2" + varint(0)),
        ("cut off", packed([(start, north, east, 1)])[:-1]),
        ("fewer than none", b"XT1" + varint(-1)),
        ("more than any patrol", b"XT1" + varint(200_001)),
        ("north of the pole", packed([(start, 18_000_001, east, 1)])),
        ("east of the date line", packed([(start, north, 36_000_001, 1)])),
        ("more accurate than exact", packed([(start, north, east, -1)])),
        ("after all calendars", packed([(2**40 + 1, north, east, 1)])),
        ("a number without an end", b"XT1" + varint(1) + b"\xff" * 40),
    ):
        yield {"name": f"refused: {name}", "kind": "track", "hex": data.hex(), "fixes": None}


def main() -> None:
    """Write the files."""
    for name, cases in (("stamps", chains()), ("parse", parses()), ("fold", folds()), ("judge", judged()), ("tracks", tracks())):
        text = json.dumps({"vectors": list(cases)}, ensure_ascii=False, indent=1)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
