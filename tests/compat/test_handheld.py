"""Today's app on the handheld of a released version: what lay in its browser opens by its PIN, shows its queue, and all of it arrives.

A full queue survives an upgrade of app and server at once (properties 15, 16): ops, sealed personal ones, photos, tracks, a draft.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright, expect, sync_playwright

from server.db import db, unit
from tests.browser.handheld import PIN, Handheld
from tests.compat.frozen import Release, lengthen, releases
from tests.tools import checker
from tests.tools.serving import Server
from tests.tools.stores import RESTORE
from tests.tools.wire import Wire

HELD = "async (engine) => ({ ops: engine.status().pending_ops, files: engine.status().pending_files, drafts: await engine.drafts.keys() })"


@pytest.fixture
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


@pytest.fixture(params=releases(), ids=lambda release: release.name)
def release(request: pytest.FixtureRequest) -> Release:
    found: Release = request.param
    return found


@pytest.fixture
def wire(tmp_path: Path, release: Release) -> Iterator[Wire]:
    """A link, down at first, to the server of then, upgraded."""
    folder, made_wire = tmp_path / "server", Wire()
    made_wire.api_down = True
    folder.mkdir()
    url = release.lay_sqlite(folder / "town.db")
    release.lay_data(folder)
    made = Server(folder, made_wire.port, stations=0)
    made_wire.target_port = made.port
    db.init(url)
    with unit() as session:
        lengthen(session)
    db.close()
    made.start()
    yield made_wire
    made.kill9()
    made_wire.close()


def unsent(release: Release) -> list[tuple[str, int, str]]:
    """Author, number and hash of every op of the frozen outbox."""
    (ops,) = [each for each in release.handheld["databases"] if each["name"].endswith("-ops")]
    rows = next(store["rows"] for store in ops["stores"] if store["name"] == "ops")
    return [(row["dev"], row["n"], row["h"]) for _, row in rows]


def files_of(release: Release) -> dict[str, int]:
    (blobs,) = [each for each in release.handheld["databases"] if each["name"].endswith("-blobs")]
    rows = next(store["rows"] for store in blobs["stores"] if store["name"] == "uploads")
    return {row["sha256"]: row["size"] for _, row in rows}


def test_a_frozen_handheld_unlocks_shows_its_queue_and_delivers_everything(
    playwright: Playwright, wire: Wire, tmp_path: Path, release: Release
) -> None:
    folder, frozen = tmp_path / "server", release.handheld
    assert release.told["pin"] == PIN
    handheld = Handheld(playwright, tmp_path / "profile", f"http://127.0.0.1:{wire.port}")
    page = handheld.page
    # A page of the same origin on which no app runs.
    page.goto(f"{handheld.base}/healthz")
    page.evaluate(RESTORE, {"local": frozen["local"], "databases": frozen["databases"]})
    # No answer yet: what is shown is what lay there.
    page.goto(handheld.base)
    handheld.unlock()
    assert handheld.run(HELD) == frozen["held"]
    shown: dict[str, Any] = handheld.states()
    assert {rec: shown.get(rec) for rec in frozen["states"]} == frozen["states"]
    handheld.go("/hazard-new")
    expect(page.get_by_test_id("field-note")).to_have_value(release.told["draft"])

    wire.api_down = False
    handheld.settle()
    lines = checker.logged(folder)
    assert checker.gaps(lines) == []
    with sqlite3.connect(folder / "town.db") as connection:
        stored = {tuple(row) for row in connection.execute("SELECT dev, n, h FROM op_log")}
    assert set(unsent(release)) <= stored
    held = checker.stored_files(folder)
    assert {key: held.get(key) for key in files_of(release)} == files_of(release)
    assert checker.differing(handheld.states(), checker.server_states(folder)) == []
    assert handheld.errors == []
    handheld.close()

