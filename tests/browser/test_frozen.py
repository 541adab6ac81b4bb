"""Pages that are hidden or frozen: the queue leaves all the same, by another tab at once or by this one after the thaw (property 17)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.browser.bare import SETTLED, enrol, open_app, states, unlock
from tests.tools import checker
from tests.tools.browser import Browser, Tab
from tests.tools.link import Line, Link
from tests.tools.serving import Server

ROUNDS, OPS, BYTES = int(os.environ.get("TEST_FREEZES", "4")), 12, 150_000
SLOW = Line(bits_per_s=4_000_000, rtt_s=0.1)
# Ops, each second one with a file of its own.
WRITE = """async (name, ops, bytes) => {
  for (let i = 0; i < ops; i++) {
    const { recs } = await window.xunan_debug.write([{ kind: 'hazard', f: { title: `${name} ${i}`, severity: 'general', status: 'found' } }]);
    if (i % 4 !== 0) continue;
    const noise = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 60000) crypto.getRandomValues(noise.subarray(at, at + 60000));
    await window.xunan_debug.attach('hazard', recs[0], new Blob([noise], { type: 'application/octet-stream' }), { role: 'photo' });
  }
}"""
HOLDERS = "async () => (await navigator.locks.query()).held.filter((lock) => lock.name === 'xunan-sync').length"
HEARD = """
window.heard = [];
for (const name of ['freeze', 'resume']) document.addEventListener(name, () => window.heard.push(name));
"""


@pytest.fixture
def link() -> Iterator[Link]:
    made = Link(1)
    yield made
    made.close()


@pytest.fixture
def server(link: Link, tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    made = Server(folder, link.port, stations=1, records=12)
    link.target_port = made.port
    made.start()
    yield made
    made.kill9()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    made = Browser(tmp_path / "profile")
    yield made
    made.kill9()


def freeze(tab: Tab, other: Tab) -> None:
    """Put the other in front and freeze this one."""
    other.front()
    tab.wait("() => document.visibilityState === 'hidden'")
    tab.freeze()


def thaw(tab: Tab) -> None:
    """Back in front and running."""
    times = tab.run("() => window.heard.filter((one) => one === 'resume').length")
    tab.freeze(False)
    tab.front()
    tab.wait("(times) => window.heard.filter((one) => one === 'resume').length > times && document.visibilityState === 'visible'", times)


def test_another_tab_carries_on_where_the_frozen_one_was(server: Server, link: Link, browser: Browser) -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    random = Random(seed)
    base = f"http://127.0.0.1:{link.port}"
    tabs = [open_app(browser, base, HEARD)]
    enrol(tabs[0], server, "frozen", "patrol01a")
    tabs.append(open_app(browser, base, HEARD))
    unlock(tabs[1])
    expected = len(checker.logged(server.folder))
    link.line = SLOW
    for number in range(ROUNDS):
        random.shuffle(tabs)
        first, second = tabs
        first.front()
        first.wait("() => document.visibilityState === 'visible'")
        first.run(WRITE, f"第{number}轮", OPS, BYTES)
        left = random.randrange(OPS + OPS // 4)
        first.wait("(left) => window.xunan_debug.status().pending_ops + window.xunan_debug.status().pending_files <= left", left)
        freeze(first, second)
        second.run(WRITE, f"第{number}轮,另一页", OPS, BYTES)
        second.wait(SETTLED)
        expected += 2 * (OPS + OPS // 4)
        assert len(checker.logged(server.folder)) == expected
        thaw(first)
        first.wait("() => window.xunan_debug.status().pending_ops + window.xunan_debug.status().pending_files === 0")
        assert first.run(HOLDERS) == 1
    lines, truth = checker.logged(server.folder), checker.server_states(server.folder)
    assert len(lines) == expected
    assert checker.gaps(lines) == []
    assert len(checker.stored_files(server.folder)) == 2 * ROUNDS * OPS // 4
    for tab in tabs:
        tab.wait(SETTLED)
        assert checker.differing(states(tab), truth) == []
    assert states(tabs[0]) == states(tabs[1])


def test_a_queue_goes_on_after_the_thaw(server: Server, link: Link, browser: Browser) -> None:
    tab = open_app(browser, f"http://127.0.0.1:{link.port}", HEARD)
    empty = browser.tab()
    tab.front()
    enrol(tab, server, "thawed", "patrol01a")
    before = len(checker.logged(server.folder))
    tab.offline(True)
    tab.run(WRITE, "冻结前", OPS, BYTES)
    link.line = SLOW
    tab.offline(False)
    tab.wait("() => window.xunan_debug.queue().files.some((file) => file.state === 'sending' && file.sent > 0)")
    freeze(tab, empty)
    thaw(tab)
    # Nobody asks for it here: it goes on by itself.
    tab.wait("() => window.xunan_debug.status().pending_ops + window.xunan_debug.status().pending_files === 0")
    assert len(checker.logged(server.folder)) == before + OPS + OPS // 4
    assert len(checker.stored_files(server.folder)) == OPS // 4
    assert checker.differing(states(tab), checker.server_states(server.folder)) == []
