"""The edge itself: problem documents, OpenAPI, rights on every endpoint, headers, body limits, snapshots."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from flask import Flask
from openapi_spec_validator import validate

from server.errors import CATALOGUE
from server.web.endpoint import OPERATIONS
from tests.server.edge.people import SCOPE, Person


def reg(value: object, *parents: str) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": list(parents)}


def concrete(app: Flask, blueprint: str, rule: str) -> str:
    """A path of an operation with some value for every variable."""
    prefix = app.blueprints[blueprint].url_prefix or ""
    return re.sub(r"<[^>]+>", "x", re.sub(r"<int:[^>]+>", "1", prefix + rule))


def test_the_openapi_document_is_valid_and_names_every_endpoint(app: Flask) -> None:
    document = app.test_client().get("/api/v1/openapi.json").json
    validate(document)
    documented = {(method, path) for path, item in document["paths"].items() for method in item}
    served = {
        (method.lower(), rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/")
    }
    assert len(served) > 25
    assert {method for method, _ in documented} >= {"get", "post", "patch", "delete"}
    assert len(documented) >= len(served)


def test_every_endpoint_that_is_not_public_refuses_a_stranger(app: Flask) -> None:
    checked = 0
    for operation in OPERATIONS:
        if operation.auth == "none":
            continue
        path = concrete(app, operation.blueprint, operation.rule)
        for headers in ({}, {"Authorization": "Bearer nonsense"}):
            answer = app.test_client().open(path, method=operation.method, headers=headers)
            assert answer.status_code == 401, (operation.method, path, answer.status_code)
            assert answer.content_type == "application/problem+json"
            assert answer.json["code"] == "login_required"
            checked += 1
    assert checked > 40


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/no.js", 404, "not_found"),
        ("DELETE", "/api/v1/enrol", 405, "method_not_allowed"),
        ("POST", "/api/v1/enrol", 415, "bad_media_type"),
    ],
)
def test_refusals_are_problem_documents_in_two_languages(app: Flask, method: str, path: str, status: int, code: str) -> None:
    answer = app.test_client().open(path, method=method)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    assert answer.json["detail"]
    assert answer.json["detail_zh"]
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def test_every_answer_carries_the_security_headers(app: Flask) -> None:
    for path in ("/healthz", "/api/v1/openapi.json", "/api/docs", "/api/v1/nothing"):
        headers = app.test_client().get(path).headers
        assert "script-src 'self' 'wasm-unsafe-eval'" in headers["Content-Security-Policy"]
        assert "unsafe-inline" not in headers["Content-Security-Policy"].split("style-src")[0]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_sync_takes_gzip_and_a_bomb_is_refused_with_nothing_lost(app: Flask, person: Person) -> None:
    client = person("patroller")
    line = client.line("0198-a", {"scope": reg(SCOPE), "title": reg("裂缝")})
    header = {"protocol": 1, "dev": client.dev, "from": 1, "prev_h": "00000000", "cursor": None, "schema": 1}
    body = b"\n".join([json.dumps(header).encode(), line])
    more = {"content_type": "application/x-ndjson", "headers": {"Content-Encoding": "gzip"}}
    bomb = client.call("POST", "/sync", data=gzip.compress(b" " * 50_000_000), **more)
    torn = client.call("POST", "/sync", data=gzip.compress(body)[:-9], **more)
    good = client.call("POST", "/sync", data=gzip.compress(body), **more)
    assert bomb.json["code"] == "too_large"
    assert torn.json["code"] == "bad_encoding"
    assert good.json["verdicts"] == [{"n": 1, "v": "applied"}]


def test_sync_remembers_what_the_device_still_holds(person: Person) -> None:
    client, operator = person("patroller"), person("operator")
    status = {"pending": 7, "files": 12, "bytes": 99, "lost": 0, "persisted": True, "name": "张三"}
    assert client.sync([], 1, "00000000", status=status).status_code == 200
    devices = operator.call("GET", "/centre/devices").json
    assert '"pending":7' in json.dumps(devices, separators=(",", ":"))
    assert "张三" not in json.dumps(devices, ensure_ascii=False)


def test_a_bad_cursor_asks_for_a_rebase(person: Person) -> None:
    answer = person("patroller").sync([], 1, "00000000", cursor="forged")
    assert answer.status_code == 410
    assert answer.json["code"] == "rebase"


def test_snapshots_are_resumable_and_only_of_own_scopes(person: Person) -> None:
    client = person("patroller")
    line = client.line("0198-a", {"scope": reg(SCOPE), "title": reg("裂缝")})
    client.sync([line], 1, "00000000")
    listed = client.call("GET", "/snapshots").json
    assert {each["scope"] for each in listed["scopes"]} == {SCOPE, "town"}
    whole = client.call("GET", f"/snapshots/{SCOPE}")
    rest = client.call("GET", f"/snapshots/{SCOPE}", headers={"Range": "bytes=10-"})
    unchanged = client.call("GET", f"/snapshots/{SCOPE}", headers={"If-None-Match": whole.headers["ETag"]})
    assert "裂缝" in gzip.decompress(whole.data).decode()
    assert (rest.status_code, rest.data) == (206, whole.data[10:])
    assert unchanged.status_code == 304
    assert client.call("GET", "/snapshots/station:310199101008").status_code == 404


def test_the_entry_page_is_never_cached_and_assets_for_ever(app: Flask) -> None:
    folder = app.extensions["xunan"].pwa_dir
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "assets" / "a.js").write_text("1")
    client = app.test_client()
    assert client.get("/").headers["Cache-Control"] == "no-cache"
    assert client.get("/some/deep/link").status_code == 200
    assert "immutable" in client.get("/assets/a.js").headers["Cache-Control"]
    assert client.get("/assets/../../secret.txt").status_code == 404


def test_an_asset_goes_out_as_the_build_packed_it(app: Flask) -> None:
    assets = app.extensions["xunan"].pwa_dir / "assets"
    assets.mkdir(parents=True)
    (assets / "a.js").write_text("1;" * 900)
    (assets / "a.js.gz").write_bytes(gzip.compress((assets / "a.js").read_bytes()))
    client = app.test_client()
    packed = client.get("/assets/a.js", headers={"Accept-Encoding": "gzip"})
    plain = client.get("/assets/a.js", headers={"Accept-Encoding": "identity, gzip;q=0"})
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.mimetype == plain.mimetype == "text/javascript"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/login", {"username": "he\0ad", "password": "x", "desk": True}),
        ("POST", "/enrol", {"code": "AB\0CD", "name": "\0"}),
        ("POST", "/admin/users/list", {"q": "a\x00b"}),
        ("GET", "/admin/audit?target=%00", None),
        ("GET", "/admin/users/u_%00", None),
        ("POST", "/admin/posts", {"user_id": "u\0", "role": "admin"}),
        ("POST", "/admin/devices/%00/revoke", None),
        ("PATCH", "/admin/users/u_1", {"name": "a\0"}),
    ],
)
def test_a_nul_is_refused_before_it_reaches_the_database(person: Person, method: str, path: str, body: dict[str, object] | None) -> None:
    answer = person("admin").call(method, path, **({} if body is None else {"json": body}))
    assert answer.json["code"] in ("invalid", "not_found"), answer.json


def test_every_refusal_has_its_words_in_both_languages() -> None:
    chinese = re.compile(r"[\u4e00-\u9fff]")
    for code, problem in CATALOGUE.items():
        assert re.fullmatch(r"[a-z_]+", code)
        assert 400 <= problem.status < 600
        for words in (problem.title_zh, problem.detail_zh):
            assert chinese.search(words), code
        for words in (problem.title, problem.detail):
            assert words[0].isupper(), code
            assert not chinese.search(words), code
        assert set(re.findall(r"{\w+}", problem.detail_zh)) <= set(re.findall(r"{\w+}", problem.detail)), code
