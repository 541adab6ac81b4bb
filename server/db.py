"""Database: the declarative Base, engine set-up and the unit of work.

Owns how a connection is opened and how a transaction begins and ends; knows no table but through Base.
Invariants: SQLite runs in WAL with synchronous=FULL and every writing transaction starts with BEGIN IMMEDIATE, so a
read-modify-write never loses an update; a session outside a unit takes a plain BEGIN and only reads.
Times are UTC milliseconds (BigInteger). No transaction is left to autocommit: `unit()` commits on success and rolls back on any exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import BigInteger, Dialect, Engine, MetaData, Text, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.orm import DeclarativeBase, Session, scoped_session, sessionmaker
from sqlalchemy.types import TypeDecorator

__all__ = [
    "Base",
    "Hundredths",
    "JsonText",
    "db",
    "in_unit",
    "make_engine",
    "migrate",
    "normalise_url",
    "on_commit",
    "reading",
    "readonly_unit",
    "unit",
]

BUSY_TIMEOUT_MS = 30_000
POOL_SIZE = 16
POOL_OVERFLOW = 32

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
            "cache_size=-32000",
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
        engine = create_engine(parsed, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, connect_args={"check_same_thread": False})
        _prepare_sqlite(engine)
        return engine
    return create_engine(
        parsed, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, pool_pre_ping=True, isolation_level="READ COMMITTED"
    )


class Database:
    """The process-wide handle: `db.init(url)` once, then `db.session` and `unit()`."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._maker: sessionmaker[Session] = sessionmaker(expire_on_commit=False)
        self.session: scoped_session[Session] = scoped_session(self._maker)

    @property
    def engine(self) -> Engine:
        """The open engine; an error when `init` was not called."""
        if self._engine is None:
            raise RuntimeError("database is not initialised: call db.init(url) first")
        return self._engine

    def init(self, url: str) -> Engine:
        """Open the engine and bind sessions to it; a second call replaces the first (tests)."""
        self.close()
        self._engine = make_engine(url)
        # A session outside a unit only reads; it must not queue for SQLite's single write lock.
        self._maker.configure(bind=self._engine.execution_options(readonly=True))
        return self._engine

    def close(self) -> None:
        """Drop this thread's session and dispose of the engine."""
        self.session.remove()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


db = Database()


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
        current.connection(execution_options={"readonly": False})
        yield current
        current.commit()
    except BaseException:
        current.rollback()
        raise
    finally:
        current.info["in_unit"] = False
        callbacks = current.info.pop("on_commit", [])
    for callback in callbacks:
        callback()


def on_commit(session: Session, callback: Callable[[], None]) -> None:
    """Call back after the open unit has committed; nothing is called when it rolls back."""
    session.info.setdefault("on_commit", []).append(callback)


def in_unit(session: Session) -> bool:
    """Whether a unit of work is open on this session."""
    return bool(session.info.get("in_unit"))


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


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema of a database to a revision with the project's own migrations."""
    from alembic import command
    from alembic.config import Config

    config = Config(str(Path(__file__).resolve().parent.parent / "migrations" / "alembic.ini"))
    config.attributes["engine"] = engine
    command.upgrade(config, revision)
