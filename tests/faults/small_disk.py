"""`gunicorn tests.faults.small_disk:app`: the server on a SQLite database that may not grow beyond the pages the file SMALL_DISK_PAGES allows.

SQLite itself refuses, with the same error as on a full disk; no disk has to be filled and no right to mount one is needed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import event

from server.db import db
from wsgi import app

PAGES = Path(os.environ["SMALL_DISK_PAGES"])

with app.app_context():

    @event.listens_for(db.engine, "checkout")
    def _limit(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={int(PAGES.read_text())}")


__all__ = ["app"]
