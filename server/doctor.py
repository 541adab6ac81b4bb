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
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from urllib3.exceptions import HTTPError

from server import certificates
from server.accounts.audit_chain import prove
from server.backup import sets_of
from server.clocks import clocks
from server.db import db, reading
from server.files.store import make_store
from server.growth import measure
from server.ledger.clock import now_ms
from server.ledger.lines import read_line
from server.ledger.partitions import is_partitioned, missing
from server.seal import SealBroken, seal
from server.settings import DEV_SECRET, Settings

FREE_BYTES_MIN = 2 * 1024**3
CLOCK_DRIFT_MS_MAX = 5_000
BACKUP_AGE_MS_MAX = 2 * 86_400_000
MET_AGE_MS_MAX = 86_400_000
CERTIFICATE_DAYS_MIN = 21
DISK_DAYS_MIN = 60
HERE = ("localhost", "127.0.0.1", "::1")


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


def transport(settings: Settings) -> Iterator[Finding]:
    """Whether what leaves this machine for database, queue and file store is encrypted, and the other end proves who it is."""
    for name, url, secure in (
        ("database", settings.database_url, "sslmode=verify-full" in settings.database_url),
        ("queue", settings.redis_url or "", (settings.redis_url or "").startswith("rediss://")),
        ("file store", settings.s3_url or "", (settings.s3_url or "").startswith("https://")),
    ):
        host = urlsplit(url).hostname
        if host is not None and host not in HERE:
            words = "encrypted" if secure else f"what goes to {host} can be read on the way: sslmode=verify-full, rediss://, https://"
            yield Finding(f"transport ({name})", "ok" if secure else "warn", words)


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
        if is_partitioned(session):
            months = missing(session, now_ms())
            yield Finding("months of the log", "warn" if months else "ok", f"{len(months)} without a partition" + (": `flask partitions list`" if months else ""))
        aside, open_ = session.execute(
            text("SELECT (SELECT COUNT(*) FROM quarantine WHERE state = 'open'), (SELECT COUNT(*) FROM conflict WHERE closed_at IS NULL)")
        ).one()
        yield Finding("work waiting for people", "warn" if aside else "ok", f"{aside} lines kept aside, {open_} open conflicts")
        failed = session.execute(text("SELECT COUNT(*) FROM job WHERE state = 'failed'")).scalar_one()
        yield Finding("jobs", "warn" if failed else "ok", f"{failed} failed")


def _data_key(session: Session) -> Iterator[Finding]:
    """The oldest and the newest personal line, opened."""
    for order in ("ASC", "DESC"):
        row = session.execute(text(f"SELECT dev, n, h, line FROM op_log WHERE kind = 'person' AND verdict <> 'erased' ORDER BY id {order} LIMIT 1")).first()
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


def clock(settings: Settings) -> Iterator[Finding]:
    """The time here beside every other clock at hand."""
    for name, ask in clocks(settings):
        before = now_ms()
        try:
            theirs = ask()
        except (OSError, ValueError, SQLAlchemyError, RedisError, HTTPError):
            continue  # whether it answers is said elsewhere
        drift = abs(theirs - (before + now_ms()) // 2)
        words = f"this machine and the {name} differ by {drift} ms" + ("" if drift <= CLOCK_DRIFT_MS_MAX else ": let chrony set both")
        yield Finding(f"clock ({name})", "ok" if drift <= CLOCK_DRIFT_MS_MAX else "warn", words)


def addresses(settings: Settings) -> Iterator[Finding]:
    """What is served at every HTTPS address: expiry, name and who vouches for it."""
    for url in settings.addresses:
        if not url.startswith("https://"):
            continue
        name, at = f"certificate ({url.removeprefix('https://')})", certificates.now()
        try:
            served = certificates.look(url)
        except OSError as error:
            yield Finding(name, "warn", f"nothing answers there from this machine ({type(error).__name__}); look at it from another one")
            continue
        left = served.days_left(at)
        if at < served.begins or left < 0:
            yield Finding(name, "wrong", f"holds from {served.begins:%Y-%m-%d} to {served.ends:%Y-%m-%d}: to a handheld this is no network")
        elif served.why_not is not None:
            yield Finding(name, "wrong", f"a handheld refuses it: {served.why_not}")
        else:
            yield Finding(name, "ok" if left >= CERTIFICATE_DAYS_MIN else "warn", f"{left} days left, until {served.ends:%Y-%m-%d}")


def growth(settings: Settings) -> Iterator[Finding]:
    """For how many days the disk will do."""
    with reading() as session:
        found = measure(session, settings.data_dir, now_ms())
    left = found.days_left
    words = "nothing grows" if left is None else f"the disk will do for {left:,.0f} days: `flask estimate`"
    yield Finding("growth", "ok" if left is None or left >= DISK_DAYS_MIN else "warn", words)


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


def centre(settings: Settings) -> Iterator[Finding]:
    """On a hub: when it was last through with its centre."""
    if not settings.is_hub:
        return
    with reading() as session:
        met_at = session.scalar(text("SELECT MAX(met_at) FROM peer"))
    if not met_at:
        yield Finding("centre", "wrong", f"{settings.centre_url} was never met: `flask node meet` says why; until then this hub answers nobody")
        return
    age = now_ms() - int(met_at)
    words = f"last met {age // 60_000} min ago"
    yield Finding("centre", "ok" if age <= MET_AGE_MS_MAX else "warn", words)


def audit_log(settings: Settings) -> Iterator[Finding]:
    """Whether anybody changed it behind the server's back."""
    with reading() as session:
        proof = prove(session, now_ms())
    words = f"{proof.lines} lines, {proof.unsealed} not sealed yet; newest seal {proof.head or 'none'}"
    yield Finding("audit log", "ok" if proof.ok else "wrong", words if proof.ok else "; ".join(proof.broken[:3]))


CHECKS: tuple[Check, ...] = (configuration, transport, disk, database, queue, files, centre, clock, addresses, growth, audit_log)


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
