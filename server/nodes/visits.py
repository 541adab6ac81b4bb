"""The hub's visits as a process: once, or again and again until it is told to stop.

Owns waiting between visits and what is said when one fails. A failed visit is normal - there is no link - and only told when it
begins and ends, so that a week without a network is two lines of log and not ten thousand.
"""

from __future__ import annotations

import signal
import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from server.db import db
from server.files.store import StoreDown, make_store
from server.files.tus import Uploads
from server.nodes.http import Link, LinkDown
from server.nodes.link import Report, visit
from server.settings import Settings

log = structlog.get_logger(__name__)


def visit_once(settings: Settings) -> Report:
    """One visit. Raises LinkDown."""
    if settings.centre_url is None or settings.centre_token is None:
        raise LinkDown("this node is no hub: set XUNAN_CENTRE_URL and XUNAN_CENTRE_TOKEN")
    session = db.session()
    try:
        return visit(session, Uploads(settings, make_store(settings)), Link(settings.centre_url, settings.centre_token))
    finally:
        session.rollback()


def visits(settings: Settings, every: int) -> None:
    """Visit, wait `every` seconds, until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    reached: bool | None = None
    while not stop.is_set():
        try:
            report = visit_once(settings)
            if not reached or report.ops.given or report.ops.taken or report.files.given or report.files.taken:
                log.info("node_met", given=report.ops.given, taken=report.ops.taken, files=report.files.given + report.files.taken)
            reached = True
        except (LinkDown, StoreDown, SQLAlchemyError) as error:
            if reached is not False:
                log.warning("node_not_met", why=str(error) if isinstance(error, LinkDown) else type(error).__name__)
            reached = False
        stop.wait(every)
