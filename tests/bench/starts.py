"""Opening the handheld: cold and offline, warm, and by PIN with 20,000 sealed records on it.

Every cold start is a fresh browser process with the server stopped; times count from navigationStart. The control is a page of twenty
plain rows served by a worker of its own, in the same profile. Digits follow each other as a quick finger types them.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, Playwright

from tests.bench.figures import Figure, median
from tests.bench.rig import Throttle, launch, start_times
from tests.browser.handheld import PIN

ROUNDS = 7
# Six digits in a good second: meanwhile the rest of the app is read.
BETWEEN_DIGITS_MS = 200
COLD = {"base": 200.0, "cdp4": 800.0, "cg25": 1100.0}
WARM = {"base": 200.0, "cdp4": 500.0, "cg25": 700.0}
UNLOCK = {"base": 500.0, "cdp4": 500.0, "cg25": 1000.0}
# From the last digit to 今日 on the screen, with everything that was sealed opened: nothing is shown before that.
LAST_DIGIT = """digit => new Promise((done) => {
  const start = performance.now();
  const look = () => document.querySelector("[data-testid='precheck']") ? done(performance.now() - start) : requestAnimationFrame(look);
  document.querySelector(`[data-testid='pin-${digit}']`).click();
  look();
})"""
# The control of unlocking: PBKDF2 as the app does it, and AES-GCM of as many bytes as 20,000 records have, in forty packs.
RAW_UNLOCK = """async ([rounds, packs, bytes]) => {
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const iv = new Uint8Array(12);
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, new Uint8Array(bytes));
  const start = performance.now();
  const base = await crypto.subtle.importKey('raw', new Uint8Array(6), 'PBKDF2', false, ['deriveBits']);
  await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: iv, iterations: rounds }, base, 256);
  await Promise.all(Array.from({ length: packs }, () => crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed)));
  return performance.now() - start;
}"""
PBKDF2_ROUNDS, PACKS, PACK_BYTES = 600_000, 40, 600_000


def unlock_ms(page: Page) -> float:
    """From the last digit of the PIN to 今日."""
    for digit in PIN[:-1]:
        page.get_by_test_id(f"pin-{digit}").click()
        page.wait_for_timeout(BETWEEN_DIGITS_MS)
    return float(page.evaluate(LAST_DIGIT, PIN[-1]))


def measure(
    playwright: Playwright, profile: Path, base: str, control: str, throttle: Throttle, rounds: int = ROUNDS
) -> list[Figure]:
    """All rounds at one throttle."""
    fcp, ready, warm, plain, unlock, raw = [], [], [], [], [], []
    for _ in range(rounds):
        context, page = launch(playwright, profile, throttle)
        first, usable = start_times(page, base)
        fcp.append(first)
        ready.append(usable)
        unlock.append(unlock_ms(page))
        raw.append(float(page.evaluate(RAW_UNLOCK, [PBKDF2_ROUNDS, PACKS, PACK_BYTES])))
        page.goto("about:blank")
        warm.append(start_times(page, base)[1])
        context.close()
        context, page = launch(playwright, profile, throttle)
        plain.append(start_times(page, control)[0])
        context.close()
    name, of = throttle.name, "static page from a worker, FCP"
    return [
        Figure(f"cold offline start, usable, {name}", median(ready), "ms", COLD[name], "less", median(plain), of),
        Figure(f"cold offline start, FCP, {name}", median(fcp), "ms", 700, "less", median(plain), of),
        Figure(f"cold offline start, FCP per control, {name}", median(fcp) / median(plain), "times", 1.3, "less"),
        Figure(f"warm reload, usable, {name}", median(warm), "ms", WARM[name], "less", median(plain), of),
        Figure(
            f"PIN unlock, 20,000 sealed, {name}",
            median(unlock),
            "ms",
            UNLOCK[name],
            "less",
            median(raw),
            "PBKDF2 and AES-GCM alone",
        ),
    ]
