"""Writes ops for tests by short scripts: devices a, b, c with fixed incarnations and chained lines."""

from __future__ import annotations

import json
from typing import Any

from sync.op import Op, encode_op, parse_op
from sync.stamp import GENESIS, chain, new_dev

REC = "01980000-0000-7000-8000-000000000001"
DEVS = {name: new_dev(bytes([number] * 10)) for number, name in enumerate("abcd", 1)}


class Script:
    """Ops of several devices on one record; `vv` and heads are what the test says an author saw."""

    def __init__(self, rec: str = REC) -> None:
        self.rec = rec
        self.n = dict.fromkeys(DEVS, 0)
        self.h = dict.fromkeys(DEVS, GENESIS)
        self.ops: list[Op] = []
        self.objects: list[dict[str, Any]] = []

    def write(self, who: str, **fields: dict[str, Any]) -> str:
        """One op; returns its stamp."""
        self.n[who] += 1
        obj = {
            "n": self.n[who], "rec": self.rec, "kind": "hazard", "scope": "station:1",
            "f": {name.replace("__", "."): fop for name, fop in fields.items()},
            "at": f"2026-11-22T05:{len(self.ops) % 60:02d}:00.000+08:00", "user": f"u_{who}",
        }  # fmt: skip
        line = encode_op(obj)
        self.h[who] = chain(self.h[who], line)
        op = parse_op(json.loads(line), DEVS[who], self.n[who], self.h[who])
        self.ops.append(op)
        self.objects.append(obj)
        return op.stamp


def reg(value: Any, *parents: str) -> dict[str, Any]:
    return {"k": "reg", "v": value, "b": list(parents)}


def inc(delta: int, *counts: str) -> dict[str, Any]:
    return {"k": "inc", "v": delta, "b": list(counts)}


def count(value: int, seen: dict[str, int], *parents: str) -> dict[str, Any]:
    return {"k": "count", "v": value, "b": list(parents), "seen": {DEVS[who]: n for who, n in seen.items()}}


def life(value: str, seen: dict[str, int], *parents: str) -> dict[str, Any]:
    return {"k": "life", "v": value, "b": list(parents), "seen": {DEVS[who]: n for who, n in seen.items()}}


def add(value: Any) -> dict[str, Any]:
    return {"k": "add", "v": value}


def rem(*stamps: str) -> dict[str, Any]:
    return {"k": "rem", "b": list(stamps)}


def log(value: Any) -> dict[str, Any]:
    return {"k": "log", "v": value}


def retract(*stamps: str) -> dict[str, Any]:
    return {"k": "retract", "b": list(stamps)}
