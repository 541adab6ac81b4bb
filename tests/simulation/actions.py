"""What may happen in a history. Each action draws from its own random numbers, so that leaving one out does not change the rest.

Owns the list of actions and their weights; each takes the town and its Random. Holds no assertion.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from sqlalchemy import text

from server.db import db
from server.ledger import quarantine
from server.ledger.state import load
from tests.server.ledger.world import OTHER, STATION
from tests.simulation.around_a_hub import FOR_READING, WITH_A_HUB
from tests.simulation.bad_days import (
    back_up,
    change_tabs,
    clone,
    evict,
    narrow_link,
    reassign,
    roll_back,
    set_back,
    set_clock,
    take_image,
    two_tabs,
    upgrade_app,
    upgrade_server,
    wait,
    wait_no_time,
)
from tests.simulation.erasing import ERASE_EVERY, erase
from tests.simulation.facts import facts_on, unsent
from tests.simulation.faults import POISON_SCHEMA, Fault
from tests.simulation.files import FILES_EVERY, WITH_FILES
from tests.simulation.handheld import Gone, Handheld, Killed
from tests.simulation.town import Town
from tests.simulation.writing import new_id, pick_record, reg, some_device, station, write

WORDS = ("楼道堆物", "外墙脱落", "积水", "飞线充电", "广告牌松动")
STATUSES = ("found", "verified", "rectifying", "recheck")
Do = Callable[[Town, Random], None]


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a history: a name of ACTIONS and the seed of its own random numbers."""

    name: str
    seed: int

    def run(self, town: Town) -> None:
        """Let it happen; a second passes."""
        town.now_ms += 1000
        (ACTIONS | WITH_A_HUB | WITH_ERASURES | APART | WITH_TABS | WITH_FILES)[self.name][1](town, Random(self.seed))


def plan(random: Random, length: int) -> list[Action]:
    """A history drawn by weight."""
    return _draw(random, ACTIONS, length)


def with_a_hub(random: Random, actions: list[Action]) -> list[Action]:
    """The same history with what happens around a hub between its steps."""
    more = _draw(random, WITH_A_HUB, len(actions) // (HUB_EVERY - 1))
    for action in more:
        actions.insert(random.randint(0, len(actions)), action)
    return actions


def with_erasures(random: Random, actions: list[Action]) -> list[Action]:
    """The same history with erasures between its steps."""
    for action in _draw(random, WITH_ERASURES, len(actions) // ERASE_EVERY):
        actions.insert(random.randint(len(actions) // 5, len(actions)), action)
    return actions


def with_more(random: Random, actions: list[Action]) -> list[Action]:
    """The same history with requests that overtake one another and tabs that come and go between its steps."""
    for action in _draw(random, APART, len(actions) // APART_EVERY):
        actions.insert(random.randint(0, len(actions)), action)
    return actions


def with_files(random: Random, actions: list[Action]) -> list[Action]:
    """The same history with photos that are attached and sent between its steps."""
    for action in _draw(random, WITH_FILES, len(actions) // FILES_EVERY):
        actions.insert(random.randint(len(actions) // 5, len(actions)), action)
    return actions


def with_tabs(random: Random, actions: list[Action]) -> list[Action]:
    """The same history with a time in which somebody has the app open twice."""
    for action in _draw(random, WITH_TABS, 1):
        actions.insert(random.randint(0, len(actions)), action)
    return actions


def _draw(random: Random, among: dict[str, tuple[int, Do]], length: int) -> list[Action]:
    names = list(among)
    weights = [among[name][0] for name in names]
    return [Action(name, random.getrandbits(48)) for name in random.choices(names, weights, k=length)]


# ------------------------------------------------------------------------------------------------------------- writing


def create(town: Town, random: Random) -> None:
    """A new hazard, stock lot, patrol or person."""
    device = some_device(town, random)
    kind = random.choice(("hazard", "stock_lot", "patrol"))
    fields: dict[str, Any] = {"scope": {"k": "reg", "v": station(device), "b": []}}
    if kind == "hazard":
        fields |= {"title": {"k": "reg", "v": random.choice(WORDS), "b": []}, "status": {"k": "reg", "v": "found", "b": []}}
    elif kind == "stock_lot":
        fields |= {"on_hand": {"k": "inc", "v": random.randint(1, 90), "b": []}}
    rec = new_id(random)
    # Without a draw of its own: histories that once found something stay as they were.
    if kind == "patrol" and int(rec[0], 16) % 2:
        kind, fields = "person", fields | {"name": {"k": "reg", "v": "李四", "b": []}}
    write(town, device, rec, kind, fields)


def edit(town: Town, random: Random) -> None:
    """One or two fields of a hazard."""
    if found := pick_record(town, random, "hazard"):
        device, rec = found
        record = device.view(rec)
        names = random.sample(("title", "status", "note", "place"), random.choice((1, 1, 2)))
        fields = {name: reg(record, name, random.choice(STATUSES if name == "status" else WORDS), device) for name in names}
        write(town, device, rec, "hazard", fields)


def decide(town: Town, random: Random) -> None:
    """Somebody decides a conflict: one value in place of all heads."""
    device = some_device(town, random)
    for rec in device.known("hazard"):
        record = device.view(rec)
        split = sorted(name for name, live in record.reg.items() if len(live) > 1)
        if split:
            name = random.choice(split)
            value = random.choice(record.reg[name])[1]
            write(town, device, rec, "hazard", {name: reg(record, name, value)})
            town.happened["decided"] += 1
            return


def move_stock(town: Town, random: Random) -> None:
    """A movement, or a stocktake of what its author sees."""
    if found := pick_record(town, random, "stock_lot"):
        device, rec = found
        record = device.view(rec)
        counter = record.ctr.get("on_hand")
        live = sorted(stamp for stamp, _ in counter.counts) if counter else []
        if random.random() < 0.65:
            fop: dict[str, Any] = {"k": "inc", "v": random.randint(-9, 9), "b": live}
        else:
            fop = {"k": "count", "v": random.randint(0, 60), "b": live, "seen": dict(sorted(record.vv.items()))}
        write(town, device, rec, "stock_lot", {"on_hand": fop})


def transfer(town: Town, random: Random) -> None:
    """Two movements that belong together."""
    device = some_device(town, random)
    lots = device.known("stock_lot")
    if len(lots) < 2:
        return
    pair = random.sample(lots[:6], 2)
    amount = random.randint(1, 9)
    group = f"g{random.getrandbits(40):x}"
    town.save(
        device,
        [
            {
                "rec": rec, "kind": "stock_lot", "scope": device.view(rec).scope, "schema": 1, "app": town.fact(device.name),
                "f": {"on_hand": {"k": "inc", "v": sign * amount, "b": []}}, "group": [group, index, 2],
            }
            for index, (rec, sign) in enumerate(zip(pair, (-1, 1), strict=True))
        ],
    )  # fmt: skip


def entries(town: Town, random: Random) -> None:
    """Check-ins and retractions of a patrol, members of a set of a kind nobody knows yet."""
    if found := pick_record(town, random, "patrol"):
        device, rec = found
        record = device.view(rec)
        written = [stamp for stamp, _, gone in record.log.get("checkins", []) if not gone]
        if written and random.random() < 0.25:
            write(town, device, rec, "patrol", {"checkins": {"k": "retract", "b": [random.choice(written)]}})
        else:
            write(town, device, rec, "patrol", {"checkins": {"k": "log", "v": {"point_id": f"p{random.randint(1, 6)}"}}})


def from_the_future(town: Town, random: Random) -> None:
    """A newer version: a kind and a field this server has never heard of."""
    device = some_device(town, random)
    known = device.known("drone_flight")
    if known and random.random() < 0.7:
        rec = random.choice(known[:3])
        record = device.view(rec)
        members = [stamp for stamp, _ in record.sets.get("team", [])]
        fields: dict[str, Any] = {
            "height": reg(record, "height", random.randint(10, 120), device),
            "team": {"k": "rem", "b": [random.choice(members)]} if members and random.random() < 0.3 else {"k": "add", "v": random.choice(WORDS)},
        }
        write(town, device, rec, "drone_flight", fields)
    else:
        scope = {"k": "reg", "v": station(device), "b": []}
        write(town, device, new_id(random), "drone_flight", {"scope": scope, "height": {"k": "reg", "v": 1, "b": []}})
    if found := pick_record(town, random, "hazard"):
        device, rec = found
        write(town, device, rec, "hazard", {"smell_level": reg(device.view(rec), "smell_level", random.randint(1, 5), device)})


def delete(town: Town, random: Random) -> None:
    """Delete what was seen, or bring it back."""
    if found := pick_record(town, random, "hazard"):
        device, rec = found
        record = device.view(rec)
        value = "alive" if record.life and random.random() < 0.5 else "deleted"
        fop = {"k": "life", "v": value, "b": sorted(stamp for stamp, _, _ in record.life), "seen": dict(sorted(record.vv.items()))}
        write(town, device, rec, "hazard", {"life": fop})


def poison(town: Town, random: Random) -> None:
    """An op no server can fold: unreadable, of the wrong type, or one that makes the fold fail."""
    device = some_device(town, random)
    how, before = random.choice(("unreadable", "wrong type", "defect")), set(town.facts)
    if how == "unreadable":
        fact = town.fact(device.name)
        if not device.save_raw(f'{{"n":{device.disk.own.n + 1},"app":"{fact}",'.encode()):
            del town.facts[fact]
    elif how == "wrong type":
        if found := pick_record(town, random, "hazard"):
            device, rec = found
            write(town, device, rec, "hazard", {"title": reg(device.view(rec), "title", 7, device)})
    elif found := pick_record(town, random, "hazard"):
        device, rec = found
        write(town, device, rec, "hazard", {"note": reg(device.view(rec), "note", "坏", device)}, schema=POISON_SCHEMA)
    if written := set(town.facts) - before:
        town.poison |= written
        town.happened[f"poison {how}"] += 1


# ------------------------------------------------------------------------------------------------------------- syncing


def sync(town: Town, random: Random) -> None:
    """One device finds a link, good or bad."""
    device = random.choice(town.devices)
    kind = random.choice(("", "", "drop", "cut_answer", "duplicate", "late_copy", "power_cut", "disk_full", "kill"))
    if kind == "kill":
        device.kill_at = random.choice(("send", "settle", "page"))
    else:
        town.fault = Fault(kind, random.randint(1, 45))
    attempt(town, device, rounds=random.randint(1, 6))
    town.fault = Fault()
    device.kill_at = ""


def bad_bits(town: Town, random: Random) -> None:
    """A link that changes a bit on the way there or back."""
    town.fault = Fault(random.choice(("damaged_request", "damaged_answer")), random.getrandbits(40))
    attempt(town, random.choice(town.devices), rounds=random.randint(1, 4))
    town.fault = Fault()


def overtake(town: Town, random: Random) -> None:
    """A request is under way for so long that its author writes on and sends another, which arrives first."""
    device = random.choice(town.devices)
    if device.name in town.blind:
        return
    town.fault = Fault("held_back")
    attempt(town, device, rounds=1)
    town.fault, before = Fault(), set(town.facts)
    _write_on(town, device, random)
    town.stake("5", set(town.facts) - before)
    attempt(town, device, rounds=random.randint(1, 3))


def attempt(town: Town, device: Handheld, rounds: int = 40) -> bool:
    """Sync until done, cut off or dead; True when everything went both ways."""
    held = facts_on(device) if device.is_doomed else set()
    if device.name in town.moved:
        town.stake("14", unsent(device), "revoked with unsent work")
    try:
        done = device.sync(town.send, rounds)
    except Gone:
        return False
    except Killed:
        town.happened["device killed"] += 1
        # What was reported as saved is on the disk as long as no server has it.
        if lost := held - facts_on(device):
            town.findings += [f"18 saved means saved: {fact} of {device.name} died with it" for fact in sorted(lost - set(town.in_log()) - town.at_hub() - town.erased)]
        return False
    if done:
        town.blind.discard(device.name)
        town.moved.discard(device.name)
    return done


def _write_on(town: Town, device: Handheld, random: Random) -> None:
    for name in ("edit", "move_stock"):
        here = random.getrandbits(48)
        others, town.devices = town.devices, [device]
        try:
            ACTIONS[name][1](town, Random(here))
        finally:
            town.devices = others


def busy_sync(town: Town, random: Random) -> None:
    """The user goes on writing while a request is in flight."""
    device = random.choice(town.devices)
    if device.name in town.blind:
        return

    def send(sender: Handheld, body: bytes) -> bytes:
        answer, before = town.send(sender, body), set(town.facts)
        _write_on(town, sender, random)
        town.stake("5", set(town.facts) - before)
        return answer

    with suppress(Gone):
        device.sync(send, rounds=1)
    town.happened["edited in flight"] += 1


# -------------------------------------------------------------------------------------------------------- bad days


def centre_edit(town: Town, random: Random) -> None:
    """The centre edits a record, or moves it to another station."""
    rows = db.session.execute(text("SELECT id, state FROM record WHERE kind = 'hazard' AND seq > 0 ORDER BY id")).all()
    db.session.rollback()
    if not rows:
        return
    rec, state = random.choice(rows[:6])
    record = load(rec, bytes(state))
    if record.erased is not None:
        return
    if random.random() < 0.3:
        fields = {"scope": reg(record, "scope", OTHER if record.scope == STATION else STATION)}
        town.happened["record moved"] += 1
    else:
        fields = {"note": reg(record, "note", random.choice(WORDS))}
    town.append([{"rec": rec, "kind": "hazard", "scope": record.scope, "f": fields, "app": town.fact("centre")}])


def release(town: Town, random: Random) -> None:
    """A person lets a quarantined op through."""
    held = [entry for entry in quarantine.listed(db.session()) if entry.rec and entry.why not in FOR_READING]
    if held:
        quarantine.release(db.session(), random.choice(held).id, town.now_ms)
        town.happened["released"] += 1


def house_keeping(town: Town, random: Random) -> None:
    """What waited too long for a parent is let go."""
    del random
    released = quarantine.release_overdue(db.session(), town.now_ms)
    town.happened["parked let go"] += len(released)


ACTIONS: dict[str, tuple[int, Do]] = {
    "create": (8, create), "edit": (22, edit), "decide": (4, decide), "move_stock": (14, move_stock), "transfer": (3, transfer),
    "entries": (5, entries), "from_the_future": (4, from_the_future), "delete": (3, delete), "poison": (2, poison),
    "sync": (34, sync), "busy_sync": (4, busy_sync), "wait": (3, wait), "narrow_link": (1, narrow_link), "set_clock": (3, set_clock),
    "take_image": (2, take_image), "set_back": (1, set_back), "clone": (1, clone), "evict": (1, evict),
    "back_up": (1, back_up), "roll_back": (1, roll_back), "reassign": (1, reassign), "centre_edit": (5, centre_edit),
    "release": (1, release), "wait_no_time": (0, wait_no_time), "house_keeping": (1, house_keeping),
    "bad_bits": (4, bad_bits), "upgrade_app": (2, upgrade_app), "upgrade_server": (1, upgrade_server),
}  # fmt: skip
# Drawn apart: histories that once found something stay as they were.
APART: dict[str, tuple[int, Do]] = {"overtake": (1, overtake), "change_tabs": (1, change_tabs)}
APART_EVERY = 20
WITH_TABS: dict[str, tuple[int, Do]] = {"two_tabs": (1, two_tabs)}
WITH_ERASURES: dict[str, tuple[int, Do]] = {"erase": (1, erase)}
# One of so many steps of a history with a hub has to do with it.
HUB_EVERY = 5
