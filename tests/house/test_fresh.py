"""Generated files follow from their sources; shared vectors are those the reference makes; the protocol did not move unseen."""

from __future__ import annotations

import json
import re
from hashlib import sha256

from server import generate
from server.kinds import KINDS
from sync import limits
from tests.house.sources import ROOT, files
from tests.vectors import make_vectors

FINGERPRINT = "5acd82e810b086ca"
MOVED = """The wire moved: limits or hashes are not those of protocol 1.
If that is meant: every device in the field still speaks the old one. Write the rule into sync/PROTOCOL.md, keep the old vectors
and frozen ops passing, say so in CHANGELOG.md, and put {now} here. If it is not meant: undo it."""


def python_limits() -> dict[str, int]:
    return {name: value for name, value in vars(limits).items() if name.isupper() and isinstance(value, int)}


def test_generated_typescript_is_fresh() -> None:
    assert generate.stale() == [], "run `make generate`"


def test_every_kind_of_record_has_its_files() -> None:
    """House_style: adding a record kind touches the declaration, a migration, the generated types and the seed."""
    migrations = "".join(path.read_text(encoding="utf-8") for path in files(".py", under="migrations/versions"))
    generated = (ROOT / "pwa/src/generated/kinds.ts").read_text(encoding="utf-8")
    for name in KINDS:
        assert (ROOT / f"server/kinds/{name}.py").exists(), f"server/kinds/{name}.py is missing"
        assert f"k_{name}" in migrations, f"no migration makes k_{name}: `alembic revision --autogenerate`"
        assert re.search(rf"\b{name}\b", generated), f"pwa/src/generated/kinds.ts does not know {name}: `make generate`"


def test_core_has_the_same_stems_in_both_languages() -> None:
    python = {path.stem for path in files(".py", under="sync")} - {"__init__"}
    assert python == {path.stem for path in files(".ts", under="pwa/src/core")}


def test_limits_are_the_same_in_both_languages() -> None:
    text = (ROOT / "pwa/src/core/limits.ts").read_text(encoding="utf-8").replace("Number.MAX_SAFE_INTEGER", str(2**53 - 1))
    found = {}
    for name, value in re.findall(r"^export const ([A-Z0-9_]+) = ([\d_ *]+);", text, re.M):
        product = 1
        for factor in value.replace("_", "").split("*"):
            product *= int(factor)
        found[name] = product
    assert found == python_limits()


def test_protocol_did_not_move_unseen() -> None:
    stamps = json.loads((ROOT / "tests/vectors/stamps.json").read_text(encoding="utf-8"))["vectors"]
    said = json.dumps([python_limits(), stamps], ensure_ascii=False, sort_keys=True)
    now = sha256(said.encode()).hexdigest()[:16]
    assert now == FINGERPRINT, MOVED.format(now=now)


def test_vectors_are_what_the_reference_makes() -> None:
    for name, cases in (("stamps", make_vectors.chains()), ("parse", make_vectors.parses()), ("fold", make_vectors.folds()), ("tracks", make_vectors.tracks())):
        held = json.loads((ROOT / f"tests/vectors/{name}.json").read_text(encoding="utf-8"))
        made = json.loads(json.dumps({"vectors": list(cases)}, ensure_ascii=False))
        assert held == made, f"{name}.json is stale: `python -m tests.vectors.make_vectors`"
