"""How nodes talk: one JSON line that says and asks, then blocks of chains - a JSON line each, followed by the lines as received.

Owns this form both ways; knows no database. Invariant: op lines travel byte for byte, their hash proves it (P-03).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from server.ledger.chains import Block, Chain, Note
from server.ledger.intake import BadBatch, Came
from sync import limits
from sync.op import DEV


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
            block = Block(str(about["dev"]), int(about["from"]), str(about["prev_h"]), came, lines)
            if len(lines) != len(came) or not lines or not DEV.match(block.dev) or not 1 <= block.first <= limits.INT_MAX:
                raise BadBatch("bad_batch", "block")
            blocks.append(block)
            at += 1 + len(came)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise error if isinstance(error, BadBatch) else BadBatch("bad_batch", "unreadable") from error
    return Message(head, blocks)


def _came(value: Sequence[Any]) -> Came:
    device, node, rx_at, at_c, mark, why = value
    return Came(str(device), str(node), int(rx_at), int(at_c), int(mark), None if why is None else str(why))


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
    return [Note(int(n), int(at_c), int(mark), None if why is None else str(why)) for n, at_c, mark, why in value]
