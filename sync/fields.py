"""The declaration language: what a record kind and its fields are.

Owns the frozen descriptions that drive columns, schemas, TypeScript, merge rules, labels and exports.
Must not know any concrete kind, any database or any clock.
Invariants: names are wire names (snake_case); every field has a Chinese and an English label; a `cautious` field
has a choice list that declares its order, most cautious first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Merge = Literal["register", "cautious", "counter", "set", "append", "file", "track", "map", "life"]
Type = Literal[
    "text", "note", "int", "decimal2", "bool", "choice", "choices", "time", "date", "ref", "user",
    "point", "geometry", "json", "file", "chunk",
]  # fmt: skip
Privacy = Literal["none", "personal", "sensitive"]
Scope = Literal["town", "station", "event"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One code of a list with its official Chinese wording and an English gloss."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class ChoiceList:
    """A named list of codes. `cautious` orders codes most cautious first; `source` names the clause it comes from."""

    name: str
    choices: tuple[Choice, ...]
    source: str
    cautious: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `limit` is characters for text, the largest value for int; `ref` is the kind a reference points to,
    `codes` the kind whose `code` a text, or each member of a list, is.

    `reserved`: codes only these roles may set, in lists that are steps of a flow; every other value is open to whoever may write.
    """

    name: str
    zh: str
    en: str
    merge: Merge
    type: Type
    choices: ChoiceList | None = None
    unit: str | None = None
    limit: int | None = None
    privacy: Privacy = "none"
    required: bool = False
    ref: str | None = None
    codes: str | None = None
    help_zh: str | None = None
    reserved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """One record kind. `write_roles` empty means every role that holds the scope may write."""

    name: str
    zh: str
    en: str
    scope: Scope
    fields: tuple[Field, ...]
    write_roles: tuple[str, ...]
    title_field: str
    personal: bool = False

    @cached_property
    def field_by_name(self) -> dict[str, Field]:
        """Fields by wire name."""
        return {each.name: each for each in self.fields}

    def field(self, name: str) -> Field | None:
        """The declared field that governs a wire name; `ans.17` is governed by the map field `ans`."""
        found = self.field_by_name.get(name)
        if found is None and "." in name:
            found = self.field_by_name.get(name.split(".", 1)[0])
            if found is not None and found.merge != "map":
                return None
        return found
