"""How nodes talk: one JSON line that says and asks, then blocks of chains - a JSON line each, followed by the lines as received.

Owns this form both ways; knows no database. Invariants: op lines travel byte for byte, their hash proves it (P-03); what is told of
them is of the kind and size a node itself writes down, or the message is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from server.ledger.chains import Block, Chain, Note
from server.ledger.intake import BadBatch, Came
from server.ledger.marks import ERASED
from sync import limits
from sync.op import DEV

# The year 2100: no clock of a server says more.
TIME_MS_MAX = 4_102_444_800_000


@dataclass(frozen=True, slots=True)
class Message:
    """What one node says to another."""

    head: dict[str, Any]
    blocks: Sequence[Block] = field(default_factory=list)


def encode(head: dict[str, Any], blocks: Sequence[Block] = ()) -> bytes:
    """A message as bytes."""
    lines = [orjson.dumps({"protocol": limits.PROTOCOL, **head})]
    for block in blocks:
        came = [[each.device, each.node, each.rx_at, each.at_c, each.mark, each.why] for each in block.came]
        lines.append(orjson.dumps({"dev": block.dev, "from": block.first, "prev_h": block.prev_h, "came": came}))
        lines += block.lines
    return b"\n".join(lines)


def decode(raw: bytes) -> Message:
    """A message from bytes. Raises BadBatch when it is none."""
    texts = raw.split(b"\n")
    try:
        head = orjson.loads(texts[0])
        if not isinstance(head, dict) or head.get("protocol") != limits.PROTOCOL:
            raise BadBatch("bad_header", "header needs protocol 1")
        blocks: list[Block] = []
        at = 1
        while at < len(texts):
            about = orjson.loads(texts[at])
            came = [_came(each) for each in about["came"]]
            lines = texts[at + 1 : at + 1 + len(came)]
            block = Block(_word(about["dev"], 32), _whole(about["from"], limits.INT_MAX), _word(about["prev_h"], 8), came, lines)
            if len(lines) != len(came) or not lines or not DEV.match(block.dev) or not 1 <= block.first <= limits.INT_MAX - len(lines):
                raise BadBatch("bad_batch", "block")
            blocks.append(block)
            at += 1 + len(came)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise error if isinstance(error, BadBatch) else BadBatch("bad_batch", "unreadable") from error
    return Message(head, blocks)


def _came(value: Sequence[Any]) -> Came:
    device, node, rx_at, at_c, mark, why = value
    return Came(_word(device, 64), _word(node, 16), _whole(rx_at), _whole(at_c), _whole(mark, ERASED), None if why is None else _word(why, 64))


def _whole(value: Any, most: int = TIME_MS_MAX) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("number")
    return value


def _word(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise ValueError("word")
    return value


def vector_out(chains: dict[str, Chain]) -> dict[str, list[Any]]:
    """How far a node has everybody."""
    return {dev: [chain.n, chain.h, chain.xor, chain.durable] for dev, chain in chains.items()}


def vector_in(value: dict[str, Sequence[Any]]) -> dict[str, Chain]:
    """The other side of it."""
    return {dev: Chain(int(n), str(h), str(xor), int(durable)) for dev, (n, h, xor, durable) in value.items()}


def notes_out(notes: Sequence[Note]) -> list[list[Any]]:
    """What a node noted of a chain."""
    return [[note.n, note.at_c, note.mark, note.why] for note in notes]


def notes_in(value: Sequence[Sequence[Any]]) -> list[Note]:
    """The other side of it."""
    return [Note(_whole(n, limits.INT_MAX), _whole(at_c), _whole(mark, ERASED), None if why is None else _word(why, 64)) for n, at_c, mark, why in value]
