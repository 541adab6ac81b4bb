"""A hub and a centre as two real processes: accounts, ops and files go over HTTP; devices work at either (P-60)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import urllib3

from sync.op import encode_op
from sync.stamp import GENESIS, new_dev
from tests.server.files.tus_client import OCTETS, metadata
from tests.tools import checker
from tests.tools.serving import PASSWORD, Server, free_port

PHOTO = b"\xff\xd8 no real photo, bytes are bytes" * 40_000
HTTP = urllib3.PoolManager()


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "centre").mkdir()
    made = Server(tmp_path / "centre", free_port(), stations=1, records=12)
    made.start()
    yield made
    made.kill9()


@pytest.fixture
def hub(tmp_path: Path, centre: Server) -> Iterator[Server]:
    (tmp_path / "hub").mkdir()
    token = centre.run("node", "add", "堤防站").split()[-1]
    more = {"XUNAN_CENTRE_URL": f"http://127.0.0.1:{centre.port}", "XUNAN_CENTRE_TOKEN": token}
    made = Server(tmp_path / "hub", free_port(), stations=0, more=more)
    made.start()
    yield made
    made.kill9()


def call(server: Server, method: str, path: str, token: str = "", **more: Any) -> tuple[int, Any]:
    headers = more.pop("headers", {}) | ({"Authorization": f"Bearer {token}"} if token else {})
    answer = HTTP.request(method, f"http://127.0.0.1:{server.port}/api/v1{path}", headers=headers, retries=False, **more)
    return answer.status, json.loads(answer.data) if "json" in answer.headers.get("Content-Type", "") else answer


def visit(hub: Server) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(hub.run("node", "meet").splitlines()[-1])
    return report


def keeps(server: Server, key: str) -> bool:
    """Whether the photo lies whole in this server's store; over the wire only who brought a file is told of it (P-51)."""
    return any(path.read_bytes() == PHOTO for path in server.folder.rglob(f"*{key}*") if path.is_file())


def push(server: Server, token: str, user: str, station: str, rec: str, name: bytes) -> dict[str, Any]:
    fields = {"scope": {"k": "reg", "v": f"station:{station}", "b": []}, "title": {"k": "reg", "v": rec, "b": []}}
    line = encode_op({"n": 1, "rec": rec, "kind": "hazard", "scope": f"station:{station}", "f": fields, "at": "2026-11-22T05:10:33+08:00", "user": user})
    head = {"protocol": 1, "dev": new_dev(name), "from": 1, "prev_h": GENESIS, "cursor": None, "schema": 1}
    status, answer = call(server, "POST", "/sync", token, body=b"\n".join([json.dumps(head).encode(), line]))
    assert status == 200, answer
    found: dict[str, Any] = answer
    return found


def test_a_device_works_at_the_hub_as_at_the_centre_and_nothing_stays_behind(centre: Server, hub: Server) -> None:
    station = centre.run("post", "list", "patrol01a").split("\t")[2]
    _, enrolled = call(centre, "POST", "/enrol", json={"code": centre.device_code("handheld", station)})
    device = enrolled["device_token"]

    # Before it has ever met its centre a hub knows nobody and says so.
    status, problem = call(hub, "POST", "/login", device, json={"username": "patrol01a", "password": PASSWORD})
    assert (status, problem["code"]) == (503, "unavailable")
    assert visit(hub)["ops"]["done"] is True
    assert visit(hub) == {"accounts": False, "ops": {"given": 0, "taken": 0, "noted": 0, "parted": 0, "erased": 0, "done": True}, "files": {"given": 0, "taken": 0, "missing": 0}}

    # Signed in at the hub, with the password of the centre.
    status, grant = call(hub, "POST", "/login", device, json={"username": "patrol01a", "password": PASSWORD})
    assert status == 200
    user, token = grant["user"]["id"], grant["grant_token"]
    assert push(hub, token, user, station, "0198-hub-one", b"0123456789")["verdicts"] == [{"n": 1, "v": "applied"}]
    key = sha256(PHOTO).hexdigest()
    tus = {"Tus-Resumable": "1.0.0"}
    begin = tus | {"Upload-Length": str(len(PHOTO)), "Upload-Metadata": metadata(sha256=key, mime="image/jpeg")}
    assert call(hub, "POST", "/files", device, headers=begin)[0] == 201
    assert call(hub, "PATCH", f"/files/{key}", device, headers=tus | {"Upload-Offset": "0", "Content-Type": OCTETS}, body=PHOTO)[0] == 204
    # At the centre nobody knows of it yet; a colleague works on there.
    assert call(centre, "POST", "/files/status", device, json={"sha256": [key]})[1]["have"] == []
    _, other = call(centre, "POST", "/login", device, json={"username": "patrol01b", "password": PASSWORD})
    push(centre, other["grant_token"], other["user"]["id"], station, "0198-centre-one", b"9876543210")

    report = visit(hub)
    assert (report["ops"]["given"], report["ops"]["taken"], report["files"]["given"]) == (1, 1, 1)
    assert checker.server_states(hub.folder) == checker.server_states(centre.folder)
    assert checker.logged(hub.folder) == checker.logged(centre.folder)
    # It is stored at the centre, which tells nobody but who brought it there himself (P-51).
    assert keeps(centre, key)
    # The sign-in made at the hub holds at the centre, and the other way round.
    assert call(centre, "GET", "/me", token)[0] == 200
    assert call(hub, "GET", "/me", other["grant_token"])[0] == 200

    # Accounts belong to the centre; what it takes away is gone at the hub after the next visit, and nothing sent there is refused.
    assert call(hub, "POST", "/enrol", json={"code": "ABCD"})[1]["code"] == "at_centre"
    centre.run("user", "deactivate", "patrol01a")
    visit(hub)
    assert call(hub, "GET", "/me", token)[0] == 401
    assert push(hub, device, user, station, "0198-hub-two", b"0000000000")["verdicts"][0]["v"] == "quarantined"
    visit(hub)
    assert checker.logged(hub.folder) == checker.logged(centre.folder)


def test_files_of_the_centre_come_to_a_new_hub_and_no_link_is_said_in_words(centre: Server, hub: Server) -> None:
    station = centre.run("post", "list", "patrol01a").split("\t")[2]
    device = call(centre, "POST", "/enrol", json={"code": centre.device_code("handheld", station)})[1]["device_token"]
    key = sha256(PHOTO).hexdigest()
    about = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(PHOTO)), "Upload-Metadata": metadata(sha256=key), "Content-Type": OCTETS}
    assert call(centre, "POST", "/files", device, headers=about, body=PHOTO)[0] == 201
    assert visit(hub)["files"] == {"given": 0, "taken": 1, "missing": 0}
    assert keeps(hub, key)
    centre.kill9()
    with pytest.raises(RuntimeError, match="node failed"):
        visit(hub)
    # The hub goes on without it.
    assert call(hub, "POST", "/files/status", device, json={"sha256": [key]})[0] == 200


def test_only_a_node_meets_a_node(centre: Server) -> None:
    station = centre.run("post", "list", "patrol01a").split("\t")[2]
    device = call(centre, "POST", "/enrol", json={"code": centre.device_code("handheld", station)})[1]["device_token"]
    for path in ("/nodes/meet", "/nodes/accounts", "/nodes/files"):
        assert call(centre, "POST", path, device, json={})[0] == 401
        assert call(centre, "POST", path, json={})[0] == 401
    token = centre.run("node", "add", "站").split()[-1]
    assert call(centre, "POST", "/nodes/files", token, json={"after": [0, ""]}) == (200, {"files": []})
    # And a node is nobody's handheld.
    assert call(centre, "POST", "/centre/overview", token, json={})[0] in (401, 404, 405)
