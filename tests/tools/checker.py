"""The checker at the end of a story: every replica and the log agree; nothing lost, nothing twice."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from server.ledger.lines import read_line
from server.ledger.state import canonical


def server_states(folder: Path) -> dict[str, Any]:
    """The stored state of every record, by id."""
    with sqlite3.connect(folder / "town.db") as connection:
        return {rec: orjson.loads(canonical(rec, state)) for rec, state in connection.execute("SELECT id, state FROM record")}


def name_of(folder: Path, person: str) -> tuple[str, int]:
    """A person's full name, and how many people bear it."""
    with sqlite3.connect(folder / "town.db") as connection:
        found = connection.execute("SELECT name, COUNT(*) FROM k_person WHERE name = (SELECT name FROM k_person WHERE id = ?)", (person,))
        name, bearers = found.fetchone()
        return str(name), int(bearers)


def logged(folder: Path) -> dict[tuple[str, int], bytes]:
    """Every stored line by (dev, n); raises when one is there twice."""
    with sqlite3.connect(folder / "town.db") as connection:
        rows = connection.execute("SELECT dev, n, h, line FROM op_log").fetchall()
    twice = [key for key, times in Counter((dev, n) for dev, n, *_ in rows).items() if times > 1]
    if twice:
        raise AssertionError(f"stored twice: {twice[:3]}")
    return {(dev, n): read_line(dev, n, h, line) for dev, n, h, line in rows}


def stored_files(folder: Path) -> dict[str, int]:
    """Size of every complete file the server holds, by sha256."""
    with sqlite3.connect(folder / "town.db") as connection:
        return {sha256: int(size) for sha256, size in connection.execute("SELECT sha256, size FROM stored_file")}


def ahead(folder: Path, claims: dict[str, list[Any]]) -> list[str]:
    """What a device calls delivered though the server does not have it. `claims`: ops as [rec, n], files as [sha256, size]."""
    held = {(n, orjson.loads(line)["rec"]) for (_, n), line in logged(folder).items()}
    files = stored_files(folder)
    early = [f"op {n} of {rec}" for rec, n in claims["ops"] if (n, rec) not in held]
    return early + [f"file {sha256}" for sha256, size in claims["files"] if files.get(sha256) != size]


def gaps(lines: dict[tuple[str, int], bytes]) -> list[str]:
    """Incarnations whose n are not 1…max."""
    by_dev: dict[str, set[int]] = {}
    for dev, n in lines:
        by_dev.setdefault(dev, set()).add(n)
    return [dev for dev, held in by_dev.items() if held != set(range(1, max(held) + 1))]


def differing(replica: dict[str, Any], truth: dict[str, Any]) -> list[str]:
    """Ids whose state on the replica is not the server's, `seq` aside."""
    found = []
    for rec, state in replica.items():
        plain = {key: value for key, value in state.items() if key != "seq"}
        if truth.get(rec) != plain:
            found.append(rec)
    return found
