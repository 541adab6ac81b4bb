"""`make holes`: asks for known holes of everything a server runs or a browser loads. Needs a network, and says so where it has none.

Owns the asking (pip-audit, npm audit) and the verdict. A package nobody could tell anything about counts as not looked at, never as sound: a mirror
without advisories answers like that. Exit: 0 none known, 1 holes, 2 not all could be looked at. How fast one is closed: server/security/components.toml.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 300
PIP_AUDIT = ("uv", "tool", "run", "pip-audit==2.10.1", "-r", "requirements.txt", "--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off")
NPM_AUDIT = ("npm", "audit", "--omit=dev", "--json")


@dataclass(frozen=True, slots=True)
class Looked:
    """What one of the two found. `holes` are lines for people; `unseen` counts what it could not tell anything about."""

    holes: tuple[str, ...]
    seen: int
    unseen: int


def read_pip(text: str) -> Looked:
    """The JSON of pip-audit; text that is none means that nothing was seen."""
    found = _json(text).get("dependencies", [])
    holes = tuple(f"{each['name']} {each['version']}: {hole['id']}, fixed in {', '.join(hole['fix_versions']) or 'nothing yet'}" for each in found for hole in each.get("vulns", []))
    unseen = sum("skip_reason" in each for each in found)
    return Looked(holes, len(found) - unseen, unseen or int(not found))


def read_npm(text: str) -> Looked:
    """The JSON of npm audit."""
    found = _json(text)
    if "vulnerabilities" not in found or "metadata" not in found:
        return Looked((), 0, 1)
    holes = tuple(f"{name}: {each['severity']}, {each['range']}" for name, each in sorted(found["vulnerabilities"].items()))
    return Looked(holes, int(found["metadata"]["dependencies"]["total"]), 0)


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _ask(command: tuple[str, ...], folder: Path) -> str:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def verdict(looked: dict[str, Looked]) -> tuple[int, list[str]]:
    """Exit code and what is said."""
    lines = [f"{name}: {hole}" for name, each in looked.items() for hole in each.holes]
    blind = [f"{name}: {each.unseen} not looked at: no advisories could be had from here, ask from a machine that reaches them" for name, each in looked.items() if each.unseen]
    if not lines and not blind:
        return 0, [f"no known holes in {sum(each.seen for each in looked.values())} packages"]
    return (1 if lines else 2), [*lines, *blind]


def main() -> int:
    """Ask both."""
    uv = str(Path(sys.executable).with_name("uv"))
    code, lines = verdict({"pypi": read_pip(_ask((uv, *PIP_AUDIT[1:]), ROOT)), "npm": read_npm(_ask(NPM_AUDIT, ROOT / "pwa"))})
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
