"""The device's half of files, as `pwa/src/files/upload_queue.ts` does it, in Python: its own queue, smallest first, confirmed by the server (P-50).

Owns the steps between which a kill may come. What it changes are rows of the device's disk; it never touches an op. Holds no assertion.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

import orjson

from tests.simulation.handheld import FileRow, Gone, Handheld

CHUNK_BYTES = 64
TRIES_MAX = 20
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = "application/offset+octet-stream"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# Device, method, path below /api/v1/files, headers, body. Raises Gone.
Carry = Callable[[Handheld, str, str, dict[str, str], bytes], Reply]


def keep(device: Handheld, data: bytes) -> str:
    """A photo is on the disk, strictly, before any op mentions it; gives its hash."""
    key = sha256(data).hexdigest()
    device.disk.files.setdefault(key, FileRow(key, data))
    return key


def send_files(device: Handheld, carry: Carry) -> bool:
    """Send what waits and ask what has arrived; True when everything is delivered. Raises Killed."""
    try:
        for row in sorted(device.disk.files.values(), key=lambda each: (len(each.data), each.sha256)):
            if row.state == "waiting":
                _upload(device, row, carry)
        confirm(device, carry)
    except Gone:
        pass  # the next wake goes on
    return all(row.state == "delivered" for row in device.disk.files.values())


def _upload(device: Handheld, row: FileRow, carry: Carry) -> None:
    """One file until all its bytes were taken, or its try is spent."""
    for _ in range(TRIES_MAX):
        device.step("file")
        at = _offset(device, row, carry)
        if at is None:
            return
        if at == len(row.data):
            row.state = "sent"
            return
        device.step("bytes")
        headers = TUS | {"Upload-Offset": str(at), "Content-Type": OCTETS}
        reply = carry(device, "PATCH", f"/{row.sha256}", headers, row.data[at : at + CHUNK_BYTES])
        if reply.status not in (204, 404, 409, 423, 460):
            return  # an outage says nothing about the file: another time


def _offset(device: Handheld, row: FileRow, carry: Carry) -> int | None:
    """How far the server has it: asked where the upload is known to be, begun where it is not. None: not now."""
    if row.begun:
        reply = carry(device, "HEAD", f"/{row.sha256}", TUS, b"")
        row.begun = reply.status != 404
    if not row.begun:
        told = {"sha256": row.sha256, "mime": "image/jpeg", "role": "photo"}
        metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in told.items())
        reply = carry(device, "POST", "", TUS | {"Upload-Length": str(len(row.data)), "Upload-Metadata": metadata}, b"")
        row.begun = reply.status == 201
    return int(reply.headers["Upload-Offset"]) if reply.status in (200, 201) else None


def confirm(device: Handheld, carry: Carry) -> None:
    """Ask the server what it really has; only that makes a file delivered."""
    asked = [row for row in device.disk.files.values() if row.state == "sent"]
    if not asked:
        return
    device.step("confirm")
    reply = carry(device, "POST", "/status", {"Content-Type": "application/json"}, orjson.dumps({"sha256": [row.sha256 for row in asked]}))
    if reply.status != 200:
        return
    have = {each["sha256"]: each["size"] for each in orjson.loads(reply.body)["have"]}
    for row in asked:
        if have.get(row.sha256) == len(row.data):
            row.state = "delivered"
        else:
            row.state, row.begun = "waiting", False
