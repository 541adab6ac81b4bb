"""`gunicorn tests.load.watched:app`: the server, and how long each push waited for the counter row and held it (P-26).

Appends "waited held" in milliseconds to the file LOAD_COUNTER_LOG, one line a commit. Changes nothing of what is measured.
"""

from __future__ import annotations

import os
from threading import local
from time import perf_counter

from sqlalchemy import event
from sqlalchemy.orm import Session

from server.ledger import feed
from server.ledger.bulk import Bulk
from wsgi import app

LOG = os.open(os.environ["LOAD_COUNTER_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
_mine = local()
_take_seq = feed.take_seq


def _watched(bulk: Bulk, count: int) -> int:
    asked = perf_counter()
    seq = _take_seq(bulk, count)
    _mine.taken = (asked, perf_counter())
    return seq


@event.listens_for(Session, "after_commit")
def _committed(_session: Session) -> None:
    asked, taken = _mine.__dict__.pop("taken", (0.0, 0.0))
    if taken:
        os.write(LOG, b"%.3f %.3f\n" % (1000 * (taken - asked), 1000 * (perf_counter() - taken)))


@event.listens_for(Session, "after_rollback")
def _rolled_back(_session: Session) -> None:
    _mine.__dict__.pop("taken", None)


feed.take_seq = _watched

__all__ = ["app"]
