"""Who may read a file: whoever may read a record that names it.

Owns the look-up over every kind that declares a field of type file or chunk. The first look-up of a file searches the typed
tables of the caller's scopes and keeps what it found in `file_ref`; later ones use that index and check the record's scope now.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, literal, select, text
from sqlalchemy.orm import Session

from server.db import unit
from server.files.models import FileRef, StoredFile
from server.kinds import KINDS

CARRIERS = tuple(
    (kind.name, field.name) for kind in KINDS.values() for field in kind.fields if field.type in ("file", "chunk")
)


def may_read(session: Session, sha256: str, scopes: tuple[str, ...]) -> bool:
    """Whether a record in one of the scopes names the file."""
    known = session.execute(
        text("SELECT r.scope FROM file_ref f JOIN record r ON r.id = f.rec WHERE f.sha256 = :sha"), {"sha": sha256}
    ).scalars()
    if set(known) & set(scopes):
        return True
    found: list[str] = []
    for kind, column in CARRIERS:
        rows = session.execute(
            text(f"SELECT id FROM k_{kind} WHERE scope IN :scopes AND CAST({column} AS TEXT) LIKE :like").bindparams(
                bindparam("scopes", expanding=True)
            ),
            {"like": f"%{sha256}%", "scopes": list(scopes)},
        )
        found += rows.scalars()
    session.rollback()
    if not found:
        return False
    with unit(session):
        held = set(session.scalars(select(FileRef.rec).where(FileRef.sha256 == literal(sha256))))
        session.add_all(FileRef(sha256=sha256, rec=rec) for rec in found if rec not in held)
    return True


def held_files(session: Session, keys: Sequence[str]) -> Sequence[StoredFile]:
    """Those of the named files that are complete here."""
    return session.scalars(select(StoredFile).where(StoredFile.sha256.in_(keys))).all()
