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

# A value shorter than this may stand anywhere by chance: of Latin letters (initials of a name) sooner than of characters.
CHARACTERS_MIN, LETTERS_MIN = 2, 6
TOKEN = re.compile(r"Bearer\s+\S{20,}|grant_token|device_token")
# People, passwords and secrets the tests work with; and what any identity number or mobile telephone looks like.
PEOPLE = (
    "欧阳测试", "ouyang.ceshi", "张三丰", "三疯", "某某某", "糖尿病", "demo-pass-2026", "story-pass-2026", "desk-pass-2026", "tide-and-seawall-73", "$argon2id$",
)  # fmt: skip
NUMBER = re.compile(r"(?<![\w.-])(?:\d{17}[\dXx]|1[3-9]\d{9})(?![\w.-])")


def personal_words(folder: Path) -> set[str]:
    """Every value of a personal field of every person of a town on SQLite."""
    person = KINDS["person"]
    found: set[str] = set()
    with sqlite3.connect(f"file:{folder / 'town.db'}?mode=ro", uri=True) as connection:
        for rec, state in connection.execute("SELECT id, state FROM record WHERE kind = 'person'"):
            record = load(rec, state)
            for field in person.fields:
                value = shown_value(record, field.name, field) if field.privacy != "none" else None
                if isinstance(value, str) and len(value) >= (LETTERS_MIN if value.isascii() else CHARACTERS_MIN):
                    found.add(value)
    return found


def shows_somebody(line: str) -> bool:
    """Whether a line of a log or an error body names a person of the tests, or holds a secret or a number of a person's."""
    return TOKEN.search(line) is not None or NUMBER.search(line) is not None or any(word in line for word in PEOPLE)


def leaks(server: Server, asked: set[str]) -> list[str]:
    """Lines of the server's log and addresses that were `asked` for which show what they must not."""
    words = personal_words(server.folder) | {PASSWORD}
    lines = server.log.read_text(encoding="utf-8", errors="replace").splitlines() + [unquote(address) for address in asked]
    return [line[:300] for line in lines if TOKEN.search(line) or any(word in line for word in words)]
