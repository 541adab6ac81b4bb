"""Structured logs: one JSON line per event, with the request id, without personal data.

Owns the structlog set-up. Invariants: no request body, token, name or query string is ever logged; tracebacks carry no local
variables (they would leak an identity number).
"""

from __future__ import annotations

import logging

import structlog


def configure_logs(level: str) -> None:
    """Set up structlog once per process."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=False,
    )
