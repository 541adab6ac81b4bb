"""One field operation: the strict reading of an op line and its canonical writing.

Owns the shape of an op. Unknown kinds and field names are welcome (they fold by their verb, P-41); only lines that cannot be
read at all raise OpError. Immutable after parsing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync.errors import OpError
from sync.limits import (
    DEPTH_MAX,
    FIELDS_PER_OP_MAX,
    GROUP_SIZE_MAX,
    INT_MAX,
    NAME_CHARS_MAX,
    PARENTS_PER_FIELD_MAX,
    TEXT_CHARS_MAX,
)
from sync.stamp import make_stamp

Fop = dict[str, Any]

FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}(\.[A-Za-z0-9_-]{1,39})?\Z")
STAMP = re.compile(r"[a-z2-7]{16}:[1-9][0-9]{0,15}:[0-9a-f]{8}\Z")
DEV = re.compile(r"[a-z2-7]{16}\Z")
NAME = re.compile(r"[A-Za-z0-9_:.\-]{1,80}\Z")
NEEDS_VALUE = frozenset({"reg", "inc", "count", "add", "log", "life"})
NEEDS_PARENTS = frozenset({"reg", "count", "rem", "retract", "life"})
VERBS = NEEDS_VALUE | NEEDS_PARENTS


@dataclass(slots=True, frozen=True)
class Op:
    """A parsed op. `at_ms` is the device's wall clock in ms since 1970 UTC, `skew` device minus server seconds."""

    stamp: str
    dev: str
    n: int
    h: str
    rec: str
    kind: str
    scope: str
    fields: dict[str, Fop]
    at_ms: int
    skew: int
    user: str
    grant: str | None
    group: tuple[str, int, int] | None
    schema: int


def is_int(value: object) -> bool:
    """An integer both languages can hold (P-05); True is not a number."""
    return type(value) is int and -INT_MAX <= value <= INT_MAX


def check_value(value: object, depth: int = 0) -> None:
    """Raise OpError unless the value can live on every node: no floats, no NUL, no lone surrogates, bounded."""
    kind = type(value)
    if kind is str:
        _check_text(value)  # type: ignore[arg-type]
    elif kind is int:
        if not is_int(value):
            raise OpError("bad_number")
    elif value is None or kind is bool:
        return
    elif depth >= DEPTH_MAX:
        raise OpError("too_large")
    elif kind is list:
        for item in value:  # type: ignore[attr-defined]
            check_value(item, depth + 1)
    elif kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]
            _check_text(key)
            check_value(item, depth + 1)
    else:
        raise OpError("bad_number")


def _check_text(text: str) -> None:
    if len(text) > TEXT_CHARS_MAX:
        raise OpError("too_large")
    if "\x00" in text:
        raise OpError("bad_text")
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate; the encoder looks faster than we can
        raise OpError("bad_text") from None


def _check_vector(seen: object) -> None:
    if type(seen) is not dict:
        raise OpError("bad_field", "seen")
    for dev, n in seen.items():
        if not DEV.match(dev):
            raise OpError("bad_field", "seen")
        if not is_int(n) or n < 0:
            raise OpError("bad_number", "seen")


def _check_fop(name: str, fop: object) -> None:
    if not FIELD_NAME.match(name) or type(fop) is not dict:
        raise OpError("bad_field", name[:NAME_CHARS_MAX])
    verb = fop.get("k")
    if not isinstance(verb, str) or verb not in VERBS:
        raise OpError("bad_field", name)
    if verb in NEEDS_VALUE:
        if "v" not in fop:
            raise OpError("bad_field", name)
        check_value(fop["v"])
    parents = fop.get("b")
    if parents is None:
        if verb in NEEDS_PARENTS:
            raise OpError("bad_field", name)
    else:
        if type(parents) is not list or len(parents) > PARENTS_PER_FIELD_MAX:
            raise OpError("bad_field", name)
        for parent in parents:
            if type(parent) is not str or not STAMP.match(parent):
                raise OpError("bad_field", name)
    if verb in ("inc", "count"):
        if not is_int(fop["v"]):
            raise OpError("bad_number", name)
    elif verb == "life" and (fop["v"] not in ("alive", "deleted") or name != "life"):
        raise OpError("bad_field", name)
    if verb in ("count", "life"):
        _check_vector(fop.get("seen"))


def _parse_group(group: object) -> tuple[str, int, int] | None:
    if group is None:
        return None
    if type(group) is not list or len(group) != 3:
        raise OpError("bad_group")
    gid, index, size = group
    if type(gid) is not str or not NAME.match(gid) or type(index) is not int or type(size) is not int:
        raise OpError("bad_group")
    if not (0 <= index < size <= GROUP_SIZE_MAX):
        raise OpError("bad_group")
    return gid, index, size


def _name(obj: dict[str, Any], key: str) -> str:
    value = obj.get(key)
    if type(value) is not str or not NAME.match(value):
        raise OpError("bad_op", key)
    return value


def _parse_at(at: object) -> int:
    try:
        moment = datetime.fromisoformat(at)  # type: ignore[arg-type]
        if moment.tzinfo is None:
            raise OpError("bad_time", "at")
        return round(moment.timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        raise OpError("bad_time", "at") from None


def parse_op(obj: object, dev: str, n: int, h: str) -> Op:
    """Read a decoded op line. Raises OpError with a stable code; nothing else."""
    if type(obj) is not dict:
        raise OpError("bad_json")
    get = obj.get
    fields = get("f")
    rec, kind, scope, user = (_name(obj, key) for key in ("rec", "kind", "scope", "user"))
    if get("n") != n or type(fields) is not dict or not fields:
        raise OpError("bad_op", "n" if get("n") != n else "f")
    if len(fields) > FIELDS_PER_OP_MAX:
        raise OpError("too_large", "f")
    for name, fop in fields.items():
        _check_fop(name, fop)
    skew, grant, schema = get("skew", 0), get("grant"), get("schema", 1)
    if not is_int(skew) or not is_int(schema):
        raise OpError("bad_number", "skew")
    if grant is not None and (type(grant) is not str or not NAME.match(grant)):
        raise OpError("bad_op", "grant")
    return Op(
        make_stamp(dev, n, h), dev, n, h, rec, kind, scope, fields, _parse_at(get("at")), skew, user, grant,
        _parse_group(get("group")), schema,
    )  # fmt: skip


def encode_op(obj: dict[str, Any]) -> bytes:
    """The line of an op made on this node: compact JSON, UTF-8. Receivers hash these bytes and never write them anew."""
    return json.dumps(obj, ensure_ascii=False, separators=(",", ":")).encode()
