"""A narrow, far, lossy link for tests: a TCP proxy that gives every byte the time it would need, and cuts a connection now and then.

Owns the model of a link, nothing of HTTP. All connections share the rate of each direction, as the devices behind one mast do.
A lost segment comes one round trip later, and on its connection everything after it too; it is sent twice and costs the rate twice.
The window opens as in slow start and is not halved by a loss (a sender with SACK and BBR): real links can only be slower.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from dataclasses import dataclass
from random import Random

SEGMENT, WINDOW_FIRST, WINDOW_MAX = 1_460, 14_600, 131_072


@dataclass(frozen=True, slots=True)
class Line:
    """What a link is like. `cut_after`: a connection breaks each time about so many segments have passed; 0 is never."""

    bits_per_s: float = math.inf
    rtt_s: float = 0.0
    loss: float = 0.0
    cut_after: int = 0


CLEAR = Line()


class Link:
    """Listens on its own port and forwards to `target_port`; `line` may be changed at any time."""

    def __init__(self, seed: int, line: Line = CLEAR) -> None:
        """The target is set once it is known."""
        self.target_port, self.line, self.random = 0, line, Random(seed)
        self.passed = self.lost = self.cut = 0
        self._to_cut = 0
        self._open: set[asyncio.Task[None]] = set()
        self._free_at = {"up": 0.0, "down": 0.0}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop).result()
        self.port = int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Stop listening and break what is open."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        # asyncio refers to its streams and tasks weakly: whoever waits must be held by somebody.
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        try:
            far, far_out = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            near_out.transport.abort()
            return
        ways = [asyncio.ensure_future(Way(self, "up").carry(near, far_out)), asyncio.ensure_future(Way(self, "down").carry(far, near_out))]
        try:
            await asyncio.gather(*ways)
            near_out.close()
            far_out.close()
        except (OSError, Cut, asyncio.CancelledError):
            pass  # broken on either side, by the line itself, or by the end of the test: both sides learn it
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for out in (near_out, far_out):
                if not out.is_closing():
                    out.transport.abort()

    def passes(self) -> bool:
        """Count one segment; False when its connection breaks with it."""
        self.passed += 1
        if self.line.cut_after == 0:
            return True
        if self._to_cut <= 0:
            self._to_cut = self.random.randint(self.line.cut_after // 2, self.line.cut_after * 3 // 2)
        self._to_cut -= 1
        self.cut += self._to_cut == 0
        return self._to_cut > 0

    def arrival(self, way: str, size: int, now: float) -> float:
        """When a segment sent now arrives, however often it is lost."""
        line, late = self.line, 0.0
        cost = (size + 40) * 8 / line.bits_per_s
        self._free_at[way] = max(now, self._free_at[way]) + cost
        while self.random.random() < line.loss:
            self.lost += 1
            late += max(line.rtt_s, 0.001)
            self._free_at[way] += cost
        return self._free_at[way] + line.rtt_s / 2 + late


class Cut(Exception):
    """The connection broke."""


class Way:
    """One direction of one connection: what was read waits here until it would have arrived."""

    def __init__(self, link: Link, name: str) -> None:
        self.link, self.name = link, name
        self.window, self.flying, self.last = WINDOW_FIRST, 0, 0.0
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.moved = asyncio.Event()
        self.ended = False

    async def carry(self, source: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        """Until the source ends and everything has arrived."""
        arriving = asyncio.ensure_future(self._arrive(out))
        try:
            # A connection is there one round trip after it was asked for; only then the first request sets out.
            self.last = asyncio.get_running_loop().time() + (self.link.line.rtt_s * 1.5 if self.name == "up" else 0.0)
            while data := await source.read(SEGMENT):
                if not self.link.passes():
                    raise Cut
                now = asyncio.get_running_loop().time()
                # In order: what follows a lost segment waits for it.
                self.last = max(self.last, self.link.arrival(self.name, len(data), now))
                self.waiting.append((self.last, data))
                self.flying += len(data)
                self.moved.set()
                while self.flying >= self.window and not arriving.done():
                    self.moved.clear()
                    await self.moved.wait()
            self.ended = True
            self.moved.set()
            await arriving
        finally:
            arriving.cancel()

    async def _arrive(self, out: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while self.waiting or not self.ended:
            if not self.waiting:
                self.moved.clear()
                await self.moved.wait()
                continue
            at, data = self.waiting.popleft()
            await asyncio.sleep(max(0.0, at - loop.time()))
            out.write(data)
            await out.drain()
            loop.call_later(self.link.line.rtt_s / 2, self._acknowledged, len(data))
        if out.can_write_eof():
            out.write_eof()

    def _acknowledged(self, size: int) -> None:
        self.flying -= size
        self.window = min(WINDOW_MAX, self.window + size)
        self.moved.set()
