"""A rescue bundle equals a push, whoever carries it; a damaged, forged or hostile one harms nothing and is kept (P-61)."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from sqlalchemy import text

from server.accounts import service
from server.accounts.models import Device, Grant, User
from server.db import db, unit
from sync.stamp import GENESIS, chain
from tests.server.edge.people import AT, SCOPE, Client, Person
from tests.server.files.tus_client import Tus

PHOTO = b"bytes of a photo"
KEY = sha256(PHOTO).hexdigest()
SPIED = "station:310199101008"


def reg(value: object) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": []}


@dataclass
class Carrier:
    """A handheld whose work leaves it in a bundle."""

    client: Client
    device_id: str
    key: ec.EllipticCurvePrivateKey
    ops: list[dict[str, Any]] = field(default_factory=list)

    def write(self, rec: str, title: str) -> None:
        line = self.client.line(rec, {"scope": reg(SCOPE), "title": reg(title)})
        self.ops.append({"dev": self.client.dev, "n": self.client.n, "h": self.client.h, "line": line.decode()})

    def lines(self) -> bytes:
        return b"".join(json.dumps(op, ensure_ascii=False).encode() + b"\n" for op in self.ops)

    def bundle(
        self, *, ops: bytes | None = None, files: dict[str, bytes] | None = None, key: Any = None, packing: int = zipfile.ZIP_STORED, **head: Any
    ) -> bytes:
        body = self.lines() if ops is None else ops
        count, digest = head.get("count", len(self.ops)), sha256(body).hexdigest()
        r, s = decode_dss_signature((key or self.key).sign(f"{self.client.dev}:{count}:{digest}".encode(), ec.ECDSA(SHA256())))
        header = {
            "format": "xunan-rescue", "version": 1, "dev": self.client.dev, "device_id": self.device_id, "from": 1, "prev_h": GENESIS,
            "made_at": "2026-11-22T05:10:33+08:00", "count": count, "ops_sha256": digest, "sealed_left_behind": 0,
            "signature": base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode(), **head,
        }  # fmt: skip
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", packing) as archive:
            archive.writestr("header.json", json.dumps(header))
            archive.writestr("ops.ndjson", body)
            for name, data in (files or {}).items():
                archive.writestr(name, data)
        return out.getvalue()


@pytest.fixture
def carrier(app: Flask, person: Person) -> Carrier:
    client, key = person("patroller"), ec.generate_private_key(ec.SECP256R1())
    with app.app_context(), unit() as session:
        device = session.query(Grant.device_id).filter_by(user_id=client.user_id).scalar()
        session.get_one(Device, device).public_key = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    made = Carrier(client, device, key)
    made.write("0198-a", "裂缝")
    made.write("0198-b", "积水")
    return made


def carry(desk: Client, data: bytes) -> Any:
    return desk.call("POST", "/centre/rescue", data=data, content_type="application/zip")


def kept(app: Flask) -> list[Path]:
    return list((app.extensions["xunan"].data_dir / "rescue").glob("*.xunan"))


def verdicts(app: Flask, dev: str) -> list[str]:
    with app.app_context():
        return list(db.session.execute(text("SELECT verdict FROM op_log WHERE dev = :dev ORDER BY n"), {"dev": dev}).scalars())


def test_a_bundle_equals_a_push_and_twice_changes_nothing(app: Flask, person: Person, carrier: Carrier) -> None:
    data = carrier.bundle(files={f"files/{KEY}": PHOTO})
    head = person("head")
    first, second = carry(head, data).json, carry(head, data).json
    assert (first["signature"], first["complete"], first["files_stored"], first["authors"][0]["stored"]) == ("good", True, 1, 2)
    assert (second["complete"], second["files_known"], second["authors"][0]["stored"], second["authors"][0]["known"]) == (True, 1, 0, 2)
    assert verdicts(app, carrier.client.dev) == ["applied", "applied"]
    answer = carrier.client.sync([op["line"].encode() for op in carrier.ops], 1, GENESIS).json
    assert [each["v"] for each in answer["verdicts"]] == ["duplicate", "duplicate"]
    assert kept(app) == []


def test_what_is_not_signed_by_the_device_is_set_aside(app: Flask, person: Person, carrier: Carrier) -> None:
    answer = carry(person("operator"), carrier.bundle(key=ec.generate_private_key(ec.SECP256R1()))).json
    assert (answer["signature"], answer["authors"][0]["quarantined"]) == ("bad", 2)
    assert verdicts(app, carrier.client.dev) == [], "beside its chain: test_unproven.py"


def test_an_operator_vouches_for_no_administrator(app: Flask, person: Person) -> None:
    """A device that never registered a key proves nothing: whoever carries its bundle answers for it, with no more than his own rights."""
    key = ec.generate_private_key(ec.SECP256R1())
    for who, outcome in (("operator", ["quarantined", "applied"]), ("admin", ["applied", "applied"])):
        client = person("admin")
        with app.app_context():
            device = db.session.query(Grant.device_id).filter_by(user_id=client.user_id).order_by(Grant.created_at.desc(), Grant.id).first()[0]
            db.session.rollback()
        forged = Carrier(client, device, key)
        for rec, kind, scope in ((f"0198-s-{who}", "setting", "town"), (f"0198-h-{who}", "hazard", SCOPE)):
            line = client.line(rec, {"scope": reg(scope)}, kind, scope)
            forged.ops.append({"dev": client.dev, "n": client.n, "h": client.h, "line": line.decode()})
        assert carry(person(who), forged.bundle()).json["signature"] == "no_key"
        assert verdicts(app, client.dev) == outcome, who


def test_a_broken_chain_is_stored_up_to_the_break_and_the_bundle_is_kept(app: Flask, person: Person, carrier: Carrier) -> None:
    carrier.write("0198-c", "脱落")
    carrier.ops[1]["line"] = carrier.ops[1]["line"].replace("积水", "假的")
    answer = carry(person("head"), carrier.bundle()).json
    assert (answer["complete"], answer["authors"][0]["broken_at"], answer["authors"][0]["stored"]) == (False, 2, 1)
    assert len(kept(app)) == 1


def test_a_missing_start_is_told_as_a_gap(person: Person, carrier: Carrier) -> None:
    carrier.ops = carrier.ops[1:]
    assert chain(GENESIS, carrier.ops[0]["line"].encode()) != carrier.ops[0]["h"]
    answer = carry(person("head"), carrier.bundle()).json
    assert (answer["complete"], answer["authors"][0]["gap_from"]) == (False, 1)


def test_files_are_what_their_name_says_or_they_are_damaged(app: Flask, person: Person, carrier: Carrier) -> None:
    other = "0" * 64
    named = [{"sha256": KEY, "mime": "image/jpeg"}, {"sha256": "1" * 64, "mime": "image/jpeg"}]
    files = {f"files/{KEY}": PHOTO, f"files/{other}": PHOTO, "files/../../evil": b"x", "/etc/evil": b"x"}
    out = io.BytesIO(carrier.bundle())
    with zipfile.ZipFile(out, "a") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    answer = carry(person("head"), out.getvalue()).json
    assert (answer["files_stored"], answer["files_damaged"], answer["complete"]) == (1, [other], False)
    missing = carry(person("head"), _naming(carrier, named)).json
    assert missing["files_missing"] == ["1" * 64]
    assert not list(app.extensions["xunan"].data_dir.parent.rglob("evil"))


def _naming(carrier: Carrier, named: list[dict[str, str]]) -> bytes:
    raw = zipfile.ZipFile(io.BytesIO(carrier.bundle()))
    header = json.loads(raw.read("header.json")) | {"files": named}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("header.json", json.dumps(header))
        archive.writestr("ops.ndjson", raw.read("ops.ndjson"))
    return out.getvalue()


def test_a_file_that_would_grow_when_unpacked_is_not_unpacked(app: Flask, person: Person, carrier: Carrier) -> None:
    big = bytes(8_000_000)
    data = carrier.bundle(files={f"files/{sha256(big).hexdigest()}": big}, packing=zipfile.ZIP_DEFLATED)
    assert len(data) < 100_000
    answer = carry(person("head"), data).json
    assert (answer["files_stored"], len(answer["files_damaged"])) == (0, 1)
    assert answer["authors"][0]["stored"] == 2


def spoil(data: bytes, name: str) -> bytes:
    """Damage the packed bytes of one entry."""
    entry = zipfile.ZipFile(io.BytesIO(data)).getinfo(name)
    raw, start = bytearray(data), entry.header_offset + 30 + len(name)
    raw[start : start + 8] = b"\xff" * 8
    return bytes(raw)


HOSTILE: dict[str, Callable[[Carrier], bytes]] = {
    "no archive": lambda _: b"not a zip at all",
    "empty": lambda _: b"",
    "cut off": lambda c: c.bundle()[:-30],
    "newline bomb": lambda c: c.bundle(ops=b"\n" * 5_000_000, packing=zipfile.ZIP_DEFLATED),
    "damaged stream": lambda c: spoil(c.bundle(packing=zipfile.ZIP_DEFLATED), "header.json"),
    "damaged lines": lambda c: spoil(c.bundle(packing=zipfile.ZIP_DEFLATED), "ops.ndjson"),
    "lying count": lambda c: c.bundle(count=7),
    "lying hash": lambda c: c.bundle(ops_sha256="0" * 64),
    "no line": lambda c: c.bundle(ops=b"[]\n[]\n"),
    "odd author": lambda c: c.bundle(dev="../../etc"),
    "odd version": lambda c: c.bundle(version=[1]),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_what_is_no_bundle_is_told_so_and_kept(app: Flask, person: Person, carrier: Carrier, how: str) -> None:
    answer = carry(person("head"), HOSTILE[how](carrier))
    assert (answer.status_code, answer.json["code"]) == (422, "bundle_damaged")
    assert verdicts(app, carrier.client.dev) == []
    assert len(kept(app)) == 1


def test_an_odd_word_on_what_stayed_behind_stops_nothing(person: Person, carrier: Carrier) -> None:
    answer = carry(person("head"), carrier.bundle(sealed_left_behind=[1])).json
    assert (answer["left_behind"], answer["authors"][0]["stored"]) == (0, 2)


def limit_kept(app: Flask, **bounds: int) -> None:
    app.extensions["xunan_uploads"].settings = replace(app.extensions["xunan"], **bounds)


def test_bundles_that_must_be_kept_are_bounded_by_bytes_and_push_none_out(app: Flask, person: Person, carrier: Carrier) -> None:
    head = person("head")
    limit_kept(app, rescue_kept_bytes_max=1000)
    assert carry(head, b"x" * 900).json["code"] == "bundle_damaged"
    (first,) = kept(app)
    answer = carry(head, b"y" * 101)
    assert (answer.status_code, answer.json["code"]) == (507, "rescue_full")
    assert kept(app) == [first], "what was kept before stays; whoever carries the new one still has it"
    assert carry(head, b"x" * 900).json["code"] == "bundle_damaged", "the same one needs no more room"
    carrier.ops[1]["line"] = carrier.ops[1]["line"].replace("积水", "假的")
    assert carry(head, carrier.bundle()).json["code"] == "rescue_full"
    assert verdicts(app, carrier.client.dev) == ["applied"], "what could be taken is here"
    with app.app_context():
        assert db.session.scalar(text("SELECT COUNT(*) FROM audit WHERE action = 'rescue_import'")) == 4, "each try is put down, also of what nobody could read"
    limit_kept(app)
    assert carry(head, carrier.bundle()).json["kept"] is True


def test_bundles_that_must_be_kept_are_bounded_in_number(app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.centre.rescue.BUNDLES_KEPT_MAX", 2)
    head = person("head")
    assert [carry(head, each).json["code"] for each in (b"1", b"2", b"3", b"1")] == ["bundle_damaged", "bundle_damaged", "rescue_full", "bundle_damaged"]
    assert len(kept(app)) == 2


def test_a_report_tells_nobody_that_a_file_he_may_not_open_is_here(app: Flask, person: Person, carrier: Carrier) -> None:
    with app.app_context(), unit() as session:
        other = session.query(User).filter_by(username="stranger").one()
        service.add_post(session, AT, "test", other.id, "head", SPIED.partition(":")[2])
    owner = Tus(carrier.client)
    owner.client.n, owner.client.h = 0, GENESIS
    owner.upload(PHOTO)
    owner.attach(KEY)
    carrier.ops.clear()
    named = [{"sha256": KEY, "mime": "image/jpeg"}]
    spy = Carrier(person("stranger"), "nobody", ec.generate_private_key(ec.SECP256R1()))
    line = spy.client.line("0198-spy", {"scope": reg(SPIED), "file": {"k": "add", "v": {"sha256": KEY, "size": 1, "mime": "image/jpeg", "role": "photo"}}}, "attachment", SPIED)
    spy.ops.append({"dev": spy.client.dev, "n": 1, "h": spy.client.h, "line": line.decode()})
    assert carry(person("stranger"), _naming(spy, named)).json["files_missing"] == [KEY]
    bytes_too = carry(person("stranger"), spy.bundle(files={f"files/{KEY}": PHOTO})).json
    assert (bytes_too["files_stored"], bytes_too["files_known"]) == (1, 0), "nor does who has the bytes learn that another had them first"
    assert carry(person("head"), _naming(spy, named)).json["files_missing"] == [], "who may open it is told the truth"
