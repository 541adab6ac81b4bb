"""Live hints never take the threads that pushes need: a hard cap, and every place given back (P-30)."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask

from server.settings import Settings
from server.web.live import events, watcher
from sync.stamp import GENESIS
from tests.server.edge.people import SCOPE, Client, Person
from tests.server.edge.test_limits_of_callers import desk_of, reg
from tests.tools.serving import READY_SECONDS_MAX, ROOT, free_port

THREADS = 4


@pytest.fixture(autouse=True)
def _nobody_listens_before_and_after() -> Iterator[None]:
    assert not watcher.streams
    yield
    assert not watcher.streams


def capped(app: Flask, most: int) -> None:
    app.extensions["xunan"] = replace(app.extensions["xunan"], live_streams_max=most)


def test_live_hints_name_only_the_callers_scopes(app: Flask) -> None:
    stream = events(frozenset({SCOPE}))
    assert next(stream).startswith(b":")
    watcher.tell({"station:other": 5})
    assert next(stream) == b": still here\n\n"
    seq = watcher.seq_by_scope.get(SCOPE, 0) + 1
    watcher.tell({"station:other": seq, SCOPE: seq})
    assert next(stream) == b'event: hint\ndata: {"scope":"%b","seq":%d}\n\n' % (SCOPE.encode(), seq)
    stream.close()


def test_a_desk_hears_of_the_stations_its_lists_show(app: Flask, person: Person) -> None:
    writer = person("patroller")
    writer.sync([writer.line("0198-live", {"scope": reg(SCOPE), "title": reg("裂缝")})], 1, GENESIS)
    opened = desk_of(app, "operator").call("GET", "/live", buffered=False)
    told = iter(opened.response)
    assert next(told).startswith(b":")
    watcher.tell({SCOPE: watcher.seq_by_scope.get(SCOPE, 0) + 1})
    assert SCOPE.encode() in next(told)
    opened.close()


def test_one_stream_more_than_allowed_is_told_to_come_later(app: Flask, person: Person) -> None:
    client = person("patroller")
    capped(app, 2)
    held = [client.call("GET", "/live", buffered=False) for _ in range(2)]
    refused = client.call("GET", "/live", buffered=False)
    assert (refused.status_code, refused.json["code"], refused.headers["Retry-After"]) == (503, "too_many_streams", "30")
    held.pop().close()
    again = client.call("GET", "/live", buffered=False)
    assert again.status_code == 200
    for each in (*held, again):
        each.close()


def test_a_head_request_takes_no_place(app: Flask, person: Person) -> None:
    client = person("patroller")
    capped(app, 1)
    for _ in range(3):
        assert client.call("HEAD", "/live").status_code == 200
    assert not watcher.streams


def test_a_client_that_left_before_the_first_byte_gives_its_place_back(app: Flask, person: Person) -> None:
    client = person("patroller")
    capped(app, 1)
    for _ in range(3):
        answer = client.call("GET", "/live", buffered=False)
        assert answer.status_code == 200
        answer.close()


def test_an_answer_nobody_closed_gives_its_place_back(app: Flask, person: Person) -> None:
    client = person("patroller")
    headers = {"Authorization": f"Bearer {client.token}"}
    with app.test_request_context("/api/v1/live", headers=headers):
        response = app.view_functions["live.live"]()
        assert watcher.streams.total() == 1
        del response
    assert not watcher.streams


def test_one_device_cannot_take_every_place() -> None:
    assert [watcher.enter("d_greedy", 5) for _ in range(4)] == [True, True, False, False]
    assert [watcher.enter(f"d_{i}", 5) for i in range(4)] == [True, True, True, False]
    for device in ("d_greedy", "d_greedy", "d_0", "d_1", "d_2"):
        watcher.leave(device)
    assert not watcher.streams


@pytest.mark.parametrize(("wanted", "threads", "allowed"), [(None, None, 16), ("200", "32", 16), ("3", "32", 3), (None, "4", 2), (None, "1", 1)])
def test_half_of_the_threads_are_never_given_to_streams(wanted: str | None, threads: str | None, allowed: int) -> None:
    environ = {"XUNAN_LIVE_STREAMS_MAX": wanted or "", "WEB_THREADS": threads or ""}
    assert Settings.from_env(environ).live_streams_max == allowed


@contextmanager
def gunicorn(app: Flask) -> Iterator[int]:
    """One worker with few threads on the database of the test; gives its port."""
    settings: Settings = app.extensions["xunan"]
    port = free_port()
    environ = os.environ | {
        "XUNAN_DATABASE_URL": settings.database_url, "XUNAN_DATA_DIR": str(settings.data_dir), "XUNAN_LOG_LEVEL": "ERROR",
        "PORT": str(port), "WEB_WORKERS": "1", "WEB_THREADS": str(THREADS),
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "wsgi:app"], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)


def until_ready(port: int) -> None:
    """Connect as soon as somebody listens."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/readyz")
            assert connection.getresponse().status == 200
            return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline


def ask(client: Client, port: int, method: str, path: str, body: bytes | None = None) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, f"/api/v1{path}", body, {"Authorization": f"Bearer {client.token}", "Content-Type": "application/x-ndjson"})
    return connection, connection.getresponse()


def test_a_push_gets_through_however_many_want_to_listen(app: Flask, person: Person) -> None:
    client = person("patroller")
    line = client.line("0198-a", {"scope": {"k": "reg", "v": SCOPE, "b": []}, "title": {"k": "reg", "v": "裂缝", "b": []}})
    with gunicorn(app) as port:
        until_ready(port)
        listeners = [ask(client, port, "GET", "/live") for _ in range(THREADS * 3)]
        assert sorted(answer.status for _, answer in listeners) == [200] * (THREADS // 2) + [503] * (THREADS * 5 // 2)
        head = f'{{"protocol":1,"dev":"{client.dev}","from":1,"prev_h":"00000000","cursor":null,"schema":1}}'.encode()
        connection, pushed = ask(client, port, "POST", "/sync", head + b"\n" + line)
        assert b'"applied"' in pushed.read()
        connection.close()
        for each, _ in listeners:
            each.close()
