"""Erasures in a history, and what must be true of them at its end (P-43). Owns the action, its share of steps and the check."""

from __future__ import annotations

from random import Random

from sqlalchemy import text
from sqlalchemy.orm import Session

from server.db import db, reading
from server.erasure.service import adopt
from server.ledger.bulk import Bulk
from server.ledger.erasures import Erasure, every, stamps_of
from server.ledger.lines import read_line, read_raw
from sync.stamp import erased_rec, make_stamp
from tests.simulation.facts import FACT
from tests.simulation.town import Town

# One of so many steps of a history with erasures is one.
ERASE_EVERY = 20


def erase(town: Town, random: Random) -> None:
    """At the centre a record is erased for good, or again with what has come about it since."""
    rows = db.session.execute(text("SELECT id, kind, scope FROM record WHERE seq > 0 ORDER BY id")).all()
    db.session.rollback()
    if not rows:
        return
    rec, kind, scope = random.choice(rows[:6])
    with reading(db.session()) as session:
        ops = stamps_of(Bulk(session), rec)
    texts = [row.line for row in town.log() if row.stamp in ops]
    town.erased |= {found.decode() for line in texts for found in FACT.findall(line)}
    adopt(db.session(), [Erasure(rec, kind, scope, town.now_ms, "request", "u_admin", ops)], town.now_ms)
    town.happened["erased"] += 1


def erased_on(session: Session) -> dict[str, Erasure]:
    """What a node knows to be erased."""
    with reading(session) as reader:
        return {each.rec: each for each in every(Bulk(reader))}


def check_erased(town: Town) -> list[str]:
    """43: no node, no quarantine and no device holds the text of a covered op; all nodes know of the same erasures."""
    nodes = {"centre": db.session()} | ({"hub": town.hub.session} if town.hub else {})
    known = {name: erased_on(session) for name, session in nodes.items()}
    found = [] if len({str(sorted((rec, str(sorted(each.ops))) for rec, each in held.items())) for held in known.values()}) == 1 else ["43 hub and centre erased other things"]
    covered = {stamp for each in known["centre"].values() for stamp in each.ops}
    for name, session in nodes.items():
        for dev, n, h, kept, rec, verdict in session.execute(text("SELECT dev, n, h, line, rec, verdict FROM op_log")):
            if make_stamp(dev, n, h) in covered and erased_rec(read_line(dev, n, h, kept)) is None:
                found.append(f"43 {name} holds the text of {dev}:{n}")
            if rec in known[name] and verdict not in ("erased", "quarantined"):
                found.append(f"43 {name} told nobody of {dev}:{n}, which is about an erased record")
        for dev, n, sha, raw in session.execute(text("SELECT q.dev, q.n, q.sha, q.raw FROM quarantine q JOIN op_log o ON o.id = q.op_id WHERE o.verdict = 'erased'")):
            found.append(f"43 {name} keeps {dev}:{n} aside: {read_raw(sha, raw)[:20]!r}")
        session.rollback()
    for device in town.devices:
        found += [f"43 {device.name} holds the text of {row.dev}:{row.n}" for row in device.disk.rows if make_stamp(row.dev, row.n, row.h) in covered and device.holds(row.rec) and erased_rec(row.line) is None]
    return found
