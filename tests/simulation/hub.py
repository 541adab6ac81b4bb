"""The hub of a history: the same product code on its own SQLite file, met over the same bad wire. Holds no assertion."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import text

from server.ledger.lines import read_line
from tests.simulation.addresses import engine_at
from tests.tools.databases import new_sqlite
from tests.tools.second_node import open_session


class Hub:
    """A node beside the centre."""

    def __init__(self, folder: Path) -> None:
        """Every life of the hub is an empty file of its own in `folder`."""
        self.folder, self.lives = folder, 0
        self._open()

    def _open(self) -> None:
        self.lives += 1
        self.engine = engine_at(new_sqlite(self.folder / f"hub-{self.lives}.db"))
        self.session = open_session(self.engine)

    def lose(self) -> None:
        """Its disk is gone; an empty one takes its place."""
        self.close()
        self._open()

    def close(self) -> None:
        """End."""
        with suppress(Exception):
            self.session.close()
        self.engine.dispose()

    def lines(self) -> list[bytes]:
        """Every line in its log."""
        rows: list[Any] = list(self.session.execute(text("SELECT dev, n, h, line FROM op_log")))
        self.session.rollback()
        return [read_line(*row) for row in rows]
