"""Photos in a history (P-50): attached on devices, sent through the real tus handlers over the same bad wire, judged by the bytes in the store.

Owns the server's side of that wire, the actions and the check. Holds no assertion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any
from unittest.mock import patch

from flask import Flask, request

import server.files.routes as routes
import server.web.endpoint as endpoint
import server.web.problems as problems
from server.brakes import Brakes
from server.db import db
from server.files.models import ErasedFile, StoredFile
from server.files.store import FolderStore, StoreDown, make_store
from server.files.tus import Uploads
from sync.judge import Rights
from tests.simulation.faults import Fault, PowerCut, flipped
from tests.simulation.file_queue import Reply, keep, send_files
from tests.simulation.handheld import Gone, Handheld, Killed
from tests.simulation.town import Town
from tests.simulation.typescript import TypeScriptHandheld
from tests.simulation.writing import new_id, reg, some_device, station, write

FILES_EVERY = 24
ROUNDS_MAX = 6
FAULTS = ("", "drop", "cut_answer", "duplicate", "torn", "damaged_request", "power_cut", "disk_full", "store_down", "kill")


@cache
def _app() -> Flask:
    """The product's file endpoints and its answers to what goes wrong; who calls stands in a header instead of a token."""
    app = Flask("xunan-files")
    app.register_blueprint(routes.bp)
    problems.install(app)
    # As create_app has it: a connection kept by a request that is over would run the pool dry, and hold locks a restore waits for.
    app.teardown_appcontext(lambda _error: db.session.remove())
    app.extensions["xunan_brakes"] = Brakes(times=1_000_000)
    return app


def _caller(*_: Any) -> routes.Caller:
    return routes.Caller(request.headers["X-Device"], "handheld", None, None, Rights({}))


@contextmanager
def _served(town: Town) -> Iterator[Any]:
    app = _app()
    app.extensions["xunan_uploads"] = Uploads(town.settings, make_store(town.settings))
    with patch.object(endpoint, "current_caller", _caller), patch.object(routes, "now_ms", lambda: town.now_ms):
        yield app.test_client()


def send_over(town: Town, device: Handheld, fault: Fault) -> bool:
    """The device's queue over a wire that fails as told at its request number `fault.at`; True when all is delivered."""
    left = fault.at

    def carry(sender: Handheld, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        nonlocal left
        # Only a request that brings bytes can be torn or damaged.
        left -= method == "PATCH" or left > 1 or fault.kind not in ("torn", "damaged_request")
        kind = fault.kind if left == 0 else ""
        left -= left == 0
        if kind not in ("", "kill"):
            town.happened[f"file {kind}".replace("_", " ")] += 1
        if kind == "drop":
            raise Gone
        if kind == "torn":
            body = body[: len(body) // 2]
        if kind == "damaged_request":
            body = flipped(body, fault.at * 7)
        if kind in ("power_cut", "disk_full"):
            town.arm(kind, 1 + fault.at * 5 % 7)
        with patch.object(FolderStore, "put", _down) if kind == "store_down" else nullcontext():
            reply = serve(sender, method, path, headers, body)
        if kind == "duplicate":
            serve(sender, method, path, headers, body)
        if kind in ("cut_answer", "torn"):
            raise Gone
        return reply

    def serve(sender: Handheld, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        try:
            response = client.open(f"/api/v1/files{path}", method=method, headers=headers | {"X-Device": f"d_{sender.enrolled}"}, data=body)
        except PowerCut as cut:
            town.happened["server killed under a file"] += 1
            db.session.remove()
            raise Gone from cut
        finally:
            town.disarm()
            db.session.remove()
        if response.status_code >= 400:
            town.happened[f"file refused {response.status_code}"] += 1
        if response.status_code == 500:
            town.findings.append(f"0 no error: {method} {path} of a file")
        return Reply(response.status_code, response.headers, response.data)

    before = {row.sha256 for row in device.disk.files.values() if row.state == "delivered"}
    with _served(town) as client:
        try:
            done = send_files(device, carry)
        except Killed:
            town.happened["device killed under a file"] += 1
            done = False
    for row in device.disk.files.values():
        if row.state == "delivered" and row.sha256 not in before:
            town.happened["file delivered"] += 1
            town.delivered[row.sha256] = row.data
            # Looked at when it is told, not only in the end: by then another try may have made it true.
            town.findings += _not_stored(town, row.sha256, row.data, "when it was reported")
    return done


def _down(*_: Any) -> None:
    raise StoreDown("away")


def _is_erased(key: str) -> bool:
    """Whether it went with an erased record (P-43)."""
    found = db.session.get(ErasedFile, key) is not None
    db.session.rollback()
    return found


def _not_stored(town: Town, key: str, data: bytes, when: str) -> list[str]:
    if _is_erased(key):
        return []
    store = make_store(town.settings)
    try:
        with store.open(key) as stream:
            held = stream.read()
    except FileNotFoundError:
        return [f"50 delivered means stored: {key[:8]} is not in the store {when}"]
    noted = db.session.get(StoredFile, key) is not None or key in town.rolled_away
    db.session.rollback()
    if held != data or sha256(held).hexdigest() != key:
        return [f"50 delivered means stored: {key[:8]} has other bytes {when}"]
    return [] if noted else [f"50 delivered means stored: nobody knows of {key[:8]} {when}"]


def check_files(town: Town) -> list[str]:
    """50: every file a device reported as delivered is stored whole; what was not lost with a disk has been delivered."""
    found = [line for key, data in town.delivered.items() for line in _not_stored(town, key, data, "in the end")]
    waiting = [(device.name, row.sha256) for device in town.devices if not isinstance(device, TypeScriptHandheld) for row in device.disk.files.values() if row.state != "delivered"]
    return found + [f"50 files arrive: {key[:8]} of {name} does not" for name, key in waiting if not _is_erased(key)]


def deliver_files(town: Town) -> None:
    """Good links for every queue."""
    for device in town.devices:
        if not isinstance(device, TypeScriptHandheld) and device.disk.files:
            for _ in range(ROUNDS_MAX):
                if send_over(town, device, Fault()):
                    break


# --------------------------------------------------------------------------------------------------------------- actions


def attach(town: Town, random: Random) -> None:
    """A photo of a hazard; sometimes one that another device has as well."""
    device = some_device(town, random)
    known = device.known("hazard")
    if not known or isinstance(device, TypeScriptHandheld):
        return
    owner, data = random.choice(known[:4]), random.randbytes(random.randint(1, 128))
    if town.delivered and random.random() < 0.2:
        data = random.choice(list(town.delivered.values()))
    key = keep(device, data)
    file = {"sha256": key, "size": len(data), "mime": "image/jpeg", "role": "photo"}
    fields: dict[str, Any] = {"scope": {"k": "reg", "v": station(device), "b": []}, "file": {"k": "add", "v": file}}
    rec = new_id(random)
    fields |= {name: reg(device.view(rec, "attachment"), name, value, device) for name, value in (("owner_kind", "hazard"), ("owner", owner), ("role", "before"))}
    write(town, device, rec, "attachment", fields)
    town.happened["photo attached"] += 1


def upload(town: Town, random: Random) -> None:
    """A device with photos finds a link, good or bad."""
    able = [device for device in town.devices if not isinstance(device, TypeScriptHandheld) and any(row.state != "delivered" for row in device.disk.files.values())]
    if not able:
        return
    device, kind = random.choice(able), random.choice(FAULTS)
    if kind == "kill":
        device.kill_at = random.choice(("file", "bytes", "confirm"))
    send_over(town, device, Fault(kind, random.randint(1, 4)))
    device.kill_at = ""


WITH_FILES: dict[str, tuple[int, Callable[[Town, Random], None]]] = {"attach": (1, attach), "upload": (1, upload)}
