"""Files of erased records: the bytes go, unless something else names them.

Owns `erased_file` and the removal of stored bytes, part files, rejected copies and first-sync packs. The rows change in the erasing
transaction, the bytes in a job that stands in it, so that no crash leaves them behind. Invariant: nothing is refused - a file that
is brought once more is taken, and goes again when nothing has named it for a week (its record may be on its way).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from server import jobs
from server.db import unit
from server.files.models import ErasedFile, FileRef, StoredFile
from server.files.refs import CARRIERS
from server.files.tus import Uploads
from server.ledger.snapshots import forget

NAMED = re.compile(rb'"sha256":\s*"([0-9a-f]{64})"')
JOB = "erase_bytes"
UNNAMED_MS = 7 * 86_400_000
VARIANTS = ("", ".thumb.webp", ".preview.webp")


def named_in(texts: Iterable[bytes]) -> set[str]:
    """Every file these texts speak of."""
    return {found.decode() for each in texts for found in NAMED.findall(each)}


def drop(session: Session, candidates: set[str], kept: Iterable[bytes], at: int) -> list[str]:
    """In the open unit of work: forget those files that nothing names any more. Their bytes and old packs go with the job."""
    gone = sorted(sha for sha in candidates - named_in(kept) if not _is_named(session, sha)) if candidates else []
    for sha in gone:
        session.merge(ErasedFile(sha256=sha, at=at))
    _forget_rows(session, gone)
    jobs.add(session, JOB, {"sha256": gone}, at)
    return gone


def _forget_rows(session: Session, gone: list[str]) -> None:
    session.execute(delete(StoredFile).where(StoredFile.sha256.in_(gone)))
    session.execute(delete(FileRef).where(FileRef.sha256.in_(gone)))


def _is_named(session: Session, sha: str) -> bool:
    like = {"like": f"%{sha}%"}
    return any(
        session.execute(text(f"SELECT 1 FROM k_{kind} WHERE CAST({column} AS TEXT) LIKE :like LIMIT 1"), like).first() is not None
        for kind, column in CARRIERS
    )


def remove_bytes(session: Session, uploads: Uploads, args: dict[str, Any]) -> None:
    """The job. Running it twice is harmless; a file that came back meanwhile stays."""
    forget(session, uploads.settings.data_dir)
    for sha in args["sha256"]:
        uploads.cancel_all(session, sha)
        for path in uploads.rejected.glob(f"*-{sha}"):
            path.unlink(missing_ok=True)
        held = session.get(StoredFile, sha) is not None
        session.rollback()
        if not held:
            for suffix in VARIANTS:
                uploads.store.delete(f"{sha}{suffix}")


def sweep(session: Session, at: int) -> None:
    """For the housekeeping: erased files that came again and that nothing has named since."""
    query = select(StoredFile.sha256).join(ErasedFile, ErasedFile.sha256 == StoredFile.sha256).where(StoredFile.stored_at < at - UNNAMED_MS)
    back = list(session.scalars(query))
    gone = [sha for sha in back if not _is_named(session, sha)]
    session.rollback()
    if gone:
        with unit(session):
            _forget_rows(session, gone)
            jobs.add(session, JOB, {"sha256": gone}, at)
