"""Photos on the handheld: 300 kept strictly, and one of 12 megapixels made smaller, hashed, sealed and kept."""

from __future__ import annotations

import base64
import io

from PIL import Image
from playwright.sync_api import Page

from tests.bench.figures import Figure, median
from tests.bench.rig import longest_task

PHOTOS, PHOTO_BYTES, ROUNDS = 300, 300_000, 7
TWELVE = (4000, 3000)
KEEP = """async ([count, bytes]) => {
  const made = [];
  for (let i = 0; i < count; i++) {
    const noise = new Uint8Array(bytes);
    crypto.getRandomValues(noise.subarray(0, 60000));
    noise[100000] = i;
    made.push(new Blob([noise]));
  }
  const start = performance.now();
  for (const blob of made)
    await window.xunan_debug.keep_file(blob, { role: 'photo', mime: 'application/octet-stream', owner: 'bench', owner_kind: 'hazard' });
  return performance.now() - start;
}"""
RAW_KEEP = """async ([count, bytes]) => {
  const db = await new Promise((done, failed) => {
    const open = indexedDB.open('bench-photos', 1);
    open.onupgradeneeded = () => open.result.createObjectStore('photos', { autoIncrement: true });
    open.onsuccess = () => done(open.result); open.onerror = () => failed(open.error);
  });
  const blobs = Array.from({ length: count }, () => new Blob([crypto.getRandomValues(new Uint8Array(60000)), new Uint8Array(bytes - 60000)]));
  const start = performance.now();
  for (const blob of blobs) {
    await new Promise((done, failed) => {
      const tx = db.transaction('photos', 'readwrite', { durability: 'strict' });
      tx.objectStore('photos').put(blob);
      tx.oncomplete = done; tx.onabort = () => failed(tx.error);
    });
  }
  const took = performance.now() - start;
  db.close();
  indexedDB.deleteDatabase('bench-photos');
  return took;
}"""
# A hazard of its own first, so that the photo has an owner; then from the picture to "saved".
ATTACH = """async () => {
  const engine = window.xunan_debug, blob = window.bench_photo;
  const { recs } = await engine.write([{ kind: 'hazard', f: { title: '照片', severity: 'general', status: 'found' } }]);
  const start = performance.now();
  await engine.attach('hazard', recs[0], blob, { role: 'photo' });
  return [start, performance.now()];
}"""
# As a file somebody chose: the page's own policy lets nothing be fetched from a made-up address.
TAKE = """(text) => { window.bench_photo = new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], { type: 'image/jpeg' }); }"""
RAW_DOWNSCALE = """async () => {
  const blob = window.bench_photo;
  const start = performance.now();
  const bitmap = await createImageBitmap(blob, { resizeWidth: 1600, resizeQuality: 'medium' });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.8 });
  return performance.now() - start;
}"""


def twelve_megapixels(number: int) -> str:
    """A JPEG like a camera's, about 3 MB, in base64."""
    noise = Image.effect_noise((TWELVE[0] // 4, TWELVE[1] // 4), 60 + number).resize(TWELVE).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=88)
    return base64.b64encode(out.getvalue()).decode()


def run(page: Page, throttle: str, many: bool) -> list[Figure]:
    """On an unlocked handheld without a network; `many` measures the 300 as well."""
    found: list[Figure] = []
    limit = 1000.0 if throttle == "cg25" else 500.0
    if many:
        raw = page.evaluate(RAW_KEEP, [PHOTOS, PHOTO_BYTES])
        took = page.evaluate(KEEP, [PHOTOS, PHOTO_BYTES])
        found.append(
            Figure(
                f"300 photos of 300 kB kept, {throttle}",
                took / 1000,
                "s",
                2.5,
                "less",
                raw / 1000,
                "raw IndexedDB, strict, one by one",
            )
        )
    times, tasks, plain = [], [], []
    for number in range(ROUNDS):
        page.evaluate(TAKE, twelve_megapixels(number))
        plain.append(float(page.evaluate(RAW_DOWNSCALE)))
        since, until = page.evaluate(ATTACH)
        times.append(until - since)
        tasks.append(longest_task(page, since, until))
    return [
        *found,
        Figure(
            f"12 MP photo to 1600 px, hashed, kept, {throttle}",
            median(times),
            "ms",
            limit,
            "less",
            median(plain),
            "downscale alone",
        ),
        Figure(f"… longest task of the page, {throttle}", median(tasks), "ms", 50, "less"),
    ]
