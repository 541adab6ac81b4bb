"""A bad link for tests: an HTTP proxy in front of the server that can be told how to fail next.

Faults are used up one by one, so that a test decides exactly which request suffers. Live streams are not forwarded: they are
only hints, and the product must be correct without them.
"""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection"})


class Wire:
    """Listens on its own port and forwards to `target_port`. `faults` counts how often each fault is still to happen."""

    def __init__(self) -> None:
        """The target is set once it is known."""
        self.target_port = 0
        self.faults: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        self.asked: set[str] = set()
        # While set, the app itself is served but nothing that is data gets through.
        self.api_down = False
        self.kill: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                """Silent."""

            def forward(self) -> None:
                wire.forward(self)

            do_GET = do_POST = do_PATCH = do_HEAD = do_DELETE = do_OPTIONS = forward

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = int(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()

    def take(self, fault: str) -> bool:
        """Use up one fault if it is armed."""
        with self._lock:
            if self.faults[fault] <= 0:
                return False
            self.faults[fault] -= 1
            self.happened[fault] += 1
            return True

    def forward(self, handler: BaseHTTPRequestHandler) -> None:
        """One request through the link."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.asked.add(handler.path)
        if self.api_down and handler.path.startswith("/api/"):
            handler.close_connection = True
            return
        if handler.path.startswith("/api/v1/live"):
            self._answer(handler, 503, [("Content-Length", "0")], b"")
            return
        push = handler.path == "/api/v1/sync" and handler.command == "POST" and len(body) > 700
        upload = handler.command == "PATCH" and len(body) > 4096
        link = http.client.HTTPConnection("127.0.0.1", self.target_port, timeout=60)
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in HOP}
        try:
            if upload and self.take("cut_upload"):
                link.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
                for name, value in headers.items():
                    link.putheader(name, value)
                link.endheaders(body[: len(body) // 2])
                link.close()
                handler.close_connection = True
                return
            link.request(handler.command, handler.path, body=body or None, headers=headers)
            if push and self.take("kill_server"):
                self.kill()
                handler.close_connection = True
                return
            response = link.getresponse()
            data = response.read()
            if push and self.take("cut_answer"):
                handler.close_connection = True
                return
            kept = [(name, value) for name, value in response.getheaders() if name.lower() not in HOP | {"content-length"}]
            length = response.getheader("Content-Length") if handler.command == "HEAD" else str(len(data))
            self._answer(handler, response.status, [*kept, ("Content-Length", length or "0")], data)
        except (OSError, http.client.HTTPException):
            handler.close_connection = True
        finally:
            link.close()

    @staticmethod
    def _answer(handler: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        try:
            handler.send_response_only(status)
            for name, value in headers:
                handler.send_header(name, value)
            handler.end_headers()
            if handler.command != "HEAD":
                handler.wfile.write(data)
        except OSError:
            handler.close_connection = True
