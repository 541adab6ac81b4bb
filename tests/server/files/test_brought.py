"""To know a file's hash is not to have the file: who may open it, who is told it is there, and that it is still stored once (P-51)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from flask import Flask
from sqlalchemy import delete, text

from server.db import db, unit
from server.files.models import FROM_NODE, FileRef, FileSource
from server.files.refs import add_sources
from server.files.tus import Uploads
from tests.server.files.tus_client import Tus, key_of

INI = Path(__file__).resolve().parents[3] / "migrations" / "alembic.ini"
SignIn = Callable[[str], Tus]
DATA = b"evidence of station 007" * 100
KEY = key_of(DATA)
OTHER = "station:310199101008"


def test_who_only_knows_the_hash_opens_nothing_with_a_record_of_his_own(tus: Tus, signed_in: SignIn) -> None:
    tus.upload(DATA)
    tus.attach(KEY)
    thief = signed_in("stranger")
    thief.attach(KEY, OTHER)
    assert thief.call("GET", f"/files/{KEY}").status_code == 404
    assert tus.call("GET", f"/files/{KEY}").data == DATA


def test_nobody_else_learns_that_a_file_is_here(tus: Tus, signed_in: SignIn) -> None:
    tus.upload(DATA)
    stranger, absent = signed_in("stranger"), key_of(b"no such file")
    for key in (KEY, absent):
        assert (stranger.state(key), stranger.head(key).status_code, stranger.patch(key, 0, DATA).status_code) == (None, 404, 404)
        answer = stranger.create(key, len(DATA))
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "0")
        assert stranger.head(key).headers["Upload-Offset"] == "0"


def test_who_has_the_bytes_brings_them_once_and_they_are_kept_once(tus: Tus, signed_in: SignIn, app: Flask) -> None:
    tus.upload(DATA)
    other = signed_in("stranger")
    other.attach(KEY, OTHER)
    assert other.upload(DATA) == KEY
    assert other.call("GET", f"/files/{KEY}").data == DATA
    assert other.create(KEY, len(DATA)).headers["Upload-Offset"] == str(len(DATA)), "once brought it is not asked for again"
    with app.app_context():
        assert db.session.execute(text("SELECT COUNT(*) FROM stored_file")).scalar() == 1


def test_wrong_bytes_for_a_stored_file_bring_nothing_and_harm_nothing(tus: Tus, signed_in: SignIn) -> None:
    tus.upload(DATA)
    tus.attach(KEY)
    thief = signed_in("stranger")
    thief.attach(KEY, OTHER)
    thief.create(KEY, len(DATA))
    assert thief.patch(KEY, 0, b"x" * len(DATA)).json["code"] == "checksum_mismatch"
    assert thief.call("GET", f"/files/{KEY}").status_code == 404
    assert tus.call("GET", f"/files/{KEY}").data == DATA


def test_nobody_goes_on_with_what_another_began_or_takes_it_away(tus: Tus, signed_in: SignIn) -> None:
    tus.create(KEY, len(DATA))
    tus.patch(KEY, 0, DATA[:-1])
    thief = signed_in("stranger")
    assert (thief.head(KEY).status_code, thief.patch(KEY, len(DATA) - 1, DATA[-1:]).status_code) == (404, 404)
    assert thief.call("DELETE", f"/files/{KEY}").status_code == 404
    for length in (len(DATA), 1):
        assert thief.create(KEY, length).headers["Upload-Offset"] == "0"
        assert tus.head(KEY).headers["Upload-Offset"] == str(len(DATA) - 1), "what came of a colleague stays"
    assert thief.patch(KEY, 0, b"x").json["code"] == "checksum_mismatch"
    thief.create(KEY, len(DATA))
    thief.call("DELETE", f"/files/{KEY}")
    assert tus.patch(KEY, len(DATA) - 1, DATA[-1:]).status_code == 204
    assert tus.state(KEY) is not None


def test_two_devices_bring_the_same_file_at_once_and_it_is_kept_once(tus: Tus, signed_in: SignIn, app: Flask) -> None:
    other = signed_in("stranger")
    for each in (tus, other):
        each.create(KEY, len(DATA))
        each.patch(KEY, 0, DATA[:100])
    assert tus.patch(KEY, 100, DATA[100:]).status_code == 204
    assert (other.state(KEY), other.head(KEY).headers["Upload-Offset"]) == (None, "100"), "he has not shown that he has it"
    held: Uploads = app.extensions["xunan_uploads"]
    assert other.patch(KEY, 100, DATA[100:]).status_code == 204
    assert other.state(KEY) is not None
    assert list(held.folder.iterdir()) == []
    with app.app_context():
        assert db.session.execute(text("SELECT COUNT(*) FROM stored_file")).scalar() == 1


def test_uploads_begun_before_they_had_a_device_are_gone_on_with(tus: Tus, signed_in: SignIn, app: Flask) -> None:
    tus.create(KEY, len(DATA))
    tus.patch(KEY, 0, DATA[:100])
    with app.app_context():
        own = db.session.scalars(text("SELECT part FROM upload")).one()
    other = signed_in("stranger")
    other.create(KEY, len(DATA))
    folder = app.extensions["xunan_uploads"].folder
    config = Config(str(INI))
    with app.app_context():
        config.attributes["engine"] = db.engine
        with unit() as session:
            session.execute(text("UPDATE upload SET created_at = created_at + 1000 WHERE part = :own"), {"own": own})
        db.session.remove()
        command.downgrade(config, "20261128_12")
        (folder / f"{own}.part").rename(folder / f"{KEY}.part")
        command.upgrade(config, "head")
    assert other.head(KEY).status_code == 404, "one table row per file held one of them"
    assert tus.head(KEY).headers["Upload-Offset"] == "100"
    assert tus.patch(KEY, 100, DATA[100:]).status_code == 204
    assert tus.state(KEY) is not None


def test_a_colleague_of_the_station_reads_and_a_record_that_moves_takes_its_file_along(tus: Tus, signed_in: SignIn, app: Flask) -> None:
    tus.upload(DATA)
    tus.attach(KEY)
    assert signed_in("head").call("GET", f"/files/{KEY}").data == DATA
    with app.app_context(), unit() as session:
        session.execute(text("UPDATE record SET scope = :scope WHERE kind = 'attachment'"), {"scope": OTHER})
        session.execute(text("UPDATE k_attachment SET scope = :scope"), {"scope": OTHER})
    assert tus.call("GET", f"/files/{KEY}").status_code == 404
    assert signed_in("stranger").call("GET", f"/files/{KEY}").data == DATA


def test_another_node_vouches_for_what_came_over_it_and_for_nothing_else(tus: Tus, signed_in: SignIn, app: Flask) -> None:
    tus.upload(DATA)
    tus.attach(KEY)
    with app.app_context(), unit() as session:
        session.execute(delete(FileSource))
        add_sources(session, KEY, [FROM_NODE], 1)
    assert tus.call("GET", f"/files/{KEY}").status_code == 404, "the op came straight to this node"
    with app.app_context(), unit() as session:
        session.execute(text("UPDATE op_log SET node = 'another'"))
    assert tus.call("GET", f"/files/{KEY}").data == DATA


def test_what_was_stored_before_this_was_noted_is_open_for_the_ops_of_then(tus: Tus, signed_in: SignIn, app: Flask) -> None:
    tus.upload(DATA)
    tus.attach(KEY)
    with app.app_context(), unit() as session:
        session.execute(delete(FileSource))
        add_sources(session, KEY, [""], session.execute(text("SELECT MAX(rx_at) FROM op_log")).scalar_one())
    thief = signed_in("stranger")
    with app.app_context(), unit() as session:
        session.execute(text("UPDATE op_log SET rx_at = rx_at - 5000"))
        session.execute(text("UPDATE file_source SET at = at - 5000"))
    thief.attach(KEY, OTHER)
    assert tus.call("GET", f"/files/{KEY}").data == DATA
    assert thief.call("GET", f"/files/{KEY}").status_code == 404


def test_a_look_up_that_found_nothing_is_not_remembered(tus: Tus, app: Flask) -> None:
    tus.attach(KEY)
    assert tus.call("GET", f"/files/{KEY}").status_code == 404
    tus.upload(DATA)
    assert tus.call("GET", f"/files/{KEY}").data == DATA
    with app.app_context():
        assert len(db.session.query(FileRef).all()) == 1
