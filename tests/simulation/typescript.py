"""Handhelds that are the real TypeScript engine, in the same world, under the same checks as the modelled ones.

Why alive and not replayed from a recorded history: the engine draws its own ids, stamps and parents, so a recorded answer fits only
the device that asked for it. Living in the town, its bytes are judged by the real server, its stored view by the same oracle, and what
it shows is compared with a second fold (`sync.fold`) over its own disk.
Owns the process (`pwa/tests/live_device.ts`, bundled) and the translation of the simulation's ops into what a form hands to the engine:
values and verbs, never parents. Holds no assertion.
"""

from __future__ import annotations

import base64
import copy
import itertools
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import orjson

from sync.record import Record
from sync.stamp import erased_line
from tests.simulation.handheld import Chain, Disk, Gone, Handheld, Killed, Rebase, Row, Send, TooLarge

PWA = Path(__file__).parents[2] / "pwa"
KILL_POINTS_MAX = 60
Library = Callable[[Handheld, str], bytes]
# Path and body; status, body, and what the answer says of its bytes.
Wire = Callable[[str, bytes], tuple[int, bytes, str]]


class EngineFailed(Exception):
    """The engine threw where it must not."""


class Engines:
    """One Node process in which any number of devices live."""

    def __init__(self, folder: Path, source: Path = PWA) -> None:
        """`folder` takes the bundle; `source` is where the engine lies."""
        bundle = folder / "live_device.mjs"
        subprocess.run(
            [PWA / "node_modules/.bin/rolldown", "tests/live_device.ts", "--platform", "node", "--format", "esm", "-o", bundle],
            cwd=source, check=True, capture_output=True,
        )  # fmt: skip
        self.process = subprocess.Popen(["node", bundle], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.numbers = itertools.count(1)
        self.incidents: list[dict[str, Any]] = []
        self.done: dict[int, dict[str, Any]] = {}

    def call(self, do: str, wire: Wire | None = None, **more: Any) -> dict[str, Any]:
        """Let the engine do something; `wire` answers its requests meanwhile."""
        number = next(self.numbers)
        self._tell({"id": number, "do": do, **more})
        assert self.process.stdout is not None
        while number not in self.done:
            line = self.process.stdout.readline()
            if not line:
                raise EngineFailed(f"the process ended during {do}")
            heard = orjson.loads(line)
            if "ask" in heard:
                status, body, digest = wire(heard["path"], base64.b64decode(heard["body"])) if wire else (0, b"", "")
                self._tell({"answer": heard["ask"], "status": status, "body": base64.b64encode(body).decode(), "digest": digest})
            elif "incident" in heard:
                self.incidents.append(heard)
            else:
                self.done[heard["done"]] = heard
        result = self.done.pop(number)
        if "error" in result:
            raise EngineFailed(f"{do}: {result['error']}")
        return result

    def _tell(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(orjson.dumps(message) + b"\n")
        self.process.stdin.flush()

    def forget_all(self) -> None:
        """Between histories."""
        self.call("end")
        self.incidents = []

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class TypeScriptHandheld(Handheld):
    """A device whose disk and doings are the engine's. `kill_point` chooses where the next doing dies; 0 draws one when it has to."""

    def __init__(
        self, engines: Engines, library: Library, clock: Callable[[], int], name: str, user: str, scopes: tuple[str, ...], random: Random,
        twin_of: TypeScriptHandheld | None = None, older: bool = False,
    ) -> None:  # fmt: skip
        """Enrolled and signed in; or a copy of another one's disk."""
        self.engines, self.library, self.clock = engines, library, clock
        self.name, self.user, self.scopes, self.random = name, user, scopes, random
        self.clock_ms = twin_of.clock_ms if twin_of else 0
        self.skew, self.kill_at, self.enrolled = 0, "", twin_of.enrolled if twin_of else name
        self.kill_point, self.points, self.told_digest = 0, 0, ""
        self._disk: Disk | None = None
        how = {"device": twin_of.name} if twin_of else {}
        engines.call("twin" if twin_of else "fresh", older=older, name=name, user=user, scopes=scopes, seed=random.getrandbits(31), now=self._now(), **how)

    def _now(self) -> int:
        return self.clock() + self.clock_ms

    def _do(self, do: str, wire: Wire | None = None, **more: Any) -> dict[str, Any]:
        self._disk = None
        try:
            return self.engines.call(do, wire, device=self.name, now=self._now(), scopes=self.scopes, **more)
        finally:
            self._disk = None

    @property
    def disk(self) -> Disk:  # type: ignore[override]
        """What the databases hold, in the words of the model."""
        if self._disk is None:
            self._disk = _to_disk(self._do("disk"))
        return self._disk

    # --------------------------------------------------------------------------------------------------------- writing

    def save(self, now_ms: int, ops: list[Mapping[str, Any]]) -> bool:
        """Hand a form's values to the engine; it composes the ops. False when there was nothing to write, or a kill came first."""
        del now_ms
        point, self.kill_point = self.kill_point, 0
        drafts = [self._draft(op, len(ops) > 1) for op in ops]
        app = ops[0]["app"] if len(ops) == 1 else "group"
        result = self._do("save", drafts=drafts, app=app, schema=ops[0]["schema"], kill_at=point)
        self.points = result["points"]
        # What a kill came before is saved or not, but never half; what was reported has to be there.
        there = b'"%s"' % str(ops[0]["app"]).encode()
        return bool(result["saved"]) or (result["died"] and any(there in row.line for row in self.disk.rows))

    def _draft(self, op: Mapping[str, Any], grouped: bool) -> dict[str, Any]:
        record = self.view(op["rec"], op["kind"])
        fields = {name: _verb(record, name, fop) for name, fop in op["f"].items() if name != "scope"}
        if grouped:
            # Ops of a group share their `app`; each names its fact as a member of a set nobody declared.
            fields["fact"] = ("add", op["app"])
        return {"rec": op["rec"], "kind": op["kind"], "scope": op["scope"], "f": fields}

    def save_raw(self, line: bytes) -> bool:
        """The engine writes no such line."""
        del line
        return False

    # --------------------------------------------------------------------------------------------------------- syncing

    @property
    def is_doomed(self) -> bool:
        """As the model."""
        return bool(self.kill_at) or self.kill_point > 0

    def sync(self, send: Send, rounds: int = 40) -> bool:
        """As the model: True when everything went both ways."""
        left = rounds

        def wire(path: str, body: bytes) -> tuple[int, bytes, str]:
            nonlocal left
            left -= 1
            if left < 0:
                return 0, b"", ""
            try:
                if path != "/api/v1/sync":
                    return 200, self.library(self, path), ""
                return 200, send(self, body.removesuffix(b"\n")), self.told_digest
            except Gone:
                return 0, b"", ""
            except TooLarge:
                return 413, b'{"code":"too_large"}', ""
            except Rebase:
                return 410, b'{"code":"rebase"}', ""

        point = self.kill_point or (self.random.randint(1, KILL_POINTS_MAX) if self.kill_at else 0)
        self.kill_at, self.kill_point = "", 0
        result = self._do("sync", wire, kill_at=point)
        self.points = result["points"]
        if result["died"]:
            raise Killed
        return bool(result["complete"])

    # ------------------------------------------------------------------------------------------------------- bad days

    def image(self) -> Any:
        """A name by which the process keeps the copy."""
        name = f"{self.name} {self.random.getrandbits(40)}"
        self._do("image", image=name)
        return name

    def set_back(self, image: Any) -> None:
        """The disk is that of the image again."""
        self._do("set_back", image=image)

    def twin(self, name: str, random: Random) -> Handheld:
        """A second device with a copy of this disk."""
        return TypeScriptHandheld(self.engines, self.library, self.clock, name, self.user, self.scopes, random, self)

    def upgrade(self) -> bool:
        """A new version of the app opens what the old one left; False when it is the newest already."""
        return bool(self._do("upgrade")["upgraded"])

    def change_tabs(self, how: str) -> str:
        """The user opens a second tab, goes to the other one, or the one behind is frozen or closed; gives what came of it."""
        return str(self._do("tabs", how=how)["tabs"])

    def evict(self) -> None:
        """The browser throws the view away."""
        self._do("evict")

    def shown(self, recs: list[str]) -> dict[str, Record]:
        """What the engine shows of these."""
        states = self.engines.call("shown", device=self.name, now=self._now(), scopes=self.scopes, recs=recs)["states"]
        return {rec: Record.from_wire(copy.deepcopy(state)) for rec, state in zip(recs, states, strict=True) if state}

    def incidents(self, code: str) -> list[dict[str, Any]]:
        """What it noted in its own log."""
        return [each["detail"] for each in self.engines.incidents if each["device"] == self.name and each["incident"] == code]


def _verb(record: Record, name: str, fop: Mapping[str, Any]) -> tuple[str, Any]:
    """What a person does at the screen, from the op the model would have written."""
    match fop["k"]:
        case "reg":
            live = {stamp for stamp, _ in record.reg.get(name, [])}
            return "resolve" if len(live) > 1 and live <= set(fop["b"]) else "set", fop["v"]
        case "rem":
            return "rem", next(value for stamp, value in record.sets[name] if stamp in fop["b"])
        case "retract":
            return "retract", fop["b"]
    return str(fop["k"]), fop["v"]


def _to_disk(held: dict[str, Any]) -> Disk:
    rows = [
        Row(
            row["dev"], row["n"], row["h"], erased_line(row["h"], row["rec"]) if row.get("erased") else row["line"].encode(), row["rec"], tuple(row["group"]) if row["group"] else None,
            row["verdict"] == "quarantined",
        )
        for row in held["rows"]
    ]  # fmt: skip
    own, *former = (_to_chain(each) for each in (held["own"], *held["former"]))
    return Disk(own, former, rows, {state["id"]: state for state in held["states"]}, held["cursor"])


def _to_chain(held: dict[str, Any]) -> Chain:
    return Chain(*(held[name] for name in ("dev", "n", "h", "acked", "acked_h", "durable")))
