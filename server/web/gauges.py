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

from server.accounts.devices import held, oldest_ms
from server.accounts.models import Device
from server.backup import sets_of
from server.db import reading
from server.growth import Growth, measure
from server.ledger.clock import now_ms

MEASURED_EVERY_MS = 600_000
ONE = {
    "xunan_feed_seq": ("Newest change of the feed", "SELECT COALESCE(MAX(seq), 0) FROM sync_clock"),
    "xunan_conflicts_open": ("Conflicts nobody decided yet", "SELECT COUNT(*) FROM conflict WHERE closed_at IS NULL"),
    "xunan_parked_records": ("Records with an op that waits for its parent", "SELECT COUNT(*) FROM record WHERE parked_since IS NOT NULL"),
    "xunan_ops_not_durable": ("Ops no verified backup holds", "SELECT COALESCE(SUM(acked - durable), 0) FROM incarnation"),
    "xunan_hub_met_ms": ("On a hub: when it was last through with its centre, UTC ms", "SELECT COALESCE(MAX(met_at), 0) FROM peer"),
    "xunan_uploads_open": ("Uploads under way", "SELECT COUNT(*) FROM upload"),
    "xunan_job_due_ms": (
        "Since when the oldest job is due, UTC ms; 0 when none is",
        "SELECT COALESCE(MIN(due_at), 0) FROM job WHERE state = 'waiting'",
    ),
}
BY = {
    "xunan_quarantine_open": ("Lines set aside and not looked at", "why", "SELECT why, COUNT(*) FROM quarantine WHERE state = 'open' GROUP BY why"),
    "xunan_jobs": ("Jobs", "state", "SELECT state, COUNT(*) FROM job WHERE state <> 'done' GROUP BY state"),
}


class TownGauges:
    """A prometheus_client collector over one database and one data folder. One per app."""

    def __init__(self, data_dir: Path, backup_dir: Path | None) -> None:
        self._data_dir, self._backup_dir = data_dir, backup_dir
        self._growth: Growth | None = None
        self._measured_at = 0

    def describe(self) -> Iterable[Metric]:
        """Nothing is read at registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read everything in one transaction."""
        at = now_ms()
        try:
            with reading() as session:
                found = [*_counts(session), *_devices(session, at), *self._growing(session, at)]
        except SQLAlchemyError:
            yield GaugeMetricFamily("xunan_up", "Whether the database answers", 0)
            return
        yield GaugeMetricFamily("xunan_up", "Whether the database answers", 1)
        yield from found
        yield GaugeMetricFamily("xunan_disk_free_bytes", "Free bytes of the data folder", shutil.disk_usage(self._data_dir).free)
        if self._backup_dir is not None and (made := sets_of(self._backup_dir)):
            newest = made[-1].stat().st_mtime * 1000
            yield GaugeMetricFamily("xunan_backup_age_seconds", "Age of the newest backup", max(0.0, (at - newest) / 1000))

    def _growing(self, session: Session, at: int) -> Iterator[Metric]:
        """Measured now and then: it changes slowly and looks at every file."""
        if self._growth is None or at - self._measured_at >= MEASURED_EVERY_MS:
            self._growth, self._measured_at = measure(session, self._data_dir, at), at
        found = self._growth
        size = GaugeMetricFamily("xunan_stored_bytes", "Bytes of the database and of all files", labels=["what"])
        grows = GaugeMetricFamily("xunan_growth_bytes_per_day", "Growth over the last 30 days", labels=["what"])
        for what, bytes_now, per_day in (
            ("database", found.database_bytes, found.database_per_day), ("files", found.files_bytes, found.files_per_day),
        ):  # fmt: skip
            size.add_metric([what], bytes_now)
            grows.add_metric([what], per_day)
        yield from (size, grows)
        if found.days_left is not None:
            yield GaugeMetricFamily("xunan_disk_days_left", "Days until the disk of the data folder is full", found.days_left)


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
    oldest = GaugeMetricFamily("xunan_device_oldest_unsent_seconds", "Age of the oldest op that waits for its ack", labels=["device"])
    behind = GaugeMetricFamily("xunan_device_behind_changes", "Changes of the town since what the device last read", labels=["device"])
    silent = GaugeMetricFamily("xunan_device_silent_seconds", "Time since the device's last contact", labels=["device"])
    feed = session.scalar(text("SELECT MAX(seq) FROM sync_clock")) or 0
    for device in session.query(Device).filter(Device.kind == "handheld", Device.revoked_at.is_(None), Device.last_seen.is_not(None)):
        ops.add_metric([device.letter], held(device.status, "pending"))
        files.add_metric([device.letter], held(device.status, "files"))
        silent.add_metric([device.letter], max(0.0, (at - (device.last_seen or at)) / 1000))
        if (since := oldest_ms(device.status)) is not None:
            oldest.add_metric([device.letter], max(0.0, (at - since) / 1000))
        if isinstance(device.status, dict) and isinstance(seq := device.status.get("seq"), int):
            behind.add_metric([device.letter], max(0, feed - seq))
    yield from (ops, files, silent, oldest, behind)
