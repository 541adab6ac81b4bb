"""`python -m tests.tools.freeze VERSION FOLDER`: plays one story on the code as it is and freezes what it leaves (tests/compat/README.md).

Owns the story - a server, a real handheld with a full queue, devices that speak by hand - and the layout of a frozen release. Run once per
release, from the code that is released; what it wrote is never made again.
"""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright
from sqlalchemy import create_engine, insert, select, text

import server.files.models
import server.nodes.models  # noqa: F401 - registers tables
from server.db import Base, db, migrate
from server.kinds import MODELS  # noqa: F401 - registers tables
from server.ledger.lines import read_line
from server.ledger.state import canonical
from tests.browser.handheld import PIN, Handheld
from tests.browser.steps import mark_person, move_stock, record_hazard, walk_patrol
from tests.tools.freeze_wire import Author, Talk, begin_upload, every_kind_and_verb, recorded
from tests.tools.postgres import binaries, cluster, create_database
from tests.tools.serving import PASSWORD, ROOT, Server
from tests.tools.stores import DUMP, LOOSE_KEYS
from tests.tools.wire import Wire

DRAFT = "写了一半的说明"
RESCUE = """async (engine) => {
  const bytes = new Uint8Array(await (await engine.rescue_export()).arrayBuffer());
  let text = ''; for (const byte of bytes) text += String.fromCharCode(byte); return btoa(text);
}"""
HELD = "async (engine) => ({ ops: engine.status().pending_ops, files: engine.status().pending_files, drafts: await engine.drafts.keys() })"


def photo(folder: Path, number: int) -> Path:
    """A small JPEG that is not black."""
    path = folder / f"photo{number}.jpg"
    Image.effect_noise((240, 180), 30 + number).convert("RGB").save(path, quality=60)
    return path


def freeze(version: str, target: Path) -> None:
    """Everything into `target`."""
    with tempfile.TemporaryDirectory() as name:
        folder, wire = Path(name) / "server", Wire()
        folder.mkdir()
        # The usual address is one nobody listens on: the frozen handheld knows it as a second one of its server.
        made = Server(folder, 1, stations=1, records=12)
        wire.target_port = made.port
        made.start()
        try:
            _freeze(made, wire, Path(name), target)
        finally:
            made.kill9()
            wire.close()
    write(target / "release.json", {
        "version": version, "pin": PIN, "password": PASSWORD, "draft": DRAFT,
        "migrations": {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted((ROOT / "migrations/versions").glob("*.py"))},
    })  # fmt: skip


def _freeze(made: Server, wire: Wire, folder: Path, target: Path) -> None:
    station = made.run("post", "list", "patrol01a").split("\t")[2]
    pictures = [photo(folder, number) for number in range(5)]
    a, b, late = (Author.enrol(made, name, user, station) for name, user in (("frozen a", "patrol01a"), ("frozen b", "head01"), ("frozen late", "patrol01b")))
    operator = _desk(made, "operator")
    every_kind_and_verb(a, b, pictures[3].read_bytes())
    begin_upload(a.talk, pictures[3].read_bytes())
    with sync_playwright() as playwright:
        rescue = _handheld(playwright, made, wire, folder, station, pictures, target)
    half = pictures[4].read_bytes()
    begin_upload(late.talk, half)
    made.run("backup", str(folder / "backup"))
    made.terminate()
    shutil.make_archive(str(target / "backup"), "zip", folder / "backup")
    with sqlite3.connect(made.folder / "town.db") as connection:
        (target / "server.sql").write_text("\n".join(connection.iterdump()) + "\n", encoding="utf-8")
    write(target / "ops.json", folded(made.folder))
    (target / "postgresql.sql").write_text(postgres_dump(made.folder), encoding="utf-8")
    parts = [path for path in (made.folder / "uploads").iterdir() if path.suffix == ".part"]
    _data(made.folder, parts, target)
    (target / "rescue.xunan").write_bytes(rescue)
    made.start()
    write(target / "wire.json", recorded(made, late, operator, half, rescue))


def _data(folder: Path, parts: list[Path], target: Path) -> None:
    """Files of the server's data folder: what is complete and what is half-way."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(folder / "files", Path(name) / "files")
        (Path(name) / "uploads").mkdir()
        for part in parts:
            shutil.copy(part, Path(name) / "uploads")
        shutil.make_archive(str(target / "data"), "zip", name)


def _desk(made: Server, username: str) -> str:
    said = Talk(made.port, "").say("POST", "/login", json.dumps({"username": username, "password": PASSWORD, "desk": True}).encode(), Content_Type="application/json")
    return str(json.loads(said[1])["grant_token"])


def _handheld(playwright: Any, made: Server, wire: Wire, folder: Path, station: str, pictures: list[Path], target: Path) -> bytes:
    """A real handheld with everything unsent that there is; gives its rescue bundle."""
    handheld = Handheld(playwright, folder / "profile", f"http://127.0.0.1:{wire.port}")
    handheld.context.add_init_script(LOOSE_KEYS)
    page = handheld.page
    handheld.enrol(made.device_code("frozen handheld", station), "patrol01a")
    handheld.settle()
    # Something delivered, something cut half-way, and then no network any more.
    record_hazard(handheld, "corridor_clutter", pictures[0])
    handheld.settle()
    wire.faults["cut_upload"] = 1_000
    record_hazard(handheld, "ebike_charging", pictures[1])
    while not wire.happened["cut_upload"]:
        page.wait_for_timeout(20)
    wire.api_down = True
    walk_patrol(handheld)
    record_hazard(handheld, "corridor_clutter", pictures[2])
    item = handheld.run("async (engine) => engine.records('stock_lot').filter((rec) => rec.v.on_hand > 6 && rec.v.item).map((rec) => rec.v.item).sort()[0]")
    move_stock(handheld, item, 3, "issue")
    person = handheld.run("async (engine) => engine.records('transfer').filter((rec) => rec.v.status === 'pending').map((rec) => rec.v.person).sort()[0]")
    mark_person(handheld, person, "notified")
    handheld.go("/hazard-new")
    page.get_by_test_id("field-note").fill(DRAFT)
    rescue = base64.b64decode(handheld.run(RESCUE))
    dump = page.evaluate(DUMP)
    while not next(store for each in dump["databases"] for store in each["stores"] if store["name"] == "drafts")["rows"]:
        dump = page.evaluate(DUMP)
    write(target / "handheld.json", {"held": handheld.run(HELD), "states": handheld.states(), **dump})
    assert handheld.errors == []
    handheld.close()
    return rescue


def folded(folder: Path) -> dict[str, Any]:
    """Every line of the log with the time the server gave it, and the state its record has."""
    with sqlite3.connect(folder / "town.db") as connection:
        rows = connection.execute("SELECT dev, n, h, line, at_c, verdict FROM op_log ORDER BY id").fetchall()
        states = connection.execute("SELECT id, state FROM record ORDER BY id").fetchall()
    lines = [{"dev": dev, "n": n, "h": h, "line": read_line(dev, n, h, line).decode(), "at_c": at_c, "verdict": verdict} for dev, n, h, line, at_c, verdict in rows]
    return {"lines": lines, "states": {rec: canonical(rec, state).decode() for rec, state in states}}


def postgres_dump(folder: Path) -> str:
    """The same town on PostgreSQL, made by the migrations, in the words of pg_dump."""
    with cluster() as url:
        address = create_database(url, "frozen")
        migrate(db.init(address))
        source = create_engine(f"sqlite:///{folder}/town.db")
        with source.connect() as reader, db.engine.begin() as writer:
            for table in Base.metadata.sorted_tables:
                writer.execute(table.delete())
                rows = [dict(row) for row in reader.execute(select(table)).mappings()]
                if rows:
                    writer.execute(insert(table), rows)
                for column in table.primary_key.columns:
                    sequence = writer.execute(text("SELECT pg_get_serial_sequence(:t, :c)"), {"t": f'"{table.name}"', "c": column.name}).scalar()
                    if sequence and rows:
                        writer.execute(text("SELECT setval(:s, :v)"), {"s": sequence, "v": max(row[column.name] for row in rows)})
        source.dispose()
        db.close()
        programs = binaries()
        assert programs is not None
        said = subprocess.run([programs / "pginstall/bin/pg_dump", "--no-owner", "--inserts", address], check=True, capture_output=True, text=True).stdout
    # Lines for psql, and settings only the dumping version knows.
    return "\n".join(line for line in said.splitlines() if line and not line.startswith(("\\", "--", "SET "))) + "\n"


def write(path: Path, found: Any) -> None:
    """One file of JSON, a line per entry where it is a list."""
    path.write_text(json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Refuses to freeze over a frozen release."""
    version, target = arguments[0], Path(arguments[1])
    target.mkdir(parents=True)
    freeze(version, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
