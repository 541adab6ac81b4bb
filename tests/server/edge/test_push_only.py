"""A device's own token lies in clear on the handheld: it delivers, and gives a finder nothing (P-42)."""

from __future__ import annotations

from tests.server.edge.people import SCOPE, Person
from tests.server.files.tus_client import Tus

GENESIS = "00000000"


def reg(value: object) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": []}


def test_the_device_alone_delivers_and_receives_nothing(person: Person) -> None:
    client, colleague = person("patroller"), person("head")
    theirs = colleague.line("0198-secret", {"scope": reg(SCOPE), "name": reg("张三")}, "person")
    assert colleague.sync([theirs], 1, GENESIS).json["acked"] == 1
    grant, client.token = client.token, client.device_token
    own = client.line("0198-own", {"scope": reg(SCOPE), "title": reg("裂缝")})
    answer = client.sync([own], 1, GENESIS, cursor=None).json
    assert answer["verdicts"] == [{"n": 1, "v": "applied"}]
    assert (answer["push_only"], answer["records"], answer["gone"], answer["cursor"], answer["more"]) == (True, [], [], None, False)
    assert answer["scopes"]["granted"] == [SCOPE, "town"]
    client.token = grant
    assert {each["id"] for each in client.sync([], 2, client.h).json["records"]} == {"0198-own", "0198-secret"}


def test_the_device_alone_reads_no_snapshot_file_or_name(person: Person) -> None:
    client = person("patroller")
    tus = Tus(client)
    key = tus.upload(b"photo")
    tus.attach(key)
    assert client.call("GET", f"/files/{key}").status_code == 200
    client.token = client.device_token
    for path in ("/snapshots", f"/snapshots/{SCOPE}", f"/files/{key}", "/colleagues"):
        answer = client.call("GET", path)
        assert (answer.status_code, answer.json["code"]) == (401, "login_required"), path
    assert client.call("HEAD", f"/files/{key}", headers={"Tus-Resumable": "1.0.0"}).status_code == 200
