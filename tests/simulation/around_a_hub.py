"""What may happen around a hub, beside everything else. Owns these actions and their weights; holds no assertion."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from server.ledger import quarantine
from tests.simulation.faults import Fault
from tests.simulation.town import Town

# What a person can only read: it was no op here, or what it speaks of is erased.
FOR_READING = ("fork", "fold_error", "record_erased")


def walk(town: Town, random: Random) -> None:
    """A device comes into reach of the other node."""
    device = random.choice(town.devices)
    town.away ^= {device.name}


def nodes_meet(town: Town, random: Random) -> None:
    """Hub and centre find a link, good or bad."""
    kind = random.choice(("", "", "", "drop", "cut_answer", "duplicate", "power_cut", "disk_full"))
    town.meet(Fault(kind, random.randint(0, 5) if kind in ("drop", "cut_answer") else random.randint(1, 150)))
    town.fault = Fault()


def lose_hub(town: Town, random: Random) -> None:
    """The hub's disk is gone."""
    del random
    town.lose_hub()


def hub_decides(town: Town, random: Random) -> None:
    """At the hub a person lets a quarantined op through, and what waited too long is let go."""
    assert town.hub is not None
    held = [entry for entry in quarantine.listed(town.hub.session) if entry.rec and entry.why not in FOR_READING]
    if held and random.random() < 0.5:
        quarantine.release(town.hub.session, random.choice(held).id, town.now_ms)
        town.happened["released at the hub"] += 1
    else:
        town.happened["parked let go at the hub"] += len(quarantine.release_overdue(town.hub.session, town.now_ms))


WITH_A_HUB: dict[str, tuple[int, Callable[[Town, Random], None]]] = {
    "walk": (5, walk), "nodes_meet": (8, nodes_meet), "lose_hub": (1, lose_hub), "hub_decides": (1, hub_decides),
}  # fmt: skip
