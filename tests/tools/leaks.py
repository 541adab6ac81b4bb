"""What must stand in no log and no address: values of people's fields, passwords, tokens.

Owns the list of words, taken from the town itself, and the search. A test asks when its story is over.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from urllib.parse import unquote

from server.kinds import KINDS
from server.ledger.state import load
from sync.merge_kinds import shown_value
from tests.tools.serving import PASSWORD, Server

# A value this short may stand anywhere by chance.
CHARACTERS_MIN = 2
TOKEN = re.compile(r"Bearer\s+\S+|grant_token|device_token")


def personal_words(folder: Path) -> set[str]:
    """Every value of a personal field of every person of a town on SQLite."""
    person = KINDS["person"]
    found: set[str] = set()
    with sqlite3.connect(f"file:{folder / 'town.db'}?mode=ro", uri=True) as connection:
        for rec, state in connection.execute("SELECT id, state FROM record WHERE kind = 'person'"):
            record = load(rec, state)
            for field in person.fields:
                value = shown_value(record, field.name, field) if field.privacy != "none" else None
                if isinstance(value, str) and len(value) >= CHARACTERS_MIN:
                    found.add(value)
    return found


def leaks(server: Server, asked: set[str]) -> list[str]:
    """Lines of the server's log and addresses that were `asked` for which show what they must not."""
    words = personal_words(server.folder) | {PASSWORD}
    lines = server.log.read_text(encoding="utf-8", errors="replace").splitlines() + [unquote(address) for address in asked]
    return [line[:300] for line in lines if TOKEN.search(line) or any(word in line for word in words)]
