"""To know a file's hash is not to have the file: who may open it, who is told it is there, and that it is still stored once (P-51)."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from sqlalchemy import delete, text

from server.db import db, unit
from server.files.models import FROM_NODE, FileRef, FileSource
from server.files.refs import add_sources
from tests.server.files.tus_client import Tus, key_of

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


def test_nobody_goes_on_with_what_another_began(tus: Tus, signed_in: SignIn) -> None:
    tus.create(KEY, len(DATA))
    tus.patch(KEY, 0, DATA[:-1])
    thief = signed_in("stranger")
    assert (thief.head(KEY).status_code, thief.patch(KEY, len(DATA) - 1, DATA[-1:]).status_code) == (404, 404)
    assert thief.create(KEY, len(DATA)).headers["Upload-Offset"] == "0"
    assert tus.upload(DATA) == KEY, "the newest starts over, and whoever comes back has all of it"


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
