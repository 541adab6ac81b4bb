"""One handheld in the story: a persistent Chromium profile of 390×844, driven through its screens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, Playwright, expect

from tests.tools.chromium import ARGUMENTS, find
from tests.tools.serving import PASSWORD

PIN = "258369"
SETTLE_MS = 15_000
SYNC_MS = 90_000
SETTLED = """() => {
  const engine = window.xunan_debug;
  const status = engine.status();
  const whole = status.data_as_of_ms !== null && status.snapshot_progress === null;
  if (status.online && whole && status.pending_ops === 0 && status.pending_files === 0) return true;
  void engine.sync_now().catch(() => undefined);
  return false;
}"""


class Handheld:
    """A device; `page` is its only tab."""

    def __init__(self, playwright: Playwright, profile: Path, base: str) -> None:
        self.base = base
        self.context: BrowserContext = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=find(), args=ARGUMENTS, viewport={"width": 390, "height": 844}, locale="zh-CN",
            permissions=["geolocation"], geolocation={"latitude": 30.9, "longitude": 121.95}, timezone_id="Asia/Shanghai",
        )  # fmt: skip
        self.context.set_default_timeout(SETTLE_MS)
        self.context.add_init_script("localStorage.setItem('xunan_debug', '1')")
        self.page: Page = self.context.pages[0]
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def tap(self, testid: str, nth: int = 0) -> None:
        """Tap the nth control of that name."""
        self.page.get_by_test_id(testid).nth(nth).click()

    def go(self, route: str) -> None:
        """Open a screen."""
        self.page.evaluate("route => { location.hash = route }", f"#{route}")

    def enrol(self, code: str, username: str) -> None:
        """From a fresh browser to 今日: code, sign-in, PIN twice."""
        self.page.goto(self.base)
        self.page.get_by_test_id("enrol-code").fill(code)
        self.tap("enrol-submit")
        self.page.get_by_test_id("login-username").fill(username)
        self.page.get_by_test_id("login-password").fill(PASSWORD)
        self.tap("login-submit")
        self.choose_pin()

    def choose_pin(self) -> None:
        """Set the PIN, twice the same."""
        first = self.page.get_by_test_id("pin-step").inner_text()
        for digit in PIN:
            self.tap(f"pin-{digit}")
        expect(self.page.get_by_test_id("pin-step")).not_to_have_text(first)
        expect(self.page.get_by_test_id("pin-input")).to_have_value("")
        for digit in PIN:
            self.tap(f"pin-{digit}")
        expect(self.page.get_by_test_id("precheck")).to_be_visible()

    def unlock(self) -> None:
        """Unlock the only user by PIN; works without any network."""
        chooser = self.page.locator("[data-testid^='unlock-user-']")
        expect(self.page.get_by_test_id("pin-1")).to_be_visible()
        if chooser.count() > 1:
            chooser.first.click()
        for digit in PIN:
            self.tap(f"pin-{digit}")
        expect(self.page.get_by_test_id("precheck")).to_be_visible()

    def wait_installed(self) -> None:
        """Until the service worker has everything and controls the page: only then may the network go."""
        self.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        self.page.wait_for_function("() => navigator.serviceWorker.controller !== null")

    def run(self, script: str, argument: Any = None) -> Any:
        """Evaluate `async (engine, argument) => …` in the page."""
        return self.page.evaluate(f"argument => ({script})(window.xunan_debug, argument)", argument)

    def offline(self, value: bool) -> None:
        """Lose or regain the network."""
        self.context.set_offline(value)

    def settle(self) -> None:
        """Sync until the device has nothing unsent and has everything."""
        # Two steps: wait_for_function takes the first answer of an async predicate, a false one too.
        self.run("async (engine) => engine.sync_now().catch(() => undefined)")
        self.page.wait_for_function(SETTLED, timeout=SYNC_MS, polling=300)

    def states(self) -> dict[str, Any]:
        """The wire state of every record this device holds, by id."""
        found: dict[str, Any] = self.run(
            """async (engine) => Object.fromEntries(
                 ['station','grid_cell','template','catalogue_item','shelter','patrol_plan','setting','event','patrol','hazard',
                  'inspection','stock_item','stock_lot','stock_movement','stock_count','person','transfer','attachment','conflict_case','unmask']
                 .flatMap((kind) => engine.records(kind)).map((rec) => [rec.id, rec.state]))"""
        )
        return found

    def close(self) -> None:
        """Shut the browser."""
        self.context.close()
