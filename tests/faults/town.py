"""A small real town for fault tests: a migrated database, a real gunicorn on it, devices that push and upload over HTTP.

Owns the set-up, the crowd of pushing devices, the tus client and the checks at the end. Set up in this process, because starting
one more interpreter for every command costs more than the fault; only what is tested runs in processes of its own.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from server.accounts import service
from server.db import db, migrate, reading, unit
from server.ledger.clock import now_ms
from server.ledger.lines import read_line
from server.ledger.verify import fold_anew
from server.settings import Settings
from sync.stamp import new_dev
from tests.faults.kill9 import Pusher
from tests.tools.serving import PASSWORD, Server, free_port

STATION, USER = "310199101007", "patroller"
OCTETS = "application/offset+octet-stream"
STATE_SECONDS_MAX = 60


def new_seed() -> int:
    """The seed of a run, printed so that a failure can be played again (TEST_SEED)."""
    seed = int(os.environ.get("TEST_SEED") or secrets.randbelow(2**32))
    print(f"TEST_SEED={seed}")
    return seed


def wait_until(state: Callable[[], object], what: str) -> None:
    """Wait for a state."""
    deadline, pause = time.monotonic() + STATE_SECONDS_MAX, threading.Event()
    while not state():
        if time.monotonic() > deadline:
            raise AssertionError(f"never came: {what}")
        pause.wait(0.02)


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> tuple[int, str]:
        """Status and stable code of a problem document; anything else is an error."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert self.json["status"] == self.status
        return self.status, self.json["code"]


class Town(Server):
    """One gunicorn on a migrated database with one patroller."""

    def __init__(self, folder: Path, database_url: str | None = None, **environment: str) -> None:
        """Sets everything up but starts nothing; `environment` is added to the server's."""
        self.port, self.starts, self.process = free_port(), 0, None
        self.folder, self.log = folder, folder / "server.log"
        self.url = database_url or f"sqlite:///{folder}/town.db"
        self.environment = os.environ | {
            "XUNAN_ENV": "dev", "XUNAN_DATABASE_URL": self.url, "XUNAN_DATA_DIR": str(folder), "XUNAN_BASE_URL": f"http://127.0.0.1:{self.port}",
            "XUNAN_PWA_DIR": str(folder), "PORT": str(self.port), "WEB_WORKERS": "1", "XUNAN_LOG_LEVEL": "ERROR", "XUNAN_BRAKES_TIMES": "100",
        } | environment  # fmt: skip
        self.settings = Settings.from_env(self.environment)
        migrate(db.init(self.url))
        with self.writing() as session:
            user = service.add_user(session, now_ms(), "test", USER, "巡查员", PASSWORD)
            service.add_post(session, now_ms(), "test", user.id, "patroller", STATION)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A change past the server."""
        db.init(self.url)
        try:
            with unit() as session:
                yield session
        finally:
            db.close()

    @contextmanager
    def database(self) -> Iterator[Session]:
        """A look at the database past the server."""
        db.init(self.url)
        try:
            with reading() as session:
                yield session
        finally:
            db.close()

    def ask(self, method: str, path: str, body: bytes | None = None, token: str = "", **headers: str) -> Answer:
        """One request on a connection of its own."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            link.request(method, path, body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **named})
            found = link.getresponse()
            return Answer(found.status, found.headers, found.read())
        finally:
            link.close()

    def sign_in(self, number: int, seed: int) -> Pusher:
        """Enrol a device and sign the patroller in."""
        with self.writing() as session:
            code = service.make_code(session, self.settings, now_ms(), "test", f"handheld {number}", STATION)[0]
        device = self.ask("POST", "/api/v1/enrol", json.dumps({"code": code}).encode()).json
        signed = self.ask("POST", "/api/v1/login", json.dumps({"username": USER, "password": PASSWORD}).encode(), device["device_token"]).json
        random = Random(seed)
        return Pusher(self.port, signed["grant_token"], signed["user"]["id"], f"station:{STATION}", random, new_dev(random.randbytes(10)))

    def sign_in_all(self, count: int, seed: int) -> list[Pusher]:
        """Several devices."""
        return [self.sign_in(number, seed + number) for number in range(count)]

    def stored(self, pusher: Pusher) -> list[tuple[int, str, bytes]]:
        """The chain of a device as the log holds it."""
        with self.database() as session:
            rows = session.execute(text("SELECT n, h, line FROM op_log WHERE dev = :dev ORDER BY n, id"), {"dev": pusher.dev})
            return [(n, h, read_line(pusher.dev, n, h, line)) for n, h, line in rows]

    def check(self, pushers: list[Pusher]) -> None:
        """Every chain stands whole up to some n, nothing acknowledged is missing, nothing is there twice, and rows are the fold of the log."""
        for pusher in pushers:
            assert pusher.failed is None, pusher.failed
            held = self.stored(pusher)
            assert held == pusher.lines[: len(held)], pusher.dev
            assert pusher.acked <= len(held)
            assert pusher.told == {n: h for n, h, _ in pusher.lines[: pusher.acked]}
        with self.database() as session:
            for pusher in pushers:
                acked = session.execute(text("SELECT acked FROM incarnation WHERE dev = :dev"), {"dev": pusher.dev}).scalar()
                count = session.execute(text("SELECT COUNT(*) FROM op_log WHERE dev = :dev"), {"dev": pusher.dev}).scalar()
                assert (acked or 0) == count
            report = fold_anew(session)
        assert report.ok, report


class Crowd:
    """Devices that write and push, each in its own thread, until everything they wrote is acknowledged."""

    def __init__(self, pushers: list[Pusher]) -> None:
        """Starts at once."""
        self.pushers, self.stop = pushers, threading.Event()
        self.threads = [threading.Thread(target=pusher.work, args=(self.stop,), daemon=True) for pusher in pushers]
        for thread in self.threads:
            thread.start()

    def _failed(self) -> list[BaseException]:
        return [pusher.failed for pusher in self.pushers if pusher.failed]

    def each_gains(self, count: int) -> None:
        """Wait until every device got `count` more ops acknowledged."""
        goals = [pusher.acked + count for pusher in self.pushers]
        wait_until(lambda: self._failed() or all(pusher.acked >= goal for pusher, goal in zip(self.pushers, goals, strict=True)), "progress")
        assert not self._failed()

    def each_refused(self, count: int) -> None:
        """Wait until every device was refused `count` more times."""
        goals = [len(pusher.refused) + count for pusher in self.pushers]
        wait_until(lambda: self._failed() or all(len(pusher.refused) >= goal for pusher, goal in zip(self.pushers, goals, strict=True)), "refusals")
        assert not self._failed()

    def finish(self) -> None:
        """No more writing; wait until all is acknowledged."""
        self.stop.set()
        for thread in self.threads:
            thread.join(STATE_SECONDS_MAX)
            assert not thread.is_alive(), "a device never got rid of what it holds"
        assert not self._failed()
        assert all(pusher.acked == pusher.n > 0 for pusher in self.pushers)


class Files:
    """The uploads of one device."""

    def __init__(self, town: Town, token: str) -> None:
        self.town, self.token = town, token

    def _ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        return self.town.ask(method, f"/api/v1/files{path}", body, self.token, Tus_Resumable="1.0.0", **headers)

    def create(self, data: bytes) -> Answer:
        """Begin, or find."""
        named = {"sha256": key_of(data), "mime": "image/jpeg"}
        told = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in named.items())
        return self._ask("POST", "", Upload_Length=str(len(data)), Upload_Metadata=told, Content_Length="0")

    def patch(self, data: bytes, start: int, end: int | None = None) -> Answer:
        """Send a part."""
        return self._ask("PATCH", f"/{key_of(data)}", data[start:end], Upload_Offset=str(start), Content_Type=OCTETS)

    def head(self, data: bytes) -> Answer:
        """Ask for the offset."""
        return self._ask("HEAD", f"/{key_of(data)}")

    def read(self, data: bytes) -> Answer:
        """Read it back."""
        return self._ask("GET", f"/{key_of(data)}")

    def upload(self, data: bytes) -> None:
        """A whole file that must be taken."""
        assert self.create(data).status == 201
        assert self.patch(data, 0).status == 204

    def attach(self, data: bytes, pusher: Pusher) -> None:
        """Push an attachment that names the file, which makes it readable."""
        named = {"sha256": key_of(data), "size": len(data), "mime": "image/jpeg", "role": "photo"}
        fields = {"scope": {"k": "reg", "v": pusher.scope, "b": []}, "file": {"k": "add", "v": named}}
        pusher.add(f"0198-{key_of(data)[:12]}", "attachment", fields)
        pusher.push()
        assert pusher.acked == pusher.n

    def state(self, data: bytes) -> str | None:
        """What a device is told before it calls the file delivered; None: not there."""
        have = self._ask("POST", "/status", json.dumps({"sha256": [key_of(data)]}).encode()).json["have"]
        return have[0]["state"] if have else None


def key_of(data: bytes) -> str:
    """The identity of a file."""
    return sha256(data).hexdigest()
