"""Prometheus metrics: what the workers counted, and how the town stands. Labels are routes and codes, never ids.

With several workers each counts into a file of its own (gunicorn.conf.py names the folder before anything is imported), and
whichever is asked answers for all.
"""

from __future__ import annotations

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from server.web.gauges import TownGauges

REQUESTS = Counter("xunan_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("xunan_request_seconds", "Time to answer", ["method", "route"])
REFUSALS = Counter("xunan_refusals_total", "Requests refused for who asked, not for what", ["deed"])
STREAMS = Gauge("xunan_live_streams", "Open live streams", multiprocess_mode="livesum")


def exposition(gauges: TownGauges) -> bytes:
    """Everything, in the text format."""
    town = CollectorRegistry()
    town.register(gauges)
    counted = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    return generate_latest(counted) + generate_latest(town)
