"""A chain that has to go on under another name: the same ops renumbered, with what they say of each other (P-24).

Pure. The new name follows from the first op that goes along, and every byte from the lines: whoever renumbers the same ops - the
device, a copy of its disk, a hub that gave way to its centre - makes the same stamps, and no fact is stored twice.
The TypeScript mirror is `pwa/src/core/fork.ts`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sync.op import encode_op
from sync.stamp import GENESIS, chain, forked_dev, make_stamp


def renumber(dev: str, first: int, lines: Sequence[tuple[str, bytes]]) -> tuple[str, list[bytes]]:
    """The new incarnation and its lines, for (h, line) of `dev` from n = `first` on; at least one. What is no op stays as it is."""
    fresh = forked_dev(make_stamp(dev, first, lines[0][0]))
    moved: dict[str, str] = {}
    made: list[bytes] = []
    h = GENESIS
    for n, (old_h, line) in enumerate(lines, 1):
        made.append(_moved(line, dev, fresh, first, n, moved))
        h = chain(h, made[-1])
        moved[make_stamp(dev, first + n - 1, old_h)] = make_stamp(fresh, n, h)
    return fresh, made


def _moved(line: bytes, dev: str, fresh: str, first: int, n: int, moved: dict[str, str]) -> bytes:
    try:
        op: Any = json.loads(line)
        verbs = list(op["f"].values())
        for fop in verbs:
            if "b" in fop:
                fop["b"] = [moved.get(parent, parent) for parent in fop["b"]]
            if isinstance(seen := fop.get("seen"), dict) and seen.get(dev, 0) >= first:
                # What covered the old numbers covers the new ones, and of the old chain no more than stays.
                covered = min(seen.pop(dev) - first + 1, n - 1)
                fop["seen"] = seen | ({dev: first - 1} if first > 1 else {}) | ({fresh: covered} if covered > 0 else {})
        op["n"] = n
    except (ValueError, KeyError, TypeError, AttributeError):
        return line
    return encode_op(op)
