"""What a measurement is: a value, the raw limit taken in the same run, the target; how it is printed and stored.

Machines are noisy, so a figure is quoted as a ratio to its control. Owns no measuring.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Figure:
    """`better` says which way is good: "more" or "less". `control` is a raw limit in the same unit, None when there is none."""

    name: str
    value: float
    unit: str
    target: float
    better: str
    control: float | None = None
    control_name: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        return self.value >= self.target if self.better == "more" else self.value <= self.target

    @property
    def ratio(self) -> float | None:
        """Value per control."""
        return None if not self.control else self.value / self.control


def median(values: list[float]) -> float:
    """The middle value."""
    return sorted(values)[len(values) // 2]


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of them lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = perf_counter()
    work()
    return perf_counter() - start


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(figures: list[Figure]) -> str:
    """Rows for a terminal."""
    rows = [("figure", "value", "unit", "control", "ratio", "target", "met", "control is")]
    for each in figures:
        sign = "≥" if each.better == "more" else "≤"
        rows.append(
            (each.name, _number(each.value), each.unit, _number(each.control), _number(each.ratio), f"{sign} {_number(each.target)}",
             "yes" if each.met else "NO", each.control_name)
        )  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    return "\n".join("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[7]]).rstrip() for row in rows)


def write(figures: list[Figure], path: Path, machine: dict[str, object]) -> None:
    """bench.json."""
    rows = [asdict(each) | {"ratio": each.ratio, "met": each.met} for each in figures]
    path.write_text(json.dumps({"machine": machine, "figures": rows}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
