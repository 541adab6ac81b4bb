"""A small town for ledger tests: callers with rights and hand-driven devices that speak the protocol.

Holds no assertion. Devices are deterministic: their incarnation comes from their name, their clock is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy.orm import Session

from server.db import db
from server.ledger.sync import exchange
from sync.judge import Rights, UserRights
from sync.op import encode_op
from sync.stamp import DEV_BYTES, GENESIS, chain, make_stamp, new_dev

STATION = "station:310199101007"
OTHER = "station:310199101008"
TOWN = "town"
START_MS = 1_795_000_000_000
PATROLLER, HEAD, OPERATOR, STRANGER = "u_patrol07a", "u_head07", "u_operator", "u_patrol08a"

RIGHTS = Rights(
    {
        PATROLLER: UserRights(frozenset({"patroller"}), frozenset({TOWN, STATION})),
        HEAD: UserRights(frozenset({"head"}), frozenset({TOWN, STATION})),
        STRANGER: UserRights(frozenset({"patroller"}), frozenset({TOWN, OTHER})),
        OPERATOR: UserRights(frozenset({"operator"}), frozenset(), all_scopes=True),
    }
)


@dataclass(frozen=True)
class Caller:
    """What `server.accounts` would hand over for a bearer token."""

    device_id: str
    feeds: tuple[str, ...]
    rights: Rights = RIGHTS
    push_only: bool = False


def reg(value: Any, *parents: str) -> dict[str, Any]:
    """A register write that saw these heads."""
    return {"k": "reg", "v": value, "b": list(parents)}


def rec_id(number: int) -> str:
    """A record id that is easy to read in a failure."""
    return f"01980000-0000-7000-8000-{number:012x}"


def at(ms: int) -> str:
    """A moment as a device writes it."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


@dataclass
class Device:
    """A device as seen from outside: its chain, its unsent lines and its cursor."""

    name: str
    caller: Caller
    user: str = PATROLLER
    n: int = 0
    h: str = GENESIS
    first: int = 1
    prev_h: str = GENESIS
    lines: list[bytes] = field(default_factory=list)
    cursor: str | None = None
    states: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def dev(self) -> str:
        """The incarnation, made from the device's name."""
        return new_dev(sha256(self.name.encode()).digest()[:DEV_BYTES])

    def write(self, rec: str, kind: str, fields: dict[str, Any], *, scope: str = STATION, **extra: Any) -> str:
        """Add an op to the outbox; gives its stamp."""
        line = {
            "n": self.n + 1, "rec": rec, "kind": kind, "scope": scope, "f": fields,
            "at": at(START_MS + self.n * 1000), "skew": 0, "user": self.user, "grant": "g_1", "schema": 1, "app": "1.0.0",
        }  # fmt: skip
        return self.raw(encode_op(line | extra))

    def raw(self, line: bytes) -> str:
        """Add any bytes to the outbox as the next line of the chain."""
        self.n += 1
        self.h = chain(self.h, line)
        self.lines.append(line)
        return make_stamp(self.dev, self.n, self.h)

    def create_hazard(self, rec: str, **fields: Any) -> str:
        """A new hazard of this device's station."""
        values = {"scope": STATION, "title": "楼道堆物", "severity": "general", "status": "found"} | fields
        return self.write(rec, "hazard", {name: reg(value) for name, value in values.items()})

    def body(self, **header: Any) -> bytes:
        """The request that would be sent now."""
        head = {
            "protocol": 1, "dev": self.dev, "from": self.first, "prev_h": self.prev_h, "cursor": self.cursor,
            "limit": 500, "schema": 1, "status": {"pending": len(self.lines)},
        }  # fmt: skip
        return b"\n".join([orjson.dumps(head | header), *self.lines]) + b"\n"

    def send(
        self, body: bytes | None = None, rx_at: int = START_MS + 10**9, session: Session | None = None, **header: Any
    ) -> dict[str, Any]:
        """One exchange (with another node when a session of its is given); a stored batch leaves the outbox and the page is taken in."""
        answer: dict[str, Any] = orjson.loads(
            exchange(session or db.session(), self.caller, self.body(**header) if body is None else body, rx_at)
        )
        if body is None and answer.get("resend_from") is None and not answer.get("fork"):
            self.lines, self.first, self.prev_h = [], self.n + 1, self.h
            self.take(answer)
        return answer

    def take(self, answer: dict[str, Any]) -> None:
        """Apply a page the way a device does."""
        for state in answer["records"]:
            self.states[state["id"]] = state
        for rec in answer["gone"]:
            self.states.pop(rec, None)
        for rec, state in list(self.states.items()):
            if state["scope"] in answer["scopes"]["revoked"]:
                del self.states[rec]
        self.cursor = answer["cursor"]

    def pull_all(self, limit: int = 500) -> dict[str, Any]:
        """Pull until the server says that is all; gives the last answer."""
        for _ in range(1000):
            answer = self.send(limit=limit)
            if not answer["more"]:
                return answer
        raise AssertionError("the feed never ends")


class World:
    """Makes devices by name."""

    def device(self, name: str, user: str = PATROLLER, scopes: tuple[str, ...] = (TOWN, STATION)) -> Device:
        """A device of a user with these scopes."""
        return Device(name, Caller(f"d_{name}", scopes), user)
