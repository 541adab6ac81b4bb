"""Backup of a live server and its restore: a restored server is refilled by its devices (P-23)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from server import create_app
from server.backup import BackupError, backup, read_manifest, restore
from server.db import db
from server.doctor import examine
from server.ledger.partitions import is_partitioned
from server.seal import seal
from tests.server.edge.people import SCOPE, Person


def reg(value: object, *parents: str) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": list(parents)}


def empty_like(url: str, folder: Path) -> str:
    """Address of an empty database of the same kind."""
    if url.startswith("sqlite"):
        return f"sqlite:///{folder}/restored.db"
    name = "xunan_restored_" + url.rsplit("_", 1)[1]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(f'CREATE DATABASE "{name}"')
    return url.rsplit("/", 1)[0] + f"/{name}"


def test_a_restored_server_asks_for_what_it_lost_and_gets_it(app: Flask, person: Person, tmp_path: Path) -> None:
    client = person("patroller")
    first = client.line("0198-a", {"scope": reg(SCOPE), "title": reg("裂缝")})
    client.sync([first], 1, "00000000")
    h1 = client.h
    folder = tmp_path / "backup"
    settings = app.extensions["xunan"]
    with app.app_context():
        backup(db.session(), settings, folder)
        durable = db.session.execute(text("SELECT durable FROM incarnation WHERE dev = :dev"), {"dev": client.dev}).scalar_one()
    assert durable == 1
    second = client.line("0198-b", {"scope": reg(SCOPE), "title": reg("堆物")})
    assert client.sync([second], 2, h1).json["acked"] == 2

    renewed = replace(settings, database_url=empty_like(settings.database_url, tmp_path), data_dir=tmp_path / "renewed")
    again = create_app(renewed)
    with again.app_context():
        restore(renewed, folder)
        # Once more, over a database that has all its tables, triggers and functions.
        restore(renewed, folder, replace=True)
        if is_partitioned(db.session()):
            assert db.session.execute(text("SELECT COUNT(*) FROM op_log_default")).scalar_one() == 0, "every op is in its month"
    again.testing = True
    client.app = again
    answer = client.sync([], 3, client.h).json
    assert answer["resend_from"] == 2
    refilled = client.sync([second], 2, h1).json
    assert refilled["verdicts"] == [{"n": 2, "v": "applied"}]
    assert {rec["id"] for rec in refilled["records"]} == {"0198-a", "0198-b"}


def test_a_damaged_backup_is_refused(app: Flask, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    with app.app_context():
        backup(db.session(), app.extensions["xunan"], folder)
    chosen, _ = read_manifest(folder)
    part = next(path for path in sorted(chosen.iterdir()) if path.name != "manifest.json")
    part.write_bytes(part.read_bytes() + b"x")
    with pytest.raises(BackupError, match="damaged"):
        read_manifest(folder)


def test_a_restore_without_the_data_key_refuses_before_it_changes_anything(app: Flask, person: Person, tmp_path: Path) -> None:
    client = person("patroller")
    client.sync([client.line("0198-p", {"scope": reg(SCOPE), "name": reg("张三丰")}, "person")], 1, "00000000")
    folder = tmp_path / "backup"
    settings = app.extensions["xunan"]
    with app.app_context():
        backup(db.session(), settings, folder)
        seal.init([bytes(32)])
        try:
            with pytest.raises(BackupError, match="XUNAN_DATA_KEYS"):
                restore(settings, folder, replace=True)
            found = {each.name: each for each in examine(settings)}
        finally:
            seal.init(settings.data_keys)
        assert found["data key"].state == "wrong"
        assert db.session.execute(text("SELECT COUNT(*) FROM op_log WHERE kind = 'person'")).scalar_one() == 1


def test_a_wrong_data_key_is_a_problem_in_plain_words(app: Flask, person: Person) -> None:
    client = person("patroller")
    client.sync([client.line("0198-p", {"scope": reg(SCOPE), "name": reg("张三丰")}, "person")], 1, "00000000")
    seal.init([bytes(32)])
    try:
        answer = person("head").sync([], 1, "00000000")
    finally:
        seal.init(app.extensions["xunan"].data_keys)
    assert (answer.status_code, answer.json["code"], answer.json["reason"]) == (503, "unavailable", "data key")
