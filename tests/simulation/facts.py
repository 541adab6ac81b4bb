"""What a line and a disk tell of facts: every op of a history carries the name of one in its text. Pure."""

from __future__ import annotations

import re

from tests.simulation.handheld import Handheld

FACT = re.compile(rb"sim-\d+")


def facts_in(line: bytes) -> set[str]:
    """Facts a line names."""
    return {found.decode() for found in FACT.findall(line)}


def facts_on(device: Handheld) -> set[str]:
    """Facts its disk holds."""
    return {found for row in device.disk.rows for found in facts_in(row.line)}


def unsent(device: Handheld) -> set[str]:
    """Those of them it has not delivered, as far as it knows."""
    acked = {each.dev: each.acked for each in (device.disk.own, *device.disk.former)}
    return {found for row in device.disk.rows if row.n > acked.get(row.dev, 0) for found in facts_in(row.line)}
