"""The docs tell everything: each make target, each setting, each command, each room, each rule; and both languages the same."""

from __future__ import annotations

import re
from dataclasses import fields as fields_of
from pathlib import Path

import pytest

from server import create_app
from server.settings import Settings
from tests.house.sources import ROOT, files, label

READMES = ("README.md", "README.zh-CN.md")
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
RULE = re.compile(r"\bP-\d\d\b")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def targets() -> set[str]:
    declared = re.search(r"^\.PHONY: (.+)$", read("Makefile"), re.M)
    assert declared is not None
    return set(declared[1].split())


def test_every_make_target_is_declared_and_told() -> None:
    made = set(re.findall(r"^([a-z]+):", read("Makefile"), re.M))
    assert made == targets(), "a target that makes no file belongs to .PHONY"
    for name in sorted(made):
        assert re.search(rf"make {name}\b", read("README.md")), f"README.md does not tell `make {name}`"


@pytest.mark.parametrize("name", READMES)
def test_both_readmes_tell_the_two_commands(name: str) -> None:
    assert "make run" in read(name)
    assert "make test" in read(name)


def test_every_setting_is_told() -> None:
    text = read("README.md")
    missing = [each.name for each in fields_of(Settings) if f"XUNAN_{each.name.upper()}" not in text]
    assert not missing, f"README.md does not tell {missing}"


def test_no_setting_is_told_that_does_not_exist() -> None:
    known = {f"XUNAN_{each.name.upper()}" for each in fields_of(Settings)}
    for name in READMES:
        told = {re.sub(r"_FILE$", "", word) for word in re.findall(r"XUNAN_[A-Z0-9_]*[A-Z0-9]", read(name))}
        assert told <= known, f"{name} tells {told - known}"


def test_every_command_is_told(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/town.db", data_dir=tmp_path)
    text = read("README.md")
    own = set(create_app(settings).cli.commands) - {"routes", "run", "shell"}
    missing = [name for name in sorted(own) if not re.search(rf"\b{re.escape(name)}\b", text)]
    assert not missing, f"README.md does not tell the commands {missing}"


def test_every_room_of_the_plan_is_told() -> None:
    text = read("README.md")
    for room in ("sync/", "server/kinds/", "server/ledger/", "server/files/", "server/accounts/", "server/nodes/", "server/centre/", "server/web/", "pwa/src/core/", "migrations/", "seed/", "tests/"):
        assert room in text, f"README.md does not tell {room}"
        assert (ROOT / room).is_dir()


def test_links_between_documents_hold() -> None:
    broken = [
        f"{label(path)}: {target}"
        for path in files(".md")
        for target in LINK.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert not broken, "\n".join(broken)


def test_every_rule_that_is_cited_stands_in_the_protocol() -> None:
    """P-01 … P-61 are normative in sync/PROTOCOL.md; code and tests cite them by number."""
    stands = set(RULE.findall(read("sync/PROTOCOL.md")))
    for path in files(".py", ".ts"):
        cited = set(RULE.findall(path.read_text(encoding="utf-8"))) - stands
        assert not cited, f"{label(path)} cites {sorted(cited)}, which sync/PROTOCOL.md does not have"


def test_the_rules_of_the_exchange_are_cited_by_tests() -> None:
    """House_style: a test that proves a rule cites it."""
    cited: set[str] = set()
    for folder, suffixes in (("tests", (".py", ".json")), ("pwa/tests", (".ts",))):
        for path in files(*suffixes, under=folder):
            if "house" not in path.parts:
                text = re.sub(r"_p_(\d\d)\b", r" P-\1 ", path.read_text(encoding="utf-8"))
                cited |= set(RULE.findall(text))
    missing = {"P-01", "P-02", "P-03", "P-10", "P-20", "P-21", "P-22", "P-23", "P-24", "P-25", "P-26", "P-27", "P-28", "P-29", "P-40", "P-41", "P-50"} - cited
    assert not missing, f"no test cites {sorted(missing)}"


def test_versions_agree() -> None:
    found = re.search(r'^version = "([\d.]+)"', read("pyproject.toml"), re.M)
    page = re.search(r'"version": "([\d.]+)"', read("pwa/package.json"))
    assert found is not None
    assert page is not None
    assert found[1] == page[1]
    assert f"## {found[1]}" in read("CHANGELOG.md")
