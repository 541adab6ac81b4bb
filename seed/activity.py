"""What the town did lately: finished patrols with check-ins, pauses and a recorded gap, and checklist runs.

Pure. Gives the demo something to count and to draw; every moment is before the day of seeding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from seed.checklist import sections
from seed.geometry import Area, blocks_of

PATROLS = 2
POINTS = 6
PLACES = ("沿街商铺", "居民楼道", "地下车库", "快递驻点", "集贸市场", "老旧公房")


class Maker(Protocol):
    """What of the town is used here."""

    random: Any
    lattice: Any
    areas: list[Area]
    template: str
    plans: list[str]

    def code(self, index: int) -> str: ...
    def draft(self, kind: str, scope: str, counts: dict[str, int] | None = None, **fields: Any) -> Any: ...
    def moment(self, offset: int, hour: int) -> str: ...


def activity(town: Maker, index: int, scope: str) -> Iterator[Any]:
    """Drafts of one station."""
    for number in range(PATROLS):
        patrol, entries = _patrol(town, index, scope, number)
        patrol.logs.extend(entries)
        yield patrol
        yield _inspection(town, index, scope, number, patrol.rec)


def _patrol(town: Maker, index: int, scope: str, number: int) -> tuple[Any, list[tuple[str, Any]]]:
    """A walked patrol; odd ones were paused once and lost their position once, and missed the last point."""
    code, day = town.code(index), -1 - 2 * number
    blocks = blocks_of(town.areas[index])[:POINTS]
    minutes = [f"{town.moment(day, 9)[:14]}{4 + 7 * step:02d}:00+08:00" for step in range(POINTS + 1)]
    patrol = town.draft(
        "patrol", scope, code=f"S{index + 1:02d}-X{number + 1:03d}", plan=town.plans[index], plan_kind=("full", "random", "focus")[index % 3],
        patroller=f"u_patrol{index + 1:02d}{'ab'[number % 2]}", started_at=f"{minutes[0][:14]}00:00+08:00", ended_at=minutes[-1], status="done",
        blocks_planned=[f"{code}{block:03d}" for block in range(1, POINTS + 1)], summary="巡查正常" if number % 2 == 0 else "一处点位未到，次日补巡",
    )  # fmt: skip
    entries: list[tuple[str, Any]] = []
    for step, block in enumerate(blocks[: POINTS - number % 2]):
        place = town.lattice.middle(block) | {"acc_dm": town.random.randint(30, 160)}
        entries.append(
            ("checkins", {"point_id": f"p{step + 1}", "name": f"{step + 1}号点位", "block": f"{code}{step + 1:03d}", "at": minutes[step], "method": ("scan", "gps", "manual")[step % 3], "point": place})
        )  # fmt: skip
    if number % 2:
        entries.append(("pauses", {"what": "pause", "at": minutes[2], "reason": "协助居民"}))
        entries.append(("gaps", {"from": minutes[2], "to": minutes[3], "reason": "hidden"}))
        entries.append(("pauses", {"what": "resume", "at": minutes[3], "reason": ""}))
    entries.append(("pauses", {"what": "end", "at": minutes[-1], "reason": ""}))
    return patrol, entries


def _inspection(town: Maker, index: int, scope: str, number: int, patrol: str) -> Any:
    """One section of the checklist answered at one place."""
    section = sections()[(index + number) % len(sections())]
    answers: dict[str, Any] = {}
    for step, item in enumerate(section["items"]):
        result = "bad" if (index + step) % 7 == 3 else "na" if (index + step) % 11 == 5 else "ok"
        answers[f"ans.{item['id']}"] = {"r": result, "t": item["title"]} | ({"note": "现场已告知"} if result == "bad" else {})
    day = -1 - 2 * number
    return town.draft(
        "inspection", scope, code=f"S{index + 1:02d}-J{number + 1:03d}", template=town.template, template_version=1,
        place=f"{PLACES[(index + number) % len(PLACES)]}{town.random.randint(1, 40)}号", block=f"{town.code(index)}{number + 1:03d}", patrol=patrol,
        status="done" if number else "reviewed", started_at=town.moment(day, 10), done_at=town.moment(day, 11), **answers,
    )  # fmt: skip
