"""Other clocks at hand, without asking the internet: database, Redis, S3, and on a hub its centre.

Owns how each is asked. An answer is the other clock's milliseconds; the caller compares with the middle of the time the question took.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime

import urllib3
from redis import Redis
from sqlalchemy import text

from server.db import reading
from server.settings import Settings

SECONDS_MAX = 5
Ask = Callable[[], int]


def clocks(settings: Settings) -> Iterator[tuple[str, Ask]]:
    """(name, how to ask) of every other clock this server stands beside. SQLite has none of its own."""
    if not settings.database_url.startswith("sqlite"):
        yield "database", _database_ms
    if settings.redis_url is not None:
        yield "queue", lambda: _redis_ms(settings.redis_url or "")
    if settings.s3_url is not None:
        yield "file store", lambda: http_ms(settings.s3_url or "")
    if settings.centre_url is not None:
        yield "centre", lambda: http_ms(f"{settings.centre_url}/healthz")


def _database_ms() -> int:
    with reading() as session:
        return int(session.execute(text("SELECT EXTRACT(EPOCH FROM clock_timestamp()) * 1000")).scalar_one())


def _redis_ms(url: str) -> int:
    with Redis.from_url(url, socket_timeout=SECONDS_MAX, socket_connect_timeout=SECONDS_MAX) as client:
        seconds, micros = client.time()
        return int(seconds) * 1000 + int(micros) // 1000


def http_ms(url: str) -> int:
    """The `Date` of an answer, whatever the answer is; exact to the second. Raises ValueError when there is none."""
    with urllib3.PoolManager(timeout=SECONDS_MAX, retries=False) as pool:
        told = pool.request("HEAD", url, redirect=False).headers.get("Date", "")
    # In the middle of the second it names.
    return int(parsedate_to_datetime(told).timestamp() * 1000) + 500
