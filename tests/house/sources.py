"""Finds the files the house tests read, and what each of them imports.

Owns no rule. Walks the checkout instead of asking git, so that the rules also hold in an exported archive.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IGNORED = frozenset({".git", ".venv", "node_modules", "dist", "var", "__pycache__", "coverage", "test-results"})
TS_IMPORT = re.compile(
    r"""(?:^|[;\n])\s*(?:import|export)\s+(?P<type>type\s)?[^"';]*?from\s*["'](?P<path>[^"']+)["']"""
    r"""|(?:^|[;\n])\s*import\s*["'](?P<bare>[^"']+)["']|\bimport\(\s*["'](?P<lazy>[^"']+)["']\s*\)"""
)


@dataclass(frozen=True, slots=True)
class Imported:
    """One import: `name` is a Python module, or a TypeScript path below pwa/src, or `pkg:<package>`."""

    file: str
    name: str


def files(*suffixes: str, under: str = "") -> Iterator[Path]:
    """Every file of ours with one of the suffixes, in a steady order."""
    base = ROOT / under
    for path in sorted(base.rglob("*")):
        parts = path.relative_to(ROOT).parts
        # Folders of tools (.mypy_cache and the like) start with a dot; nothing of ours does but .ci.
        hidden = any(part in IGNORED or (part.startswith(".") and part != ".ci") for part in parts[:-1])
        if not hidden and path.name != ".git" and path.suffix in suffixes and path.is_file():
            yield path


def label(path: Path) -> str:
    """Path as people write it, from the root of the checkout."""
    return path.relative_to(ROOT).as_posix()


def python_imports(package: str) -> Iterator[Imported]:
    """Modules imported anywhere in a package, also inside functions."""
    for path in files(".py", under=package.replace(".", "/")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (Imported(label(path), alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                if node.level:
                    yield Imported(label(path), "a relative import")
                elif node.module in {"server", "sync", "seed", "tests"} or str(node.module).count(".") == 0:
                    yield from (Imported(label(path), f"{node.module}.{alias.name}") for alias in node.names)
                else:
                    yield Imported(label(path), str(node.module))


def ts_imports(folder: str) -> Iterator[Imported]:
    """Values imported by the TypeScript and Vue files of a folder of pwa/src; types cost nothing and bind nothing."""
    base = ROOT / "pwa" / "src"
    for path in files(".ts", ".vue", under=f"pwa/src/{folder}"):
        for found in TS_IMPORT.finditer(path.read_text(encoding="utf-8")):
            target = found["path"] or found["bare"] or found["lazy"]
            if found["type"]:
                continue
            if not target.startswith("."):
                yield Imported(label(path), f"pkg:{target}")
            else:
                resolved = (path.parent / target).resolve()
                yield Imported(label(path), resolved.relative_to(base.resolve()).as_posix())


def belongs(name: str, allowed: frozenset[str] | set[str]) -> bool:
    """Whether a module or path is one of the allowed, or lies below one of them."""
    return any(name == one or name.startswith((f"{one}.", f"{one}/")) for one in allowed)
