"""What server/security/asvs.toml claims and no other test shows: headers, origins, passwords, tokens, what is served, what is logged."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Flask
from sqlalchemy import select

from server import create_app
from server.accounts.hashing import token_hash
from server.accounts.models import Device, Grant, User
from server.accounts.schemas import LoginIn
from server.db import db
from server.web import docs_page
from server.web.endpoint import OPERATIONS
from tests.house.sources import ROOT, files, label, python_imports
from tests.server.edge.people import PASSWORD, SCOPE, Client, Person
from tests.server.files.tus_client import Tus

PATHS = ("/", "/healthz", "/api/docs", "/api/v1/openapi.json", "/api/v1/me", "/nothing.js")
FOREIGN = {"Origin": "https://evil.example"}
PREFLIGHT = {**FOREIGN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.fixture
def page(app: Flask) -> Path:
    """A built page with neighbours that must not be served."""
    folder: Path = app.extensions["xunan"].pwa_dir
    (folder / "assets").mkdir(parents=True)
    for name, words in (("index.html", "<!doctype html>"), ("assets/a.js", "1"), ("a.css", "a{}"), ("manifest.webmanifest", "{}"), ("icon.svg", "<svg/>")):
        (folder / name).write_text(words)
    (folder.parent / "secret").write_text("secret")
    return folder


def test_headers_of_every_answer(app: Flask, page: Path) -> None:
    secure = create_app(replace(app.extensions["xunan"], base_url="https://town.example"))
    secure.testing = True
    for path in PATHS:
        headers = secure.test_client().get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert [policy[name] for name in ("object-src", "base-uri", "frame-ancestors", "connect-src", "default-src")] == ["'none'"] * 3 + ["'self'"] * 2
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert "Strict-Transport-Security" not in app.test_client().get(path).headers


def test_no_cookie_and_no_foreign_origin(app: Flask, person: Person, page: Path) -> None:
    client = person("admin")
    answers = [app.test_client().get(path, headers=FOREIGN) for path in PATHS]
    answers += [app.test_client().options(f"/api/v1/{name}", headers=PREFLIGHT) for name in ("login", "enrol", "sync", "files")]
    answers += [client.call("GET", "/me", headers=FOREIGN), client.call("POST", "/logout", headers=FOREIGN)]
    for answer in answers:
        assert "Set-Cookie" not in answer.headers
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]
    # What a foreign page may send without asking first: three content types and no Authorization.
    for path, body in (("login", {"username": "admin", "password": PASSWORD, "desk": True}), ("enrol", {"code": person.code()})):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            assert app.test_client().post(f"/api/v1/{path}", data=json.dumps(body), content_type=kind).json["code"] == "bad_media_type"
    assert {each.name for each in OPERATIONS if each.auth == "none" and each.method not in ("GET", "OPTIONS")} == {"enrol", "login"}


def test_nothing_redirects_elsewhere(app: Flask, page: Path) -> None:
    for path in ("//evil.example/x", "/\\evil.example", "/https://evil.example", "/?next=https://evil.example", "/api/docs/", "/assets"):
        answer = app.test_client().get(path)
        assert answer.status_code not in range(300, 400), path
        assert "Location" not in answer.headers


def test_content_types_are_right(app: Flask, page: Path) -> None:
    kinds = {path: app.test_client().get(path).content_type for path in ("/", "/assets/a.js", "/a.css", "/manifest.webmanifest", "/icon.svg", *PATHS[1:])}
    assert kinds == {
        "/": "text/html; charset=utf-8", "/assets/a.js": "text/javascript; charset=utf-8", "/a.css": "text/css; charset=utf-8",
        "/manifest.webmanifest": "application/manifest+json", "/icon.svg": "image/svg+xml; charset=utf-8", "/healthz": "application/json",
        "/api/docs": "text/html; charset=utf-8", "/api/v1/openapi.json": "application/json", "/api/v1/me": "application/problem+json",
        "/nothing.js": "application/problem+json",
    }  # fmt: skip


def test_nothing_but_the_built_page_is_served(app: Flask, page: Path) -> None:
    client = app.test_client()
    (page / ".git").mkdir()
    for path in ("/.git/config", "/../secret", "/%2e%2e/secret", f"/{page.parent}/secret", "/wsgi.py", "/server/settings.py"):
        answer = client.get(path)
        assert "secret" not in answer.text.replace("secret.", ""), path
        assert answer.status_code == 404 or answer.text == "<!doctype html>", path
    for path in ("/", "/assets", "/assets/"):
        assert "a.js" not in client.get(path).text
    for path in ("/", "/api/v1/me", "/healthz"):
        assert client.open(path, method="TRACE").status_code == 405
    assert not app.debug
    assert "debug" not in (ROOT / "wsgi.py").read_text(encoding="utf-8") + (ROOT / "gunicorn.conf.py").read_text(encoding="utf-8")


def login(app: Flask, password: str) -> int:
    return app.test_client().post("/api/v1/login", json={"username": "fresh", "password": password, "desk": True}).status_code


def test_passwords_are_taken_as_they_are(app: Flask, person: Person) -> None:
    admin, long = person("admin"), "  Ä密码 1" + "x" * 120 + "Y "
    given = admin.call("POST", "/admin/users", json={"username": "fresh", "name": "新"}).json["password"]
    signed = app.test_client().post("/api/v1/login", json={"username": "fresh", "password": given, "desk": True}).json
    own = Client(app, signed["device_token"], signed["grant_token"], signed["user"]["id"], "z" * 16)
    made = [own.call("POST", "/password", json={"new": word}).status_code for word in ("a1b2c3d4e", long)]
    assert made == [422, 200], "nine characters are too few"
    assert [login(app, word) for word in (long.strip(), long[:-2], long[:72], long.lower())] == [401] * 4
    assert login(app, long) == 200


def test_passwords_are_hashed_slowly() -> None:
    # In a process of its own: the suite's own hashes are quick ones (tests/conftest.py).
    asked = "from server.accounts.hashing import hash_password as made; print(made('a'), made('a'))"
    hashes = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert len(set(hashes)) == len(hashes) == 2, "the same password, another salt"
    for each in hashes:
        found = re.match(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$", each)
        assert found is not None
        assert int(found[1]) >= 19_456
        assert int(found[2]) >= 2
    rounds = re.search(r"PBKDF2_ROUNDS = ([\d_]+);", (ROOT / "pwa/src/store/keys.ts").read_text(encoding="utf-8"))
    assert rounds is not None
    assert int(rounds[1].replace("_", "")) >= 600_000


def test_accounts_hold_no_hints_and_no_rotation() -> None:
    assert set(User.__table__.columns.keys()) == {"id", "username", "name", "pw_hash", "pw_given", "pw_until", "active"}
    assert set(LoginIn().fields) == {"username", "password", "desk", "code"}


def test_password_managers_and_pasting_work() -> None:
    form = (ROOT / "pwa/src/screens/field/LoginScreen.vue").read_text(encoding="utf-8")
    assert 'autocomplete="username"' in form
    assert 'type="password" autocomplete="current-password"' in form
    assert not [label(path) for path in files(".vue", ".ts", under="pwa/src") if re.search(r"@paste|onpaste|\"paste\"", path.read_text(encoding="utf-8"))]


def test_tokens_and_codes_cannot_be_guessed(app: Flask, person: Person) -> None:
    clients = [person("head") for _ in range(3)]
    tokens = [word for client in clients for word in (client.token, client.device_token)]
    assert len(set(tokens)) == 6
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", word) for word in tokens), "256 bits of secrets.token_urlsafe"
    assert re.fullmatch(r"([A-HJ-NP-Z2-9]{4}-){2}[A-HJ-NP-Z2-9]{4}", person.code()), "twelve of 32 letters: 60 bits"
    with app.app_context():
        stored = {*db.session.scalars(select(Grant.token_hash)), *db.session.scalars(select(Device.token_hash))}
    assert {token_hash(word) for word in tokens} <= stored
    assert not stored & set(tokens)
    assert "random" not in {each.name.split(".")[0] for each in python_imports("server")}, "guessable numbers"


def test_unknown_fields_are_refused(app: Flask, person: Person) -> None:
    admin = person("admin")
    extra: dict[str, Any] = {"username": "fresh", "name": "新", "active": False}
    assert admin.call("POST", "/admin/users", json=extra).json["code"] == "invalid"
    assert admin.call("PATCH", f"/admin/users/{admin.user_id}", json={"name": "甲", "pw_hash": "x"}).json["code"] == "invalid"
    assert admin.call("PATCH", f"/admin/users/{admin.user_id}?name=乙", json={"name": "甲"}).json["name"] == "甲", "the body counts, not the address"
    posts = admin.call("GET", "/admin/posts?role=head&role=admin").json["items"]
    assert {each["role"] for each in posts} == {"head"}, "the first of two counts"


def test_log_lines_carry_utc_and_no_second_line(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("x").error("wrong", words='a\n{"event": "forged"}\r\u2028')
    lines = [line for line in capsys.readouterr().out.split("\n") if "forged" in line]
    assert len(lines) == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", json.loads(lines[0])["timestamp"])


def test_the_page_never_turns_text_into_html() -> None:
    risky = re.compile(r"v-html|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment|srcdoc|javascript:")
    found = {f"{label(path)}: {hit}" for path in files(".vue", ".ts", under="pwa/src") for hit in risky.findall(path.read_text(encoding="utf-8"))}
    assert found == {"pwa/src/screens/centre/DevicesPage.vue: v-html", "pwa/src/components/FactorSetup.vue: v-html"}, "only QR codes, drawn by our own code"
    evil = "</pre><script>alert(1)</script>"
    document: dict[str, Any] = {
        "info": {"title": evil, "version": evil}, "components": {"schemas": {evil: {"x": evil}}},
        "paths": {evil: {"get": {"summary": evil, "responses": {evil: evil}}}},
    }  # fmt: skip
    assert "<script" not in docs_page.render(document)


def test_the_server_holds_no_dangerous_call() -> None:
    """No program is started, nothing is evaluated, unpickled or read as XML (a track is written as such), no expression is built from input."""
    modules, calls, xml = set(), set(), set()
    for path in files(".py", under="server"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module == "xml.etree":
                assert [(alias.name, alias.asname) for alias in node.names] == [("ElementTree", "ET")], label(path)
            elif isinstance(node, ast.ImportFrom):
                modules.add(str(node.module).split(".")[0])
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ET":
                xml.add(node.attr)
            elif isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                built = name in {"re.compile", "re.match", "re.search", "re.sub", "re.fullmatch", "re.split", "re.findall"} and not isinstance(node.args[0], ast.Constant)
                if name in {"eval", "exec", "compile", "__import__", "os.system", "os.popen"} or built:
                    calls.add(f"{label(path)}: {ast.unparse(node)}")
    assert xml == {"Element", "SubElement", "tostring"}
    assert not modules & {"subprocess", "pickle", "marshal", "shelve", "dill", "yaml", "xml", "lxml", "ldap", "ldap3", "jinja2", "requests", "smtplib"}
    assert calls == set()
    assert (ROOT / "server/jobs.py").read_text(encoding="utf-8").count("serializer=JSONSerializer") == 2, "rq pickles unless told otherwise"


def test_personal_data_lies_in_no_cache_and_open_to_nobody(app: Flask, person: Person) -> None:
    client = person("patroller")
    client.sync([client.line("0198-p", {"scope": {"k": "reg", "v": SCOPE, "b": []}}, "person")], 1, "00000000")
    tus = Tus(client)
    key = tus.upload(b"photo")
    tus.attach(key)
    for path in ("/snapshots", f"/snapshots/{SCOPE}", f"/files/{key}", f"/files/{key}?variant=thumb", "/me"):
        answer = client.call("GET", path, buffered=True)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store"), path
    packs = [path for path in (app.extensions["xunan"].data_dir / "snapshots").rglob("*") if path.is_file()]
    assert packs
    assert {path.stat().st_mode & 0o077 for path in packs} == {0}


def test_a_question_changes_nothing_and_shows_nothing_in_clear() -> None:
    """V3.5.3: what is asked for by GET opens no unit of work and leaves no audit line, so it is no deed; deeds are POST, PATCH or DELETE."""
    methods: dict[str, str] = {}
    for path in files(".py", under="server"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for each in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
                if isinstance(each, ast.Call) and ast.unparse(each.func) == "endpoint" and isinstance(each.args[1], ast.Constant):
                    methods[node.name] = str(each.args[1].value)
                    if methods[node.name] == "GET":
                        deeds = re.findall(r"\b(unit|note|unmask|export_kind|export_patrol|revoke\w*)\(", ast.unparse(node))
                        assert not deeds, f"{label(path)}: {node.name} {deeds}"
    assert len(methods) == len(OPERATIONS)
    assert {methods[name] for name in ("centre_export", "centre_track", "centre_unmask", "rescue", "centre_search", "centre_list")} == {"POST"}
