"""The hub of a history: the same product code on its own SQLite file, met over the same bad wire. Holds no assertion."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from server.db import make_engine
from server.ledger.lines import read_line
from tests.tools.databases import new_sqlite
from tests.tools.second_node import open_session


class Hub:
    """A node beside the centre. `on_statement` lets it die between two statements as the centre does."""

    def __init__(self, folder: Path, on_statement: Callable[..., None]) -> None:
        """Every life of the hub is an empty file of its own in `folder`."""
        self.folder, self.on_statement, self.lives = folder, on_statement, 0
        self._open()

    def _open(self) -> None:
        self.lives += 1
        self.engine = make_engine(new_sqlite(self.folder / f"hub-{self.lives}.db"))
        event.listen(self.engine, "before_cursor_execute", self.on_statement)
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
