"""Tokens and ids: nothing holds after its end, no clock moves an end, no form of another site gets in, and a foreign id is no id at all."""

from __future__ import annotations

import itertools
import re
from typing import Any

import orjson
import pytest
from flask import Flask

from server.accounts import service
from server.accounts.models import Grant
from server.db import unit
from server.ledger.clock import now_ms
from server.web.endpoint import OPERATIONS
from sync.stamp import chain, make_stamp
from tests.server.edge.matrix import MATRIX, Town
from tests.server.edge.people import PASSWORD, SCOPE, Client, Person
from tests.server.edge.test_web import concrete

CLOCKS = ("Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 2099 23:59:59 GMT", "nonsense")
TIMES = ("1901-12-13T20:45:52+08:00", "2016-11-22T05:10:33+08:00", "2036-11-22T05:10:33+08:00", "9999-12-31T23:59:59+00:00")
SKEWS = (0, -315_360_000, 315_360_000, 2**53 - 1)
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")


def holds(client: Client) -> bool:
    """Whether the token still opens anything, whatever the caller says of the time."""
    answers = [client.call("GET", "/me", headers={"Date": clock, "X-Device-Time": "0"}).status_code for clock in CLOCKS]
    assert len(set(answers)) == 1
    return answers[0] == 200


def sign_out(client: Client, _person: Person) -> None:
    client.call("POST", "/logout")


def change_password(client: Client, person: Person) -> None:
    other = person("patroller")
    assert other.call("POST", "/password", json={"old": PASSWORD, "new": "tide-and-seawall-73"}).status_code == 200


def reset_password(client: Client, person: Person) -> None:
    person("admin").call("POST", f"/admin/users/{client.user_id}/password", json={"password": "tide-and-seawall-73"})


def block(client: Client, person: Person) -> None:
    person("admin").call("POST", f"/admin/users/{client.user_id}/block")


def end_sessions(client: Client, person: Person) -> None:
    person("admin").call("POST", f"/admin/users/{client.user_id}/end-sessions")


def revoke(client: Client, _person: Person) -> None:
    with client.app.app_context(), unit() as session:
        service.revoke_device(session, now_ms(), "test", session.query(Grant.device_id).filter_by(user_id=client.user_id).scalar())


def expire(client: Client, _person: Person) -> None:
    with client.app.app_context(), unit() as session:
        session.query(Grant).filter_by(user_id=client.user_id).update({"expires_at": now_ms() - 1})


@pytest.mark.parametrize("end", [sign_out, change_password, reset_password, block, end_sessions, revoke, expire])
def test_a_token_is_worth_nothing_after_its_end(person: Person, end: Any) -> None:
    client = person("patroller")
    assert holds(client)
    end(client, person)
    assert not holds(client)
    assert client.call("GET", f"/snapshots/{SCOPE}").json["code"] in ("login_required", "device_revoked")
    sent = client.sync([client.line("0198-a", {"scope": {"k": "reg", "v": SCOPE, "b": []}})], 1, "00000000")
    assert sent.status_code == 200, "what the field wrote is taken in all the same"
    assert sent.json["acked"] == 1
    assert sent.json["records"] == [], "and nothing is given"


def write(client: Client, rec: str, fields: dict[str, Any], **more: Any) -> str:
    """One op as raw JSON; gives its stamp."""
    first, prev = client.n + 1, client.h
    line = orjson.dumps({"n": first, "rec": rec, "kind": "hazard", "scope": SCOPE, "user": client.user_id, **more, "f": fields})
    client.n, client.h = first, chain(client.h, line)
    assert client.sync([line], first, prev).json["verdicts"][0]["v"] == "applied", more
    return make_stamp(client.dev, first, client.h)


def test_a_device_with_any_clock_delivers_and_orders_nothing(person: Person) -> None:
    """Times of a device are shown, never believed: what was written in the year 9999 is no later than what was written on seeing it."""
    early, late, desk = person("patroller"), person("head"), person("operator")
    for number, (at, skew) in enumerate(itertools.product(TIMES, SKEWS)):
        rec = f"0198-{number}"
        seen = write(early, rec, {"scope": {"k": "reg", "v": SCOPE, "b": []}, "title": {"k": "reg", "v": "从哪年来", "b": []}}, at=at, skew=skew)
        write(late, rec, {"title": {"k": "reg", "v": "看到后改的", "b": [seen]}}, at="2026-11-22T05:10:33+08:00", skew=0)
        shown = desk.call("GET", f"/centre/records/{rec}").json
        assert shown["v"]["title"] == "看到后改的", (at, skew)
        assert 0 < shown["updated_at"] <= now_ms(), (at, skew)
        assert desk.call("GET", f"/centre/records/{rec}/history").status_code == 200, (at, skew)


def test_a_form_of_another_site_changes_nothing(app: Flask, person: Person) -> None:
    """A browser sends no token by itself: without one, and with cookies of whatever name, every operation that needs a caller refuses."""
    token, checked = person("admin").token, 0
    for operation in OPERATIONS:
        if operation.method == "GET":
            continue
        for form in FORMS:
            headers = {"Origin": "https://evil.example", "Cookie": f"token={token}; session={token}; Authorization=Bearer {token}"}
            path = concrete(app, operation.blueprint, operation.rule)
            answer = app.test_client().open(f"{path}?access_token={token}&token={token}", method=operation.method, headers=headers, data=f"token={token}", content_type=form)
            assert "Access-Control-Allow-Origin" not in answer.headers
            if operation.auth != "none":
                assert answer.json["code"] == "login_required", operation.name
            elif operation.method != "OPTIONS":
                assert answer.json["code"] == "bad_media_type", operation.name
            checked += 1
    assert checked > 60


def test_a_foreign_id_is_answered_as_one_that_does_not_exist(app: Flask, person: Person) -> None:
    """Same status and same words, so that nobody learns by asking which ids there are."""
    town, checked = Town(app, person), 0
    methods = {f"{each.blueprint}.{each.name}": each.method for each in OPERATIONS}
    for name, row in MATRIX.items():
        if row.foreign != "hidden":
            continue
        path, more = row.request(town)
        body = more.get("json") or {}
        ids = re.findall(r"0198-\w+|station:\d+|[0-9a-f]{64}|(?<=quarantine/)\d+|(?<=devices/)[^/]+", path)
        unknown = path
        for each in ids:
            unknown = unknown.replace(each, each[:-3] + "999" if not each.isdigit() else "999999")
        swapped = {**more, "json": {**body, "rec": "0198-nobody"}} if "rec" in body else more
        assert unknown != path or swapped != more, name
        told = []
        for asked, given in ((path, more), (unknown, swapped)):
            answer = town.foreign.call(methods[name], asked, **given)
            said = {key: value for key, value in answer.json.items() if key != "request_id"}
            told.append((answer.status_code, said, sorted(set(dict(answer.headers)) - {"Date"})))
        assert told[0] == told[1], name
        checked += 1
    assert checked >= 7
