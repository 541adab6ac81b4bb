"""One whole visit of a hub at its centre: accounts, ops, files (P-60).

Owns their order and what the hub remembers of the centre. Invariant: every part stands alone and is begun again at the next visit;
a hub that was never through with its centre in its present life answers nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import delete
from sqlalchemy.orm import Session

from server.db import unit
from server.files.tus import Uploads
from server.ledger.clock import now_ms
from server.nodes import accounts, files
from server.nodes.files import Files
from server.nodes.http import Link
from server.nodes.meeting import Met, identity, meet
from server.nodes.models import Peer, PeerFile


@dataclass(slots=True)
class Report:
    """A visit as the operator reads it."""

    accounts: bool = False
    ops: Met = field(default_factory=Met)
    files: Files = field(default_factory=Files)


def visit(session: Session, uploads: Uploads, link: Link) -> Report:
    """One meeting with the centre. Raises LinkDown; what was done until then stays."""
    report = Report()
    report.accounts = _accounts(session, link)
    report.ops = meet(session, link.send, now_ms)
    if report.ops.done:
        _note_met(session)
    files.give(session, uploads, link, report.files)
    files.fetch(session, uploads, link, report.files)
    return report


def _accounts(session: Session, link: Link) -> bool:
    """Tell what was signed in here and take over the centre's accounts; gives whether they had changed."""
    me = identity(session)
    peer = session.get(Peer, 1)
    known = peer.accounts if peer is not None else ""
    session.rollback()
    answer = link.ask("/nodes/accounts", {"node": me.node, "known": known, **accounts.back(session)})
    if answer["rows"]:
        accounts.copy(session, answer["rows"])
    with unit(session):
        peer = session.get(Peer, 1)
        if peer is None:
            session.add(peer := Peer(id=1, node="", epoch="", own_epoch="", met_at=0, files_at=0, listed_at=0))
        elif peer.epoch != answer["epoch"]:
            # A centre that came back from a backup may lack files it had confirmed.
            session.execute(delete(PeerFile))
            peer.listed_at = 0
        peer.node, peer.epoch, peer.accounts = answer["node"], answer["epoch"], answer["digest"]
    return bool(answer["rows"])


def _note_met(session: Session) -> None:
    me = identity(session)
    with unit(session):
        peer = session.get_one(Peer, 1)
        peer.own_epoch, peer.met_at = me.epoch, now_ms()


def has_met(session: Session) -> bool:
    """Whether this hub, in its present life, has ever been through with its centre: before that it has nothing to show."""
    epoch = identity(session).epoch
    peer = session.get(Peer, 1)
    session.rollback()
    return peer is not None and peer.own_epoch == epoch
