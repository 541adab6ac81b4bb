"""The world of one history: the real ledger on a real database, a wire that fails on command, a clock that only we move.

Owns the server side of a run and the ledger of facts: every op a device ever reported as saved. A fact travels in the op's
`app` text, so that it can be recognised after its author took a new identity. Holds no assertion.
"""

from __future__ import annotations

import logging
import re
import secrets
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import orjson
import structlog
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, OperationalError

import server.ledger.apply as apply
from server.backup import backup, restore
from server.db import db
from server.errors import ProblemError
from server.ledger import snapshots, write
from server.ledger.lines import read_line
from server.ledger.state import canonical
from server.ledger.sync import exchange
from server.settings import Settings
from sync.fold import Outcome, fold_op
from sync.op import Op
from sync.record import Record
from tests.server.ledger.world import HEAD, OPERATOR, OTHER, PATROLLER, STATION, STRANGER, TOWN, Caller
from tests.simulation.handheld import Gone, Handheld, Rebase, TooLarge
from tests.simulation.oracle import Logged
from tests.simulation.typescript import Engines, TypeScriptHandheld

START_MS = 1_795_000_000_000
POISON_SCHEMA = 666
FACT = re.compile(rb"sim-\d+")
PEOPLE = (
    ("A", PATROLLER, (TOWN, STATION)), ("B", PATROLLER, (TOWN, STATION)), ("C", HEAD, (TOWN, STATION)),
    ("D", STRANGER, (TOWN, OTHER)), ("E", OPERATOR, (TOWN, STATION, OTHER)), ("F", PATROLLER, (TOWN, STATION)),
    ("G", STRANGER, (TOWN, OTHER)),
)  # fmt: skip


class PowerCut(BaseException):
    """The server died between two statements."""


@dataclass
class Fault:
    """What the wire or the server does to the next requests."""

    kind: str = ""
    at: int = 0


@dataclass
class Town:
    """One run. `happened` counts what the history really exercised."""

    url: str
    folder: Path
    random: Random
    devices: list[Handheld] = field(default_factory=list)
    now_ms: int = START_MS
    fault: Fault = field(default_factory=Fault)
    happened: Counter[str] = field(default_factory=Counter)
    facts: dict[str, str] = field(default_factory=dict)
    # Facts no live disk holds any more, through no fault of the product: a disk was set back, or the centre wrote them.
    only_on_server: set[str] = field(default_factory=set)
    forgiven: set[str] = field(default_factory=set)
    cloned: set[str] = field(default_factory=set)
    blind: set[str] = field(default_factory=set)
    backed_up: set[str] | None = None
    images: dict[str, Any] = field(default_factory=dict)
    old_bodies: list[tuple[Handheld, bytes]] = field(default_factory=list)
    # How many lines a request may have: a proxy or an old server may allow fewer than we send.
    lines_max: int = 10_000
    findings: list[str] = field(default_factory=list)
    _statements: int = 0

    @property
    def settings(self) -> Settings:
        """What backup and restore need to know."""
        return Settings(database_url=self.url, data_dir=self.folder / "data", log_level="CRITICAL")

    # ----------------------------------------------------------------------------------------------------------- life

    @contextmanager
    def running(self, size: int, engines: Engines | None = None) -> Iterator[Town]:
        """Open the (migrated, empty) database and hand out devices. With `engines` every other one is the real engine."""
        self.devices = [self._device(i, engines if i % 2 == 0 else None) for i in range(size)]
        draw = Random(self.random.getrandbits(64))
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        with patch.object(secrets, "token_bytes", draw.randbytes), patch.object(apply, "fold_op", _fold_with_a_defect):
            db.init(self.url)
            event.listen(db.engine, "before_cursor_execute", self._before_statement)
            try:
                yield self
            finally:
                db.close()
                if engines is not None:
                    engines.forget_all()

    def _device(self, i: int, engines: Engines | None) -> Handheld:
        person, random = PEOPLE[i % len(PEOPLE)], Random(self.random.getrandbits(64))
        if engines is None:
            return Handheld.fresh(*person, random)
        return TypeScriptHandheld(engines, self._library, lambda: self.now_ms, *person, random)

    def _before_statement(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if self.fault.kind not in ("power_cut", "disk_full"):
            return
        self._statements += 1
        if self._statements < self.fault.at:
            return
        if self.fault.kind == "power_cut":
            raise PowerCut
        if not statement.lstrip().upper().startswith(("SELECT", "BEGIN", "PRAGMA", "WITH")):
            raise OperationalError(statement, None, sqlite3.OperationalError("database or disk is full"))

    # ----------------------------------------------------------------------------------------------------------- wire

    def send(self, device: Handheld, body: bytes) -> bytes:
        """One request over the wire. Raises Gone, TooLarge or Rebase."""
        fault, self.fault = self.fault, Fault()
        if body.count(b"\n") > self.lines_max:
            self.happened["413"] += 1
            raise TooLarge
        if fault.kind == "drop":
            self.happened["dropped"] += 1
            raise Gone
        if fault.kind in ("power_cut", "disk_full"):
            self.fault, self._statements = fault, 0
        answer = self._serve(device, body)
        self.old_bodies.append((device, body))
        if fault.kind == "duplicate":
            self.happened["duplicated"] += 1
            self._serve(device, body)
        if fault.kind == "late_copy":
            other, old = self.random.choice(self.old_bodies)
            self.happened["late copy"] += 1
            self._serve(other, old)
        if fault.kind == "cut_answer":
            self.happened["answer cut"] += 1
            raise Gone
        return answer

    def _serve(self, device: Handheld, body: bytes) -> bytes:
        caller = Caller(f"d_{device.enrolled}", device.scopes)
        return self._risk(lambda: exchange(db.session(), caller, body, self.now_ms))

    def _risk(self, work: Callable[[], bytes]) -> bytes:
        try:
            return work()
        except PowerCut as cut:
            self.happened["server killed"] += 1
            db.session.remove()
            raise Gone from cut
        except ProblemError as error:
            if error.problem.code == "rebase":
                self.happened["rebase"] += 1
                raise Rebase from error
            self.happened[f"refused {error.problem.code}"] += 1
            raise Gone from error
        except DBAPIError as error:
            self.happened["disk full" if "disk is full" in str(error) else "database error"] += 1
            raise Gone from error
        finally:
            self.fault = Fault() if self.fault.kind in ("power_cut", "disk_full") else self.fault

    def _library(self, device: Handheld, path: str) -> bytes:
        """What a device loads first: the list of snapshots, or one of them."""
        scope = path.removeprefix("/api/v1/snapshots").removeprefix("/")
        self.happened["snapshot" if scope else "snapshot list"] += 1
        data_dir = self.settings.data_dir
        if not scope:
            return self._risk(lambda: orjson.dumps(snapshots.listing(db.session(), device.scopes, data_dir)))
        return self._risk(lambda: snapshots.content(snapshots.get(db.session(), scope, data_dir)))

    # ---------------------------------------------------------------------------------------------------------- facts

    def fact(self, author: str) -> str:
        """The name of the next fact."""
        name = f"sim-{len(self.facts) + 1}"
        self.facts[name] = author
        return name

    def save(self, device: Handheld, ops: list[Mapping[str, Any]]) -> None:
        """A device writes; what it did not report as saved was never a fact."""
        if not device.save(self.now_ms, ops):
            for op in ops:
                del self.facts[str(op["app"])]

    def on_disks(self) -> set[str]:
        """Facts some live disk holds."""
        return {found for device in self.devices for row in device.disk.rows for found in _facts(row.line)}

    def log(self) -> list[Logged]:
        """The op log as stored."""
        rows = db.session.execute(text("SELECT dev, n, h, line, verdict FROM op_log ORDER BY id")).all()
        db.session.rollback()
        return [Logged(dev, n, h, read_line(dev, n, h, line), verdict) for dev, n, h, line, verdict in rows]

    def in_log(self) -> Counter[str]:
        """How often each fact is in the log."""
        return Counter(found for row in self.log() for found in _facts(row.line))

    # --------------------------------------------------------------------------------------------------------- centre

    def append(self, ops: list[dict[str, Any]]) -> None:
        """The town centre writes."""
        write.append(db.session(), OPERATOR, ops, at_ms=self.now_ms)
        self.only_on_server |= {str(op["app"]) for op in ops}

    def states(self) -> dict[str, tuple[str, int, bytes]]:
        """(scope, seq, canonical bytes) of every record the feed serves."""
        rows = db.session.execute(text("SELECT id, scope, seq, state FROM record WHERE seq > 0")).all()
        db.session.rollback()
        return {rec: (scope, seq, canonical(rec, bytes(state))) for rec, scope, seq, state in rows}

    def back_up(self) -> None:
        """The real backup of the running server."""
        backup(db.session(), self.settings, self.folder / "backup")
        self.backed_up = set(self.in_log())
        self.happened["backup"] += 1

    def roll_back(self) -> None:
        """The server is lost and comes back from its newest backup."""
        if self.backed_up is None:
            return
        restore(self.settings, self.folder / "backup", replace=True)
        db.session.remove()
        gone = self.only_on_server - self.backed_up - self.on_disks()
        self.forgiven |= gone
        self.happened["server rolled back"] += 1

    def set_back(self, device: Handheld, image: Any) -> None:
        """The device comes back from an older image of its disk."""
        before = {found for row in device.disk.rows for found in _facts(row.line)}
        device.set_back(image)
        lost = before - self.on_disks()
        stored = set(self.in_log())
        self.forgiven |= lost - stored
        self.only_on_server |= lost & stored
        self.cloned.add(device.name)
        self.happened["device set back"] += 1


def _facts(line: bytes) -> set[str]:
    return {found.decode() for found in FACT.findall(line)}


def _fold_with_a_defect(record: Record, op: Op, at_c: int) -> Outcome:
    """The server's fold, with one known defect: ops of a certain schema make it fail half-way (P-22)."""
    if op.schema == POISON_SCHEMA:
        record.reg.clear()
        raise ArithmeticError("defect")
    return fold_op(record, op, at_c)
