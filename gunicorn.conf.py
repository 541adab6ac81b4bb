"""gunicorn: threads, so that uploads and live streams last as long as they need (stack.md part A section 1)."""

import gc
import os
import tempfile
from typing import Any

from gunicorn.glogging import Logger

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "2"))
if workers > 1:
    # Read by prometheus_client when it is first imported: the workers' counters are summed (server/web/metrics.py).
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="xunan-metrics-"))
threads = int(os.environ.get("WEB_THREADS", "32"))  # half of them at most for live streams: server/settings.py
timeout = 120
graceful_timeout = 30
keepalive = 30
max_requests = 0
accesslog = None
errorlog = "-"
loglevel = "warning"
control_socket_disable = True


class PrivateLogger(Logger):  # type: ignore[misc]
    """Says where a request failed, never its address: what people search for stands in it."""

    def exception(self, _msg: str, *_args: Any, **more: Any) -> None:
        """The trace is made private by server/logs.py."""
        super().exception("request failed", **more)


logger_class = PrivateLogger


def child_exit(_server: Any, worker: Any) -> None:
    """What a worker that is gone held open no longer counts."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)


def post_worker_init(_worker: Any) -> None:
    """Collect rarely: folding makes many short-lived objects, and default collections cost a push a fifth of its time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
