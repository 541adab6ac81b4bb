"""Of the whole suite: quick hashes; and when it is over, no log line, of this process or of any server it started, and no error body showed a person or a secret.

Of the search it owns the collecting only; the words are in tests/tools/leaks.py. Invariant: a leak fails the run even when every test passed.
"""

from __future__ import annotations

import os
from typing import Any

import orjson
import pytest
from argon2 import PasswordHasher
from playwright.sync_api import expect

from server.accounts import hashing
from server.web import problems
from tests.tools.leaks import shows_somebody
from tests.tools.memory import in_memory
from tests.tools.serving import STARTED

pytest_plugins = ["tests.tools.databases"]

_found: list[str] = []
LEAKS, EXPECT_MS = "xunan_leaks", 15_000


def _search(where: str, text: str) -> None:
    for line in text.splitlines():
        if shows_somebody(line):
            _found.append(f"{where}: {line[:200]}")


@pytest.fixture(scope="session", autouse=True)
def _error_bodies() -> Any:
    """Every problem document any test was answered with, in this process."""
    made = problems.problem_body

    def noted(*given: Any) -> dict[str, Any]:
        body = made(*given)
        _search("an error body", orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS).decode())
        return body

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(problems, "problem_body", noted)
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes() -> Any:
    """A password hash as slow as it should be is paid by the servers that run as processes, not by every account a test makes in this one."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hashing, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


def pytest_configure() -> None:
    """Temporary files in memory, and patience: two workers share a machine with their servers and browsers, a screen may take longer than 5 s."""
    if (folder := in_memory()) is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))
    expect.set_options(timeout=EXPECT_MS)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What a test's own process logged; what a test printed itself is no log."""
    for title, text in report.sections:
        if title.startswith("Captured"):
            _search(report.nodeid, "\n".join(line for line in text.splitlines() if "stdout" not in title or '"event"' in line))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker found, told to who started it."""
    _found.extend(getattr(node, "workeroutput", {}).get(LEAKS, ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The logs of all servers that were started as processes (gunicorn's own words included)."""
    for path in STARTED:
        if path.exists():
            _search(str(path.name), path.read_text(encoding="utf-8", errors="replace"))
    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told[LEAKS] = _found
    elif _found and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say it where people look."""
    if _found:
        terminalreporter.section("personal data or secrets in logs or error bodies")
        for line in dict.fromkeys(_found[:40]):
            terminalreporter.line(line)
