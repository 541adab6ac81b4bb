"""Whether an op is folded or kept aside for a person, and what time it really was (protocol sections 3, 5, 6).

Pure. A verdict here never refuses: "quarantined" means stored and shown to a person (P-20). Being from another app version,
naming an unknown kind, field or choice is never a reason (P-41).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(slots=True, frozen=True)
class UserRights:
    """What one user may do: role codes and scopes; `all_scopes` for the town centre."""

    roles: frozenset[str]
    scopes: frozenset[str]
    all_scopes: bool = False


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
    if kind.write_roles and user.roles.isdisjoint(kind.write_roles):
        return "role_not_allowed"
    for name, fop in op.fields.items():
        field = kind.field(name)
        if field is not None and not _fits(field, fop):
            return "bad_value"
    return None


def _fits(field: Field, fop: Fop) -> bool:
    if fop["k"] not in VERBS_OF_MERGE[field.merge]:
        return False
    value: Any = fop.get("v")
    if fop["k"] != "reg" or value is None or field.merge == "map":
        return True
    wanted = PYTHON_TYPE.get(field.type)
    return wanted is None or type(value) is wanted


def corrected_time(at_ms: int, skew: int, prev_at_c: int, rx_at_ms: int) -> int:
    """Device time minus its skew (s), clamped to (previous at_c of the device, rx_at]. Display only, never order."""
    corrected = max(at_ms - skew * 1000, prev_at_c + 1)
    return min(corrected, rx_at_ms)
