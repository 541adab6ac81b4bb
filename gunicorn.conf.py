"""gunicorn: threads, so that uploads and live streams last as long as they need (stack.md part A section 1)."""

import os

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "32"))
timeout = 120
graceful_timeout = 30
keepalive = 30
max_requests = 0
accesslog = None
errorlog = "-"
loglevel = "warning"
control_socket_disable = True
