"""What the server stands on goes away under load and comes back: refused work is sent again, acknowledged work is there, a reader misses nothing."""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from sync.stamp import GENESIS
from tests.faults.kill9 import DEVICES, Pusher, sign_in
from tests.server.ledger.conftest import postgres_cluster  # noqa: F401 - fixture
from tests.server.ledger.postgres import create_database, running_cluster
from tests.tools.serving import Server

COMMITS = int(os.environ.get("XUNAN_TEST_COMMITS", "600"))
WRITERS = 8
SIZE = 3_000_000


class Crowd:
    """Devices that write and push until stopped, each in its own thread."""

    def __init__(self, server: Server, count: int, seed: int) -> None:
        random = Random(seed)
        self.station = server.run("post", "list", "patrol01a").split("\t")[2]
        self.pushers = [sign_in(server, random.getrandbits(64), self.station) for _ in range(count)]
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=pusher.work, args=(self.stop,)) for pusher in self.pushers]
        for thread in self.threads:
            thread.start()

    @property
    def acked(self) -> int:
        return sum(pusher.acked for pusher in self.pushers)

    def reach(self, acked: int) -> None:
        """Wait until so many ops are acknowledged."""
        while self.acked < acked and all(thread.is_alive() for thread in self.threads):
            self.stop.wait(0.02)

    def finish(self) -> None:
        """Stop writing and wait until everything is acknowledged."""
        self.stop.set()
        for thread in self.threads:
            thread.join()
        for pusher in self.pushers:
            assert pusher.failed is None
            assert pusher.acked == pusher.n > 0


@pytest.fixture
def seed() -> int:
    found = secrets.randbelow(2**32)
    print(f"seed {found}")
    return found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def begin(url: str | None = None) -> Server:
        server = Server(tmp_path, 1, stations=1, records=12, database_url=url)
        made.append(server)
        server.start()
        return server

    yield begin
    for server in made:
        server.kill9()


def ask(server: Server, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    link.request(method, path, body, headers)
    return link.getresponse()


def test_the_database_crashes_under_load_and_comes_back(start: Callable[..., Server], seed: int) -> None:
    with running_cluster() as cluster:
        server = start(create_database(cluster.url, "xunan_outage"))
        crowd = Crowd(server, DEVICES, seed)
        crowd.reach(60)
        cluster.crash()
        for path in ("/readyz", "/api/v1/snapshots"):
            answer = ask(server, "GET", path, Authorization=f"Bearer {crowd.pushers[0].token}")
            problem = json.loads(answer.read())
            assert (answer.status, problem["code"]) == (503, "unavailable"), path
        cluster.start()
        crowd.reach(200)
        crowd.finish()
        assert ask(server, "GET", "/readyz").status == 200
        assert server.starts == 1
        assert json.loads(server.run("verify"))["ok"]


def test_an_upgrade_cuts_no_push_and_no_upload(start: Callable[..., Server], seed: int) -> None:
    server = start()
    crowd = Crowd(server, DEVICES, seed)
    data = Random(seed).randbytes(SIZE)
    key, token = sha256(data).hexdigest(), crowd.pushers[0].token
    tus = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}
    named = "sha256 " + base64.b64encode(key.encode()).decode()
    made = ask(server, "POST", "/api/v1/files", **tus, **{"Upload-Length": str(SIZE), "Upload-Metadata": named, "Content-Length": "0"})
    assert made.status == 201
    crowd.reach(40)
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        head = [f"PATCH /api/v1/files/{key} HTTP/1.1", "Host: x", "Connection: close", *(f"{name}: {value}" for name, value in tus.items())]
        head += ["Upload-Offset: 0", "Content-Type: application/offset+octet-stream", f"Content-Length: {SIZE}", "", ""]
        raw.sendall("\r\n".join(head).encode() + data[: SIZE // 2])
        crowd.reach(crowd.acked + 20)
        ending = threading.Thread(target=server.terminate)
        ending.start()
        raw.shutdown(socket.SHUT_WR)
        ending.join()
    server.start()
    crowd.reach(crowd.acked + 20)
    crowd.finish()
    asked = ask(server, "HEAD", f"/api/v1/files/{key}", **tus)
    offset = int(asked.headers["Upload-Offset"])
    assert 0 < offset <= SIZE // 2
    rest = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    assert ask(server, "PATCH", f"/api/v1/files/{key}", data[offset:], **tus, **rest).status == 204
    have = ask(server, "POST", "/api/v1/files/status", json.dumps({"sha256": [key]}), **tus, **{"Content-Type": "application/json"})
    assert [each["sha256"] for each in json.loads(have.read())["have"]] == [key]
    assert json.loads(server.run("verify"))["ok"]


class Reader(threading.Thread):
    """Pages by cursor all the time; `seen` is the newest seq of every record it was given."""

    def __init__(self, pusher: Pusher) -> None:
        super().__init__()
        self.pusher, self.seen, self.cursor = pusher, {}, None
        self.done = threading.Event()
        self.seen: dict[str, int] = {}
        self.failed: BaseException | None = None

    def page(self) -> bool:
        """One page; whether there is more."""
        head = {"protocol": 1, "dev": self.pusher.dev, "from": 1, "prev_h": GENESIS, "cursor": self.cursor, "limit": 50}
        link = http.client.HTTPConnection("127.0.0.1", self.pusher.port, timeout=20)
        link.request("POST", "/api/v1/sync", json.dumps(head), {"Authorization": f"Bearer {self.pusher.token}"})
        answer = json.loads(link.getresponse().read())
        link.close()
        for record in answer["records"]:
            assert record["seq"] > self.seen.get(record["id"], 0)
            self.seen[record["id"]] = record["seq"]
        self.cursor = answer["cursor"]
        return bool(answer["more"])

    def run(self) -> None:
        try:
            while not self.done.is_set():
                self.page()
            while self.page():
                pass
        except BaseException as error:
            self.failed = error


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_reader_misses_no_commit_of_many_writers(
    request: pytest.FixtureRequest, start: Callable[..., Server], tmp_path: Path, seed: int, database: str
) -> None:
    url = create_database(request.getfixturevalue("postgres_cluster"), f"xunan_reader_{seed}") if database == "postgresql" else None
    server = start(url)
    crowd = Crowd(server, WRITERS, seed)
    reader = Reader(sign_in(server, seed + 1, crowd.station, server.device_code("reader", crowd.station)))
    reader.start()
    crowd.reach(crowd.acked + COMMITS)
    crowd.finish()
    reader.done.set()
    reader.join()
    assert reader.failed is None
    sql = f"SELECT id, seq FROM record WHERE scope = '{reader.pusher.scope}'"
    with psycopg.connect(url) if url else sqlite3.connect(tmp_path / "town.db") as connection:
        truth = dict(connection.execute(sql).fetchall())
    assert {rec: reader.seen.get(rec) for rec in truth} == truth
