"""Names of colleagues: of one's own station and of the town centre, to people with a sign-in that holds, and nothing but names."""

from __future__ import annotations

from flask import Flask

from server.accounts import service
from server.accounts.models import Grant
from server.db import db, unit
from sync.stamp import GENESIS
from tests.server.edge.people import AT, PASSWORD, STATION_CODE, Person


def test_a_patroller_gets_names_of_his_station_and_the_centre_only(app: Flask, person: Person) -> None:
    with app.app_context(), unit() as session:
        gone = service.add_user(session, AT, "test", "former", "曾在岗", PASSWORD)
        service.add_post(session, AT, "test", gone.id, "patroller", STATION_CODE)
    answer = person("patroller").call("GET", "/colleagues").json
    assert {item["name"] for item in answer["items"]} == {"admin", "operator", "head", "patroller", "曾在岗"}
    assert {key for item in answer["items"] for key in item} == {"id", "name"}
    assert {item["name"] for item in person("stranger").call("GET", "/colleagues").json["items"]} == {"admin", "operator", "stranger"}


def test_the_letter_of_a_device_stands_for_the_name_it_writes_under(person: Person) -> None:
    head, patroller = person("head"), person("patroller")
    assert patroller.call("GET", "/colleagues").json["devices"] == []
    line = head.line("0199c0de00000000000000ab", {"title": {"k": "reg", "v": "楼道堆物", "b": []}})
    assert head.sync([line], 1, GENESIS).status_code == 200
    (told,) = patroller.call("GET", "/colleagues").json["devices"]
    assert told["dev"] == head.dev
    assert told["letter"] == head.call("GET", "/sessions").json["items"][0]["letter"]


def test_a_sign_in_that_ended_gets_no_names(app: Flask, person: Person) -> None:
    client = person("patroller")
    with app.app_context(), unit() as session:
        session.query(Grant).update({"expires_at": AT})
    assert client.call("GET", "/colleagues").status_code == 401
    client.token = client.device_token
    assert client.call("GET", "/colleagues").status_code == 401
    db.session.rollback()
