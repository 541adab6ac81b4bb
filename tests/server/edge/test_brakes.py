"""Brakes: honest work never meets them, whoever does is told when to come again, and a refusal loses nothing (ASVS V2.4.1, V15.2.2)."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from server import brakes
from server.brakes import AT_ONCE, BRAKES, FILE, MINUTE, NEW_DESK, SYNC, UPLOAD, UPLOAD_MIB, Brake, Brakes, place
from server.errors import ProblemError
from server.files.tus import FREE_BYTES_MIN
from server.ledger.clock import now_ms
from server.settings import Settings
from server.web import endpoint
from server.web.endpoint import OPERATIONS
from sync.stamp import GENESIS
from tests.house.sources import ROOT
from tests.server.edge.people import PASSWORD, SCOPE, Client, Person
from tests.server.edge.test_races import AT_ONCE as RACERS
from tests.server.edge.test_races import race
from tests.server.edge.test_refusals import lines
from tests.server.edge.test_rescue import KEY, PHOTO, Carrier, carrier, carry, kept  # noqa: F401 - a fixture among them
from tests.server.files.services import valkey
from tests.server.files.tus_client import Tus, key_of

AT = 1_764_000_000_000


def reg(value: object) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": []}


def refused(held: Brakes, brake: Brake, who: str, at: int = AT, amount: int = 1) -> int:
    """Seconds to wait; 0 when the caller was let through."""
    try:
        held.take(brake, who, at, amount)
    except ProblemError as error:
        return int(error.headers["Retry-After"])
    return 0


class Clock:
    """The time by which the app's brakes go."""

    def __init__(self, app: Flask) -> None:
        self.app, self.at = app, now_ms()

    def __call__(self) -> int:
        return self.at

    def use_up(self, brake: Brake, who: str) -> None:
        while not refused(self.app.extensions["xunan_brakes"], brake, who, self.at):
            pass

    def wait(self, seconds: int) -> None:
        self.at += 1000 * seconds


@pytest.fixture
def clock(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(app)
    monkeypatch.setattr(endpoint, "now_ms", made)
    return made


def device_of(app: Flask, client: Client) -> str:
    return str(lines(app, "login")[-1].device)


def test_a_typhoons_return_meets_no_brake() -> None:
    """1,000 handhelds within one minute, each with 50 ops, 5 photos of 3 MB and a town to load; before that one that was away two weeks."""
    held = Brakes()
    asked = {SYNC: 5 + 50 + 20, UPLOAD: 5, UPLOAD_MIB: 15, FILE: 5 * 12 + 5}
    assert not any(refused(held, brake, f"device-{number}", AT + 60 * number) for number in range(1000) for brake, count in asked.items() for _ in range(count))
    away = {SYNC: 300, UPLOAD: 500, UPLOAD_MIB: 1500, FILE: 3 * 500}
    assert not any(refused(held, brake, "away", AT) for brake, count in away.items() for _ in range(count))


def test_whoever_asks_too_much_waits_for_his_window_and_nobody_else() -> None:
    held, brake = Brakes(), Brake("some", "device", 10, MINUTE)
    waits = [refused(held, brake, "a") for _ in range(13)]
    assert waits[:10] == [0] * 10
    assert all(0 < each <= MINUTE for each in waits[10:])
    assert refused(held, brake, "b") == 0
    assert refused(held, brake, "a", AT + 1000 * waits[-1] - 1000) > 0
    assert refused(held, brake, "a", AT + 1000 * waits[-1]) == 0


def test_what_is_refused_is_not_counted_for_its_caller_nor_for_all() -> None:
    held, brake = Brakes(), Brake("some", "device", 10, MINUTE, together=15)
    assert refused(held, brake, "big", amount=11) > 0
    assert [refused(held, brake, "big") for _ in range(10)] == [0] * 10
    assert all(refused(held, brake, "big") for _ in range(100))
    assert [refused(held, brake, "small") for _ in range(5)] == [0] * 5
    assert refused(held, brake, "small") > 0, "all together have their ceiling"


def test_windows_that_ended_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brakes, "KEYS_MAX", 100)
    held, brake = Brakes(), Brake("some", "device", 10, MINUTE)
    for number in range(1000):
        assert refused(held, brake, f"device-{number}", AT + 2000 * number) == 0
    assert len(held._counts._sums) <= 100


def test_workers_count_together_by_redis_and_alone_while_it_is_away(tmp_path: Path) -> None:
    brake, at = Brake("some", "device", 10, MINUTE), now_ms()
    with valkey(tmp_path) as (url, process):
        one, two = Brakes(url), Brakes(url)
        assert [refused(each, brake, "a", at) for _ in range(5) for each in (one, two)] == [0] * 10
        assert refused(one, brake, "a", at) > 0
        assert refused(two, brake, "a", at) > 0
        process.kill()
        process.wait()
    waits = [refused(one, brake, "a", at) for _ in range(11)]
    assert waits[:10] == [0] * 10, "a Redis that is away keeps nobody out"
    assert waits[10] > 0


def test_a_device_over_its_limit_is_told_so_and_its_work_arrives_later(app: Flask, person: Person, clock: Clock) -> None:
    client = person("patroller")
    device = device_of(app, client)
    other = person("patroller")
    line = client.line("0198-a", {"scope": reg(SCOPE), "title": reg("裂缝")})
    clock.use_up(SYNC, device)
    answer = client.sync([line], 1, GENESIS)
    assert (answer.status_code, answer.json["code"], answer.json["retry"]) == (429, "too_many_requests", "later")
    assert 0 < int(answer.headers["Retry-After"]) == answer.json["seconds"] <= MINUTE
    assert answer.json["detail"] and answer.json["detail_zh"]
    assert other.sync([other.line("0198-b", {"scope": reg(SCOPE), "title": reg("积水")})], 1, GENESIS).json["acked"] == 1
    (told,) = lines(app, "braked")
    assert told.device == device
    clock.wait(answer.json["seconds"])
    assert client.sync([line], 1, GENESIS).json["verdicts"][0]["v"] == "applied"


def test_an_upload_over_its_limit_goes_on_where_it_stood(app: Flask, person: Person, clock: Clock) -> None:
    client, photo = person("patroller"), b"bytes of a photo"
    tus, key, device = Tus(client), key_of(photo), device_of(app, client)
    clock.use_up(UPLOAD_MIB, device)
    assert tus.create(key, len(photo)).json["code"] == "too_many_requests"
    clock.wait(UPLOAD_MIB.seconds)
    assert tus.create(key, len(photo)).status_code == 201
    clock.use_up(UPLOAD_MIB, device)
    assert tus.create(key, len(photo)).status_code == 201, "what has begun is not counted twice"
    assert tus.create(key, 2 * len(photo)).status_code == 429, "but what has begun as something small is not something large"
    assert tus.patch(key, 0, photo[:7]).status_code == 204
    clock.use_up(FILE, device)
    assert tus.patch(key, 7, photo[7:]).status_code == 429
    clock.wait(MINUTE)
    assert tus.patch(key, 7, photo[7:]).status_code == 204
    assert tus.state(key) is not None


def test_nobody_gets_around_what_is_counted_by_device_with_new_devices(app: Flask, person: Person, clock: Clock) -> None:
    def sign_in(token: str | None = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return app.test_client().post("/api/v1/login", json={"username": "patroller", "password": PASSWORD, "desk": True}, headers=headers)

    desk = sign_in().json["device_token"]
    clock.use_up(NEW_DESK, person("patroller").user_id)
    assert sign_in().json["code"] == "too_many_requests"
    assert sign_in(desk).status_code == 200, "a browser that is a device already is no new one"
    assert person("patroller").call("GET", "/me").status_code == 200


def test_unmasking_has_a_limit_of_the_day_that_many_at_once_do_not_pass(app: Flask, person: Person) -> None:
    writer, desk = person("patroller"), person("operator")
    writer.sync([writer.line("0198-p", {"scope": reg(SCOPE), "phone": reg("13800001234")}, "person")], 1, GENESIS)
    app.extensions["xunan"] = replace(app.extensions["xunan"], unmasks_per_day=2)
    asked = {"rec": "0198-p", "fields": ["phone"], "reason": "电话核实"}
    assert race(lambda _: desk.call("POST", "/centre/unmask", json=asked)) == Counter({"200": 2, "day_limit": RACERS - 2})
    answer = desk.call("POST", "/centre/unmask", json=asked)
    assert (answer.status_code, answer.json["code"]) == (429, "day_limit")
    assert 0 < int(answer.headers["Retry-After"]) <= 86_400
    assert "13800001234" not in answer.get_data(as_text=True)
    assert person("head").call("POST", "/centre/unmask", json=asked).status_code == 200, "another account has its own"
    assert lines(app, "day_limit")[0].actor == desk.user_id


def test_exports_have_limits_of_the_day_in_clear_fewer(app: Flask, person: Person) -> None:
    desk = person("operator")
    app.extensions["xunan"] = replace(app.extensions["xunan"], exports_per_day=2, clear_exports_per_day=1)

    def export(**more: str) -> int:
        return int(desk.call("POST", "/centre/export/person.xlsx", json=more).status_code)

    assert [export(reason="名册核对"), export(reason="名册核对")] == [200, 429]
    assert [export(), export(), export()] == [200, 200, 429]


def test_a_workbook_that_finds_no_place_is_made_later(app: Flask, person: Person) -> None:
    desk, folder = person("operator"), app.extensions["xunan"].data_dir
    with ExitStack() as others:
        for _ in range(AT_ONCE["export"]):
            others.enter_context(place(folder, "export"))
        answer = desk.call("POST", "/centre/export/hazard.xlsx", json={})
        assert (answer.status_code, answer.json["code"]) == (503, "too_busy")
        assert int(answer.headers["Retry-After"]) > 0
        assert lines(app, "export") == [], "what was not done is not put down as done"
    assert desk.call("POST", "/centre/export/hazard.xlsx", json={}).status_code == 200


class Disk:
    """The free bytes of every disk, as they are asked for one time after the other; the last one stays."""

    def __init__(self, *free: int) -> None:
        self.free = list(free)

    def __call__(self, _: object) -> SimpleNamespace:
        return SimpleNamespace(free=self.free.pop(0) if len(self.free) > 1 else self.free[0])


ROOMY, FULL = 10**12, FREE_BYTES_MIN + 10


def test_a_bundle_asks_for_room_and_is_taken_when_there_is_some(
    app: Flask, person: Person, carrier: Carrier, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    data, head = carrier.bundle(files={f"files/{KEY}": PHOTO}), person("head")
    for where, free in {"at the door": (FULL,), "while it comes": (ROOMY, FULL), "for a file of it": (ROOMY, ROOMY, FULL)}.items():
        with monkeypatch.context() as patched:
            patched.setattr(shutil, "disk_usage", Disk(*free))
            answer = carry(head, data)
        assert (answer.status_code, answer.json["code"]) == (507, "storage_full"), where
        assert kept(app) == []
        assert list((app.extensions["xunan"].data_dir / "uploads").glob("tmp*")) == []
    assert lines(app, "rescue_import") == []
    assert len(lines(app, "storage_full")) == 1
    assert carry(head, data).json["complete"] is True


def test_every_operation_with_a_token_has_a_brake_and_the_costly_ones_their_own() -> None:
    bare = [each.rule for each in OPERATIONS if (each.brake is None) != (each.auth == "none")]
    assert bare == []
    own = {each.name: each.brake.name for each in OPERATIONS if each.brake is not None}
    expected = {
        "sync": "sync", "snapshot": "sync", "create": "upload", "patch": "file", "read": "file", "centre_search": "read", "centre_list": "read",
        "centre_export": "export", "centre_track": "export", "centre_unmask": "unmask", "rescue": "rescue", "meet": "hub",
    }  # fmt: skip
    assert {name: own[name] for name in expected} == expected


def test_the_page_tells_the_figures_of_the_program() -> None:
    text = (ROOT / "server/security/limits.md").read_text(encoding="utf-8")
    spans = {60: "a minute", 3_600: "an hour", 86_400: "a day"}

    def figure(count: int, brake: Brake) -> str:
        unit = " MiB" if brake is UPLOAD_MIB else ""
        return f"{count:,}".replace(",", " ") + f"{unit} {spans[brake.seconds]}"

    for brake in BRAKES:
        together = figure(brake.together, brake) if brake.together is not None else "–"
        assert f"| `{brake.name}` | {brake.who} | {figure(brake.each, brake)} | {together} |" in text, brake.name
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.M)) == {brake.name for brake in BRAKES}
    days: Any = Settings()
    for name in ("unmasks_per_day", "exports_per_day", "clear_exports_per_day"):
        each = getattr(days, name)
        assert re.search(rf"\| {each} \| {each * 10:,} \| `XUNAN_{name.upper()}` \|".replace(",", " "), text), name
    for work, words in (("export", "workbooks and tracks being made"), ("rescue", "rescue bundles being taken in")):
        assert f"{words}, on one machine | {AT_ONCE[work]};" in text
