"""What an operator's alarms look at, read from the database when it is asked for: the same in every worker.

Owns the gauges of `/metrics` that describe the town rather than a process. Labels are device letters, reasons and states, never
ids, names or stations. A database that does not answer gives `xunan_up 0` and nothing else: no old figure is shown as new.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from server.accounts.devices import held
from server.accounts.models import Device
from server.backup import sets_of
from server.db import reading
from server.ledger.clock import now_ms

ONE = {
    "xunan_feed_seq": ("Newest change of the feed", "SELECT COALESCE(MAX(seq), 0) FROM sync_clock"),
    "xunan_conflicts_open": ("Conflicts nobody decided yet", "SELECT COUNT(*) FROM conflict WHERE closed_at IS NULL"),
    "xunan_parked_records": ("Records with an op that waits for its parent", "SELECT COUNT(*) FROM record WHERE parked_since IS NOT NULL"),
    "xunan_ops_not_durable": ("Ops no verified backup holds", "SELECT COALESCE(SUM(acked - durable), 0) FROM incarnation"),
    "xunan_uploads_open": ("Uploads under way", "SELECT COUNT(*) FROM upload"),
}
BY = {
    "xunan_quarantine_open": ("Lines set aside and not looked at", "why", "SELECT why, COUNT(*) FROM quarantine WHERE state = 'open' GROUP BY why"),
    "xunan_jobs": ("Jobs", "state", "SELECT state, COUNT(*) FROM job WHERE state <> 'done' GROUP BY state"),
}


class TownGauges:
    """A prometheus_client collector over one database and one data folder."""

    def __init__(self, data_dir: Path, backup_dir: Path | None) -> None:
        self._data_dir, self._backup_dir = data_dir, backup_dir

    def describe(self) -> Iterable[Metric]:
        """Nothing is read at registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read everything in one transaction."""
        at = now_ms()
        try:
            with reading() as session:
                found = [*_counts(session), *_devices(session, at)]
        except SQLAlchemyError:
            yield GaugeMetricFamily("xunan_up", "Whether the database answers", 0)
            return
        yield GaugeMetricFamily("xunan_up", "Whether the database answers", 1)
        yield from found
        yield GaugeMetricFamily("xunan_disk_free_bytes", "Free bytes of the data folder", shutil.disk_usage(self._data_dir).free)
        if self._backup_dir is not None and (made := sets_of(self._backup_dir)):
            newest = made[-1].stat().st_mtime * 1000
            yield GaugeMetricFamily("xunan_backup_age_seconds", "Age of the newest backup", max(0.0, (at - newest) / 1000))


def _counts(session: Session) -> Iterator[Metric]:
    for name, (words, sql) in ONE.items():
        yield GaugeMetricFamily(name, words, float(session.execute(text(sql)).scalar_one()))
    for name, (words, label, sql) in BY.items():
        family = GaugeMetricFamily(name, words, labels=[label])
        for value, count in session.execute(text(sql)):
            family.add_metric([str(value)], count)
        yield family


def _devices(session: Session, at: int) -> Iterator[Metric]:
    """What the handhelds last said they still hold, and for how long they have been silent."""
    ops = GaugeMetricFamily("xunan_device_unsent_ops", "Ops the device said it still holds", labels=["device"])
    files = GaugeMetricFamily("xunan_device_unsent_files", "Files the device said it still holds", labels=["device"])
    silent = GaugeMetricFamily("xunan_device_silent_seconds", "Time since the device's last contact", labels=["device"])
    for device in session.query(Device).filter(Device.kind == "handheld", Device.revoked_at.is_(None), Device.last_seen.is_not(None)):
        ops.add_metric([device.letter], held(device.status, "pending"))
        files.add_metric([device.letter], held(device.status, "files"))
        silent.add_metric([device.letter], max(0.0, (at - (device.last_seen or at)) / 1000))
    yield from (ops, files, silent)
