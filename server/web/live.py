"""Live hints over SSE: which scopes moved on (P-30). Only hints; a client that never connects is still correct.

Owns the watcher: one thread per process that notices a moved feed counter, and wakes the streams of the process; commits of
this very process wake it at once. A stream sends `{scope, seq}` for the caller's scopes and a comment every 20 s.
Invariants: a stream holds a thread of the server, so there are never more than `live_streams_max`; a place is given back when
its answer is closed or forgotten, whatever happened to the client.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from functools import partial

import orjson
import structlog
from flask import Blueprint, Response, request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from server.accounts.calling import settings
from server.accounts.rights import Caller
from server.brakes import SYNC
from server.db import reading
from server.errors import fail
from server.ledger import hints
from server.ledger.feeds import scope_of
from server.web.endpoint import endpoint
from server.web.metrics import STREAMS

bp = Blueprint("live", __name__, url_prefix="/api/v1")
log = structlog.get_logger(__name__)
POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 20.0
STREAM_SECONDS_MAX = 600.0
RETRY_SECONDS = 30
# The page in use and one that the browser has not let go of yet.
STREAMS_PER_DEVICE = 2


class Watcher:
    """Knows the newest feed seq per scope; streams wait on its condition. Starts with the first stream."""

    def __init__(self) -> None:
        self.seq_by_scope: dict[str, int] = {}
        self.version = 0
        self.changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._seq = -1
        self.streams: Counter[str] = Counter()

    def enter(self, device_id: str, most: int) -> bool:
        """Take a place for one stream; False when all `most`, or those of the device, are taken. The first starts the thread."""
        with self.changed:
            if self.streams.total() >= most or self.streams[device_id] >= STREAMS_PER_DEVICE:
                return False
            self.streams[device_id] += 1
            STREAMS.inc()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-watcher", daemon=True)
                self._thread.start()
            return True

    def leave(self, device_id: str) -> None:
        """Give a place back."""
        with self.changed:
            self.streams[device_id] -= 1
            self.streams += Counter()  # forgets devices without a stream
            STREAMS.dec()

    def tell(self, seq_by_scope: dict[str, int]) -> None:
        """Wake the streams."""
        with self.changed:
            self.seq_by_scope.update(seq_by_scope)
            self.version += 1
            self.changed.notify_all()

    def moved_since(self, version: int) -> bool:
        """Whether anything was told since; called with the condition held."""
        return self.version != version

    def poll(self) -> None:
        """Look at the counter; when it moved, tell which scopes."""
        with reading() as session:
            row = session.execute(text("SELECT seq FROM sync_clock WHERE id = 1")).first()
            seq = int(row[0]) if row is not None else 0
            if seq == self._seq:
                return
            moved = session.execute(
                text("SELECT scope, MAX(seq) FROM record WHERE seq > :seq GROUP BY scope"), {"seq": self._seq}
            ).all()
        first = self._seq < 0
        self._seq = seq
        if not first:
            self.tell({scope: int(newest) for scope, newest in moved})

    def _is_needed(self) -> bool:
        with self.changed:
            if not self.streams:
                self._thread = None
            return bool(self.streams)

    def _run(self) -> None:
        while self._is_needed():
            try:
                self.poll()
            except (SQLAlchemyError, RuntimeError):
                log.warning("live_poll_failed")
            time.sleep(POLL_SECONDS)


watcher = Watcher()


def install() -> None:
    """Commits of this process wake the streams without waiting for the next poll."""
    hints.listen(watcher.tell)


def events(scopes: frozenset[str]) -> Iterator[bytes]:
    """The stream of one caller. What moves while its greeting is on the way is told next."""
    started = time.monotonic()
    with watcher.changed:
        version = watcher.version
        sent = dict(watcher.seq_by_scope)
    yield b": xunan live\n\n"
    while time.monotonic() - started < STREAM_SECONDS_MAX:
        with watcher.changed:
            watcher.changed.wait_for(partial(watcher.moved_since, version), timeout=HEARTBEAT_SECONDS)
            version = watcher.version
            news = {s: q for s, q in watcher.seq_by_scope.items() if s in scopes and sent.get(s) != q}
        if not news:
            yield b": still here\n\n"
        for scope, seq in sorted(news.items()):
            sent[scope] = seq
            yield b"event: hint\ndata: " + orjson.dumps({"scope": scope, "seq": seq}) + b"\n\n"


@endpoint(
    bp, "GET", "/live", auth="device", brake=SYNC, returns="text/event-stream", errors=("too_many_streams",),
    summary="Hints while online (SSE)",
)  # fmt: skip
def live(caller: Caller) -> Response:
    """Open a stream."""
    if request.method == "HEAD":
        return Response(mimetype="text/event-stream")
    if not watcher.enter(caller.device_id, settings().live_streams_max):
        raise fail("too_many_streams", headers={"Retry-After": str(RETRY_SECONDS)})
    # Of what the device holds, and of what is shown to its user on request: a desk holds no station, but its lists do.
    heard = frozenset(caller.scopes).union(map(scope_of, caller.feeds))
    response = Response(events(heard), mimetype="text/event-stream")
    response.call_on_close(weakref.finalize(response, watcher.leave, caller.device_id))
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response
