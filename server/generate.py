"""Generator of `pwa/src/generated/`: declarations of the server as TypeScript the PWA compiles against.

Owns the text of kinds.ts, types.ts and errors.ts; decides nothing about kinds or errors itself.
Invariant: the output is a pure function of the declarations, so `python -m server.generate --check` can prove
freshness byte for byte. Run without arguments to write the files.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from server.errors import CATALOGUE, Problem
from server.kinds import KINDS, LISTS
from sync.fields import ChoiceList, Field, Kind

TARGET = Path(__file__).resolve().parent.parent / "pwa" / "src" / "generated"
HEADER = "// Generated from server declarations by `python -m server.generate`. Never edit.\n"

# A kind or field of another version may be called "constructor": what every object inherits must not be found here.
_BARE = "const bare = <T extends object>(entries: T): T => Object.assign(Object.create(null), entries);\n"
_SHAPES = """
export type Merge = "register" | "cautious" | "counter" | "set" | "append" | "file" | "track" | "map" | "life";
export type FieldType =
  | "text" | "note" | "int" | "decimal2" | "bool" | "choice" | "choices" | "time" | "date" | "ref" | "user"
  | "point" | "geometry" | "json" | "file" | "chunk";
export interface Choice { readonly code: string; readonly zh: string; readonly en: string }
export interface ChoiceList {
  readonly name: string;
  readonly source: string;
  readonly cautious: readonly string[] | null;
  readonly choices: readonly Choice[];
}
export interface Field {
  readonly name: string;
  readonly zh: string;
  readonly en: string;
  readonly merge: Merge;
  readonly type: FieldType;
  /** Name of the list in LISTS. */
  readonly choices: string | null;
  /** Codes of the list, most cautious first; only for `cautious` fields. */
  readonly cautious: readonly string[] | null;
  readonly unit: string | null;
  readonly limit: number | null;
  readonly privacy: "none" | "personal" | "sensitive";
  readonly required: boolean;
  /** Kind a reference points to; null when it may be any kind. */
  readonly ref: string | null;
  readonly help_zh: string | null;
  /** Codes only these roles may set. */
  readonly reserved: Readonly<Record<string, readonly string[]>>;
}
export interface Kind {
  readonly name: string;
  readonly zh: string;
  readonly en: string;
  readonly scope: "town" | "station" | "event";
  readonly write_roles: readonly string[];
  readonly title_field: string;
  readonly personal: boolean;
  readonly fields: Readonly<Record<string, Field>>;
}
"""

_VALUE_TYPES = {
    "text": "string", "note": "string", "date": "string", "time": "string", "ref": "string", "user": "string",
    "decimal2": "string", "int": "number", "bool": "boolean", "point": "PointValue", "geometry": "GeometryValue",
    "json": "Json", "file": "FileValue", "chunk": "ChunkValue",
}  # fmt: skip

_VALUE_SHAPES = """
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
/** WGS-84, 1e-7 degree; accuracy in decimetres. */
export interface PointValue { readonly lat_e7: number; readonly lon_e7: number; readonly acc_dm?: number }
export interface GeometryValue {
  readonly type: "Polygon";
  readonly rings: readonly (readonly (readonly [lon_e7: number, lat_e7: number])[])[];
}
export interface FileValue {
  readonly sha256: string;
  readonly size: number;
  readonly mime: string;
  readonly role: string;
  readonly name?: string;
}
export interface ChunkValue {
  readonly seq: number;
  readonly t0: string;
  readonly t1: string;
  readonly count: number;
  readonly sha256: string;
  readonly size: number;
}
"""


def _json(value: Any) -> str:
    """JSON with Chinese left readable."""
    return json.dumps(value, ensure_ascii=False)


def _list_data(choice_list: ChoiceList) -> dict[str, Any]:
    """One choice list as plain data."""
    return {
        "name": choice_list.name,
        "source": choice_list.source,
        "cautious": choice_list.cautious,
        "choices": [{"code": each.code, "zh": each.zh, "en": each.en} for each in choice_list.choices],
    }


def _field_data(field: Field) -> dict[str, Any]:
    """One field as plain data; every key is always there."""
    return {
        "name": field.name, "zh": field.zh, "en": field.en, "merge": field.merge, "type": field.type,
        "choices": field.choices.name if field.choices else None,
        "cautious": field.choices.cautious if field.choices and field.merge == "cautious" else None,
        "unit": field.unit, "limit": field.limit, "privacy": field.privacy, "required": field.required,
        "ref": field.ref, "help_zh": field.help_zh, "reserved": dict(field.reserved),
    }  # fmt: skip


def kinds_ts(kinds: Iterable[Kind], lists: Iterable[ChoiceList]) -> str:
    """Text of kinds.ts: KINDS and LISTS as const data."""
    lines = [HEADER + _SHAPES, _BARE, "export const LISTS: Readonly<Record<string, ChoiceList>> = bare({"]
    lines += [f"  {each.name}: {_json(_list_data(each))}," for each in lists]
    lines += ["});", "", "export const KINDS: Readonly<Record<string, Kind>> = bare({"]
    for kind in kinds:
        head = {
            "name": kind.name, "zh": kind.zh, "en": kind.en, "scope": kind.scope, "write_roles": kind.write_roles,
            "title_field": kind.title_field, "personal": kind.personal,
        }  # fmt: skip
        lines.append(f"  {kind.name}: {{")
        lines += [f"    {key}: {_json(value)}," for key, value in head.items()]
        lines.append("    fields: bare({")
        lines += [f"      {field.name}: {_json(_field_data(field))}," for field in kind.fields]
        lines += ["    }),", "  },"]
    return "\n".join([*lines, "});", ""])


def _class_name(name: str) -> str:
    """`stock_lot` becomes `StockLot`."""
    return "".join(part.capitalize() for part in name.split("_"))


def _value_type(field: Field) -> str:
    """TypeScript type of the shown value of a field."""
    if field.type in ("choice", "choices") and field.choices:
        # An unknown code is stored and shown raw, so the union stays open.
        single = f"{_class_name(field.choices.name)}Code | (string & {{}})"
        return f"readonly ({single})[] | null" if field.type == "choices" else f"{single} | null"
    if field.merge == "map":
        return "Readonly<Record<string, Json>>"
    base = _VALUE_TYPES[field.type]
    if field.merge in ("set", "append", "file", "track"):
        return f"readonly {base}[]"
    return f"{base} | null"


def types_ts(kinds: Iterable[Kind], lists: Iterable[ChoiceList]) -> str:
    """Text of types.ts: one interface of shown values per kind."""
    lines = [HEADER + _VALUE_SHAPES]
    for each in lists:
        codes = " | ".join(_json(choice.code) for choice in each.choices)
        lines.append(f"export type {_class_name(each.name)}Code = {codes};")
    names: list[tuple[str, str]] = []
    for kind in kinds:
        names.append((kind.name, f"{_class_name(kind.name)}Values"))
        lines += ["", f"/** {kind.zh} */", f"export interface {names[-1][1]} {{"]
        for field in kind.fields:
            lines += [f"  /** {field.zh} · {field.en} */", f"  readonly {field.name}: {_value_type(field)};"]
        lines.append("}")
    lines += ["", "export interface ValuesByKind {", *(f"  {name}: {values};" for name, values in names), "}"]
    return "\n".join([*lines, "export type KindName = keyof ValuesByKind;", ""])


def errors_ts(problems: Iterable[Problem]) -> str:
    """Text of errors.ts: the problem catalogue of the API."""
    shape = (
        "export interface Problem {\n  readonly status: number;\n  readonly zh: string;\n  readonly en: string;\n"
        "  readonly detail_zh: string;\n  readonly detail: string;\n"
        '  readonly retry: "never" | "later" | "login" | "change";\n}\n'
    )
    lines = [HEADER + "\n" + shape, "export const ERRORS: Readonly<Record<string, Problem>> = {"]
    for each in problems:
        data = {
            "status": each.status, "zh": each.title_zh, "en": each.title,
            "detail_zh": each.detail_zh, "detail": each.detail, "retry": each.retry,
        }  # fmt: skip
        lines.append(f"  {each.code}: {_json(data)},")
    return "\n".join([*lines, "};", ""])


def render() -> dict[str, str]:
    """Every generated file by name."""
    return {
        "kinds.ts": kinds_ts(KINDS.values(), LISTS.values()),
        "types.ts": types_ts(KINDS.values(), LISTS.values()),
        "errors.ts": errors_ts(CATALOGUE.values()),
    }


def stale(target: Path = TARGET) -> list[str]:
    """Names of generated files that are missing or differ from the declarations."""
    found = []
    for name, text in render().items():
        path = target / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            found.append(name)
    return found


def write(target: Path = TARGET) -> list[str]:
    """Write what is stale; give back the names written."""
    target.mkdir(parents=True, exist_ok=True)
    names = stale(target)
    texts = render()
    for name in names:
        (target / name).write_text(texts[name], encoding="utf-8")
    return names


def main(arguments: list[str] | None = None) -> int:
    """Command line: write the files, or with --check only say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a file is stale")
    options = parser.parse_args(arguments)
    if not options.check:
        sys.stdout.write(f"wrote: {', '.join(write()) or 'nothing, all fresh'}\n")
        return 0
    names = stale()
    if names:
        sys.stderr.write(f"stale: {', '.join(names)} - run `python -m server.generate`\n")
    return 1 if names else 0


if __name__ == "__main__":
    raise SystemExit(main())
