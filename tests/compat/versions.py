"""A server of two releases ago, made of today's: kinds and fields it had not heard of are taken out of the declarations.

Owns what is taken out. The declarations are changed in place, because every module holds the same ones; a version begins and ends with a
process, so what was derived from them is derived anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

from server.kinds import KINDS
from server.ledger.rows import projection

UNHEARD_OF_KINDS = ("patrol", "stock_lot")
UNHEARD_OF_FIELDS = {"hazard": {"note", "place"}}


def older() -> dict[str, object]:
    """The declarations of then."""
    return {
        name: replace(kind, fields=tuple(field for field in kind.fields if field.name not in UNHEARD_OF_FIELDS.get(name, ())))
        for name, kind in KINDS.items()
        if name not in UNHEARD_OF_KINDS
    }


@contextmanager
def two_releases_ago() -> Iterator[None]:
    """While it lasts, this process is the older server."""
    with patch.dict(KINDS, older(), clear=True):  # type: ignore[arg-type]
        projection.cache_clear()
        try:
            yield
        finally:
            projection.cache_clear()
    projection.cache_clear()
