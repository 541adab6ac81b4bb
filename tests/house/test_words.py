"""Words that must not be in the house: unfinished work, skipped tests, sleeps, hosts and paths of the machine that built it."""

from __future__ import annotations

import re

from tests.house.sources import ROOT, files, label

CODE = (".py", ".ts", ".vue", ".css", ".html", ".sh", ".toml", ".md", ".json", ".txt", ".in", "")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!:? ?\w*\()")
SKIPPED = re.compile(r"pytest\.mark\.(skip|xfail)|pytest\.skip\(|\b(it|test|describe)\.(skip|todo|only)\b|\bxit\(")
SLEEP = re.compile(r"\btime\.sleep\(|\bwait_for_timeout\(|\bwaitForTimeout\(")
MACHINE = re.compile(r"/work/(main|shared)|/root/|/home/\w|https?://(?!127\.0\.0\.1|localhost)[\w.-]*(artifact|mirror|internal|proxy|nexus)[\w.-]*")
HERE = "tests/house/test_words.py"


def found(pattern: re.Pattern[str], *suffixes: str, under: str = "") -> list[str]:
    hits = []
    for path in files(*suffixes, under=under):
        if label(path) == HERE or path.stat().st_size > 2_000_000:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if pattern.search(line):
                hits.append(f"{label(path)}:{number}: {line.strip()[:100]}")
    return hits


def test_nothing_is_left_to_do() -> None:
    hits = found(UNFINISHED, ".py", ".ts", ".vue", ".css", ".html")
    assert not hits, "\n".join(hits)


def test_no_test_is_skipped() -> None:
    hits = found(SKIPPED, ".py", ".ts", under="tests") + found(SKIPPED, ".ts", under="pwa/tests")
    assert not hits, "\n".join(hits)


def test_tests_wait_for_states_not_for_time() -> None:
    # The tools poll a process that is starting: there is nothing to wait on but its port. The bench types like a person, and asserts nothing.
    hits = [hit for hit in found(SLEEP, ".py", ".ts", under="tests") if not hit.startswith(("tests/tools/", "tests/bench/"))]
    assert not hits, "\n".join(hits)


def test_nothing_names_the_machine_it_was_built_on() -> None:
    hits = found(MACHINE, *CODE)
    assert not hits, "\n".join(hits[:20])


def test_lock_files_name_no_registry() -> None:
    assert "://" not in (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert '"resolved"' not in (ROOT / "pwa" / "package-lock.json").read_text(encoding="utf-8")
