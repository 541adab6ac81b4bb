"""The world of one history: the real ledger on a real database, a wire that fails on command, a clock that only we move.

Owns the server side of a run and the ledger of facts: every op a device ever reported as saved. A fact travels in the op's
`app` text, so that it can be recognised after its author took a new identity. Holds no assertion.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import orjson
import structlog
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

import server.ledger.apply as apply
import server.web.digest as digest
from server.backup import backup, restore
from server.db import db
from server.errors import ProblemError
from server.ledger import snapshots, write
from server.ledger.catch_up import catch_up
from server.ledger.feeds import masked
from server.ledger.lines import read_line
from server.ledger.state import canonical
from server.ledger.sync import exchange, narrowed
from server.nodes.meeting import meet, serve
from server.settings import Settings
from tests.compat.versions import two_releases_ago
from tests.server.ledger.world import HEAD, OPERATOR, OTHER, PATROLLER, STATION, STRANGER, TOWN, Caller
from tests.simulation.addresses import open_centre
from tests.simulation.facts import facts_in, facts_on
from tests.simulation.faults import Fault, PowerCut, flipped, fold_with_a_defect
from tests.simulation.handheld import Gone, Handheld, Rebase, TooLarge
from tests.simulation.hub import Hub
from tests.simulation.oracle import Logged
from tests.simulation.typescript import Engines, TypeScriptHandheld

START_MS = 1_795_000_000_000
PEOPLE = (
    ("A", PATROLLER, (TOWN, STATION)), ("B", PATROLLER, (TOWN, STATION)), ("C", HEAD, (TOWN, STATION)),
    ("D", STRANGER, (TOWN, OTHER)), ("E", OPERATOR, (TOWN, STATION, masked(OTHER))), ("F", PATROLLER, (TOWN, STATION)),
    ("G", STRANGER, (TOWN, OTHER)),
)  # fmt: skip


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
    # Of a fact, the property that would break if it were lost: what its device went through while it was unsent.
    at_stake: dict[str, str] = field(default_factory=dict)
    poison: set[str] = field(default_factory=set)
    # Devices that were given another station and have not heard of it yet.
    moved: set[str] = field(default_factory=set)
    # Devices whose last request had too many lines.
    too_large: set[str] = field(default_factory=set)
    # Bytes of the files some device reported as delivered, and those among them that a restored database has not heard of.
    delivered: dict[str, bytes] = field(default_factory=dict)
    rolled_away: set[str] = field(default_factory=set)
    # Facts of ops whose text was erased: nobody may have them any more.
    erased: set[str] = field(default_factory=set)
    images: dict[str, Any] = field(default_factory=dict)
    old_bodies: list[tuple[Handheld, bytes]] = field(default_factory=list)
    # Requests under way that no server has seen yet: they arrive after the next one of their device.
    held_back: list[tuple[Handheld, bytes]] = field(default_factory=list)
    # How many lines a request may have: a proxy or an old server may allow fewer than we send.
    lines_max: int = 10_000
    findings: list[str] = field(default_factory=list)
    # The other node, and the devices that reach it instead of the centre.
    hub: Hub | None = None
    away: set[str] = field(default_factory=set)
    # Ends the time in which the server is one of two releases ago; None when it is today's.
    upgrade: Callable[[], None] | None = None
    _statements: int = 0
    _listening: list[Engine] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """What backup and restore need to know."""
        return Settings(database_url=self.url, data_dir=self.folder / "data", log_level="CRITICAL")

    # ----------------------------------------------------------------------------------------------------------- life

    @contextmanager
    def running(self, size: int, engines: Engines | None = None, hub: bool = False, older: frozenset[str] = frozenset()) -> Iterator[Town]:
        """Open the (migrated, empty) database and hand out devices. With `engines` every other one is the real engine. `older` names who
        begins two releases ago: "server", "app"."""
        self.devices = [self._device(i, engines if i % 2 == 0 else None, "app" in older) for i in range(size)]
        draw = Random(self.random.getrandbits(64))
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        with patch.object(secrets, "token_bytes", draw.randbytes), patch.object(apply, "fold_op", fold_with_a_defect):
            open_centre(self.url)
            self.hub = Hub(self.folder) if hub else None
            past = ExitStack()
            if "server" in older:
                past.enter_context(two_releases_ago())
                self.upgrade = past.close
            try:
                yield self
            finally:
                past.close()
                db.close()
                if self.hub is not None:
                    self.hub.close()
                if engines is not None:
                    engines.forget_all()

    def upgrade_server(self) -> None:
        """Centre and hub become today's version, if they are not; what they had kept is brought into its tables."""
        if self.upgrade is not None:
            self.upgrade()
            self.upgrade = None
            self.happened["server upgraded"] += 1
            for session in [db.session(), *([self.hub.session] if self.hub else [])]:
                self.happened["brought into its table"] += catch_up(session, self.now_ms)

    def _device(self, i: int, engines: Engines | None, older: bool) -> Handheld:
        person, random = PEOPLE[i % len(PEOPLE)], Random(self.random.getrandbits(64))
        if engines is None:
            return Handheld.fresh(*person, random)
        return TypeScriptHandheld(engines, self._library, lambda: self.now_ms, *person, random, older=older)

    def _before_statement(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
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
        self.too_large.discard(device.name)
        if body.count(b"\n") > self.lines_max:
            self.happened["413"] += 1
            self.too_large.add(device.name)
            raise TooLarge
        if fault.kind == "drop":
            self.happened["dropped"] += 1
            raise Gone
        if fault.kind == "held_back":
            self.happened["delayed"] += 1
            self.held_back.append((device, body))
            raise Gone
        if fault.kind in ("power_cut", "disk_full"):
            self.arm(fault.kind, fault.at)
        if fault.kind == "damaged_request":
            told, body = digest.digest_of(body), flipped(body, fault.at)
            self.happened["request damaged"] += 1
            if digest.is_damaged(told, body):
                raise Gone
        answer = self._serve(device, body)
        self._deliver_overtaken(device)
        device.told_digest = digest.digest_of(answer)
        if fault.kind == "damaged_answer":
            self.happened["answer damaged"] += 1
            return flipped(answer, fault.at)
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

    def _deliver_overtaken(self, device: Handheld) -> None:
        """What a device had sent before arrives only now; nobody waits for the answer any more."""
        late = [body for sender, body in self.held_back if sender is device]
        self.held_back = [each for each in self.held_back if each[0] is not device]
        for body in late:
            self.happened["overtaken"] += 1
            with suppress(Gone, Rebase):
                self._serve(device, body)

    def _serve(self, device: Handheld, body: bytes) -> bytes:
        caller = Caller(f"d_{device.enrolled}", device.scopes)
        answer = self._risk(lambda: exchange(self._node_of(device), caller, body, self.now_ms))
        for verdict in ("parked", "quarantined"):
            self.happened[verdict] += answer.count(b'"v":"%s"' % verdict.encode())
        return answer

    def _node_of(self, device: Handheld) -> Session:
        return self.hub.session if self.hub is not None and device.name in self.away else db.session()

    def meet(self, fault: Fault) -> bool:
        """Hub and centre meet, over a wire that fails as told after a few messages; True when nothing was left."""
        hub, left = self.hub, fault.at
        assert hub is not None

        def send(raw: bytes) -> bytes:
            nonlocal left
            left -= 1
            if fault.kind == "drop" and left < 0:
                raise Gone
            answer = serve(db.session(), raw, self.now_ms)
            if fault.kind == "duplicate":
                serve(db.session(), raw, self.now_ms)
            if fault.kind == "cut_answer" and left < 0:
                raise Gone
            return answer

        def work() -> bytes:
            met = meet(hub.session, send, lambda: self.now_ms)
            self.happened["chain given up by the hub"] += met.parted
            self.happened["notes compared"] += met.noted
            return b"done" if met.done else b""

        if fault.kind in ("power_cut", "disk_full"):
            self.arm(fault.kind, fault.at)
        try:
            done = bool(self._risk(work))
        except Gone:
            self.happened["meeting cut"] += 1
            hub.session.close()
            return False
        self.happened["nodes met"] += 1
        return done

    def _risk(self, work: Callable[[], bytes]) -> bytes:
        self._listen()
        try:
            return work()
        except Gone:
            raise
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
        except Exception as error:
            # A 500: nothing in a history may make the server fail, but life goes on, and what it cost shows in the end.
            self.findings.append(f"0 no error: {type(error).__name__}: {error}")
            raise Gone from error
        finally:
            self.disarm()

    def arm(self, kind: str, at: int) -> None:
        """From its statement number `at` on the server is dead, or its disk full."""
        self.fault, self._statements = Fault(kind, at), 0
        self._listen()

    def disarm(self) -> None:
        """The server lives again and has room."""
        if self.fault.kind in ("power_cut", "disk_full"):
            self.fault = Fault()
        while self._listening:
            event.remove(self._listening.pop(), "before_cursor_execute", self._before_statement)

    def _listen(self) -> None:
        """Only while something may strike: a listener costs every statement its time."""
        if self._listening or self.fault.kind not in ("power_cut", "disk_full"):
            return
        for engine in (db.engine, *([self.hub.engine] if self.hub else [])):
            event.listen(engine, "before_cursor_execute", self._before_statement)
            self._listening.append(engine)

    def _library(self, device: Handheld, path: str) -> bytes:
        """What a device loads first: the list of snapshots, or one of them."""
        scope = path.removeprefix("/api/v1/snapshots").removeprefix("/")
        self.happened["snapshot" if scope else "snapshot list"] += 1
        session, data_dir = self._node_of(device), self.settings.data_dir
        if self.hub is not None and session is self.hub.session:
            data_dir = self.folder / "hub-data" / str(self.hub.lives)
        if not scope:
            return self._risk(lambda: orjson.dumps(snapshots.listing(session, device.scopes, data_dir)))
        feed = narrowed(device.scopes, (scope,))[0]
        return self._risk(lambda: snapshots.content(snapshots.get(session, feed, data_dir)))

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
        return set().union(*map(facts_on, self.devices))

    def stake(self, number: str, facts: set[str], what: str = "") -> None:
        """From now on it is this property that would break if one of these were lost; `what` happened if there are any."""
        self.at_stake |= dict.fromkeys(facts, number)
        if facts and what:
            self.happened[what] += 1

    def log(self) -> list[Logged]:
        """The op log as stored."""
        rows = db.session.execute(text("SELECT dev, n, h, line, verdict FROM op_log ORDER BY id")).all()
        db.session.rollback()
        return [Logged(dev, n, h, read_line(dev, n, h, line), verdict) for dev, n, h, line, verdict in rows]

    def in_log(self) -> Counter[str]:
        """How often each fact is in the log."""
        return Counter(found for row in self.log() for found in facts_in(row.line))

    def at_hub(self) -> set[str]:
        """Facts the hub has logged."""
        return set() if self.hub is None else {found for line in self.hub.lines() for found in facts_in(line)}

    def lose_hub(self) -> None:
        """The hub's disk is gone; an empty hub takes its place."""
        if self.hub is not None:
            gone = (self.only_on_server & self.at_hub()) - set(self.in_log()) - self.on_disks()
            self.forgiven |= gone
            self.hub.lose()
            self.happened["hub lost"] += 1

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
        before = set(self.in_log())
        restore(self.settings, self.folder / "backup", replace=True)
        db.session.remove()
        self.stake("13", before - self.backed_up)
        # Real devices ask again after a rebase (P-50, pwa/tests/set_back.test.ts); the modelled ones do not. The bytes are still in the store.
        self.rolled_away |= self.delivered.keys()
        gone = self.only_on_server - self.backed_up - self.on_disks() - self.at_hub()
        self.forgiven |= gone
        self.happened["server rolled back"] += 1

    def set_back(self, device: Handheld, image: Any) -> None:
        """The device comes back from an older image of its disk."""
        before = {found for row in device.disk.rows for found in facts_in(row.line)}
        device.set_back(image)
        lost = before - self.on_disks()
        stored = set(self.in_log()) | self.at_hub()
        self.forgiven |= lost - stored
        self.only_on_server |= lost & stored
        self.cloned.add(device.name)
        self.happened["device set back"] += 1
