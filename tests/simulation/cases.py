"""Histories that once broke a property, kept as they were when they did: `found/<what was wrong>.json`, played again by every run of the tests.

Owns their form: why, the seed (devices and people are drawn from it), the world (models, engines or a hub) and the actions, each with its
own seed. Actions stand by name, so that a case still means the same when new actions change what a seed alone would draw.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.simulation.actions import Action
from tests.simulation.run import Ground, Result, play

FOLDER = Path(__file__).parent / "found"


def kept(result: Result, world: str, why: str = "") -> str:
    """The text of a case; `why` is for whoever mended it to write."""
    actions = ",\n  ".join(json.dumps([action.name, action.seed]) for action in result.actions)
    head = json.dumps({"why": why, "seed": result.seed, "world": world}, ensure_ascii=False, indent=1)
    return f'{head[:-2]},\n "actions": [\n  {actions}\n ]\n}}\n'


def cases(world: str) -> list[Path]:
    """Cases of one world."""
    return [path for path in sorted(FOLDER.glob("*.json")) if json.loads(path.read_text(encoding="utf-8"))["world"] == world]


def replay(ground: Ground, text: str) -> Result:
    """Play a case again, on a ground of its world."""
    case = json.loads(text)
    return play(ground, case["seed"], actions=[Action(name, seed) for name, seed in case["actions"]])
