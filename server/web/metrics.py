"""Prometheus metrics: what the workers counted, and how the town stands. Labels are routes and codes, never ids.

With several workers each counts into a file of its own (gunicorn.conf.py names the folder before anything is imported), and
whichever is asked answers for all.
"""

from __future__ import annotations

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from server.settings import Settings
from server.web.gauges import TownGauges

REQUESTS = Counter("xunan_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("xunan_request_seconds", "Time to answer", ["method", "route"])
STREAMS = Gauge("xunan_live_streams", "Open live streams", multiprocess_mode="livesum")


def exposition(settings: Settings) -> bytes:
    """Everything, in the text format."""
    town = CollectorRegistry()
    town.register(TownGauges(settings.data_dir, settings.backup_dir))
    counted = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    return generate_latest(counted) + generate_latest(town)
