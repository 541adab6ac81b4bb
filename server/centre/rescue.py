"""Import of rescue bundles `*.xunan`: what a device could not send, carried by hand (P-61).

Owns the reading of the archive and the mapping of its lines to pushes: import equals push, through the same judge and fold, so a
bundle may be imported twice, or after the device has sent the same ops itself, and changes nothing then. Rights are those of the
device that made the lines, proven by its signature; what is not proven is set aside for a person, never refused, and beside the
chain it claims (`ledger.brought`): a bundle never stands in the way of a device that lives.
A bundle from which something could not be taken yet (a gap, damage) is kept whole under `<data>/rescue`, as long as there is room: never
at the cost of one kept before, whoever carries it still has it. Whether a file is here is told of files the caller may open or the signing device brought.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts import audit
from server.accounts.models import Device
from server.accounts.rights import Caller, build_caller
from server.centre.rescue_archive import UNREADABLE, Archive, Carried
from server.db import unit
from server.errors import fail
from server.files.models import StoredFile
from server.files.refs import is_brought_by, is_open
from server.files.tus import Uploads, has_room, hash_file, room_for
from server.ledger import brought
from server.ledger.brought import UNPROVEN
from server.ledger.bulk import Bulk
from server.ledger.intake import Batch, Header, Line, read_lines
from server.ledger.push import Pushed, peek_author, push
from server.ledger.tables import Incarnation
from server.settings import Settings
from sync import limits
from sync.judge import Rights
from sync.stamp import GENESIS, chain

log = structlog.get_logger("security")
BUNDLES_KEPT_MAX = 200
ADMIN = frozenset({"admin"})


@dataclass(slots=True)
class AuthorReport:
    """What became of the lines of one op author. `gap_from` is the first op that is missing here and in the bundle."""

    dev: str
    first: int
    last: int
    stored: int = 0
    known: int = 0
    quarantined: int = 0
    conflicts: int = 0
    gap_from: int | None = None
    fork: bool = False
    broken_at: int | None = None

    @property
    def whole(self) -> bool:
        """Whether every line of it is here now."""
        return self.gap_from is None and self.broken_at is None and not self.fork


@dataclass(slots=True)
class Report:
    """The answer of an import."""

    device_id: str | None
    made_at: str
    signature: str
    left_behind: int
    authors: list[AuthorReport] = field(default_factory=list)
    files_stored: int = 0
    files_known: int = 0
    files_damaged: list[str] = field(default_factory=list)
    files_missing: list[str] = field(default_factory=list)
    kept: bool = False


def import_bundle(session: Session, uploads: Uploads, caller: Caller, path: Path, at: int) -> Report:
    """Take in one bundle file. Raises `bundle_damaged` when nothing of it can be read; the file is kept then, too.

    Raises `rescue_full` when it had to be kept and there is no room; what could be taken of it is here all the same.
    """
    try:
        archive = Archive(path, uploads.settings.upload_bytes_max)
    except (ValueError, KeyError, *UNREADABLE) as error:
        kept = keep_bundle(uploads.settings, path)
        with unit(session):
            audit.note(session, at, caller.user_id or "", "rescue_import", None, caller.device_id, signature="unreadable", ops=0, files=0)
        if not kept:
            raise fail("rescue_full") from error
        raise fail("bundle_damaged", reason=type(error).__name__) from error
    with archive:
        report = _import(session, uploads, caller, archive, at)
    whole = not report.files_damaged and not report.files_missing and all(author.whole for author in report.authors)
    report.kept = not whole and keep_bundle(uploads.settings, path)
    with unit(session):
        if report.signature == "bad":
            # Signed by another key than that of the device it names: damage does not do that.
            log.warning("bundle_forged", device=report.device_id, user=caller.user_id, brought_by=caller.device_id, address=audit.origin.get().address)
            audit.note(session, at, caller.user_id or "", "bundle_forged", report.device_id, caller.device_id)
        audit.note(
            session, at, caller.user_id or "", "rescue_import", report.device_id, caller.device_id,
            signature=report.signature, ops=sum(author.stored for author in report.authors), files=report.files_stored,
        )  # fmt: skip
    if not whole and not report.kept:
        raise fail("rescue_full")
    return report


def keep_bundle(settings: Settings, path: Path) -> bool:
    """Copy a bundle aside under its hash. False when so many are there, or so many bytes, that it is not kept."""
    folder = settings.data_dir / "rescue"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{hash_file(path)}.xunan"
    if target.exists():
        return True
    sizes = [each.stat().st_size for each in folder.glob("*.xunan")]
    size = path.stat().st_size
    if len(sizes) >= BUNDLES_KEPT_MAX or sum(sizes) + size > settings.rescue_kept_bytes_max or not has_room(folder, size):
        log.warning("rescue_full", bundles=len(sizes), bytes=sum(sizes))
        return False
    part = target.with_suffix(".part")
    shutil.copyfile(path, part)
    with part.open("rb+") as handle:
        os.fsync(handle.fileno())
    part.replace(target)
    return True


def _import(session: Session, uploads: Uploads, caller: Caller, archive: Archive, at: int) -> Report:
    header = archive.header
    device = session.get(Device, header.device_id) if header.device_id else None
    signature = verify(header.signature, header.signed_bytes, device)
    report = Report(header.device_id, header.made_at, signature, header.left_behind)
    for dev, lines in archive.lines_by_dev.items():
        report.authors.append(_import_author(session, caller, archive, signature, dev, lines, at))
    # Data first: a file never delays it (P-50).
    sources = _deliverers(session, archive)
    told = _Told(session, caller, [header.device_id] if signature == "good" and header.device_id else [])
    for sha256 in archive.files:
        known = told.here(sha256)
        # What the bundle says of itself may be wrong: its files are taken one by one, as long as there is room.
        room_for(uploads.folder, archive.size(sha256))
        with archive.extracted(sha256, uploads.folder) as local:
            if local is None or not uploads.adopt(session, sha256, local, archive.mime(sha256), sources, at):
                report.files_damaged.append(sha256)
            elif known:
                report.files_known += 1
            else:
                report.files_stored += 1
    here = set(archive.files)
    report.files_missing = [sha256 for sha256 in header.files if sha256 not in here and not told.here(sha256)]
    session.rollback()
    return report


def _deliverers(session: Session, archive: Archive) -> list[str]:
    """Under whose name the ops of the bundle stand, or will when a person lets them in: its files open for them (P-51)."""
    known = session.scalars(select(Incarnation.device_id).where(Incarnation.dev.in_(list(archive.lines_by_dev))).distinct())
    return [*filter(None, known), brought.NOBODY]


@dataclass(frozen=True, slots=True)
class _Told:
    """Who learns that a file is here: who may open it, and the device that brought it (P-51). To others it is as if it was not."""

    session: Session
    caller: Caller
    proven: list[str]

    def here(self, sha256: str) -> bool:
        session = self.session
        if session.get(StoredFile, sha256) is None:
            return False
        return any(is_brought_by(session, sha256, each) for each in self.proven) or is_open(session, sha256, self.caller.scopes)


def verify(signature: str | None, signed: bytes, device: Device | None) -> str:
    """`good`, `bad`, `none`, or `no_key` when the device never registered one. WebCrypto signs as r‖s over P-256."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    if device is None or device.public_key is None:
        return "no_key"
    if not signature:
        return "none"
    try:
        raw = base64.b64decode(signature, validate=True)
        key = load_der_public_key(device.public_key)
        if len(raw) != 64 or not isinstance(key, EllipticCurvePublicKey):
            return "bad"
        encoded = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key.verify(encoded, signed, ECDSA(SHA256()))
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        return "bad"
    return "good"


def _rights(session: Session, caller: Caller, owner: str | None, claimed: str | None, signature: str, at: int) -> Rights:
    """The rights the lines of an author are judged by. `owner` is the device we know it by, `claimed` the bundle's."""
    device = session.get(Device, owner or claimed) if owner or claimed else None
    proven = signature == "good" and (owner is None or owner == claimed)
    # A device without a key cannot prove anything; the town centre may vouch for it, a station may not. Whose key is known speaks for itself.
    vouched = caller.all_town and device is not None and device.public_key is None and owner in (None, claimed)
    if device is None or not (proven or vouched):
        return Rights({}, blocked=UNPROVEN)
    rights = build_caller(session, device, None, at).rights
    return rights if proven else _vouched_for(rights, caller.roles)


def _vouched_for(rights: Rights, roles: frozenset[str]) -> Rights:
    """Nobody vouches for more than he may himself: for an administrator an operator only as for an operator."""

    def within(held: frozenset[str]) -> frozenset[str]:
        return held - ADMIN | roles if held & ADMIN else held

    users = {
        user_id: replace(each, roles=within(each.roles), roles_at={scope: within(held) for scope, held in each.roles_at.items()})
        for user_id, each in rights.users.items()
    }
    return replace(rights, users=users)


def _import_author(
    session: Session, caller: Caller, archive: Archive, signature: str, dev: str, carried: list[Carried], at: int
) -> AuthorReport:
    first = carried[0].n
    report = AuthorReport(dev, first, carried[-1].n)
    bulk = Bulk(session)
    rows = bulk.select("SELECT device_id FROM incarnation WHERE dev = ?", (dev,))
    owner = str(rows[0][0]) if rows and rows[0][0] else None
    rights = _rights(session, caller, owner, archive.header.device_id, signature, at)
    if rights.blocked == UNPROVEN:
        session.rollback()
        aside = brought.set_aside(session, dev, [Line(each.n, each.h, each.line) for each in carried], at)
        report.stored = report.quarantined = aside.stored
        report.known = aside.known
        return report
    prev_h = _hash_before(bulk, archive, dev, carried[0])
    session.rollback()
    device_id = owner or archive.header.device_id or "rescue"
    for batch in batches(dev, prev_h, carried, report):
        done = push(session, device_id, batch, rights, at)
        if done.resend_from is not None:
            report.gap_from = done.resend_from
            break
        if done.fork:
            # Its bytes are kept for a person (P-24); what follows has no place to stand on.
            report.fork = True
            break
        _count(report, done)
    return report


def _hash_before(bulk: Bulk, archive: Archive, dev: str, first: Carried) -> str:
    """The chain hash before the first carried line: the candidate that makes its own hash come out right."""
    candidates = [GENESIS] if first.n == 1 else []
    author = peek_author(bulk, dev)
    if author.acked == first.n - 1:
        candidates.append(author.acked_h)
    candidates += [row[0] for row in bulk.select("SELECT h FROM op_log WHERE dev = ? AND n = ?", (dev, first.n - 1))]
    if archive.header.dev == dev and archive.header.first == first.n:
        candidates.append(archive.header.prev_h)
    return next((each for each in candidates if chain(each, first.line) == first.h), "")


def batches(dev: str, prev_h: str, carried: list[Carried], report: AuthorReport) -> Iterator[Batch]:
    """Cut the lines into pushes that split no group; stops, and says so, where the chain breaks."""
    whole: list[Carried] = []
    n, h = carried[0].n, prev_h
    for each in carried:
        if each.n != n or (h and chain(h, each.line) != each.h):
            report.broken_at = n
            break
        whole.append(each)
        n, h = n + 1, each.h
    start = 0
    while start < len(whole):
        end = _cut(whole, start)
        part = whole[start:end]
        before = whole[start - 1].h if start else prev_h
        header = Header(dev, part[0].n, before or "unknown0", None, 1, None, {})
        # Without the hash before, the place in the chain cannot be shown: the push will call it a fork and keep the bytes.
        lines = (
            read_lines(dev, part[0].n, before, [each.line for each in part])
            if before
            else [Line(each.n, each.h, each.line) for each in part]
        )
        yield Batch(header, lines)
        start = end


def _cut(lines: list[Carried], start: int) -> int:
    """End of the batch that begins at `start`: at most 200 lines and 256 KiB, a group stays together."""
    end, size = start, 0
    while end < len(lines):
        length = _group_size(lines[end].line)
        block = sum(len(each.line) for each in lines[end : end + length])
        too_long = end + length - start > limits.OPS_PER_BATCH_MAX or size + block > limits.BATCH_BYTES_MAX
        if end > start and too_long:
            break
        end, size = min(end + length, len(lines)), size + block
    return end


def _group_size(line: bytes) -> int:
    try:
        group = orjson.loads(line)["group"]
        gid_first = group[1] == 0
        return int(group[2]) if gid_first and 1 <= group[2] <= limits.GROUP_SIZE_MAX else 1
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return 1


def _count(report: AuthorReport, done: Pushed) -> None:
    for verdict in done.verdicts:
        if verdict["v"] == "duplicate":
            report.known += 1
            continue
        report.stored += 1
        report.quarantined += verdict["v"] == "quarantined"
        report.conflicts += verdict["v"] == "conflict"


def as_answer(report: Report) -> dict[str, Any]:
    """The report as the API tells it."""
    return asdict(report) | {"complete": not report.kept}
