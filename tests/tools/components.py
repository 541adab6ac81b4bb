"""`make report`: what this program is made of, from its lock files and without a network: an SBOM and a list of licences.

Owns the reading of the locks and the judgement of licences by server/security/components.toml. Writes `var/report/sbom.cdx.json` (CycloneDX 1.6)
and `var/report/licences.md`; fails, and names each, when a licence is unknown or not allowed. Scope `required` is what a server runs or a browser
loads, `excluded` what only building and testing needs.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from license_expression import ExpressionError, Licensing, get_spdx_licensing
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / "server" / "security" / "components.toml"
OUT = ROOT / "var" / "report"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)(.*?)(?=^\S|\Z)", re.M | re.S)


@dataclass(frozen=True, slots=True)
class Part:
    """One locked package. `kind` is pypi or npm; `licence` an SPDX expression, "" when nothing says."""

    kind: str
    name: str
    version: str
    licence: str
    shipped: bool
    hashes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """As components.toml names it."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Policy:
    """components.toml."""

    allowed: frozenset[str]
    spelled: dict[str, str]
    known: dict[str, str]
    exceptions: dict[str, str]
    bundled: tuple[dict[str, str], ...]
    days: dict[str, int]


def read_policy(text: str) -> Policy:
    """Parse it."""
    found = tomllib.loads(text)
    licences = found["licences"]
    exceptions = {each["name"]: each["licence"] for each in found["exception"]}
    return Policy(frozenset(licences["allowed"]), licences["spelled"], licences["known"], exceptions, tuple(found["bundled"]), found["days"])


def canonical(name: str) -> str:
    """One spelling per Python package."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def _installed() -> dict[str, metadata.PackageMetadata]:
    return {canonical(each.name): each.metadata for each in metadata.distributions()}


def told_licence(told: metadata.PackageMetadata, policy: Policy) -> str:
    """What a Python package says of its licence, as SPDX; "" when it does not say."""
    classifiers = [each.rsplit("::", 1)[1].strip() for each in told.get_all("Classifier") or [] if each.startswith("License ::")]
    words = [told.get("License-Expression"), *classifiers, (told.get("License") or "").split("\n", 1)[0]]
    for each in words:
        if each and (named := policy.spelled.get(each, each)) and is_spdx(named):
            return named
    return ""


@cache
def spdx() -> Licensing:
    """The licences SPDX knows; slow to build."""
    return get_spdx_licensing()


def is_spdx(expression: str) -> bool:
    """Whether every word of it is a licence SPDX knows."""
    try:
        return not spdx().unknown_license_keys(expression)
    except ExpressionError:
        return False


def pinned(lock: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(name, version, hashes) of each package of a lock file of uv."""
    for found in PINNED.finditer(lock):
        yield canonical(found[1]), found[2], tuple(re.findall(r"sha256:([0-9a-f]{64})", found[3]))


def python_parts(runtime: str, everything: str, policy: Policy) -> Iterator[Part]:
    """Packages of the two Python locks."""
    shipped = {name for name, _, _ in pinned(runtime)}
    for name, version, hashes in pinned(everything):
        told = _installed().get(name)
        licence = policy.known.get(f"pypi:{name}") or (told_licence(told, policy) if told is not None else "")
        yield Part("pypi", name, version, licence, name in shipped, hashes)


def npm_parts(lock: dict[str, Any], policy: Policy) -> Iterator[Part]:
    """Packages of package-lock.json; the same one in two places counts once."""
    found: dict[tuple[str, str], Part] = {}
    for path, each in lock["packages"].items():
        if not path:
            continue
        name = path.rsplit("node_modules/", 1)[1]
        licence = str(each.get("license") or policy.known.get(f"npm:{name}", ""))
        known = found.get((name, each["version"]))
        shipped = not each.get("dev", False) or (known is not None and known.shipped)
        found[name, each["version"]] = Part("npm", name, each["version"], licence, shipped)
    yield from found.values()


def parts(policy: Policy, root: Path = ROOT) -> list[Part]:
    """Everything that is locked."""
    runtime, everything = ((root / name).read_text(encoding="utf-8") for name in ("requirements.txt", "requirements-dev.txt"))
    lock = json.loads((root / "pwa" / "package-lock.json").read_text(encoding="utf-8"))
    return sorted([*python_parts(runtime, everything, policy), *npm_parts(lock, policy)], key=lambda each: (each.kind, each.name, each.version))


def may_be_used(part: Part, policy: Policy) -> bool:
    """Whether one of the ways in which its licence may be chosen is allowed, or it is an exception under just that licence."""
    if policy.exceptions.get(part.key) == part.licence:
        return True
    if not part.licence or not is_spdx(part.licence):
        return False
    licensing = spdx()
    choices = licensing.dedup(licensing.parse(part.licence))

    def holds(node: Any) -> bool:
        if isinstance(node, licensing.OR):
            return any(holds(each) for each in node.args)
        if isinstance(node, licensing.AND):
            return all(holds(each) for each in node.args)
        return str(node) in policy.allowed

    return holds(choices)


def sbom(found: list[Part], version: str) -> str:
    """CycloneDX, in a steady order."""
    make, bom = LicenseFactory(), Bom()
    bom.metadata.component = Component(name="xunan", version=version, type=ComponentType.APPLICATION, licenses=[make.make_from_string("Apache-2.0")])
    for each in found:
        bom.components.add(
            Component(
                name=each.name, version=each.version, bom_ref=f"{each.key}@{each.version}",
                scope=ComponentScope.REQUIRED if each.shipped else ComponentScope.EXCLUDED,
                purl=PackageURL(each.kind, *(("", each.name) if "/" not in each.name else each.name.rsplit("/", 1)), each.version),
                licenses=[make.make_from_string(each.licence)] if each.licence else [],
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in each.hashes],
            )
        )  # fmt: skip
    bom.register_dependency(bom.metadata.component, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=1)


def licence_page(found: list[Part], policy: Policy) -> str:
    """The list for people: what is shipped first."""
    lines = ["# Components and licences", ""]
    for title, shipped in (("Shipped", True), ("Only to build and test", False)):
        chosen = [each for each in found if each.shipped is shipped]
        lines += [f"## {title}: {len(chosen)}", "", "| package | version | licence | |", "|---|---|---|---|"]
        lines += [f"| {each.key} | {each.version} | {each.licence or '?'} | {'' if may_be_used(each, policy) else 'NOT ALLOWED'} |" for each in chosen]
        lines.append("")
    lines += ["## Binaries inside packages", "", "| within | what | licence |", "|---|---|---|"]
    lines += [f"| {each['within']} | {each['name']} | {each['licence']} |" for each in policy.bundled]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write both; 1 when a licence is not allowed."""
    policy = read_policy(POLICY.read_text(encoding="utf-8"))
    found = parts(policy)
    OUT.mkdir(parents=True, exist_ok=True)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    (OUT / "sbom.cdx.json").write_text(sbom(found, version), encoding="utf-8")
    (OUT / "licences.md").write_text(licence_page(found, policy), encoding="utf-8")
    wrong = [each for each in found if not may_be_used(each, policy)]
    print(f"{len(found)} components, {sum(each.shipped for each in found)} shipped: {OUT.relative_to(ROOT)}/sbom.cdx.json, licences.md")
    for each in wrong:
        print(f"not allowed: {each.key} {each.version}: {each.licence or 'says no licence'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
