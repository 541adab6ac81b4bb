"""Whether an op is folded or kept aside for a person, and what time it really was (protocol sections 3, 5, 6).

Pure. A verdict here never refuses: "quarantined" means stored and shown to a person (P-20). Being from another app version,
naming an unknown kind, field or choice is never a reason (P-41). Only the op itself is looked at, never the record: what stands
there depends on what arrived first, and every node must judge alike. So a step is reserved to roles, not to the step before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sync.fields import Field, Kind
from sync.op import Fop, Op

VERBS_OF_MERGE: dict[str, frozenset[str]] = {
    "register": frozenset({"reg"}),
    "cautious": frozenset({"reg"}),
    "map": frozenset({"reg"}),
    "counter": frozenset({"inc", "count"}),
    "set": frozenset({"add", "rem"}),
    "file": frozenset({"add", "rem"}),
    "track": frozenset({"add", "rem"}),
    "append": frozenset({"log", "retract"}),
    "life": frozenset({"life"}),
}
PYTHON_TYPE: dict[str, type] = {
    "text": str, "note": str, "int": int, "decimal2": str, "bool": bool, "choice": str, "choices": list, "time": str,
    "date": str, "ref": str, "user": str, "point": dict, "geometry": dict, "file": dict, "chunk": dict,
}  # fmt: skip


FORMS = {
    "date": re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"),
    "decimal2": re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,2})?"),
}
# A newer version may allow longer texts; only what no form can have made is set aside.
LENGTH_SLACK = 4
POINT_MAX = {"lat_e7": 900_000_000, "lon_e7": 1_800_000_000}


@dataclass(slots=True, frozen=True)
class UserRights:
    """What one user may do: role codes and scopes; `all_scopes` for the town centre.

    `roles_at`: of a scope where not all of his roles count. Who heads one station is no head at another.
    """

    roles: frozenset[str]
    scopes: frozenset[str]
    all_scopes: bool = False
    roles_at: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def roles_for(self, op: Op) -> frozenset[str]:
        """The roles that count for an op: both where the record is and where the op moves it."""
        moved = op.fields.get("scope", {}).get("v")
        here = self.roles_at.get(op.scope, self.roles)
        return here & self.roles_at.get(moved, self.roles) if isinstance(moved, str) else here


@dataclass(slots=True, frozen=True)
class Rights:
    """Rights of every user who ever unlocked the device that sends; `blocked` keeps everything aside (device revoked)."""

    users: Mapping[str, UserRights]
    blocked: str | None = None


def judge_op(op: Op, rights: Rights, kinds: Mapping[str, Kind]) -> str | None:
    """None when the op is folded, else the reason it waits for a person."""
    if rights.blocked is not None:
        return rights.blocked
    user = rights.users.get(op.user)
    if user is None:
        return "unknown_user"
    if not user.all_scopes:
        if op.scope not in user.scopes:
            return "scope_revoked"
        moved = op.fields.get("scope")
        if moved is not None and (not isinstance(moved.get("v"), str) or moved["v"] not in user.scopes):
            return "scope_revoked"
    kind = kinds.get(op.kind)
    if kind is None:
        return None
    roles = user.roles_for(op)
    if kind.write_roles and roles.isdisjoint(kind.write_roles):
        return "role_not_allowed"
    for name, fop in op.fields.items():
        declared = kind.field(name)
        if declared is not None and not _fits(declared, fop):
            return "bad_value"
        if declared is not None and fop["k"] == "reg" and not may_set(declared, fop.get("v"), roles):
            return "role_not_allowed"
    return None


def may_set(field: Field, value: Any, roles: Iterable[str]) -> bool:
    """Whether somebody with these roles may give the field this value."""
    needed = field.reserved.get(value) if isinstance(value, str) else None
    return needed is None or not set(roles).isdisjoint(needed)


def _fits(field: Field, fop: Fop) -> bool:
    if fop["k"] not in VERBS_OF_MERGE[field.merge]:
        return False
    value: Any = fop.get("v")
    if fop["k"] != "reg" or value is None or field.merge == "map":
        return True
    wanted = PYTHON_TYPE.get(field.type)
    return (wanted is None or type(value) is wanted) and _means_something(field, value)


def _means_something(field: Field, value: Any) -> bool:
    """Whether a value of the right type can be meant by any version: a place on Earth, a day of a calendar, not a flood of text."""
    if field.type in ("text", "note"):
        return field.limit is None or len(value) <= field.limit * LENGTH_SLACK
    if field.type == "point":
        return all(type(value.get(name)) is int and abs(value[name]) <= most for name, most in POINT_MAX.items())
    form = FORMS.get(field.type)
    return form is None or form.fullmatch(value) is not None


def corrected_time(at_ms: int, skew: int, prev_at_c: int, rx_at_ms: int) -> int:
    """Device time minus its skew (s), clamped to (previous at_c of the device, rx_at]. Display only, never order."""
    corrected = max(at_ms - skew * 1000, prev_at_c + 1)
    return min(corrected, rx_at_ms)
