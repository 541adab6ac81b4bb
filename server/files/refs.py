"""Who may read a file: whoever may read a record that names it, if the file was brought by whoever wrote that into the record (P-51).

Owns the look-up over every kind that declares a field of type file or chunk, and who brought a file. The first look-up of a file
searches the typed tables of the caller's scopes and keeps what it found in `file_ref`; later ones use that index and check the
record's scope now. To know a hash is not to have the file: a record opens a file only where the op that names it came from a device
that brought all its bytes, from this server itself, or over a node that vouches for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, exists, literal, select, text
from sqlalchemy.orm import Session

from server.db import unit
from server.files.models import FROM_NODE, FileRef, FileSource, StoredFile
from server.kinds import KINDS
from server.ledger.clock import read_clock
from server.ledger.state import load
from server.ledger.write import SERVER_DEVICE
from sync.stamp import split_stamp

CARRIERS = tuple(
    (kind.name, field.name) for kind in KINDS.values() for field in kind.fields if field.type in ("file", "chunk")
)
_OP = text(
    "SELECT o.device, o.node, o.rx_at, i.device_id FROM op_log o JOIN incarnation i ON i.dev = o.dev"
    " WHERE o.dev = :dev AND o.n = :n AND o.h = :h"
)


def may_read(session: Session, sha256: str, scopes: tuple[str, ...]) -> bool:
    """Whether a record in one of the scopes opens the file; remembers which."""
    if _is_known(session, sha256, scopes):
        return True
    opened = [rec for rec in _naming(session, sha256, scopes) if _opens(session, rec, sha256)]
    session.rollback()
    if not opened:
        return False
    with unit(session):
        held = set(session.scalars(select(FileRef.rec).where(FileRef.sha256 == literal(sha256))))
        session.add_all(FileRef(sha256=sha256, rec=rec) for rec in opened if rec not in held)
    return True


def is_open(session: Session, sha256: str, scopes: tuple[str, ...]) -> bool:
    """The same, inside a transaction that only reads."""
    return _is_known(session, sha256, scopes) or any(_opens(session, rec, sha256) for rec in _naming(session, sha256, scopes))


def _is_known(session: Session, sha256: str, scopes: tuple[str, ...]) -> bool:
    known = text("SELECT r.scope FROM file_ref f JOIN record r ON r.id = f.rec WHERE f.sha256 = :sha")
    return bool(set(session.execute(known, {"sha": sha256}).scalars()) & set(scopes))


def _naming(session: Session, sha256: str, scopes: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for kind, column in CARRIERS:
        rows = session.execute(
            text(f"SELECT id FROM k_{kind} WHERE scope IN :scopes AND CAST({column} AS TEXT) LIKE :like").bindparams(
                bindparam("scopes", expanding=True)
            ),
            {"like": f"%{sha256}%", "scopes": list(scopes)},
        )
        found += rows.scalars()
    return found


def _opens(session: Session, rec: str, sha256: str) -> bool:
    """Whether one of the ops that name the file in the record came from somebody who brought it."""
    kept = session.execute(text("SELECT state FROM record WHERE id = :rec"), {"rec": rec}).scalar()
    clock = read_clock(session)
    if kept is None or clock is None:
        return False
    record = load(rec, bytes(kept))
    sources = {row.device_id: row.at for row in session.scalars(select(FileSource).where(FileSource.sha256 == sha256))}
    for stamp, value in (entry for live in (*record.sets.values(), *record.reg.values()) for entry in live):
        if sha256 in _words(value):
            dev, n, h = split_stamp(stamp)
            for device, node, rx_at, latest in session.execute(_OP, {"dev": dev, "n": n, "h": h}):
                # A device that was enrolled anew goes on with its chain under another id.
                brought = device == SERVER_DEVICE or device in sources or latest in sources
                vouched = FROM_NODE in sources and node != clock.node
                if brought or vouched or rx_at <= sources.get("", -1):
                    return True
    return False


def _words(value: Any) -> str:
    return orjson.dumps(value).decode()


def add_sources(session: Session, sha256: str, device_ids: Iterable[str], at: int) -> None:
    """Note who brought all bytes of a file. Must run inside a writing transaction."""
    held = set(session.scalars(select(FileSource.device_id).where(FileSource.sha256 == sha256)))
    session.add_all(FileSource(sha256=sha256, device_id=each, at=at) for each in sorted(set(device_ids) - held))


def is_brought_by(session: Session, sha256: str, device_id: str) -> bool:
    """Whether this device brought the file; to others it is as if it was not there."""
    return session.get(FileSource, (sha256, device_id)) is not None


def held_files(session: Session, keys: Sequence[str], device_id: str) -> Sequence[StoredFile]:
    """Those of the named files that are complete here and were brought by the device; another node may ask for any."""
    wanted = select(StoredFile).where(StoredFile.sha256.in_(keys))
    if device_id != FROM_NODE:
        own = (FileSource.sha256 == StoredFile.sha256) & (FileSource.device_id == device_id)
        wanted = wanted.where(exists().where(own))
    return session.scalars(wanted).all()
