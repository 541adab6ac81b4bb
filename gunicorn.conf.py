"""gunicorn: threads, so that uploads and live streams last as long as they need (stack.md part A section 1)."""

import ctypes
import gc
import os
import tempfile
from typing import Any

import structlog
from gunicorn.glogging import Logger

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
# glibc gives each few threads an arena of their own, which keep what one large answer needed: half of a worker's memory. Other libraries have none.
M_ARENA_MAX = -8
if hasattr(ctypes.CDLL(None), "mallopt"):
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)
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


def of_record(_logger: Any, _name: str, event: Any) -> Any:
    """The process, and what server/logs.py left of an exception; before it is set up, in the arbiter, no more than its type."""
    record = event["_record"]
    told = record.exc_text or (record.exc_info and record.exc_info[0] and record.exc_info[0].__name__)
    event.pop("exc_info", None)
    return event | {"logger": record.name, "pid": record.process} | ({"exception": told} if told else {})


JSON = structlog.stdlib.ProcessorFormatter(
    foreign_pre_chain=[
        structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True), of_record,
    ],
    processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer(ensure_ascii=False)],
)  # fmt: skip


class PrivateLogger(Logger):  # type: ignore[misc]
    """Says where a request failed, never its address: what people search for stands in it. Writes JSON, as the server does."""

    def setup(self, cfg: Any) -> None:
        """Nothing of the server is imported here: a reload has to find its new program."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JSON)

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
