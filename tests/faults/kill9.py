"""`python -m tests.faults.kill9 --kills 200`: a server killed with -9 again and again while devices push; what it acknowledged must be there.

Owns the devices of this test and the loop of kills; the server is a real gunicorn. Each device keeps an op until it was
acknowledged and sends it again, as a handheld does (P-20, P-21).
"""

from __future__ import annotations

import argparse
import http.client
import json
import secrets
import sys
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from sync.op import encode_op
from sync.stamp import GENESIS, chain, make_stamp, new_dev
from tests.tools.postgres import create_database, running_cluster
from tests.tools.serving import PASSWORD, Server

BATCH, DEVICES, PAUSE_SECONDS = 5, 4, 0.02
# A device that gets no answer goes on writing, but not without end: the kills are counted, not its ops.
UNSENT_MAX = 100
KILLS_TOLD = 20


@dataclass
class Pusher:
    """One device that writes and pushes without end. `told` is what the server ever called stored: n → hash; `refused` its problems: status, code."""

    port: int
    token: str
    user: str
    scope: str
    random: Random
    dev: str = ""
    n: int = 0
    h: str = GENESIS
    acked: int = 0
    acked_h: str = GENESIS
    lines: list[tuple[int, str, bytes]] = field(default_factory=list)
    last: dict[str, str] = field(default_factory=dict)
    told: dict[int, str] = field(default_factory=dict)
    refused: list[tuple[int, str]] = field(default_factory=list)
    failed: BaseException | None = None

    def write(self) -> None:
        """A new hazard, or another title for an old one."""
        rec = f"0198{self.dev}-{self.random.randrange(40)}"
        before = self.last.get(rec)
        fields: dict[str, Any] = {"title": {"k": "reg", "v": f"第{self.n}次", "b": [before] if before else []}}
        if before is None:
            fields["scope"] = {"k": "reg", "v": self.scope, "b": []}
        self.add(rec, "hazard", fields)

    def add(self, rec: str, kind: str, fields: dict[str, Any]) -> None:
        """Any op as the next line of the chain."""
        self.n += 1
        line = encode_op({"n": self.n, "rec": rec, "kind": kind, "scope": self.scope, "f": fields, "at": "2026-11-23T08:00:00+08:00", "user": self.user})
        self.h = chain(self.h, line)
        self.last[rec] = make_stamp(self.dev, self.n, self.h)
        self.lines.append((self.n, self.h, line))

    def push(self) -> None:
        """One request with what is not acknowledged; silence means nothing."""
        waiting = [entry for entry in self.lines if entry[0] > self.acked][:50]
        head = {"protocol": 1, "dev": self.dev, "from": self.acked + 1, "prev_h": self.acked_h, "cursor": None, "limit": 1, "scopes": []}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            link.request(
                "POST", "/api/v1/sync", b"\n".join([json.dumps(head).encode(), *(line for _, _, line in waiting)]),
                {"Authorization": f"Bearer {self.token}", "Content-Type": "application/x-ndjson"},
            )  # fmt: skip
            answer = link.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return
        finally:
            link.close()
        if answer.status != 200:
            self.refused.append((answer.status, json.loads(body)["code"]))
            return
        found = json.loads(body)
        if found.get("fork") or "resend_from" in found:
            raise AssertionError(f"{self.dev}: the server forgot or mixed up what it had acknowledged: {found}")
        self.acked, self.acked_h = found["acked"], found["acked_h"]
        self.told.update({n: h for n, h, _ in self.lines if n <= self.acked})

    def work(self, stop: threading.Event) -> None:
        """Until told to stop, then until everything is acknowledged."""
        try:
            while not stop.is_set() or self.acked < self.n:
                if not stop.is_set() and self.n - self.acked < UNSENT_MAX:
                    for _ in range(BATCH):
                        self.write()
                self.push()
                stop.wait(PAUSE_SECONDS)
        except BaseException as error:
            self.failed = error


def sign_in(server: Server, seed: int, station: str, code: str | None = None) -> Pusher:
    """Sign a patroller in, on a device enrolled by `code`, else on a desk (which is quicker made, and only pushes here)."""

    def call(path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        link.request("POST", f"/api/v1{path}", json.dumps(body), headers)
        found: dict[str, Any] = json.loads(link.getresponse().read())
        link.close()
        return found

    token = call("/enrol", {"code": code})["device_token"] if code is not None else ""
    signed = call("/login", {"username": "patrol01a", "password": PASSWORD, "desk": code is None}, token)
    random = Random(seed)
    return Pusher(server.port, signed["grant_token"], signed["user"]["id"], f"station:{station}", random, new_dev(random.randbytes(10)))


def run(folder: Path, kills: int, seed: int, database_url: str | None = None) -> tuple[Server, list[Pusher]]:
    """Kill and start again `kills` times under load; gives the server (running) and what every device was told."""
    random = Random(seed)
    server = Server(folder, 1, stations=1, records=12, database_url=database_url, more={"XUNAN_BRAKES_TIMES": "100"})
    server.start()
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    pushers = [sign_in(server, random.getrandbits(64), station) for _ in range(DEVICES)]
    stop = threading.Event()
    threads = [threading.Thread(target=pusher.work, args=(stop,), daemon=True) for pusher in pushers]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, kills + 1):
            stop.wait(random.uniform(0.05, 0.6))
            server.kill9()
            server.start()
            if number % KILLS_TOLD == 0:
                print(f"{number} kills, {sum(pusher.acked for pusher in pushers)} ops acknowledged", flush=True)
    except BaseException:
        server.kill9()
        raise
    finally:
        stop.set()
    for thread in threads:
        thread.join()
    return server, pushers


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kill9", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL that waits for the disk, instead of SQLite")
    chosen = parser.parse_args()
    print(f"{chosen.kills} kills on {'PostgreSQL' if chosen.postgres else 'SQLite'}, --seed {chosen.seed}", flush=True)
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory())
        url = create_database(stack.enter_context(running_cluster(durable=True)).url, "xunan_kill9") if chosen.postgres else None
        server, pushers = run(Path(name), chosen.kills, chosen.seed, url)
        try:
            failed = [pusher.failed for pusher in pushers if pusher.failed]
            report = json.loads(server.run("verify"))
        finally:
            server.kill9()
    print(f"{sum(pusher.acked for pusher in pushers)} ops acknowledged, verify ok: {report['ok']}, failed: {failed}")
    return 0 if report["ok"] and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
