"""Database: the declarative Base, engine set-up and the unit of work.

Owns how a connection is opened and how a transaction begins and ends; knows no table but through Base.
Invariants: SQLite runs in WAL with synchronous=FULL and every writing transaction starts with BEGIN IMMEDIATE, so a
read-modify-write never loses an update; a session outside a unit takes a plain BEGIN and only reads.
Times are UTC milliseconds (BigInteger). No transaction is left to autocommit: `unit()` commits on success and rolls back on any exception.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import orjson
import structlog
from flask import Flask, current_app, has_app_context
from flask.globals import app_ctx
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import BigInteger, Dialect, Engine, MetaData, Text, create_engine, event, inspect, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

__all__ = [
    "Base",
    "Hundredths",
    "JsonText",
    "MigrationLocked",
    "closing",
    "db",
    "in_unit",
    "joined_unit",
    "make_engine",
    "migrate",
    "normalise_url",
    "on_commit",
    "reading",
    "readonly_unit",
    "revision",
    "riding",
    "unit",
]

log = structlog.get_logger(__name__)
T = TypeVar("T", bound=Callable[[], object])
BUSY_TIMEOUT_MS = 30_000
POOL_SIZE = 16
POOL_OVERFLOW = 32
MIGRATION_TRIES = 12
MIGRATION_LOCK_TIMEOUT = "5s"
MIGRATION_PAUSE_SECONDS = 5.0
LOCK_NOT_AVAILABLE = "55P03"

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of every mapped class of the server."""

    metadata = MetaData(naming_convention=_NAMING)


class JsonText(TypeDecorator[Any]):
    """A JSON value in a TEXT column: the same bytes on every database, cheap to write in bulk."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Encode; a None stays NULL."""
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Decode; NULL stays None."""
        return None if value is None else orjson.loads(value)


class Hundredths(TypeDecorator[Any]):
    """A decimal with two places kept as an integer of hundredths, so that SQL may add it up exactly."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        """Accept a decimal string, Decimal or int of whole units."""
        from decimal import Decimal

        return None if value is None else int(Decimal(str(value)).scaleb(2).to_integral_value())

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Give back a Decimal with two places."""
        from decimal import Decimal

        return None if value is None else Decimal(int(value)).scaleb(-2)


def normalise_url(url: str) -> URL:
    """Turn a configured address into one SQLAlchemy understands; PostgreSQL always means psycopg 3."""
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def _prepare_sqlite(engine: Engine) -> None:
    """Hook the pragmas and explicit BEGIN into a SQLite engine."""

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        # The driver's own implicit transactions lose updates; we say BEGIN ourselves (stack.md section 4).
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-4000",
            "temp_store=MEMORY",
            "mmap_size=268435456",
            # A checkpoint writes each page once, however often it changed since: rarer ones cost less.
            "wal_autocheckpoint=4000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        readonly = connection.get_execution_options().get("readonly", False)
        connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")


def make_engine(url: str) -> Engine:
    """Open an engine for SQLite or PostgreSQL with the rules of this module."""
    parsed = normalise_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            parsed, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, hide_parameters=True, connect_args={"check_same_thread": False}
        )
        _prepare_sqlite(engine)
        return engine
    # What is bound may be personal data: it never appears in an error message, and so in no log.
    return create_engine(
        parsed, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, hide_parameters=True, pool_pre_ping=True, isolation_level="READ COMMITTED"
    )


class ReadingSession(FlaskSession):
    """A session outside a unit only reads; it must not queue for SQLite's single write lock."""

    def get_bind(self, *_args: Any, **_more: Any) -> Engine | Connection:
        """The process's database, as readers use it."""
        return self._db.engines["reading"]


def _scope() -> int:
    """Sessions live as long as the app context, or the thread where there is none (workers, tests)."""
    return id(app_ctx._get_current_object()) if has_app_context() else threading.get_ident()  # type: ignore[attr-defined]


class Database(SQLAlchemy):
    """Flask-SQLAlchemy with our engines. Models keep a Base of their own, so that the ledger can be used without an app.

    `init_app` binds an app; `init(url)` opens a database where there is no app. What has no app context (a streamed answer, a
    thread) uses the one opened last.
    """

    def __init__(self) -> None:
        super().__init__(
            metadata=Base.metadata, session_options={"class_": ReadingSession, "scopefunc": _scope, "expire_on_commit": False}
        )
        self._last: Flask | None = None

    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: Flask) -> Engine:
        return make_engine(app.config["SQLALCHEMY_DATABASE_URI"])

    def init_app(self, app: Flask) -> None:
        """Open the database of `SQLALCHEMY_DATABASE_URI`."""
        super().init_app(app)
        engines = self._app_engines[app]
        engines["reading"] = engines[None].execution_options(readonly=True)
        self._last = app

    def init(self, url: str) -> Engine:
        """Open a database without an app; a second call replaces the first (tests)."""
        self.close()
        bare = Flask("xunan-database")
        bare.config["SQLALCHEMY_DATABASE_URI"] = url
        self.init_app(bare)
        return self.engine

    @property
    def app(self) -> Flask | None:
        """The app that was opened last."""
        return self._last

    def reopen(self, app: Flask) -> Engine:
        """Open again what was closed: its engine keeps the statements it has compiled (tests)."""
        self.close()
        self._last = app
        return self.engine

    @property
    def engines(self) -> Mapping[str | None, Engine]:
        """Engines of the current app, else of the one opened last. Raises RuntimeError when none is open."""
        if has_app_context() and (found := self._app_engines.get(current_app._get_current_object())):  # type: ignore[attr-defined]
            return found
        if self._last is None:
            raise RuntimeError("no database is open: call db.init_app(app) or db.init(url) first")
        return self._app_engines[self._last]

    def close(self) -> None:
        """Drop the current session and dispose of the engines opened last."""
        self.session.remove()
        if self._last is not None:
            for engine in self._app_engines[self._last].values():
                engine.dispose()
            self._last = None


db = Database()


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """A writer's turn on SQLite, which has one write lock and lets those who want it poll with growing pauses.

    Writers of this process queue here instead, so the lock passes on at once; those of other processes still wait by BEGIN IMMEDIATE.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    with _writers_of(engine.url):
        yield


@cache
def _writers_of(url: URL) -> threading.Lock:
    return threading.Lock()


@contextmanager
def unit(session: Session | None = None) -> Iterator[Session]:
    """One writing transaction on `db.session` (or the given one): commit on success, roll back on any exception.

    A transaction that earlier reads of the same session began is ended first: on SQLite it has no write lock and an old
    view, so it could not be continued safely. A unit inside a unit is an error: the inner commit would tear the outer one.
    """
    current = session if session is not None else db.session()
    if current.info.get("in_unit"):
        raise RuntimeError("unit() inside a unit()")
    if current.in_transaction():
        if current.new or current.dirty or current.deleted:
            raise RuntimeError("changes were made before unit()")
        current.rollback()
    current.info["in_unit"] = True
    try:
        with _turn(current.get_bind().engine):
            try:
                current.connection(execution_options={"readonly": False})
                yield current
                _close(current)
                current.commit()
            except BaseException:
                current.rollback()
                raise
    finally:
        current.info["in_unit"] = False
        current.info.pop("closing", None)
        callbacks = current.info.pop("on_commit", [])
    for callback in callbacks:
        callback()


def _close(session: Session) -> None:
    """The last statements of a unit: what rides along, then what must come last of all because it holds what others wait for."""
    for ride in session.info.get("riding", ()):
        ride(session)
    session.flush()
    for work in session.info.pop("closing", {}).values():
        work()


def closing(session: Session, make: Callable[[Session], T]) -> T:
    """The one `make(session)` of the open unit. It is called as the unit's last work before the commit, and dropped by a rollback."""
    if not in_unit(session):
        raise RuntimeError("closing() outside a unit()")
    kept: dict[Any, T] = session.info.setdefault("closing", {})
    if make not in kept:
        kept[make] = make(session)
    return kept[make]


@contextmanager
def riding(session: Session, ride: Callable[[Session], object]) -> Iterator[None]:
    """Do this in every unit of the session that is opened meanwhile, just before its closing work."""
    session.info.setdefault("riding", []).append(ride)
    try:
        yield
    finally:
        session.info["riding"].remove(ride)


def on_commit(session: Session, callback: Callable[[], None]) -> None:
    """Call back after the open unit has committed; nothing is called when it rolls back."""
    session.info.setdefault("on_commit", []).append(callback)


def in_unit(session: Session) -> bool:
    """Whether a unit of work is open on this session."""
    return bool(session.info.get("in_unit"))


@contextmanager
def joined_unit(session: Session) -> Iterator[Session]:
    """The unit of work that is open on this session, or one of its own."""
    if in_unit(session):
        yield session
        return
    with unit(session):
        yield session


@contextmanager
def reading(session: Session | None = None) -> Iterator[Session]:
    """One reading transaction on its own connection: a consistent view that never blocks or waits for a writer.

    `session` only tells which engine to read from; its own transaction is not touched.
    """
    engine = db.engine if session is None else session.get_bind().engine
    options: dict[str, Any] = {"readonly": True}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect() as connection:
        connection = connection.execution_options(**options)
        with Session(connection, expire_on_commit=False) as session_:
            yield session_


def readonly_unit() -> AbstractContextManager[Session]:
    """A reading transaction on the process-wide database."""
    return reading()


def revision(engine: Engine) -> str | None:
    """The revision a database is at; None before its first migration."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


class MigrationLocked(RuntimeError):
    """Somebody held a lock the migration needs for longer than it may wait; nothing was changed."""


def migrate(engine: Engine, revision: str = "head", tries: int = MIGRATION_TRIES, lock_timeout: str = MIGRATION_LOCK_TIMEOUT) -> None:
    """Bring the schema of a database to a revision with the project's own migrations, all of them or none.

    On a live PostgreSQL each try waits briefly for its locks, because whoever comes after it waits behind it; then it lets
    everybody pass and tries again. Raises MigrationLocked.
    """
    from alembic import command
    from alembic.config import Config

    config = Config(str(Path(__file__).resolve().parent.parent / "migrations" / "alembic.ini"))
    config.attributes |= {"engine": engine, "lock_timeout": lock_timeout}
    for left in reversed(range(tries)):
        try:
            command.upgrade(config, revision)
            return
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
            if not left:
                raise MigrationLocked(f"no lock within {lock_timeout}, {tries} times: a long query or backup is running; nothing was changed") from error
            log.warning("migration_waits", tries_left=left)
            threading.Event().wait(MIGRATION_PAUSE_SECONDS)
