"""A valid synthetic coverage: one town, its responsibility grids, villages and blocks on one jittered integer lattice.

Pure. Every corner of the lattice is moved once, and every cell takes its corners from it, so shared borders are identical by
construction, children fill their parents and nothing overlaps (M-01, M-02). Coordinates are WGS-84 in 1e-7 degree.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

Point = tuple[int, int]
LON0, LAT0 = 1_219_300_000, 308_800_000
STEP_LON, STEP_LAT = 26_000, 22_000
BLOCKS_X, BLOCKS_Y = 3, 3


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of lattice cells: columns [x0, x1), rows [y0, y1)."""

    x0: int
    y0: int
    x1: int
    y1: int


class Lattice:
    """Jittered corners; a corner has one position for every cell that touches it."""

    def __init__(self, random: Random, columns: int, rows: int) -> None:
        """Inner corners move by up to a quarter of a step."""
        self.corners: dict[Point, Point] = {}
        for y in range(rows + 1):
            for x in range(columns + 1):
                dx, dy = random.randint(-STEP_LON // 4, STEP_LON // 4), random.randint(-STEP_LAT // 4, STEP_LAT // 4)
                self.corners[x, y] = (LON0 + x * STEP_LON + dx, LAT0 + y * STEP_LAT + dy)

    def ring(self, area: Area) -> list[list[int]]:
        """The closed outer ring of an area, counter-clockwise, through every lattice corner on its border."""
        path: list[Point] = [(x, area.y0) for x in range(area.x0, area.x1)]
        path += [(area.x1, y) for y in range(area.y0, area.y1)]
        path += [(x, area.y1) for x in range(area.x1, area.x0, -1)]
        path += [(area.x0, y) for y in range(area.y1, area.y0, -1)]
        path.append(path[0])
        return [list(self.corners[corner]) for corner in path]

    def polygon(self, area: Area) -> dict[str, object]:
        """The geometry value of an area."""
        return {"type": "Polygon", "rings": [self.ring(area)]}

    def middle(self, area: Area) -> dict[str, int]:
        """A point inside: the mean of the area's four corner positions."""
        marks = [self.corners[c] for c in ((area.x0, area.y0), (area.x1, area.y0), (area.x1, area.y1), (area.x0, area.y1))]
        return {"lon_e7": sum(m[0] for m in marks) // 4, "lat_e7": sum(m[1] for m in marks) // 4}


def blocks_of(village: Area) -> list[Area]:
    """The blocks of a village area, row by row."""
    return [
        Area(village.x0 + x, village.y0 + y, village.x0 + x + 1, village.y0 + y + 1)
        for y in range(BLOCKS_Y)
        for x in range(BLOCKS_X)
    ]


def village_areas(count: int) -> tuple[list[Area], int, int]:
    """Areas for `count` villages in a near-square arrangement that leaves no gap, and the lattice size (columns, rows)."""
    rows = max(1, int(count**0.5))
    while count % rows:
        rows -= 1
    across = count // rows
    areas = [
        Area(x * BLOCKS_X, y * BLOCKS_Y, (x + 1) * BLOCKS_X, (y + 1) * BLOCKS_Y) for y in range(rows) for x in range(across)
    ]
    return areas, across * BLOCKS_X, rows * BLOCKS_Y
