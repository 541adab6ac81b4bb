"""A patrol's track while its page is hidden, frozen, killed or without a fix: every silence over 15 s is a recorded gap, nothing is interpolated."""

from __future__ import annotations

import base64
import itertools
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from server.centre.tracks import decode
from tests.browser.bare import SETTLED, enrol, open_app, tap, unlock
from tests.tools.browser import Browser, Tab
from tests.tools.serving import Server, free_port

GAP_MS, ROUNDS = 15_000, 16
# Times are kept in whole seconds, positions in steps of half a metre.
SECOND_MS, STEP_E7 = 1_000, 50
# How the app may hear nothing, and what the record says of it.
WAYS = {"seen": "no_fix", "hidden": "hidden", "frozen": "hidden", "killed": "killed"}
# A clock that the test moves on, over reloads too, and what the app was told by the receiver, and when.
OUTSIDE = """
localStorage.setItem('xunan_debug', '1');
let ahead = Number(sessionStorage.getItem('ahead') ?? 0);
const real = Date.now;
Date.now = () => real() + ahead;
window.advance = (ms) => { ahead += ms; sessionStorage.setItem('ahead', String(ahead)); };
window.told = [];
const watch = navigator.geolocation.watchPosition.bind(navigator.geolocation);
navigator.geolocation.watchPosition = (found, ...rest) => watch((fix) => {
  window.told.push([Date.now(), Math.round(fix.coords.latitude * 1e7)]);
  found(fix);
}, ...rest);
"""
PATROL = """() => {
  const rec = window.xunan_debug.records('patrol').find((each) => each.v.status === 'ongoing' && location.hash.endsWith(each.id));
  return rec?.id;
}"""
TRACK = """async (id) => {
  const rec = window.xunan_debug.record(id);
  const chunks = [];
  for (const chunk of [...rec.sets.track].sort((a, b) => a.seq - b.seq)) {
    const bytes = new Uint8Array(await (await window.xunan_debug.file(chunk.sha256)).arrayBuffer());
    chunks.push(btoa(String.fromCharCode(...bytes)));
  }
  return { chunks, gaps: (rec.logs.gaps ?? []).map((entry) => entry.v), started: rec.v.started_at, ended: rec.v.ended_at };
}"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    port = free_port()
    folder = tmp_path / "server"
    folder.mkdir()
    made = Server(folder, port, stations=1, records=12)
    made.port = port
    made.environment["PORT"] = str(port)
    made.start()
    yield made
    made.kill9()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    made = Browser(tmp_path / "profile")
    yield made
    made.kill9()


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


class Walker:
    """Stands somewhere, and walks on when told; remembers every fix the app was given."""

    def __init__(self, tab: Tab) -> None:
        self.tab, self.steps = tab, 0
        self.told: list[tuple[int, int]] = []

    def move(self) -> int:
        """A step of eleven metres to the north; its latitude."""
        self.steps += 1
        latitude = 30.9 + self.steps * 1e-4
        self.tab.send("Emulation.setGeolocationOverride", latitude=latitude, longitude=121.95, accuracy=8)
        return round(latitude * 1e7)

    def walk(self) -> None:
        """A step the app sees."""
        latitude = self.move()
        self.tab.wait("(latitude) => window.told.some((one) => one[1] === latitude)", latitude)

    def note(self) -> None:
        """Take over what the page was told, before it is gone."""
        self.told += [tuple(one) for one in self.tab.run("() => window.told.splice(0)")]


def silence(way: str, length_ms: int, tab: Tab, empty: Tab, walker: Walker) -> int:
    """So long nobody hears of the walker, who walks all the same; a moment in the middle of it."""
    if way in ("hidden", "frozen"):
        empty.front()
        tab.wait("() => document.visibilityState === 'hidden'")
    if way == "frozen":
        tab.freeze()
    if way != "seen":
        walker.move()
    middle = tab.run("(ms) => { window.advance(ms); return Date.now() - ms / 2; }", length_ms)
    if way == "killed":
        walker.note()
        tab.send("Page.reload")
        tab.wait("() => window.told !== undefined && window.told.length === 0 && window.xunan_debug?.session.phase === 'locked'")
        unlock(tab)
    if way == "frozen":
        tab.freeze(False)
    tab.front()
    tab.wait("() => document.visibilityState === 'visible'")
    return int(middle)


def test_every_silence_is_a_recorded_gap(server: Server, browser: Browser) -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    random = Random(seed)
    base = f"http://127.0.0.1:{server.port}"
    browser.send("Browser.grantPermissions", origin=base, permissions=["geolocation"])
    empty = browser.tab()
    tab = open_app(browser, base, OUTSIDE)
    walker = Walker(tab)
    walker.move()
    enrol(tab, server, "track", "patrol01a")
    tab.run("() => { location.hash = '/patrol'; }")
    tap(tab, "patrol-start")
    tap(tab, "start-plan-*")
    patrol = tab.wait(PATROL)
    lengths = [random.randrange(1_000, 14_000) if random.random() < 0.3 else random.randrange(16_000, 90_000) for _ in range(ROUNDS)]
    ways = [*WAYS, *(random.choice(list(WAYS)) for _ in range(ROUNDS - len(WAYS)))]
    random.shuffle(ways)
    expected: list[tuple[int, str]] = []
    for way, length_ms in zip(ways, lengths, strict=True):
        for _ in range(random.randrange(1, 4)):
            walker.walk()
        middle = silence(way, length_ms, tab, empty, walker)
        if length_ms > GAP_MS:
            expected.append((middle, WAYS[way]))
        tab.run("(id) => { location.hash = `/patrol/${id}`; }", patrol)
    walker.walk()
    tab.run("(ms) => window.advance(ms)", 20_000)
    walker.note()
    tab.wait("() => { const hold = document.querySelector(\"[data-testid='patrol-end']\"); hold?.dispatchEvent(new PointerEvent('pointerdown')); return hold !== null; }")
    tab.wait("(id) => window.xunan_debug.record(id).v.status === 'done'", patrol)
    tab.wait(SETTLED)
    judge(tab.run(TRACK, patrol), walker.told, expected)


def judge(track: dict[str, Any], told: list[tuple[int, int]], expected: list[tuple[int, str]]) -> None:
    """Fixes are what the app was told; between two of them that are far apart there are gaps from the one to the other, and no others."""
    kept = [fix for chunk in track["chunks"] for fix in decode(base64.b64decode(chunk))]
    assert [fix.t_ms for fix in kept] == sorted(fix.t_ms for fix in kept)
    for fix in kept:
        assert any(abs(fix.t_ms - t) <= SECOND_MS and abs(fix.lat_e7 - lat) <= STEP_E7 for t, lat in told), f"nobody was at {fix}"
    # A log stands in the order of its stamps, not of time.
    gaps = sorted((ms(gap["from"]), ms(gap["to"]), gap["reason"]) for gap in track["gaps"])
    assert all(to - begin > GAP_MS for begin, to, _ in gaps)
    times = [ms(track["started"]), *(fix.t_ms for fix in kept), ms(track["ended"])]
    wrong = []
    for before, after in itertools.pairwise(times):
        between = [gap for gap in gaps if gap[0] >= before - SECOND_MS and gap[1] <= after + SECOND_MS]
        silent = after - before
        # A fix that died with the page may have ended a gap: then the next one, or a short silence, begins there.
        ends = [before, *itertools.chain.from_iterable(gap[:2] for gap in between), after]
        if silent > GAP_MS + SECOND_MS and (not between or any(b - a > GAP_MS + SECOND_MS for a, b in zip(ends[::2], ends[1::2], strict=True))):
            wrong.append(f"{silent} ms of silence: {between}")
        if silent < GAP_MS - SECOND_MS and between:
            wrong.append(f"{silent} ms of silence are called {between}")
    assert not wrong, "\n".join([*wrong, str(gaps), str(times)])
    for middle, reason in expected:
        # A page that dies at once takes the gap before with it: then the whole is one silence.
        assert [gap[2] for gap in gaps if gap[0] <= middle <= gap[1]] in ([reason], ["killed"])
