"""Structured logs: one JSON line per event, with the request id, without personal data.

Owns the structlog set-up and what a log may say of an exception. Invariants: no request body, token, name or query string is
ever logged; a trace names types, places and codes, never the message of an exception (PostgreSQL quotes whole rows in it, and
`int("…")` its argument) and never local variables. Lines of libraries are held to the same.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

import structlog
from structlog.typing import ExcInfo

from server.errors import ProblemError

FRAMES_MAX = 30
CHAIN_MAX = 5


def described(error: BaseException) -> str:
    """What may be said of an exception beside its type: a problem's code, a database's code and the rule that was broken."""
    if isinstance(error, ProblemError):
        return error.problem.code
    database = getattr(error, "orig", None) or error
    named = {
        "sqlstate": getattr(database, "sqlstate", None),
        "constraint": getattr(getattr(database, "diag", None), "constraint_name", None),
        "code": getattr(database, "sqlite_errorname", None),
        "errno": getattr(database, "errno", None),
    }
    return ", ".join(f"{name} {value}" for name, value in named.items() if value)


def private_trace(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """An exception and what caused it, outermost first: types, codes and places."""
    told: list[dict[str, Any]] = []
    error: BaseException | None = exc_info[1]
    while error is not None and len(told) < CHAIN_MAX:
        frames = [
            {"filename": frame.filename, "lineno": frame.lineno, "name": frame.name}
            for frame in traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
        ]
        told.append({"exc_type": type(error).__name__, "exc_value": described(error), "frames": frames})
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told


def _as_text(exc_info: ExcInfo) -> str:
    lines = []
    for each in private_trace(exc_info):
        lines.append(f"{each['exc_type']}: {each['exc_value']}")
        lines += [f'  File "{frame["filename"]}", line {frame["lineno"]}, in {frame["name"]}' for frame in each["frames"]]
    return "\n".join(lines)


def private_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """A record of a library's logger whose trace is private before any handler sees it."""
    record = logging.LogRecord(*args, **kwargs)
    if record.exc_info and record.exc_info[1] is not None:
        record.exc_text = _as_text(record.exc_info)
    record.exc_info = None
    return record


class SteadyLogger(structlog.PrintLogger):
    """Writes lines to standard output. Where they cannot be written (the disk is full) they are lost, and what they tell of goes on."""

    def msg(self, message: str) -> None:
        """One line."""
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


def _of_record(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Who says it, and what `private_record` left of an exception."""
    record: logging.LogRecord = event["_record"]
    event["logger"] = record.name
    if record.exc_text:
        event["exception"] = record.exc_text
    return event


class LibraryHandler(logging.Handler):
    """Writes lines of libraries as ours are written, each under the id of its request; what cannot be written is lost, and nothing else."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        with suppress(OSError):
            sys.stdout.write(self.format(record) + "\n")


def library_handler() -> logging.Handler:
    """For the root logger."""
    handler = LibraryHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True), _of_record,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer(ensure_ascii=False)],
        )
    )  # fmt: skip
    return handler


def configure_logs(level: str) -> None:
    """Set up structlog and the records of libraries once per process."""
    logging.setLogRecordFactory(private_record)
    root = logging.getLogger()
    for held in [each for each in root.handlers if isinstance(each, LibraryHandler)]:
        root.removeHandler(held)
    root.addHandler(library_handler())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(private_trace),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_: SteadyLogger(),
        cache_logger_on_first_use=False,
    )
