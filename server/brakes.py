"""Brakes: how much one caller, and all callers together, may ask of this server in a given time. The figures stand here, once.

Owns the table of brakes, the counting, and the places for work of which only a few pieces run at once. Figures lie far above what
honest work needs (server/security/limits.md says how far, tests/server/edge/test_brakes.py plays a typhoon's return), so only a broken or hostile
client meets them. A refusal says when to come again and loses nothing: a device keeps what it holds and sends it later.
Invariants: what is refused is not counted, neither for its caller nor for all together; a Redis that is away is never waited for twice in
AWAY_MS, and then each process counts alone. How often a person may do something in a day is counted from the audit log (accounts/days.py).
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import structlog
from redis import Redis
from redis.exceptions import RedisError

from server.errors import fail

log = structlog.get_logger(__name__)
MINUTE, HOUR, DAY = 60, 3_600, 86_400
MIB = 1 << 20
AWAY_MS = 10_000
REDIS_SECONDS_MAX = 0.25
KEYS_MAX = 50_000
BUSY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Brake:
    """`each` and `together` in `seconds`; `who` is counted: the device, or the account on whatever device. None: no common ceiling."""

    name: str
    who: str
    each: int
    seconds: int
    together: int | None = None


# Sync has no common ceiling on purpose: a thousand handhelds that come back within a minute are the day it is made for.
SYNC = Brake("sync", "device", 1_200, MINUTE)
FILE = Brake("file", "device", 6_000, MINUTE)
UPLOAD = Brake("upload", "device", 2_000, HOUR)
UPLOAD_MIB = Brake("upload_mib", "device", 20_480, DAY)
# A hub stands for many handhelds; nothing else is counted of it.
HUB = Brake("hub", "device", 12_000, MINUTE)
READ = Brake("read", "account", 600, MINUTE, 12_000)
DEED = Brake("deed", "account", 300, MINUTE)
EXPORT = Brake("export", "account", 20, MINUTE, 120)
UNMASK = Brake("unmask", "account", 60, MINUTE)
RESCUE = Brake("rescue", "account", 20, MINUTE)
# A browser that signs in without a device becomes one: nobody gets around what is counted by device with new ones.
NEW_DESK = Brake("new_desk", "account", 30, HOUR)
BRAKES = (SYNC, FILE, UPLOAD, UPLOAD_MIB, HUB, READ, DEED, EXPORT, UNMASK, RESCUE, NEW_DESK)

# How many at once on this machine, over all its processes.
AT_ONCE = {"export": 3, "rescue": 4}


class Counts:
    """Sums per key in windows of time, in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[str, tuple[int, int]] = {}

    def add(self, key: str, until_ms: int, amount: int, at: int) -> int:
        """The sum of the window that ends at `until_ms`, with `amount`."""
        with self._lock:
            held, total = self._sums.get(key, (until_ms, 0))
            total = amount + (total if held == until_ms else 0)
            if len(self._sums) >= KEYS_MAX and key not in self._sums:
                self._sums = {each: kept for each, kept in self._sums.items() if kept[0] > at}
            self._sums[key] = (until_ms, total)
            return total


class Brakes:
    """The brakes of one process. With Redis or Valkey all processes count together."""

    def __init__(self, redis_url: str | None = None, times: int = 1) -> None:
        """`times`: every figure that many times, where one device stands for many."""
        self._times = times
        self._counts = Counts()
        self._away_until = 0
        self._redis: Redis | None = None
        if redis_url is not None:
            self._redis = Redis.from_url(redis_url, socket_timeout=REDIS_SECONDS_MAX, socket_connect_timeout=REDIS_SECONDS_MAX)

    def take(self, brake: Brake, who: str, at: int, amount: int = 1) -> None:
        """Count `amount` for a caller. Raises `too_many_requests`."""
        self._take(brake, who, brake.each, at, amount)
        if brake.together is not None:
            self._take(brake, "*", brake.together, at, amount)

    def _take(self, brake: Brake, who: str, most: int, at: int, amount: int) -> None:
        key, span = f"{brake.name}:{who}", brake.seconds * 1000
        # Windows of different callers begin at different moments: those who wait do not come back all at once.
        shift = crc32(key.encode()) % span
        until = (at + shift) // span * span + span - shift
        if self._sum(key, until, amount, at) > most * self._times:
            self._sum(key, until, -amount, at)
            seconds = max(1, -(-(until - at) // 1000))
            raise fail("too_many_requests", seconds=seconds, headers={"Retry-After": str(seconds)})

    def _sum(self, key: str, until: int, amount: int, at: int) -> int:
        if self._redis is not None and at >= self._away_until:
            try:
                pipe = self._redis.pipeline(transaction=False)
                pipe.incrby(f"xunan:brake:{key}:{until}", amount)
                pipe.pexpireat(f"xunan:brake:{key}:{until}", until)
                return int(pipe.execute()[0])
            except RedisError:
                self._away_until = at + AWAY_MS
                log.warning("brakes_count_alone")
        return self._counts.add(key, until, amount, at)


@contextmanager
def place(data_dir: Path, work: str) -> Iterator[None]:
    """One of the few places for a costly piece of work. Raises `too_busy`; a process that dies gives its place back."""
    folder = data_dir / "places"
    folder.mkdir(exist_ok=True)
    for number in range(AT_ONCE[work]):
        with (folder / f"{work}-{number}.lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield
            return
    raise fail("too_busy", headers={"Retry-After": str(BUSY_SECONDS)})
