"""What happens to disks and posts: images, copies, evictions, backups, a new station. Each takes the town and its Random; no assertion."""

from __future__ import annotations

from random import Random

from server.ledger.feeds import masked
from tests.server.ledger.world import OTHER, STATION
from tests.simulation.facts import unsent
from tests.simulation.town import Town

YEAR_MS = 365 * 86_400_000
DAY_MS = 86_400_000


def wait(town: Town, random: Random) -> None:
    """Hours or days pass."""
    town.now_ms += random.choice((3_600_000, 6 * 3_600_000, DAY_MS, 8 * DAY_MS))


def narrow_link(town: Town, random: Random) -> None:
    """Something on the way allows fewer lines than before, from now on; a group may need all of its two."""
    town.lines_max = random.choice((2, 3, 5, 10_000))


def set_clock(town: Town, random: Random) -> None:
    """Somebody's clock is wrong by up to ten years."""
    device, by_ms = random.choice(town.devices), random.choice((0, -10 * YEAR_MS, 10 * YEAR_MS, random.randint(-DAY_MS, DAY_MS)))
    town.happened["clock jumped"] += device.clock_ms != by_ms
    town.happened["clock wrong by years"] += abs(by_ms) > YEAR_MS
    device.clock_ms = by_ms


def wait_no_time(town: Town, random: Random) -> None:
    """Nothing; takes the place of an action that is left out while the seconds go on."""
    del town, random


def take_image(town: Town, random: Random) -> None:
    """An image of a device's disk is made."""
    device = random.choice(town.devices)
    town.images[device.name] = device.image()


def set_back(town: Town, random: Random) -> None:
    """A device comes back from its image."""
    able = [device for device in town.devices if device.name in town.images]
    if able:
        device = random.choice(able)
        town.set_back(device, town.images[device.name])


def clone(town: Town, random: Random) -> None:
    """A disk is copied to a second device: two with one identity, the copy sometimes enrolled anew."""
    if len(town.devices) >= 7:
        return
    first = random.choice(town.devices)
    if any(device.name == f"{first.name}'" for device in town.devices):
        return
    twin = first.twin(f"{first.name}'", Random(random.getrandbits(64)))
    twin.enrolled = twin.name if random.random() < 0.3 else first.enrolled
    town.devices.append(twin)
    town.cloned |= {first.name, twin.name}
    if first.name in town.blind:
        town.blind.add(twin.name)
    town.happened["cloned"] += 1


def evict(town: Town, random: Random) -> None:
    """The browser throws the view away; own ops are in another database."""
    device = random.choice(town.devices)
    device.evict()
    town.blind.add(device.name)
    town.happened["view evicted"] += 1


def upgrade_app(town: Town, random: Random) -> None:
    """A device gets the new version of the app, with whatever it holds."""
    device = random.choice(town.devices)
    queue = unsent(device)
    if device.upgrade():
        town.happened["app upgraded"] += 1
        town.stake("16", queue, "app upgraded with a full queue")


def change_tabs(town: Town, random: Random) -> None:
    """Somebody opens the app in a second tab, goes to the other one, or the one behind is frozen or closed."""
    device, how = random.choice(town.devices), random.choice(("swapped", "swapped", "frozen", "closed"))
    if device.name not in town.blind and (done := device.change_tabs(how)):
        town.happened[f"tab {done}"] += 1


def two_tabs(town: Town, random: Random) -> None:
    """Somebody has the app open twice for a while: the page behind freezes, others go on, it thaws, and one of the two is closed."""
    device = random.choice(town.devices)
    if device.name in town.blind:
        return
    # The first opens the second tab; of two that are there, either may then be in front. Freezing what is frozen thaws it.
    for how in ("swapped", *random.choice(((), ("swapped",))), "frozen", "frozen", "closed"):
        if done := device.change_tabs(how):
            town.happened[f"tab {done}"] += 1


def upgrade_server(town: Town, random: Random) -> None:
    """The server gets the new version."""
    del random
    town.upgrade_server()


def back_up(town: Town, random: Random) -> None:
    """A backup of the running server."""
    del random
    town.back_up()


def roll_back(town: Town, random: Random) -> None:
    """The server comes back from its newest backup."""
    del random
    town.roll_back()


def reassign(town: Town, random: Random) -> None:
    """Somebody is moved to another station, or back; the operator, who has a post at one station, gets that of the other. Work may be unsent."""
    device = random.choice(town.devices)
    if len(device.scopes) > 2:
        device.scopes = ("town", masked(STATION), OTHER) if STATION in device.scopes else ("town", STATION, masked(OTHER))
        town.happened["mask moved"] += 1
        return
    town.moved.add(device.name)
    own = next(scope for scope in device.scopes if scope.startswith("station:"))
    device.scopes = ("town", OTHER if own == STATION else STATION)
    town.happened["reassigned"] += 1
