"""Today's server on what a released one left: its database is migrated and whole, its clients get their answers (P-41, property 15)."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import text

from server import create_app
from server.backup import restore
from server.db import db, migrate, unit
from server.ledger.lines import read_line
from server.ledger.state import canonical
from server.ledger.verify import fold_anew
from server.settings import Settings
from sync.merge_kinds import counter_state, shown_value
from sync.record import load
from tests.compat.frozen import Release, Spoken, lengthen, releases
from tests.house.sources import ROOT
from tests.server.ledger.world import Caller, Device, rec_id, reg
from tests.tools.postgres import create_database

# What an answer says of the moment, of texts for people, and of opaque marks: everything else is the contract.
OF_THE_MOMENT = {"now", "now_ms", "cursor", "request_id", "detail", "detail_zh", "title", "title_zh", "etag", "bytes"}
each_release = pytest.mark.parametrize("release", releases(), ids=lambda release: release.name)
both_databases = pytest.mark.parametrize("database", ["sqlite", "postgresql"])


def settings_on(request: pytest.FixtureRequest, folder: Path, release: Release, database: str) -> Settings:
    """The frozen town, laid out on a database and migrated."""
    if database == "sqlite":
        url = release.lay_sqlite(folder / "town.db")
    else:
        url = create_database(request.getfixturevalue("postgres_cluster"), f"compat_{sha256(str(folder).encode()).hexdigest()[:12]}")
        release.lay_postgres(url)
    release.lay_data(folder / "data")
    migrate(db.init(url))
    with unit() as session:
        lengthen(session)
    return Settings(database_url=url, data_dir=folder / "data", pwa_dir=folder, log_level="CRITICAL")


@pytest.fixture
def opened() -> Iterator[None]:
    yield
    db.close()


def log_lines() -> dict[tuple[str, int], bytes]:
    rows = db.session.execute(text("SELECT dev, n, h, line FROM op_log")).all()
    db.session.rollback()
    return {(dev, n): read_line(dev, n, h, line) for dev, n, h, line in rows}


def replay(app: Flask, spoken: Spoken) -> Any:
    """The request once more, byte for byte."""
    headers = spoken.headers | {"Authorization": f"Bearer {spoken.token}"}
    return app.test_client().open(f"/api/v1{spoken.path}", method=spoken.method, headers=headers, data=spoken.body)


def states_of(pack: bytes) -> tuple[str, set[str]]:
    """Format of a snapshot and ids in it."""
    head, *packs = (orjson.loads(line) for line in pack.splitlines())
    return head["format"], {state["id"] for states in packs for state in states}


def lacking(frozen: Any, today: Any, where: str = "") -> list[str]:
    """What of a frozen answer today's does not say; it may say more. How far a snapshot reaches is the server's own affair."""
    if isinstance(frozen, dict):
        if not isinstance(today, dict):
            return [f"{where}: {today!r} instead of an object"]
        missing = [f"{where}.{name} is missing" for name in frozen.keys() - today.keys()]
        skipped = OF_THE_MOMENT | ({"seq", "count"} if "url" in frozen else set())
        return missing + [line for name in frozen.keys() & today.keys() - skipped for line in lacking(frozen[name], today[name], f"{where}.{name}")]
    if isinstance(frozen, list):
        if not isinstance(today, list) or len(frozen) != len(today):
            return [f"{where}: {today!r} instead of {frozen!r}"]
        return [line for i, (left, right) in enumerate(zip(frozen, today, strict=True)) for line in lacking(left, right, f"{where}[{i}]")]
    return [] if frozen == today else [f"{where}: {today!r} instead of {frozen!r}"]


@both_databases
@each_release
@pytest.mark.usefixtures("opened")
def test_a_frozen_database_is_migrated_and_answers_its_clients(
    request: pytest.FixtureRequest, tmp_path: Path, release: Release, database: str
) -> None:
    app = create_app(settings_on(request, tmp_path, release, database))
    app.testing = True
    with app.app_context():
        report = fold_anew(db.session())
        assert report.ok, report
        assert log_lines() == {(line["dev"], line["n"]): line["line"].encode() for line in release.log["lines"]}
    for spoken in release.spoken():
        answer = replay(app, spoken)
        assert answer.status_code == spoken.status, spoken.note
        for name in spoken.told.keys() & {"Upload-Offset"}:
            assert answer.headers[name] == spoken.told[name], spoken.note
        if spoken.path.startswith("/snapshots/"):
            (old, held), (new, given) = states_of(spoken.answer), states_of(gzip.decompress(answer.data))
            assert old == new
            assert held <= given
        elif spoken.json is not None:
            assert lacking(spoken.json, orjson.loads(answer.data)) == [], spoken.note
    with app.app_context():
        report = fold_anew(db.session())
        assert report.ok, report


@both_databases
@each_release
@pytest.mark.usefixtures("opened")
def test_a_client_from_far_ahead_loses_nothing_to_this_server(request: pytest.FixtureRequest, tmp_path: Path, release: Release, database: str) -> None:
    """Kinds, fields, verbs, parts of an op and of a header this server has never heard of: all is stored as sent, what can be folded is."""
    app = create_app(settings_on(request, tmp_path, release, database))
    app.testing = True
    spoken = next(each for each in release.spoken() if each.note.startswith("a push"))
    last = orjson.loads(release.log["lines"][-1]["line"])
    station, user = last["scope"], orjson.loads(gzip.decompress(spoken.body).split(b"\n")[1])["user"]
    ahead = Device("ahead", Caller("", ()), user)
    ahead.write(rec_id(50), "hazard", {"scope": reg(station), "title": reg("积水"), "water_cm": {"k": "inc", "v": 12}}, scope=station, schema=99, app="3.0.0", mood="calm", proof={"a": [1]})
    ahead.write(rec_id(50), "hazard", {"title": {"k": "move", "v": "上移"}}, scope=station, schema=99)
    ahead.write(rec_id(51), "drone_dock", {"scope": reg(station), "bay": reg(3), "crew": {"k": "add", "v": "丙"}}, scope=station, schema=99)
    ahead.write(rec_id(50), "hazard", {"note": reg("与上一条无关")}, scope=station, schema=99)
    sent = list(ahead.lines)
    body = ahead.body(schema=99, wishes={"pack": "zstd"}, status={"pending": 4, "mood": "calm"})
    answer = app.test_client().post("/api/v1/sync", data=body, headers={"Authorization": f"Bearer {spoken.token}", "Content-Type": "application/x-ndjson"})
    assert answer.status_code == 200
    told = orjson.loads(answer.data)
    assert [(each["v"], each.get("why")) for each in told["verdicts"]] == [("applied", None), ("quarantined", "bad_field"), ("applied", None), ("applied", None)]
    with app.app_context():
        held = log_lines()
        assert [held[ahead.dev, n] for n in range(1, 5)] == sent
        states = dict(db.session.execute(text("SELECT id, state FROM record WHERE kind IN ('hazard', 'drone_dock')")).all())  # type: ignore[arg-type]
        hazard, dock = (load(canonical(rec, bytes(states[rec]))) for rec in (rec_id(50), rec_id(51)))
        assert (shown_value(hazard, "title"), shown_value(hazard, "note"), counter_state(hazard, "water_cm").value) == ("积水", "与上一条无关", 12)
        assert (shown_value(dock, "bay"), [value for _, value in dock.sets["crew"]]) == (3, ["丙"])
        assert fold_anew(db.session()).ok


@each_release
@pytest.mark.usefixtures("opened")
def test_a_frozen_backup_is_restored(tmp_path: Path, release: Release) -> None:
    shutil.unpack_archive(release.folder / "backup.zip", tmp_path / "backup")
    settings = Settings(database_url=f"sqlite:///{tmp_path}/town.db", data_dir=tmp_path / "data", log_level="CRITICAL")
    db.init(settings.database_url)
    restore(settings, tmp_path / "backup")
    report = fold_anew(db.session())
    assert report.ok, report
    assert report.records == len(release.log["states"])


@each_release
def test_a_frozen_migration_never_changes(release: Release) -> None:
    """Whoever ran it has what it made; a change would reach only new towns."""
    for name, digest in release.told["migrations"].items():
        assert sha256((ROOT / "migrations/versions" / name).read_bytes()).hexdigest() == digest, f"{name} was released with {release.name}"
