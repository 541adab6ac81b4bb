"""Erasing through the API: afterwards no file of this server holds the name, the photo or their sealed copies (P-43)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from server import create_app, jobs
from server.backup import backup, restore
from server.db import db, unit
from server.erasure import files, retention
from server.erasure.scrub import TABLES, scrub
from server.ledger import write
from server.ledger.clock import now_ms
from server.ledger.verify import fold_anew
from tests.server.edge.people import SCOPE, Client, Person
from tests.server.edge.test_backup import empty_like
from tests.server.files.tus_client import Tus

NAME, PHONE, PHOTO = "张三丰", "13912345678", b"\xff\xd8 bytes of a face"
PERSON, HAZARD = "0198-person", "0198-hazard"
DAY_MS = 86_400_000


def reg(value: object, *parents: str) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": list(parents)}


def push(client: Client, rec: str, kind: str, **fields: object) -> str:
    """One op; gives its verdict."""
    first, prev = client.n + 1, client.h
    made = {"scope": reg(SCOPE)} | {name: value if isinstance(value, dict) and "k" in value else reg(value) for name, value in fields.items()}
    answer = client.sync([client.line(rec, made, kind)], first, prev).json
    return str(answer["verdicts"][0]["v"])


def photo_of(client: Client, rec: str, owner: str, key: str) -> None:
    assert push(client, rec, "attachment", owner=owner, caption=f"{NAME}家门口", file={"k": "add", "v": {"sha256": key, "size": len(PHOTO), "mime": "image/jpeg"}}) == "applied"


@pytest.fixture
def client(app: Flask, person: Person) -> Client:
    """A device that recorded a person with a photo, and once more with a wrong value; a hazard beside it."""
    made = person("patroller")
    push(made, PERSON, "person", name=NAME, phone=PHONE)
    photo_of(made, "0198-photo", PERSON, Tus(made).upload(PHOTO))
    assert push(made, PERSON, "person", name=[NAME]) == "quarantined"
    push(made, HAZARD, "hazard", title="裂缝")
    assert made.call("GET", f"/snapshots/{SCOPE}").status_code == 200
    return made


def drain(app: Flask) -> None:
    with app.app_context():
        assert jobs.drain() > 0
        scrub(db.engine)


def stored(session: Session) -> list[bytes]:
    """Sealed values of the person as they lie in the database now."""
    rows = [bytes(row[0]) for row in session.execute(text("SELECT line FROM op_log WHERE kind = 'person'"))]
    rows += [bytes(row[0]) for row in session.execute(text("SELECT raw FROM quarantine"))]
    rows += [bytes(row[0]) for row in session.execute(text("SELECT state FROM record WHERE kind = 'person'"))]
    rows += [str(row[0]).encode() for row in session.execute(text("SELECT phone FROM k_person"))]
    session.rollback()
    return rows


def database_files(tmp_path: Path) -> list[Path]:
    """The files the database keeps its tables in."""
    if db.engine.dialect.name == "sqlite":
        return [path for path in tmp_path.glob("ledger.db*") if path.is_file()]
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
        base = Path(str(connection.execute(text("SHOW data_directory")).scalar_one()))
        main = [connection.execute(text("SELECT pg_relation_filepath(:name)"), {"name": name}).scalar_one() for name in TABLES]
        main += connection.execute(text("SELECT pg_relation_filepath(oid) FROM pg_class WHERE relkind = 'r' AND relispartition")).scalars().all()
        toast = connection.execute(text("SELECT pg_relation_filepath(oid) FROM pg_class WHERE relkind = 't' AND relfilenode > 16383")).scalars().all()
    return [base / name for name in (*main, *toast) if name and (base / name).exists()]


def holding(paths: list[Path], needles: list[bytes]) -> list[str]:
    """Which of the files hold any of these bytes, plain or as hex digits."""
    found = []
    for path in paths:
        data = path.read_bytes()
        if any(needle in data or needle.hex().encode() in data for needle in needles):
            found.append(path.name)
    return found


def everything(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_after_an_erasure_no_file_of_the_server_and_no_new_backup_holds_anything_of_the_person(
    app: Flask, client: Client, person: Person, tmp_path: Path
) -> None:
    needles = [NAME.encode(), PHONE.encode(), PHOTO]
    settings = app.extensions["xunan"]
    with app.app_context():
        backup(db.session(), settings, tmp_path / "backup")
        needles += stored(db.session())
        before = database_files(tmp_path)
        # A later edit leaves the earlier values in the free parts of the files.
        push(client, PERSON, "person", phone="13811112222")
        needles += stored(db.session())
        assert holding(database_files(tmp_path), needles)
        assert holding(everything(tmp_path / "data"), needles)
    assert before
    admin = person("admin")
    plan = admin.call("GET", f"/admin/erasures/plan/{PERSON}").json
    assert plan == {"records": {"attachment": 1, "person": 1}, "files": 1}
    done = admin.call("POST", "/admin/erasures", json={"rec": PERSON, "why": "request"})
    assert (done.status_code, done.json) == (200, {"records": 2, "files": 1})
    drain(app)
    with app.app_context():
        assert holding(database_files(tmp_path), needles) == []
        assert holding(everything(tmp_path / "data"), needles) == []
        assert fold_anew(db.session()).ok
        older = set(everything(tmp_path / "backup" / "sets"))
        backup(db.session(), settings, tmp_path / "backup")
        fresh = [path for path in everything(tmp_path / "backup") if path not in older]
        assert [path for path in fresh if path.name == "erasures.ndjson"]
        assert holding(fresh, needles) == []
    # The photo has left the files that all sets share, the older set holds the rest until it goes itself (RUNBOOK).
    assert holding(everything(tmp_path / "backup" / "files"), needles) == []
    detail = admin.call("GET", f"/centre/records/{PERSON}").json
    assert (detail["v"], detail["attachments"], detail["erased"]["why"], detail["erased"]["by"]) == ({}, [], "request", "admin")
    assert admin.call("GET", f"/centre/records/{PERSON}/history").status_code == 200
    listed = admin.call("GET", "/admin/erasures").json
    assert {(each["id"], each["kind"], each["why"], each["by"]) for each in listed["items"]} == {
        (PERSON, "person", "request", "admin"), ("0198-photo", "attachment", "request", "admin"),
    }  # fmt: skip
    trace = admin.call("GET", "/admin/audit?action=erase").json["items"]
    assert [(each["target"], each["detail"]["why"]) for each in trace] == [(PERSON, "request")]
    assert admin.call("POST", "/centre/list/person", json={}).json["total"] == 0
    assert admin.call("POST", "/centre/search", json={"q": NAME}).json["items"] == []


def test_a_restored_older_backup_is_erased_again_before_anybody_reads_it(app: Flask, client: Client, person: Person, tmp_path: Path) -> None:
    settings = app.extensions["xunan"]
    with app.app_context():
        backup(db.session(), settings, tmp_path / "backup")
        older = next((tmp_path / "backup" / "sets").iterdir())
    person("admin").call("POST", "/admin/erasures", json={"rec": PERSON, "why": "request"})
    drain(app)
    renewed = replace(settings, database_url=empty_like(settings.database_url, tmp_path), data_dir=tmp_path / "renewed")
    for known in ("from the list beside the sets", "from the database that is replaced"):
        if known == "from the list beside the sets":
            with app.app_context():
                backup(db.session(), settings, tmp_path / "backup")
        again = create_app(renewed if known == "from the list beside the sets" else settings)
        again.testing = True
        with again.app_context():
            if known != "from the list beside the sets":
                (tmp_path / "backup" / "erasures.ndjson").unlink()
            said = restore(again.extensions["xunan"], older, replace=True)
            assert "2 records erased again" in said
            assert db.session.execute(text("SELECT count(*) FROM k_person")).scalar_one() == 0
            assert fold_anew(db.session()).ok
            jobs.drain()
            assert holding(everything(again.extensions["xunan"].data_dir / "files"), [PHOTO]) == []


def test_a_photo_that_something_else_names_stays_and_one_that_comes_again_goes_again(app: Flask, client: Client, person: Person) -> None:
    tus = Tus(client)
    shared, own = tus.upload(PHOTO + b" twice"), tus.upload(PHOTO + b" once")
    photo_of(client, "0198-p1", PERSON, shared)
    photo_of(client, "0198-p2", HAZARD, shared)
    photo_of(client, "0198-p3", PERSON, own)
    person("admin").call("POST", "/admin/erasures", json={"rec": PERSON, "why": "request"})
    drain(app)
    assert client.call("GET", f"/files/{shared}").status_code == 200
    assert client.call("GET", f"/files/{own}").status_code == 404
    tus.upload(PHOTO + b" once")
    with app.app_context():
        at = now_ms()
        files.sweep(db.session(), at + 6 * DAY_MS)
        assert db.session.execute(text("SELECT count(*) FROM stored_file WHERE sha256 = :sha"), {"sha": own}).scalar_one() == 1
        files.sweep(db.session(), at + 8 * DAY_MS)
        assert db.session.execute(text("SELECT count(*) FROM stored_file WHERE sha256 = :sha"), {"sha": own}).scalar_one() == 0
        assert jobs.drain() > 0
    assert client.call("GET", f"/files/{shared}").status_code == 200


def test_what_is_due_is_listed_by_the_towns_own_period_and_erased_in_steps(app: Flask, client: Client, person: Person) -> None:
    admin, head = person("admin"), person("head")
    for number in range(3):
        assert push(head, f"0198-gone-{number}", "person", name=f"王{number}小二", review_status="moved") == "applied"
    assert push(head, "0198-here", "person", name="李四", review_status="active") == "applied"
    off = {each["rule"]: (each["days"], each["total"]) for each in admin.call("GET", "/admin/erasures/due").json["rules"]}
    assert off == {"person_gone": (None, 0), "event_over": (None, 0)}
    with app.app_context():
        value = {"key": "retention_person_days", "value": 365, "label": "人员信息保存天数", "source": "镇应急办〔2026〕3号", "scope": "town"}
        write.append(db.session(), "u_test", [{"rec": "0198-set", "kind": "setting", "scope": "town", "f": {k: reg(v) for k, v in value.items()}}])
        at = now_ms() + 366 * DAY_MS
        told = retention.due(db.session(), at, "person_gone")[0]
        assert (told["days"], told["source"], told["total"]) == (365, "镇应急办〔2026〕3号", 3)
        assert [each["title"] for each in told["items"]] == ["王**"] * 3
        db.session.rollback()
        assert retention.due(db.session(), now_ms(), "person_gone")[0]["total"] == 0
        db.session.rollback()
        # Cut after the first step, the work goes on with what is left.
        with unit() as session:
            jobs.add(session, retention.JOB, {"rule": "person_gone", "author": "u_admin", "device": None}, 0)
        retention.AT_ONCE, before = 2, retention.AT_ONCE
        try:
            assert retention.erase_some(db.session(), "person_gone", "u_admin", at) == 2
            retention.run(db.session(), {"rule": "person_gone", "author": "u_admin"}, at)
        finally:
            retention.AT_ONCE = before
        assert [row[0] for row in db.session.execute(text("SELECT id FROM k_person ORDER BY id"))] == ["0198-here", PERSON]
    assert admin.call("POST", "/admin/erasures/due", json={"rule": "person_gone", "total": 5}).status_code == 409


def test_transfers_are_due_when_their_event_has_been_over_for_long(app: Flask, client: Client) -> None:
    with app.app_context():
        event = {"name": "台风", "ended_at": "2020-08-01T00:00:00+08:00", "scope": "town"}
        days = {"key": "retention_transfer_days", "value": 30, "scope": "town"}
        for rec, kind, values in (("0198-event", "event", event), ("0198-set", "setting", days)):
            write.append(db.session(), "u_test", [{"rec": rec, "kind": kind, "scope": "town", "f": {k: reg(v) for k, v in values.items()}}])
    push(client, "0198-move", "transfer", event="0198-event", person=PERSON, status="arrived")
    push(client, "0198-other", "transfer", event="0198-running", person=PERSON, status="arrived")
    runner = app.test_cli_runner()
    listed = runner.invoke(args=["erase", "due"]).output
    assert "0198-move" in listed
    assert "0198-other" not in listed
    assert "off" in listed
    assert runner.invoke(args=["erase", "run", "event_over"]).exit_code == 1
    assert "1 records erased" in runner.invoke(args=["erase", "run", "event_over", "--yes"]).output
    assert "3 records and 1 files" in runner.invoke(args=["erase", "record", PERSON, "request"], input="y\n").output
    assert runner.invoke(args=["erase", "scrub"]).output == "done\n"
    with app.app_context():
        assert db.session.execute(text("SELECT count(*) FROM k_transfer")).scalar_one() == 0
        assert fold_anew(db.session()).ok
