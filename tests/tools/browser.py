"""A Chromium of our own, spoken to over its debugging pipe: it can be killed with -9, and its pages can be hidden and frozen.

Playwright keeps every page visible and never frozen, and does not say which process is its browser: hence this. Owns the process and the
protocol's messages; knows nothing of the product. The tests wait here, for states of the page.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tests.tools.chromium import ARGUMENTS, find

ANSWER_SECONDS_MAX, WAIT_SECONDS_MAX, POLL_SECONDS = 60, 90, 0.05
# The debugging pipe: Chromium reads commands from 3 and writes to 4.
PIPE_IN, PIPE_OUT = 3, 4


class BrowserGone(Exception):
    """The browser ended before it answered."""


class Browser:
    """One headless Chromium on a profile, in a process group of its own."""

    def __init__(self, profile: Path) -> None:
        """Starts it."""
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        # Out of the way of the two numbers the child needs.
        high = [fcntl.fcntl(number, fcntl.F_DUPFD, 10) for number in (theirs_in, theirs_out)]

        def place() -> None:
            os.dup2(high[0], PIPE_IN)
            os.dup2(high[1], PIPE_OUT)

        self.process = subprocess.Popen(
            [find() or "chromium", *ARGUMENTS, "--headless=new", "--lang=zh-CN", "--window-size=390,844", "--remote-debugging-pipe",
             f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, pass_fds=(PIPE_IN, PIPE_OUT), preexec_fn=place,
        )  # fmt: skip
        for number in (theirs_in, theirs_out, *high):
            os.close(number)
        self._lock, self._n = threading.Lock(), 0
        self._asked: dict[int, Future[dict[str, Any]]] = {}
        self._said: dict[str, Callable[[str], None]] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        rest = b""
        while data := os.read(self._from, 1 << 16):
            *whole, rest = (rest + data).split(b"\0")
            for text in whole:
                message = json.loads(text)
                if "id" in message:
                    self._asked.pop(message["id"]).set_result(message)
                elif message["method"] == "Runtime.bindingCalled":
                    self._said[message["params"]["name"]](message["params"]["payload"])
        with self._lock:
            for asked in self._asked.values():
                asked.set_exception(BrowserGone())
            self._asked.clear()
            self._n = -1

    def ask(self, method: str, session: str | None = None, **params: Any) -> Future[dict[str, Any]]:
        """Send a command; its whole answer comes later."""
        answer: Future[dict[str, Any]] = Future()
        with self._lock:
            if self._n < 0:
                raise BrowserGone
            self._n += 1
            self._asked[self._n] = answer
            text = json.dumps({"id": self._n, "method": method, "params": params} | ({"sessionId": session} if session else {}))
            try:
                os.write(self._to, text.encode() + b"\0")
            except OSError as error:
                raise BrowserGone from error
        return answer

    def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its result."""
        message = self.ask(method, session, **params).result(ANSWER_SECONDS_MAX)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']['message']}")
        found: dict[str, Any] = message["result"]
        return found

    def tab(self) -> Tab:
        """A new empty tab, in front."""
        return Tab(self, self.send("Target.createTarget", url="about:blank")["targetId"])

    def on_said(self, name: str, call: Callable[[str], None]) -> None:
        """What to do, at once and on the reader's thread, when a page calls the binding `name`."""
        self._said[name] = call

    def kill9(self) -> None:
        """SIGKILL all its processes, as an empty battery would; every word that left it before has been heard afterwards."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        for number in (self._to, self._from):
            os.close(number)


class Tab:
    """One tab. Functions are given as text and get their arguments as JSON."""

    def __init__(self, browser: Browser, target: str) -> None:
        self.browser, self.target = browser, target
        self.session: str = browser.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.send("Page.enable")
        self.send("Runtime.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """A command for this tab."""
        return self.browser.send(method, self.session, **params)

    def front(self) -> None:
        """Bring it to the front: the one that was there is hidden."""
        self.browser.send("Target.activateTarget", targetId=self.target)

    def freeze(self, frozen: bool = True) -> None:
        """Freeze, or thaw, what runs in it."""
        self.send("Page.setWebLifecycleState", state="frozen" if frozen else "active")

    def offline(self, value: bool) -> None:
        """Lose or regain the network."""
        self.send("Network.emulateNetworkConditions", offline=value, latency=0, downloadThroughput=-1, uploadThroughput=-1)

    def start_script(self, text: str) -> None:
        """Run before any script of each page that is opened here."""
        self.send("Page.addScriptToEvaluateOnNewDocument", source=text)

    def bind(self, name: str) -> None:
        """Give the pages of this tab a function that tells `Browser.on_said`."""
        self.send("Runtime.addBinding", name=name)

    def begin(self, function: str, *arguments: Any) -> Future[dict[str, Any]]:
        """Call a function without waiting for it."""
        call = f"({function})(...{json.dumps(arguments)})"
        return self.browser.ask("Runtime.evaluate", self.session, expression=call, awaitPromise=True, returnByValue=True)

    def run(self, function: str, *arguments: Any) -> Any:
        """Call a function; what it, or its promise, gives."""
        message = self.begin(function, *arguments).result(WAIT_SECONDS_MAX)
        if "error" in message:
            raise RuntimeError(message["error"]["message"])
        if "exceptionDetails" in message["result"]:
            raise RuntimeError(str(message["result"]["exceptionDetails"].get("exception", {}).get("description")))
        return message["result"]["result"].get("value")

    def wait(self, function: str, *arguments: Any) -> Any:
        """Until the function, asked again and again, gives something true."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while time.monotonic() < deadline:
            if found := self.run(function, *arguments):
                return found
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"never true: {function} {arguments}")
