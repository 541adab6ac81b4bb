"""Files of a meeting, after the ops and by hash (P-60): what the centre lacks is brought, what this node lacks is fetched.

Owns both directions of the hub and the centre's list. Invariants: a file counts as delivered when the centre said so; the centre's
answer is never trusted for bytes that do not hash to their name; a file never delays the others (P-50).
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import urllib3
from sqlalchemy import select, text, tuple_
from sqlalchemy.orm import Session

from server.db import unit
from server.files.models import FROM_NODE, StoredFile
from server.files.refs import held_files
from server.files.tus import Uploads
from server.ledger.clock import now_ms
from server.nodes.http import Link, LinkDown
from server.nodes.models import Peer, PeerFile

log = structlog.get_logger(__name__)
CHUNK_BYTES = 1 << 20
AT_ONCE = 500
PAGE = 500
LIST_ANEW_MS = 86_400_000
OVERLAP_MS = 3_600_000
TUS = {"Tus-Resumable": "1.0.0"}


@dataclass(slots=True)
class Files:
    """What became of the files of a meeting."""

    given: int = 0
    taken: int = 0
    missing: int = 0


def listed(session: Session, after: Sequence[Any]) -> list[list[Any]]:
    """On the centre: (stored at, hash, type) of a page of complete files, in the order in which they were stored."""
    place = tuple_(StoredFile.stored_at, StoredFile.sha256)
    query = select(StoredFile.stored_at, StoredFile.sha256, StoredFile.mime).where(place > tuple_(*after))
    return [list(row) for row in session.execute(query.order_by(StoredFile.stored_at, StoredFile.sha256).limit(PAGE))]


def give(session: Session, uploads: Uploads, link: Link, report: Files) -> None:
    """Bring what the centre does not have, smallest first."""
    after = (-1, "")
    while True:
        rows = session.execute(
            text(
                "SELECT s.size, s.sha256, s.mime FROM stored_file s LEFT JOIN peer_file p ON p.sha256 = s.sha256"
                " WHERE p.sha256 IS NULL AND (s.size > :size OR (s.size = :size AND s.sha256 > :sha)) ORDER BY s.size, s.sha256 LIMIT :limit"
            ),
            {"size": after[0], "sha": after[1], "limit": AT_ONCE},
        ).all()
        session.rollback()
        if not rows:
            return
        have = {each["sha256"] for each in link.ask("/files/status", {"sha256": [sha for _, sha, _ in rows]})["have"]}
        for size, sha, mime in rows:
            if sha not in have:
                try:
                    _upload(uploads, link, sha, size, mime)
                except (LinkDown, FileNotFoundError) as error:
                    # A file never delays the others (P-50); the next meeting tries again.
                    log.warning("node_file_not_given", sha256=sha, why=str(error))
                    continue
                report.given += 1
            _confirmed(session, sha)
        after = (rows[-1][0], rows[-1][1])


def _confirmed(session: Session, sha: str) -> None:
    known = session.get(PeerFile, sha) is not None
    session.rollback()
    if not known:
        with unit(session):
            session.merge(PeerFile(sha256=sha))


def _upload(uploads: Uploads, link: Link, sha: str, size: int, mime: str) -> None:
    about = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in (("sha256", sha), ("mime", mime)))
    begun = link.call("POST", "/files", None, 201, TUS | {"Upload-Length": str(size), "Upload-Metadata": about})
    at = int(begun.headers["Upload-Offset"])
    with uploads.store.open(sha) as stream:
        left = at
        while left and (skipped := stream.read(min(left, CHUNK_BYTES))):
            left -= len(skipped)
        while at < size:
            chunk = stream.read(CHUNK_BYTES)
            if not chunk:
                raise FileNotFoundError(sha)
            where = {"Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"}
            sent = link.call("PATCH", f"/files/{sha}", chunk, 204, TUS | where)
            at = int(sent.headers["Upload-Offset"])


def fetch(session: Session, uploads: Uploads, link: Link, report: Files) -> None:
    """Fetch what the centre has and this node has not, in the order in which it was stored there."""
    peer = session.get_one(Peer, 1)
    anew = now_ms() - peer.listed_at > LIST_ANEW_MS
    # Stored-at is a clock, and is taken before the commit: what came shortly before is looked at again, and once a day everything.
    reached = 0 if anew else peer.files_at - OVERLAP_MS
    last = ""
    session.rollback()
    while files := link.ask("/nodes/files", {"after": [reached, last]})["files"]:
        have = {row.sha256 for row in held_files(session, [sha for _, sha, _ in files], FROM_NODE)}
        session.rollback()
        for _, sha, mime in files:
            if sha not in have:
                if not _download(session, uploads, link, sha, mime):
                    report.missing += 1
                    continue
                report.taken += 1
            _confirmed(session, sha)
        reached, last, _ = files[-1]
    if report.missing:
        return
    with unit(session):
        peer = session.get_one(Peer, 1)
        peer.files_at = max(peer.files_at, reached)
        peer.listed_at = now_ms() if anew else peer.listed_at


def _download(session: Session, uploads: Uploads, link: Link, sha: str, mime: str) -> bool:
    with tempfile.NamedTemporaryFile(dir=uploads.folder, suffix=".part", delete=False) as part:
        path = Path(part.name)
        try:
            answer = link.pool.request("GET", f"{link.base}/nodes/files/{sha}", headers=link.headers, preload_content=False)
            for chunk in answer.stream(CHUNK_BYTES):
                part.write(chunk)
        except urllib3.exceptions.HTTPError as error:
            log.warning("node_file_not_taken", sha256=sha, why=type(error).__name__)
            path.unlink(missing_ok=True)
            return False
    try:
        return answer.status == 200 and uploads.adopt(session, sha, path, mime, [FROM_NODE], now_ms())
    finally:
        path.unlink(missing_ok=True)
