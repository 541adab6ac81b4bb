"""SIGTERM during pushes and in the middle of an upload: what is stored is whole, the next server goes on where this one stopped."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from random import Random

from tests.faults.town import OCTETS, Crowd, Files, Town, key_of, new_seed, wait_until

DEVICES, SIZE, SENT = 4, 3_000_000, 1_000_000
# How long a request may go on after SIGTERM; the real thirty seconds are only more of the same.
GRACE = "--graceful-timeout=5"


def begin_patch(town: Town, files: Files, data: bytes) -> socket.socket:
    """A PATCH of the whole file of which only the first part is sent, on a connection that stays open."""
    link = socket.create_connection(("127.0.0.1", town.port), timeout=30)
    head = (
        f"PATCH /api/v1/files/{key_of(data)} HTTP/1.1", "Host: town", f"Authorization: Bearer {files.token}", "Tus-Resumable: 1.0.0",
        "Upload-Offset: 0", f"Content-Type: {OCTETS}", f"Content-Length: {len(data)}", "", "",
    )  # fmt: skip
    link.sendall("\r\n".join(head).encode() + data[:SENT])
    return link


def test_a_server_told_to_end_leaves_no_half_op_and_the_upload_resumes(tmp_path: Path) -> None:
    seed = new_seed()
    cut, finished = (Random(seed + number).randbytes(SIZE) for number in range(2))
    town = Town(tmp_path, GUNICORN_CMD_ARGS=GRACE)
    town.start()
    try:
        pushers = town.sign_in_all(DEVICES, seed)
        files = Files(town, pushers[0].token)
        crowd = Crowd(pushers)
        for data in (cut, finished):
            assert files.create(data).status == 201
        with begin_patch(town, files, cut), begin_patch(town, files, finished) as patient:
            parts = [next((tmp_path / "uploads").glob(f"{key_of(data)}-*.part")) for data in (cut, finished)]
            wait_until(lambda: all(part.stat().st_size >= SENT - 16 * 1024 for part in parts), "the first parts on disk")
            crowd.each_gains(20)
            assert town.process is not None
            town.process.send_signal(signal.SIGTERM)
            patient.sendall(finished[SENT:])
            assert patient.recv(1000).startswith(b"HTTP/1.1 204"), "what is under way may end"
            assert town.process.wait(timeout=20) == 0
        town.process = None
        for pusher in pushers:
            stored = town.stored(pusher)
            assert pusher.acked <= len(stored)
            assert stored == pusher.lines[: len(stored)], "a whole prefix of the chain, nothing in the middle"
        town.start()
        assert files.state(finished) is not None
        assert files.state(cut) is None
        offset = int(files.head(cut).headers["Upload-Offset"])
        assert SENT - 16 * 1024 <= offset <= SENT, "every chunk that arrived counts"
        assert files.patch(cut, offset).status == 204
        assert files.state(cut) is not None
        crowd.each_gains(20)
        crowd.finish()
        town.check(pushers)
    finally:
        town.kill9()

