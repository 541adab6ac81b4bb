"""Histories of a process follow one another at the same addresses: an engine of their own each would compile every statement anew.

Owns which engines are kept. Holds no assertion.
"""

from __future__ import annotations

from functools import lru_cache

from flask import Flask
from sqlalchemy import Engine

from server.db import db, make_engine


def open_centre(url: str) -> None:
    """Open the centre at this address."""
    if _opened.get(url) is None:
        db.init(url)
        _opened.clear()
        if db.app is not None:
            _opened[url] = db.app
    else:
        db.reopen(_opened[url])


_opened: dict[str, Flask] = {}


@lru_cache(maxsize=16)
def engine_at(url: str) -> Engine:
    """The engine of a hub at this address."""
    return make_engine(url)
