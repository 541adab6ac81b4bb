"""The ops and accounts of the test town. Times are fixed; nothing here asserts.

Station 007: three open hazards (one major, one overdue), one closed, one conflict on severity, stock below its minimum and
expiring, two people of whom one incomplete, four transfers. Station 008: one hazard and one person, seen by operators only.
"""

from __future__ import annotations

from typing import Any

from server.accounts.models import Device as DeviceRow
from server.accounts.models import Grant, Post, User
from server.centre.reader import Reader
from server.db import db, unit
from server.ledger import write
from tests.server.ledger.world import (
    HEAD,
    OPERATOR,
    OTHER,
    PATROLLER,
    START_MS,
    STATION,
    STRANGER,
    Caller,
    Device,
    at,
    rec_id,
    reg,
)  # fmt: skip

NOW_MS = START_MS + 3_600_000
DAY_MS = 86_400_000
CODE, OTHER_CODE = STATION.partition(":")[2], OTHER.partition(":")[2]
OPERATOR_READER = Reader(OPERATOR, whole_town=True)
HEAD_READER = Reader(HEAD, whole_town=False, stations=frozenset({CODE}))

# Record ids, so that tests can name what they look at.
MAJOR, OVERDUE, DISPUTED, CLOSED, ELSEWHERE = (rec_id(number) for number in range(1, 6))
ITEM, LOT, OLD_LOT, FULL_ITEM, FULL_LOT = (rec_id(number) for number in range(11, 16))
PERSON, PERSON_B, PERSON_C = (rec_id(number) for number in range(21, 24))
PATROL, PHOTO, SHELTER, CELL, EVENT = (rec_id(number) for number in range(31, 36))
STATION_A, STATION_B, TRANSFERS = rec_id(41), rec_id(42), tuple(rec_id(number) for number in range(51, 56))

PHOTO_SHA, CHUNK_SHA = "a" * 64, "b" * 64
FULL_NAME, ID_NO, PHONE = "欧阳测试", "310115194001011234", "13800001234"
FORMULA = '=HYPERLINK("http://x.invalid","点我")'

CALLER = Caller("d_hand_a", ("town", STATION))


def day(offset: int) -> str:
    """A date of the town, relative to the test's today."""
    from server.centre.tables import day_of

    return day_of(NOW_MS, offset)


def create(kind: str, rec: str, scope: str, **values: Any) -> dict[str, Any]:
    """A create op for a server-side author."""
    fields = {name: reg(value) for name, value in ({"scope": scope} | values).items()}
    return {"rec": rec, "kind": kind, "scope": scope, "f": fields}


def _accounts() -> None:
    with unit() as session:
        people = {PATROLLER: ("patrol07a", "安全员甲"), HEAD: ("head07", "站长甲"), OPERATOR: ("operator", "值班员"), STRANGER: ("patrol08a", "安全员乙")}  # fmt: skip
        for user_id, (username, name) in people.items():
            session.add(User(id=user_id, username=username, name=name, pw_hash="-", active=True))
        session.flush()
        for user_id, role, code in (
            (PATROLLER, "patroller", CODE), (HEAD, "head", CODE), (OPERATOR, "operator", None), (STRANGER, "patroller", OTHER_CODE),
        ):  # fmt: skip
            session.add(Post(user_id=user_id, role=role, station_code=code, valid_from=0, valid_to=None))
        seen = NOW_MS - 60_000
        holding = {"pending": 7, "files": 12, "bytes": 4096, "oldest": at(START_MS), "lost": 0, "persisted": True, "battery": 61}
        rows = (
            ("d_hand_a", "handheld", "A", CODE, seen, holding, None),
            ("d_hand_b", "handheld", "B", CODE, NOW_MS - DAY_MS, {"pending": 0, "files": 0}, None),
            ("d_hand_c", "handheld", "C", OTHER_CODE, None, None, None),
            ("d_lost", "handheld", "D", OTHER_CODE, seen, {"pending": 99, "files": 99}, NOW_MS - 1),
            ("d_desk", "desk", "E", None, seen, {"pending": 0}, None),
        )
        for device_id, kind, letter, code, last_seen, status, revoked in rows:
            session.add(
                DeviceRow(
                    id=device_id, kind=kind, name=f"终端{letter}", letter=letter, token_hash=f"t-{letter}", public_key=None,
                    station_code=code, secret="-", enrolled_at=0, last_seen=last_seen, revoked_at=revoked, status=status,
                )
            )  # fmt: skip
        session.flush()
        for device_id, user_id in (("d_hand_a", PATROLLER), ("d_hand_b", HEAD), ("d_desk", OPERATOR)):
            session.add(
                Grant(
                    id=f"g_{device_id}", user_id=user_id, device_id=device_id, token_hash=f"g-{device_id}", created_at=0,
                    expires_at=NOW_MS * 2, revoked_at=None,
                )
            )  # fmt: skip


def _reference() -> None:
    ring = [[1219500000, 309000000], [1219510000, 309000000], [1219510000, 309010000], [1219500000, 309000000]]
    write.append(
        db.session(),
        OPERATOR,
        [
            create("station", STATION_A, "town", code=CODE, name="第七居委会", point={"lat_e7": 309000000, "lon_e7": 1219500000}),
            create("station", STATION_B, "town", code=OTHER_CODE, name="第八居委会"),
            create("event", EVENT, "town", code="E-1", name="台风演练", status="active", exercise=True, started_at=at(START_MS)),
            create("shelter", SHELTER, "town", code="S-1", name="中学体育馆", status="open", point={"lat_e7": 309005000, "lon_e7": 1219505000}),
            create("grid_cell", CELL, "town", code="B-1", name="幸福小区", level="block", station_code=CODE, status="published",
                   geometry={"type": "Polygon", "rings": [ring]}),
        ],
        at_ms=START_MS,
    )  # fmt: skip


def _station_work() -> None:
    device = Device("hand-a", CALLER)
    point = {"lat_e7": 309002000, "lon_e7": 1219502000, "acc_dm": 50}
    device.create_hazard(MAJOR, code="A-0001", title="消防通道堵塞", severity="major", point=point, due=day(3), found_by=PATROLLER, block="B-1")
    device.create_hazard(OVERDUE, code="A-0002", title=FORMULA, status="rectifying", due=day(-1), place="3号楼")
    base = device.create_hazard(DISPUTED, code="A-0003", title="外墙脱落", severity="general")
    device.write(ITEM, "stock_item", {n: reg(v) for n, v in {"scope": STATION, "name": "防洪沙袋", "min_level": 100, "level": "station", "unit": "只"}.items()})
    device.write(LOT, "stock_lot", {n: reg(v) for n, v in {"scope": STATION, "item": ITEM, "lot_no": "L1", "expiry": day(10), "condition": "intact"}.items()} | {"on_hand": {"k": "inc", "v": 60, "b": []}})
    device.write(OLD_LOT, "stock_lot", {n: reg(v) for n, v in {"scope": STATION, "item": ITEM, "lot_no": "L0", "expiry": day(-10), "condition": "intact"}.items()} | {"on_hand": {"k": "inc", "v": 80, "b": []}})
    device.write(FULL_ITEM, "stock_item", {n: reg(v) for n, v in {"scope": STATION, "name": "饮用水", "min_level": 10}.items()})
    device.write(FULL_LOT, "stock_lot", {n: reg(v) for n, v in {"scope": STATION, "item": FULL_ITEM, "lot_no": "W1"}.items()} | {"on_hand": {"k": "inc", "v": 12, "b": []}})
    device.write(PERSON, "person", {n: reg(v) for n, v in {
        "scope": STATION, "name": FULL_NAME, "id_no": ID_NO, "phone": PHONE, "address": "示例镇第七居委会幸福路12弄3号501室",
        "situation": "独居,糖尿病", "categories": ["living_alone"], "evac_kind": "unsafe_house", "shelter": SHELTER,
        "responsible_a": "站长甲", "pinyin": "oycs", "special_need": f"家属电话{PHONE}",
    }.items()})
    device.write(PERSON_B, "person", {n: reg(v) for n, v in {"scope": STATION, "name": "张测试", "evac_kind": "unsafe_house"}.items()})
    for record, status in zip(TRANSFERS, ("arrived", "missing", "refused", "notified"), strict=False):
        device.write(record, "transfer", {n: reg(v) for n, v in {"scope": STATION, "event": EVENT, "person": PERSON, "status": status}.items()})
    device.write(PATROL, "patrol", {n: reg(v) for n, v in {
        "scope": STATION, "code": "A-0005", "status": "done", "patroller": PATROLLER, "started_at": at(START_MS), "ended_at": at(NOW_MS),
    }.items()} | {
        "checkins": {"k": "log", "v": {"point_id": "p1", "name": "东门", "at": at(START_MS), "method": "scan", "point": point}},
        "gaps": {"k": "log", "v": {"from": at(START_MS + 20_000), "to": at(START_MS + 80_000), "reason": "screen_off"}},
        "track": {"k": "add", "v": {"seq": 1, "t0": START_MS, "t1": START_MS + 90_000, "count": 4, "sha256": CHUNK_SHA, "size": 40}},
    })
    device.write(PHOTO, "attachment", {n: reg(v) for n, v in {"scope": STATION, "owner_kind": "hazard", "owner": MAJOR, "role": "photo", "taken_at": at(START_MS)}.items()} | {
        "file": {"k": "add", "v": {"sha256": PHOTO_SHA, "size": 1000, "mime": "image/jpeg", "role": "photo"}},
    })
    device.send(rx_at=NOW_MS - 1000)
    # Two people, neither having seen the other: the patroller of the second device says 重大, the head closes it as 一般 checked.
    scope_base = base
    second = Device("hand-b", Caller("d_hand_b", ("town", STATION)), user=HEAD)
    second.create_hazard(CLOSED, code="A-0004", title="已处理的楼道堆物", status="closed")
    device.write(DISPUTED, "hazard", {"severity": {"k": "reg", "v": "major", "b": [scope_base], "p": "general"}, "place": reg("南墙")})
    second.write(DISPUTED, "hazard", {"severity": {"k": "reg", "v": "general", "b": [scope_base], "p": "general"}}, skew=-41)
    device.send(rx_at=NOW_MS - 900)
    second.send(rx_at=NOW_MS - 800)


def _elsewhere() -> None:
    stranger = Device("hand-c", Caller("d_hand_c", ("town", OTHER)), user=STRANGER)
    values = {"scope": OTHER, "code": "C-0001", "title": "北门井盖破损", "severity": "general", "status": "found"}
    stranger.write(ELSEWHERE, "hazard", {name: reg(value) for name, value in values.items()}, scope=OTHER)
    person = {"scope": OTHER, "name": "李测试"}
    stranger.write(PERSON_C, "person", {name: reg(value) for name, value in person.items()}, scope=OTHER)
    # Not his station: stored, set aside.
    stranger.write(rec_id(99), "hazard", {name: reg(value) for name, value in (values | {"scope": STATION}).items()}, scope=STATION)
    stranger.send(rx_at=NOW_MS - 700)


def build_town() -> None:
    """Write everything through the ledger."""
    _accounts()
    _reference()
    _station_work()
    _elsewhere()
