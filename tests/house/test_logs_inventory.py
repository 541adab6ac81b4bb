"""The inventory of logs (server/security/logs.md) names every event and every audited deed of the code, and nothing else (ASVS V16.1.1)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from server.accounts.audit_chain import SEALED
from server.web.refusals import DEEDS
from tests.house.sources import ROOT, files

PAGE = (ROOT / "server/security/logs.md").read_text(encoding="utf-8")
LEVELS = {"debug", "info", "warning", "error", "exception"}
# Where an action is put together: a decision about an entry, a deed of the table above, an export with or without a reason.
COMPOSED = {"quarantine_release", "quarantine_keep", "export", "export_clear", SEALED} | set(DEEDS.values())
CONSOLE = ("print", "sys.stderr.write")


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in files(".py", under="server"):
        if path.name == "generate.py":
            continue  # a tool of those who build it
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func), node


def words(node: ast.Call) -> set[str]:
    return {each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def told(title: str) -> dict[str, str]:
    """First column of a table of the page, each name with the rest of its row."""
    section = PAGE.split(f"## {title}", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (`[^|]+`) \|(.*)\|$", section, re.M)
    return {name: rest for names, rest in rows for name in re.findall(r"`(\w+)`", names)}


def test_every_event_of_the_code_is_on_the_page_with_its_level() -> None:
    found: dict[str, str] = dict.fromkeys(DEEDS.values(), "warning")
    for name, call in calls():
        if name.startswith("log.") and (level := name[4:]) in LEVELS and words(call):
            found[next(iter(words(call)))] = "error" if level == "exception" else level
    page = told("Standard output")
    assert set(found) == set(page)
    assert {name: rest.split("|")[0].strip() for name, rest in page.items()} == found


def test_every_audited_deed_is_on_the_page_and_has_words_on_the_screen() -> None:
    found = set(COMPOSED)
    for name, call in calls():
        if name.rsplit(".", 1)[-1] in ("note", "_write_down"):
            found |= {each for each in words(call) if re.fullmatch(r"[a-z_]{4,}", each)}
    assert found == set(told("Audit log"))
    screen = set(re.findall(r'"deed\.(\w+)"', (ROOT / "pwa/src/screens/centre/admin_words.ts").read_text(encoding="utf-8")))
    assert found - {SEALED} == screen


def test_every_part_of_an_audited_deed_has_words_on_the_screen() -> None:
    said = "".join((ROOT / f"pwa/src/screens/centre/{each}_words.ts").read_text(encoding="utf-8") for each in ("admin", "erase"))
    # What `_write_down` is given besides: the parts of a refusal.
    found = {"code", "route", "times", "dev", "tried"}
    for name, call in calls():
        if name.rsplit(".", 1)[-1] == "note":
            found |= {each.arg for each in call.keywords if each.arg not in (None, "device")}
    assert found <= set(re.findall(r'"part\.(\w+)"', said))


def test_nothing_is_written_past_the_logs() -> None:
    """ASVS V16.2.3."""
    wrong = [name for name, _ in calls() if name in CONSOLE or name.endswith(("FileHandler", "SysLogHandler", "SocketHandler", "basicConfig"))]
    assert wrong == []
