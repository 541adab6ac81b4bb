"""Track chunks written in Python, as the handheld's `track_codec.ts` writes them; the product itself only reads them here."""

from __future__ import annotations

from collections.abc import Iterable


def varint(value: int) -> bytes:
    """Zig-zag LEB128."""
    rest = value * 2 if value >= 0 else -value * 2 - 1
    out = bytearray()
    while rest >= 128:
        out.append(rest % 128 + 128)
        rest //= 128
    out.append(rest)
    return bytes(out)


def packed(points: Iterable[tuple[int, int, int, int]]) -> bytes:
    """A chunk of (seconds, latitude and longitude in 50e-7 degree, accuracy in 5 m)."""
    points = list(points)
    out, last = bytearray(b"XT1" + varint(len(points))), (0, 0, 0, 0)
    for point in points:
        for new, old in zip(point, last, strict=True):
            out += varint(new - old)
        last = point
    return bytes(out)
