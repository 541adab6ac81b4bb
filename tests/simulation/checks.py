"""The properties of protocol section 9 that a finished history must show. Each finding names the property it breaks.

Owns the end of a history (everything heals, everybody syncs) and what must then be true. Changes nothing but that.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.db import db
from server.kinds import KINDS
from server.ledger import quarantine
from server.ledger.feeds import shows
from server.ledger.state import canonical
from server.ledger.verify import fold_anew
from sync.merge_kinds import is_visible
from sync.record import Record, load
from sync.stamp import GENESIS, erased_rec
from tests.simulation.actions import attempt
from tests.simulation.bad_days import DAY_MS
from tests.simulation.erasing import check_erased
from tests.simulation.facts import FACT, unsent
from tests.simulation.faults import Fault
from tests.simulation.files import check_files, deliver_files
from tests.simulation.handheld import Handheld
from tests.simulation.oracle import Logged, Meaning, meaning_of, shown_by
from tests.simulation.town import Town
from tests.simulation.typescript import TypeScriptHandheld

ROUNDS_MAX = 8


def heal(town: Town) -> None:
    """Good links for everybody until nothing moves; what waits for a lost parent is let go after its time."""
    town.fault = Fault()
    town.upgrade_server()
    town.happened[f"town of {len(town.devices)}"] += 1
    for device in town.devices:
        device.kill_at = ""
    _settle(town)
    deliver_files(town)
    town.now_ms += 8 * DAY_MS
    nodes = [db.session(), *([town.hub.session] if town.hub else [])]
    if released := [rec for node in nodes for rec in quarantine.release_overdue(node, town.now_ms)]:
        town.happened["parked let go"] += len(released)
        _settle(town)


def _settle(town: Town) -> None:
    for _ in range(ROUNDS_MAX):
        before = _heads(town)
        done = [attempt(town, device, 400) for device in town.devices]
        if town.hub is not None:
            done.append(town.meet(Fault()))
        if all(done) and _heads(town) == before:
            return
    stuck = [found for device in town.devices for found in _unsent(town, device)]
    town.findings += stuck or ["19 progress: nobody comes to rest"]


def _heads(town: Town) -> list[int]:
    return [_head(db.session()), *([_head(town.hub.session)] if town.hub else [])]


def _head(session: Session) -> int:
    seq = int(session.execute(text("SELECT COALESCE(MAX(seq), 0) FROM sync_clock")).scalar_one())
    session.rollback()
    return seq


def check(town: Town) -> list[str]:
    """Everything that is wrong."""
    log = town.log()
    by_rec: dict[str, list[Logged]] = {}
    for row in log:
        if erased_rec(row.line) is None and (row.verdict != "quarantined" or _readable(row.line)):
            by_rec.setdefault(_rec(row.line), []).append(row)
    states = {rec: (scope, seq, load(state)) for rec, (scope, seq, state) in town.states().items()}
    found = [
        *town.findings, *_facts(town), *_chains(log), *_quarantine(log), *_meaning(town, by_rec, states),
        *_conflicts(states), *_replicas(town, states), *_nodes(town, states), *_rows(), *check_erased(town), *check_files(town),
    ]  # fmt: skip
    if not fold_anew(db.session()).ok:
        found.append("21 incremental state = fold of all ops: verify finds a difference")
    return found


def _rows() -> list[str]:
    """15: what is shown of a kind this version knows stands in its table."""
    lacking = [rec for name in KINDS for (rec,) in db.session.execute(text(
        f"SELECT id FROM record WHERE kind = '{name}' AND seq > 0 AND id NOT IN (SELECT id FROM k_{name}) AND id NOT IN (SELECT rec FROM erasure)"))]  # fmt: skip
    db.session.rollback()
    return [f"15 nothing skipped: {rec} has no row in its table" for rec in lacking]


def _readable(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _rec(line: bytes) -> str:
    return str(orjson.loads(line)["rec"])


def _facts(town: Town) -> list[str]:
    """22, 13, 14: what was recorded is in the log, once."""
    times = town.in_log()
    lost = sorted(set(town.facts) - set(times) - town.forgiven - town.erased)
    # Known limit (PROTOCOL.md, P-24): a copied disk and a second node, or a server set back, may part at different places.
    excused = town.cloned if town.happened["server rolled back"] or town.hub is not None else set()
    twice = sorted(fact for fact, count in times.items() if count > 1 and town.facts[fact] not in excused)
    return [
        *(f"{_lost(town, fact)} nothing lost: {fact} of {town.facts[fact]} is in no log" for fact in lost),
        *(f"2 nothing twice: {fact}" for fact in twice),
    ]


def _lost(town: Town, fact: str) -> str:
    """The property that is broken: the one that was at stake."""
    return town.at_stake.get(fact) or ("13" if town.facts[fact] in town.cloned else "22")


def _chains(log: list[Logged]) -> list[str]:
    """2: every author's log is gapless and its hashes are those of the bytes."""
    by_dev: dict[str, dict[int, Logged]] = {}
    found = []
    for row in log:
        if row.n in by_dev.setdefault(row.dev, {}):
            found.append(f"2 nothing twice: {row.dev}:{row.n}")
        by_dev[row.dev][row.n] = row
    for dev, rows in by_dev.items():
        h = GENESIS
        for n in range(1, len(rows) + 1):
            if n not in rows:
                found.append(f"22 no gap: {dev}:{n} is missing")
                break
            line = rows[n].line
            h = rows[n].h if erased_rec(line) is not None else sha256(h.encode() + line).hexdigest()[:8]
            if rows[n].h != h:
                found.append(f"22 bytes as sent: {dev}:{n}")
                break
    return found


def _quarantine(log: list[Logged]) -> list[str]:
    """3: whatever was not applied is in front of a person."""
    shown = {(dev, n) for dev, n in db.session.execute(text("SELECT dev, n FROM quarantine"))}
    db.session.rollback()
    return [f"3 reaches a person: {row.dev}:{row.n}" for row in log if row.verdict == "quarantined" and (row.dev, row.n) not in shown]


def _meaning(town: Town, by_rec: dict[str, list[Logged]], states: dict[str, tuple[str, int, Record]]) -> list[str]:
    """7 to 11 and 15: heads, sums, members and entries are those of the specification."""
    found = []
    for rec, rows in by_rec.items():
        if all(row.verdict == "quarantined" for row in rows):
            continue
        if rec not in states:
            found.append(f"21 {rec} has ops and no state")
            continue
        record = states[rec][2]
        if record.erased is not None:
            found += [f"43 {rec} is erased and shows something"] if shown_by(record) != Meaning() else []
            continue
        wanted, shown = meaning_of(rows), shown_by(record)
        if record.wait:
            found.append(f"7 arrival order: {rec} still waits for {record.wait[0][4]}")
            continue
        for part in ("registers", "counters", "sets", "logs", "deleted", "disputed"):
            left, right = getattr(wanted, part), getattr(shown, part)
            if isinstance(left, dict):
                left, right = ({name: value for name, value in each.items() if value or part == "counters"} for each in (left, right))
            if left != right:
                found.append(f"{_number(record, part, left, right)} {part} of {record.kind} {rec}: {right} instead of {left}")
        found += _own_conflicts(town, rows, wanted)
    return found


_NUMBER = {"registers": 7, "counters": 9, "sets": 21, "logs": 21, "deleted": 10}


def _number(record: Record, part: str, wanted: Any, shown: Any) -> int:
    """Which property it breaks: what only a later version knows was stripped, a dispute there should not be or one that is gone, or by its merge kind."""
    if part == "disputed":
        return 8 if shown > wanted else 11
    if isinstance(wanted, dict):
        declared = {each.name for each in KINDS[record.kind].fields} if record.kind in KINDS else set()
        if {name for name in wanted.keys() | shown.keys() if wanted.get(name) != shown.get(name)}.isdisjoint(declared | {"scope"}):
            return 15
    return _NUMBER[part]


def _own_conflicts(town: Town, rows: list[Logged], wanted: Meaning) -> list[str]:
    """6: a device that is no copy never conflicts with itself. A quarantined or lost link in a chain may split it."""
    held = {row.stamp for row in rows}
    named = {stamp for row in rows for fop in orjson.loads(row.line)["f"].values() for stamp in fop.get("b", ())}
    if any(row.verdict == "quarantined" for row in rows) or not named <= held:
        return []
    by_stamp = {row.stamp: row for row in rows}
    found = []
    for name in wanted.disputed & set(wanted.registers):
        facts = {fact.decode() for stamp in wanted.registers[name] for fact in FACT.findall(by_stamp[stamp].line)}
        authors = {town.facts.get(fact, "") for fact in facts}
        if len(authors) == 1 and not authors & (town.cloned | {"centre"}):
            number = 5 if any(town.at_stake.get(fact) == "5" for fact in facts) else 6
            found.append(f"{number} no conflict with itself: {authors} on {name}")
    return found


def _conflicts(states: dict[str, tuple[str, int, Record]]) -> list[str]:
    """11: the open cases are exactly the disputed fields."""
    rows = db.session.execute(text("SELECT rec, field FROM conflict WHERE closed_at IS NULL")).all()
    db.session.rollback()
    cases = {(rec, name) for rec, name in rows}
    disputed = {(rec, name) for rec, (_, _, record) in states.items() for name in shown_by(record).disputed}
    return [f"{8 if case in cases else 11} open cases: {case}" for case in sorted(cases ^ disputed)]


def _replicas(town: Town, states: dict[str, tuple[str, int, Record]]) -> list[str]:
    """1 and 5: every device holds what it is granted, no more and no less, and shows just that."""
    found = []
    for device in town.devices:
        granted = {rec: record for rec, (scope, _, record) in states.items() if shows(device.scopes, scope, record.kind)}
        held = {rec: Record.from_wire(state) for rec, state in device.disk.states.items()}
        for rec in sorted(granted.keys() ^ held.keys()):
            found.append(f"1 cursor: {device.name} {'misses' if rec in granted else 'still holds'} {rec}")
        for rec in granted.keys() & held.keys():
            if granted[rec].to_wire() != held[rec].to_wire():
                found.append(f"1 cursor: {device.name} has an old {rec}")
            elif shown_by(device.view(rec)) != shown_by(held[rec]):
                found.append(f"5 overlay: {device.name} shows {rec} otherwise than it holds it")
        if isinstance(device, TypeScriptHandheld):
            found += _screen(device)
            found += [f"0 no error: {device.name} {each}" for each in device.incidents("local_error")]
            found += [f"17 one engine: two tabs of {device.name} sent at once" for _ in device.incidents("two_at_once")]
            found += [f"14 purge: {device.name} removed rows before its work had left: {each}" for each in device.incidents("scope_purged") if each["pending"]]
        found += _unsent(town, device)
    return found


def _nodes(town: Town, states: dict[str, tuple[str, int, Record]]) -> list[str]:
    """7 and 21: the hub has the same ops and has made the same of them."""
    if town.hub is None:
        return []
    rows = town.hub.session.execute(text("SELECT id, scope, state FROM record WHERE seq > 0")).all()
    town.hub.session.rollback()
    there = {rec: (scope, load(canonical(rec, bytes(state)))) for rec, scope, state in rows}
    # Whose ops all wait for a person shows nothing anywhere, whether or not it was ever shown before.
    shown = [{rec for rec, record in each.items() if record.erased or record.reg or record.ctr or record.sets or record.log or record.life} for each in (
        {rec: record for rec, (_, _, record) in states.items()}, {rec: record for rec, (_, record) in there.items()})]  # fmt: skip
    found = [f"7 every node: only one of hub and centre has {rec}" for rec in sorted(shown[0] ^ shown[1])]
    found += [f"7 every node: hub and centre differ on {rec}" for rec in sorted(shown[0] & shown[1]) if states[rec][2].to_wire() != there[rec][1].to_wire()]
    if not fold_anew(town.hub.session).ok:
        found.append("21 incremental state = fold of all ops: verify finds a difference at the hub")
    return found


def _screen(device: TypeScriptHandheld) -> list[str]:
    """21: what the real engine shows is what a second fold makes of its disk; only what is deleted is hidden."""
    folded = {rec: device.view(rec) for rec in device.disk.states}
    shown = device.shown(list(folded))
    hidden = {rec for rec, record in folded.items() if not is_visible(record)}
    found = [f"21 screen: {device.name} {'hides' if rec in folded.keys() - hidden else 'shows'} {rec}" for rec in (folded.keys() - hidden) ^ shown.keys()]
    return found + [f"21 screen: {device.name} shows {rec} otherwise" for rec, record in shown.items() if record.to_wire() != folded[rec].to_wire()]


def _unsent(town: Town, device: Handheld) -> list[str]:
    """19; 4 when it was told that it sends too much at once, 3 when a bad op is among it."""
    if not device.pending:
        return []
    number = 4 if device.name in town.too_large else 3 if unsent(device) & town.poison else 19
    return [f"{number} progress: {device.name} keeps {device.pending} unsent"]
