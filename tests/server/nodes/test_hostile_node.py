"""A hub that was taken over, and who only pretends to be one: what the centre lets in, believes and writes down (P-60)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from werkzeug.test import TestResponse

from server.accounts import service, sessions
from server.accounts.hashing import token_hash
from server.accounts.models import Audit, Device, Grant, User
from server.db import db, unit
from server.ledger.clock import now_ms
from server.nodes.wire import TIME_MS_MAX
from sync.stamp import GENESIS
from tests.server.edge.conftest import app, person  # noqa: F401 - fixtures
from tests.server.edge.people import AT, SCOPE, Client, Person

MEET = {"protocol": 1, "node": "hub"}
DEV = "a" * 16
LINE = b'{"n":1,"rec":"0198-h","kind":"hazard","scope":"' + SCOPE.encode() + b'","f":{},"at":"2026-11-22T05:10:33+08:00","user":"u"}'
CAME = ["d_1", "hub", AT, AT, 0, None]


@dataclass
class Hub:
    """Somebody with a hub's token."""

    app: Flask
    token: str
    device_id: str

    def call(self, path: str, method: str = "POST", **more: Any) -> TestResponse:
        return self.app.test_client().open(f"/api/v1/nodes{path}", method=method, headers={"Authorization": f"Bearer {self.token}"}, **more)

    def meet(self, head: dict[str, Any], *blocks: tuple[dict[str, Any], list[bytes]]) -> TestResponse:
        lines = [json.dumps(MEET | head).encode()]
        for about, ops in blocks:
            lines += [json.dumps(about).encode(), *ops]
        return self.call("/meet", data=b"\n".join(lines), content_type="application/x-ndjson")

    def tell(self, **rows: Any) -> TestResponse:
        return self.call("/accounts", json={"node": "hub", "known": "", "grant": [], "device": [], **rows})


@pytest.fixture
def hub(app: Flask) -> Hub:  # noqa: F811
    with app.app_context(), unit() as session:
        made = service.add_device(session, AT, "node", "hub", None, None)
        return Hub(app, made.token, made.device.id)


def grant(app: Flask, token: str, **more: Any) -> dict[str, Any]:  # noqa: F811
    """A sign-in of the administrator as a hub would tell it."""
    with app.app_context():
        admin = db.session.scalars(select(User.id).where(User.username == "admin")).one()
    row = {"id": f"g_{token}", "user_id": admin, "token_hash": token_hash(token), "created_at": now_ms(), "expires_at": now_ms() + 10**6}
    return row | {"revoked_at": None, "seen_at": None, "confirmed_at": None, "address": None} | more


def test_no_other_token_meets_and_none_of_a_hub_that_was_revoked(app: Flask, person: Person, hub: Hub) -> None:  # noqa: F811
    handheld = person("admin")
    desk = app.test_client().post("/api/v1/login", json={"username": "admin", "password": "demo-pass-2026", "desk": True}).json
    asked = [("/meet", "POST"), ("/accounts", "POST"), ("/files", "POST"), (f"/files/{'0' * 64}", "GET"), (f"/files/{'0' * 64}", "HEAD")]
    for token, status in ((handheld.token, 403), (handheld.device_token, 401), (desk["grant_token"], 403), (desk["device_token"], 401), ("x", 401)):
        for path, method in asked:
            answer = Hub(app, token, "").call(path, method, **({} if method != "POST" else {"json": {}}))
            assert (answer.status_code, path) == (status, path)
    assert hub.meet({"vector": True}).status_code == 200
    with app.app_context(), unit() as session:
        service.revoke_device(session, now_ms(), "test", hub.device_id)
    for path, method in asked:
        assert hub.call(path, method, **({} if method != "POST" else {"json": {}})).status_code == 403
    block = ({"dev": DEV, "from": 1, "prev_h": GENESIS, "came": [CAME]}, [LINE])
    assert hub.meet({}, block).json["code"] == "device_revoked"
    with app.app_context():
        assert db.session.scalar(text("SELECT COUNT(*) FROM op_log")) == 0


WRONG: dict[str, Any] = {
    "a mark that is none": {"came": [["d_1", "hub", AT, AT, 6, None]]}, "a negative mark": {"came": [["d_1", "hub", AT, AT, -1, None]]},
    "a time beyond all databases": {"came": [["d_1", "hub", 2**70, AT, 0, None]]}, "a corrected time as well": {"came": [["d_1", "hub", AT, TIME_MS_MAX + 1, 0, None]]},
    "a fraction": {"came": [["d_1", "hub", AT, 1.5, 0, None]]}, "a node that is long": {"came": [["d_1", "h" * 17, AT, AT, 0, None]]},
    "a device that is long": {"came": [["d" * 65, "hub", AT, AT, 0, None]]}, "a reason that is long": {"came": [["d_1", "hub", AT, AT, 2, "w" * 65]]},
    "a NUL": {"came": [["d\0", "hub", AT, AT, 0, None]]}, "no name": {"dev": 7}, "a number as text": {"from": "1"}, "a start beyond all": {"from": 2**53 - 1},
    "a hash that is long": {"prev_h": "0" * 9}, "more told than sent": {"came": [CAME, CAME]}, "nothing sent": {"came": []},
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_forged_block_is_no_message_and_no_fault_of_ours(app: Flask, hub: Hub, what: str) -> None:  # noqa: F811
    about = {"dev": DEV, "from": 1, "prev_h": GENESIS, "came": [CAME]} | WRONG[what]
    answer = hub.meet({}, (about, [LINE]))
    assert (answer.status_code, answer.json["code"]) == (400, "bad_batch")
    with app.app_context():
        assert db.session.scalar(text("SELECT COUNT(*) FROM op_log")) == 0


@pytest.mark.parametrize("note", [[1, AT, 6, None], [1, 2**70, 3, None], [1, AT, 3, "w" * 65], ["1", AT, 3, None], [1, AT, True, None], [1, AT]])
def test_a_forged_note_changes_no_mark(app: Flask, hub: Hub, note: list[Any]) -> None:  # noqa: F811
    kept = ["d_1", "hub", AT, AT, 2, "unknown_user"]
    assert hub.meet({}, ({"dev": DEV, "from": 1, "prev_h": GENESIS, "came": [kept]}, [LINE])).status_code == 200
    answer = hub.meet({"notes": {DEV: [note]}})
    assert (answer.status_code, answer.json["code"]) == (400, "bad_batch")
    with app.app_context():
        assert db.session.scalars(text("SELECT verdict FROM op_log")).all() == ["quarantined"]


def test_more_than_a_request_may_hold_is_refused_and_unpacked_no_further(hub: Hub) -> None:
    assert hub.call("/meet", data=b"x" * (2 * 1024**2 + 1), content_type="application/x-ndjson").json["code"] == "too_large"


def test_a_sign_in_told_by_a_hub_is_bounded_and_put_down_to_it(app: Flask, hub: Hub) -> None:  # noqa: F811
    """Or a hub would hand out an administrator for ever who is never asked who he is."""
    desk = app.test_client().post("/api/v1/login", json={"username": "operator", "password": "demo-pass-2026", "desk": True}).json
    row = grant(app, "forged", device_id=desk["device_id"], expires_at=TIME_MS_MAX, confirmed_at=TIME_MS_MAX, seen_at=TIME_MS_MAX)
    assert hub.tell(grant=[row]).status_code == 200
    with app.app_context():
        made = db.session.get_one(Grant, "g_forged")
        settings, device = app.extensions["xunan"], db.session.get_one(Device, desk["device_id"])
        assert made.expires_at <= now_ms() + sessions.lifetime_ms(settings, device)
        assert (made.confirmed_at, made.seen_at <= now_ms()) == (None, True)
        line = db.session.scalars(select(Audit).where(Audit.action == "login", Audit.actor == made.user_id)).one()
        assert (line.target, line.device, line.detail) == (hub.device_id, desk["device_id"], {"told": True})
        before = db.session.scalar(select(func.max(Audit.id)))
    forged = Client(app, "", "forged", row["user_id"], DEV)
    assert forged.call("POST", "/admin/posts", json={"user_id": row["user_id"], "role": "operator"}).json["code"] == "confirm_required"
    assert hub.tell(grant=[row | {"revoked_at": now_ms()}]).status_code == 200
    with app.app_context():
        assert [each.action for each in db.session.scalars(select(Audit).where(Audit.id > before))] == ["session_ended"]


def test_a_token_is_told_once(app: Flask, person: Person, hub: Hub) -> None:  # noqa: F811
    person("patroller")
    with app.app_context():
        device = db.session.scalars(select(Device.id).where(Device.kind == "handheld")).first()
    rows = [grant(app, "same", device_id=device) | {"id": each} for each in ("g_1", "g_2")]
    assert [hub.tell(grant=rows).status_code, hub.tell(grant=rows[1:]).status_code] == [200, 200]
    with app.app_context():
        assert db.session.scalars(select(Grant.id).where(Grant.id.in_(("g_1", "g_2")))).all() == ["g_1"]


def test_a_hub_signs_nobody_in_on_a_hub_and_nobody_it_made_up(app: Flask, hub: Hub) -> None:  # noqa: F811
    assert hub.tell(grant=[grant(app, "here", device_id=hub.device_id), grant(app, "there", device_id="d_none")]).status_code == 200
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Grant)) == 0


@pytest.mark.parametrize(
    "wrong", [{"expires_at": "soon"}, {"expires_at": 2**80}, {"token_hash": ["x"]}, {"id": None}, {"created_at": {}}, {"address": "x" * 61}, {"id": "x\0"}]
)
def test_a_row_that_is_none_is_refused_and_no_fault_of_ours(app: Flask, person: Person, hub: Hub, wrong: dict[str, Any]) -> None:  # noqa: F811
    person("patroller")
    with app.app_context():
        device = db.session.scalars(select(Device.id).where(Device.kind == "handheld")).first()
    answer = hub.tell(grant=[grant(app, "odd", device_id=device) | wrong])
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
    assert hub.tell(grant=[grant(app, "even", device_id=device, of_a_later_version=1)]).status_code == 200


def test_what_a_hub_tells_is_erased_is_written_down(app: Flask, person: Person, hub: Hub) -> None:  # noqa: F811
    client = person("patroller")
    line = client.line("0198-p", {"scope": {"k": "reg", "v": SCOPE, "b": []}, "name": {"k": "reg", "v": "张三丰", "b": []}}, kind="person")
    client.sync([line], 1, GENESIS)
    told = ["0198-p", "person", SCOPE, now_ms(), "request", "u_admin", [f"{client.dev}:1:{client.h}"]]
    for lines in (1, 1):
        assert hub.meet({"erase": [told]}).status_code == 200
        with app.app_context():
            found = db.session.scalars(select(Audit).where(Audit.action == "erase")).all()
            assert [(each.target, each.device, each.actor, each.detail["told"]) for each in found] == [("0198-p", hub.device_id, "u_admin", True)] * lines


def test_a_hub_s_own_token_opens_nothing_else(app: Flask, hub: Hub) -> None:  # noqa: F811
    bare = Client(app, hub.token, hub.token, "", DEV)
    assert [bare.call("GET", path).status_code for path in ("/me", "/admin/users/x", "/centre/quarantine", "/snapshots")] == [401] * 4
    with app.app_context(), unit() as session:
        session.execute(update(Device).where(Device.id == hub.device_id).values(kind="handheld"))
    assert hub.meet({"vector": True}).status_code == 401
