"""`flask doctor`: everything this server stands on, looked at once and told in plain words.

Owns the list of checks. Each one looks at one thing, changes nothing that stays, and says what to do when it is not right.
A check that fails on its own account counts as wrong, never as passed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.backup import sets_of
from server.db import db, reading
from server.files.store import make_store
from server.ledger.clock import now_ms
from server.ledger.lines import read_line
from server.seal import SealBroken, seal
from server.settings import DEV_SECRET, Settings

FREE_BYTES_MIN = 2 * 1024**3
CLOCK_DRIFT_MS_MAX = 5_000
BACKUP_AGE_MS_MAX = 2 * 86_400_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw. `state`: ok · warn (works, but look at it) · wrong."""

    name: str
    state: str
    words: str


Check = Callable[[Settings], Iterator[Finding]]


def configuration(settings: Settings) -> Iterator[Finding]:
    """What a deployer decides."""
    if settings.env == "dev":
        yield Finding("configuration", "warn", "XUNAN_ENV is dev: demo users and a public secret; set prod for real work")
    elif settings.secret_key == DEV_SECRET:
        yield Finding("configuration", "wrong", "the secret is the public one of development")
    else:
        yield Finding("configuration", "ok", f"{settings.env}, {settings.town_name}")
    host = urlsplit(settings.base_url).hostname or ""
    if not settings.base_url.startswith("https://") and host not in ("127.0.0.1", "localhost"):
        yield Finding("address", "wrong", f"{settings.base_url} is not HTTPS: handhelds get no service worker and work only with a network")
    else:
        yield Finding("address", "ok", settings.base_url)
    built = (settings.pwa_dir / "index.html").exists()
    yield Finding("app", "ok" if built else "wrong", str(settings.pwa_dir) if built else f"{settings.pwa_dir} has no built app: `make build`")


def disk(settings: Settings) -> Iterator[Finding]:
    """Room, and whether bytes written are bytes read."""
    free = shutil.disk_usage(settings.data_dir).free
    room = f"{free / 1024**3:.1f} GiB free in {settings.data_dir}"
    yield Finding("disk", "ok" if free >= FREE_BYTES_MIN else "warn", room)
    with tempfile.TemporaryFile(dir=settings.data_dir) as handle:
        handle.write(b"xunan")
        handle.seek(0)
        yield Finding("data folder", "ok" if handle.read() == b"xunan" else "wrong", "writable")


def database(settings: Settings) -> Iterator[Finding]:
    """Reachable, migrated, its clock near ours."""
    with reading() as session:
        kind = session.get_bind().dialect.name
        held = MigrationContext.configure(session.connection()).get_current_revision()
        yield Finding("database", "ok", f"{kind} answers")
        wanted = ScriptDirectory.from_config(Config(str(Path(__file__).resolve().parent.parent / "migrations" / "alembic.ini"))).get_current_head()
        if held != wanted:
            yield Finding("schema", "wrong", f"at {held}, the program needs {wanted}: `flask migrate`")
            return
        yield Finding("schema", "ok", str(held))
        yield from _data_key(session)
        yield from _database_clock(session, kind)
        aside, open_ = session.execute(
            text("SELECT (SELECT COUNT(*) FROM quarantine WHERE state = 'open'), (SELECT COUNT(*) FROM conflict WHERE closed_at IS NULL)")
        ).one()
        yield Finding("work waiting for people", "warn" if aside else "ok", f"{aside} lines kept aside, {open_} open conflicts")
        failed = session.execute(text("SELECT COUNT(*) FROM job WHERE state = 'failed'")).scalar_one()
        yield Finding("jobs", "warn" if failed else "ok", f"{failed} failed")


def _data_key(session: Session) -> Iterator[Finding]:
    """The oldest and the newest personal line, opened."""
    for order in ("ASC", "DESC"):
        row = session.execute(text(f"SELECT dev, n, h, line FROM op_log WHERE kind = 'person' ORDER BY id {order} LIMIT 1")).first()
        try:
            if row is not None:
                read_line(*row)
        except SealBroken as error:
            yield Finding("data key", "wrong", f"{error}: XUNAN_DATA_KEYS must hold every key ever used, the newest first")
            return
        if row is not None and not seal.is_current(bytes(row[3])):
            yield Finding("data key", "warn", "personal lines are in clear or under an older key: `flask reseal`")
            return
    yield Finding("data key", "ok", "opens what is sealed")


def _database_clock(session: Session, kind: str) -> Iterator[Finding]:
    if kind != "postgresql":
        return
    theirs = int(session.execute(text("SELECT EXTRACT(EPOCH FROM clock_timestamp()) * 1000")).scalar_one())
    drift = abs(theirs - now_ms())
    yield Finding("clock", "ok" if drift <= CLOCK_DRIFT_MS_MAX else "warn", f"this machine and the database differ by {drift} ms")


def queue(settings: Settings) -> Iterator[Finding]:
    """Redis or Valkey, when configured."""
    if settings.redis_url is None:
        yield Finding("queue", "ok", "none configured: this process runs its jobs")
        return
    from redis import Redis

    with Redis.from_url(settings.redis_url, socket_timeout=5) as client:
        client.ping()
    yield Finding("queue", "ok", "answers")


def files(settings: Settings) -> Iterator[Finding]:
    """The store gives back what was put."""
    store = make_store(settings)
    data = b"xunan doctor"
    key = sha256(data).hexdigest()
    with tempfile.NamedTemporaryFile(dir=settings.data_dir, delete=False) as handle:
        handle.write(data)
        path = Path(handle.name)
    try:
        store.put(key, path)
        with store.open(key) as stream:
            same = stream.read() == data
        store.delete(key)
    finally:
        path.unlink(missing_ok=True)
    yield Finding("file store", "ok" if same else "wrong", "S3" if settings.s3_url else "folder")


CHECKS: tuple[Check, ...] = (configuration, disk, database, queue, files)


def examine(settings: Settings, backups: Path | None = None) -> list[Finding]:
    """Every check in turn; one that breaks does not keep the others from running."""
    found: list[Finding] = []
    for check in CHECKS:
        try:
            found += check(settings)
        except Exception as error:  # noqa: BLE001 - whatever breaks a check is its finding
            found.append(Finding(check.__name__, "wrong", f"{type(error).__name__}: look at the address and the credentials"))
        finally:
            db.session.rollback()
    if backups is not None:
        sets = sets_of(backups)
        age = now_ms() - int(sets[-1].stat().st_mtime * 1000) if sets else None
        fresh = age is not None and age <= BACKUP_AGE_MS_MAX
        words = f"the last one is {age // 3_600_000} h old" if age is not None else f"none in {backups}"
        found.append(Finding("backup", "ok" if fresh else "warn", words))
    return found
