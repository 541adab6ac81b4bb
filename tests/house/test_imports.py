"""Who may import whom (house_style section 1). A new arrow between rooms is a decision: change the table here and say why."""

from __future__ import annotations

import sys

import pytest

from tests.house.sources import belongs, python_imports, ts_imports

# What each server package may know of ours. Anything not ours (a library) is judged by the tests below.
OURS = ("sync", "server", "seed", "tests", "migrations", "wsgi")
PACKAGES: dict[str, set[str]] = {
    "sync": {"sync"},
    "server.kinds": {"sync", "server.kinds", "server.db"},
    "server.seal": {"server.kinds"},
    "server.ledger": {"sync", "server.ledger", "server.kinds", "server.db", "server.errors", "server.seal"},
    "server.files": {
        "sync", "server.files", "server.kinds", "server.ledger", "server.accounts", "server.db", "server.errors",
        "server.settings", "server.web.endpoint", "server.jobs", "server.brakes",
    },
    "server.accounts": {
        "sync", "server.accounts", "server.ledger", "server.brakes", "server.db", "server.errors", "server.settings", "server.web.endpoint",
        # The station names of a post are a read model; the secret of a second factor lies sealed.
        "server.centre.naming", "server.seal",
    },
    "server.centre": {
        "sync", "server.centre", "server.kinds", "server.ledger", "server.accounts", "server.files", "server.db",
        "server.errors", "server.settings", "server.web.endpoint", "server.jobs", "server.seal", "server.brakes",
    },
    "server.nodes": {
        "sync", "server.nodes", "server.ledger", "server.accounts", "server.files", "server.db", "server.errors", "server.settings",
        "server.web.endpoint", "server.web.sync_routes",
        # What one node erased the other erases as well.
        "server.erasure.service",
    },
    "server.erasure": {
        "sync", "server.erasure", "server.kinds", "server.ledger", "server.accounts", "server.centre", "server.files", "server.db",
        "server.errors", "server.settings", "server.web.endpoint", "server.jobs", "server.seal",
    },
    "seed": {"sync", "seed", "server.accounts", "server.ledger", "server.kinds", "server.db", "server.settings", "wsgi"},
}  # fmt: skip
IMPURE = {"os", "io", "sys", "time", "random", "secrets", "socket", "pathlib", "subprocess", "threading", "asyncio", "logging", "uuid"}

# Value imports in pwa/src; `import type` is free.
ROOMS: dict[str, set[str]] = {
    "core": {"core", "generated", "pkg:@noble/hashes"},
    "generated": {"generated"},
    "store": {"store", "core", "desk", "pkg:idb"},
    "courier": {"courier", "core", "store"},
    "files": {"files", "core", "store", "courier", "desk", "pkg:fflate", "pkg:tus-js-client"},
    "device": {"device", "files", "store", "ports", "generated", "pkg:zxing-wasm"},
    "i18n": {"i18n", "generated", "pkg:vue"},
}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_knows_only_the_rooms_below_it(package: str) -> None:
    wrong = [
        f"{each.file} imports {each.name}"
        for each in python_imports(package)
        if each.name.split(".")[0] in OURS and each.name != "server" and not belongs(each.name, PACKAGES[package])
    ]
    assert not wrong, "\n".join(wrong)


def test_sync_stands_on_the_standard_library_and_is_pure() -> None:
    for each in python_imports("sync"):
        top = each.name.split(".")[0]
        assert top == "sync" or top in sys.stdlib_module_names, f"{each.file} imports {each.name}"
        assert top not in IMPURE, f"{each.file} imports {each.name}: no clock, no randomness, no I/O in sync"


@pytest.mark.parametrize("package", ["server.kinds", "server.ledger", "seed"])
def test_services_know_no_web_framework(package: str) -> None:
    wrong = [f"{e.file} imports {e.name}" for e in python_imports(package) if belongs(e.name, {"flask", "werkzeug"})]
    assert not wrong, "\n".join(wrong)


def test_routes_hold_no_sql() -> None:
    allowed = {"sqlalchemy.orm", "sqlalchemy.exc"}
    wrong = [
        f"{each.file} imports {each.name}"
        for each in python_imports("server")
        if each.file.endswith("routes.py") and belongs(each.name, {"sqlalchemy"}) and not belongs(each.name, allowed)
    ]
    assert not wrong, "\n".join(wrong)


def test_migrations_import_nothing_of_ours() -> None:
    wrong = [f"{e.file} imports {e.name}" for e in python_imports("migrations.versions") if e.name.split(".")[0] in OURS]
    assert not wrong, "\n".join(wrong)


def test_no_relative_imports() -> None:
    wrong = [e.file for package in ("sync", "server", "seed", "tests") for e in python_imports(package) if e.name == "a relative import"]
    assert not wrong


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_the_page_knows_only_the_rooms_below_it(room: str) -> None:
    wrong = [f"{each.file} imports {each.name}" for each in ts_imports(room) if not belongs(each.name, ROOMS[room])]
    assert not wrong, "\n".join(wrong)


def test_nobody_imports_screens_but_the_start_and_screens_themselves() -> None:
    wrong = []
    for each in ts_imports(""):
        if not belongs(each.name, {"screens"}):
            continue
        side = each.name.split("/")[1]
        if each.file != "pwa/src/main.ts" and not each.file.startswith(f"pwa/src/screens/{side}/"):
            wrong.append(f"{each.file} imports {each.name}")
    assert not wrong, "\n".join(wrong)


def test_nothing_paints_below_the_screens() -> None:
    wrong = [
        f"{each.file} imports {each.name}"
        for room in ("core", "store", "courier", "files", "device")
        for each in ts_imports(room)
        if belongs(each.name, {"pkg:vue", "components", "screens", "forms"})
    ]
    assert not wrong, "\n".join(wrong)
