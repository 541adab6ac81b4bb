"""Prometheus metrics of the process. Labels are routes and codes, never ids."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("xunan_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("xunan_request_seconds", "Time to answer", ["method", "route"])
STREAMS = Gauge("xunan_live_streams", "Open live streams")
