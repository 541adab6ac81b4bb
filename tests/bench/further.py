"""The figures beside W1–W6 that belong to the server: bytes on a thin link, lists of the centre, memory, photos, tracks, uploads.

Each function measures one thing on the town the workloads left behind, or on nothing but bytes, and checks what it measured.
"""

from __future__ import annotations

import gzip
import http.client
import io
import os
import tempfile
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from random import Random
from time import perf_counter

import orjson
from PIL import Image

from server.centre.tracks import MAGIC, decode
from server.files.media import examine, is_disguised
from tests.bench.figures import Figure, median, percentile
from tests.bench.town import WORDS, BenchTown, Device, reg
from tests.bench.workloads import BATCH, Workloads
from tests.load.town import children

ROUNDS = 7
STALE_RECORDS, STALE_EDITS = 300, 2000
LIST_ROUNDS = 31
POINTS = 5000
# pwa/src/files/tus_upload.ts
CHUNK_BYTES = 256 * 1024


def change_bytes(work: Workloads) -> list[Figure]:
    """What one changed field costs on the link."""
    device, town = work.town.device(), work.town
    for rec in list(work.created)[:50]:
        device.write(rec, town.scope, {"place": reg(f"三号楼{town.random.randrange(10**4)}室", work.created[rec])})
    alone, together = gzip.compress(device.lines[0]), gzip.compress(device.body(scopes=[]))
    return [
        Figure("bytes per field change, 50 in a batch", len(together) / 50, "B gz", 50, "less"),
        Figure("bytes per field change, alone", len(alone), "B gz", 250, "less"),
    ]


def stale_device(work: Workloads) -> list[Figure]:
    """A device that was away for 30 days: 2,000 edits by others on 300 records it holds."""
    town, writer, device = work.town, work.seeder, work.town.device()
    device.catch_up()
    writer.link = None  # idle since W1, longer than a server keeps a connection
    recs = sorted(work.created)[-STALE_RECORDS:]
    base: dict[str, str] = {}
    for number in range(STALE_EDITS):
        rec = recs[number % len(recs)]
        base[rec] = writer.write(rec, town.scope, {"note": reg(f"第{number}次 {WORDS}", *([base[rec]] if rec in base else []))})
        if len(writer.lines) == BATCH:
            writer.sync(writer.body(scopes=[]))
    writer.sync(writer.body(scopes=[]))
    start = perf_counter()
    answer, size = device.call("POST", "/api/v1/sync", device.body())
    took = (perf_counter() - start) * 1000
    states = len(orjson.loads(answer)["records"])
    if states < len(recs):
        raise RuntimeError(f"{len(recs)} records changed, {states} came")
    return [
        Figure("30 days stale: states", states, "states", 300, "less", STALE_EDITS, "edits made"),
        Figure("30 days stale: bytes", size, "B", 200_000, "less"),
        Figure("30 days stale: one pull", took, "ms", 1000, "less"),
    ]


def centre_pages(work: Workloads) -> list[Figure]:
    """A typed list (sorted, filtered, counted) and the overview, over everything the town holds."""
    desk = Device(work.town.port, work.town.operator(), "", "")
    asked = orjson.dumps({"filter": "status:found|registered", "sort": "-updated_at", "page": 3, "size": 50})
    held = work.town.query("SELECT COUNT(*) FROM k_hazard")[0][0]
    found = []
    for name, method, path, body in (
        (f"typed list of {held:,} hazards, p95", "POST", "/api/v1/centre/list/hazard", asked),
        (f"overview over {held:,} hazards, p95", "GET", "/api/v1/centre/overview", None),
    ):
        times = []
        for _ in range(LIST_ROUNDS):
            start = perf_counter()
            desk.call(method, path, body, "application/json")
            times.append((perf_counter() - start) * 1000)
        found.append(Figure(name, percentile(times, 0.95), "ms", 150, "less", median(times), "p50"))
    return found


def worker_memory(work: Workloads) -> list[Figure]:
    """What the largest gunicorn worker keeps after all this."""
    assert work.town.server.process is not None
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in children(work.town.server.process.pid)]
    held = work.town.query("SELECT COUNT(*) FROM record")[0][0]
    return [Figure(f"worker memory with {held:,} records", max(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20, "MiB", 200, "less")]


def track_bytes() -> list[Figure]:
    """A walk of 1.2 m/s with a fix every five seconds, in the chunk format of the app, as the server decodes it."""
    random, out, last = Random(11), bytearray(MAGIC), [0, 0, 0, 0]
    points, lat, lon, heading = [], 312_000_000.0, 1_216_000_000.0, 0.0
    for number in range(POINTS):
        heading += random.gauss(0, 0.3)
        lat, lon = lat + 540 * random.gauss(1, 0.1) * (1 - abs(heading % 2 - 1)), lon + 540 * random.gauss(0, 0.5)
        points.append([360_000_000 + number * 5, round(lat / 50), round(lon / 50), random.choice((1, 1, 1, 1, 2))])
    _put(out, POINTS)
    for point in points:
        for index, value in enumerate(point):
            _put(out, value - last[index])
        last = point
    if len(decode(bytes(out))) != POINTS:
        raise RuntimeError("the server reads another track")
    return [
        Figure("GPS point", len(out) / POINTS, "B", 5, "less"),
        Figure("GPS point, packed", len(gzip.compress(bytes(out))) / POINTS, "B gz", 3, "less"),
    ]


def _put(out: bytearray, value: int) -> None:
    """Zigzag varint."""
    left = (value << 1) ^ (value >> 63)
    while left >= 0x80:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)


def photo(random: Random) -> bytes:
    """12 MP, a handheld's quality, with detail that costs a decoder its usual work."""
    target = io.BytesIO()
    Image.frombytes("RGB", (500, 375), random.randbytes(500 * 375 * 3)).resize((4000, 3000), Image.Resampling.BICUBIC).save(target, "JPEG", quality=80)
    return target.getvalue()


def photos() -> list[Figure]:
    """The image job on one core: looked at, decoded, two WebP written."""
    data, times = photo(Random(5)), []
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "source"
        source.write_bytes(data)
        for _ in range(ROUNDS):
            start = perf_counter()
            if is_disguised(source) or len(examine(source, Path(name))[1]) != 2:
                raise RuntimeError("not a photo")
            times.append(perf_counter() - start)
        start = perf_counter()
        Image.open(io.BytesIO(data)).load()
        decoded = 1 / (perf_counter() - start)
    return [Figure("photo pipeline, 12 MP", 1 / median(times), "photos/s", 4, "more", decoded, "decoding it whole")]


def upload(town: BenchTown) -> list[Figure]:
    """A 4 MiB file in the app's chunks, cut once in the middle of one; what went over the line beside its own bytes."""
    data = town.random.randbytes(16 * CHUNK_BYTES)
    key, token = sha256(data).hexdigest(), town.device().token
    sent, again = 0, 0

    def ask(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> http.client.HTTPResponse:
        nonlocal sent
        lines = {"Host": f"127.0.0.1:{town.port}", "Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0", "Content-Length": str(len(body))} | headers
        sent += len(f"{method} {path} HTTP/1.1\r\n\r\n") + sum(len(f"{name}: {value}\r\n") for name, value in lines.items()) + len(body)
        link = http.client.HTTPConnection("127.0.0.1", town.port, timeout=60)
        link.request(method, path, body=body, headers=lines)
        answer = link.getresponse()
        sent += len(f"HTTP/1.1 {answer.status} {answer.reason}\r\n\r\n") + sum(len(f"{n}: {v}\r\n") for n, v in answer.getheaders()) + len(answer.read())
        link.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status}")
        return answer

    named = {"sha256": key, "mime": "video/mp4", "role": "video"}
    meta = ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in named.items())
    ask("POST", "/api/v1/files", {"Upload-Length": str(len(data)), "Upload-Metadata": meta})
    offset, cut = 0, False
    while offset < len(data):
        if not cut and offset >= len(data) // 2:
            cut, half = True, CHUNK_BYTES // 2
            link = http.client.HTTPConnection("127.0.0.1", town.port, timeout=60)
            link.putrequest("PATCH", f"/api/v1/files/{key}")
            for name, value in {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0", "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream", "Content-Length": CHUNK_BYTES}.items():
                link.putheader(name, str(value))
            link.endheaders(data[offset : offset + half])
            link.close()
            sent += half
            at = int(ask("HEAD", f"/api/v1/files/{key}", {}).headers["Upload-Offset"])
            again, offset = max(0, offset + half - at), at
        chunk = data[offset : offset + CHUNK_BYTES]
        answer = ask("PATCH", f"/api/v1/files/{key}", {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}, chunk)
        offset = int(answer.headers["Upload-Offset"])
    return [
        Figure("upload overhead", 100 * (sent - len(data)) / len(data), "%", 2, "less"),
        Figure("bytes sent again after a cut", again, "B", CHUNK_BYTES, "less"),
    ]


def run(work: Workloads) -> list[Figure]:
    """All of them; memory last, after everything that could fill it."""
    return [
        *change_bytes(work), *stale_device(work), *centre_pages(work), *track_bytes(), *photos(), *upload(work.town), *worker_memory(work)
    ]  # fmt: skip
