"""A track from the handheld through the store to the GPX file at the centre, and the trace this leaves."""

from __future__ import annotations

import gpxpy
from flask import Flask

from server.accounts.models import Audit
from server.centre.tables import iso
from server.centre.tracks import walk_of
from server.db import db
from tests.server.edge.people import SCOPE, Person
from tests.server.files.tus_client import Tus
from tests.tools.chunks import packed
from tests.tools.gpx_schema import fits_the_schema

START = 1_795_000_000


def test_a_track_that_came_from_a_handheld_leaves_the_centre_whole_and_is_put_down(app: Flask, person: Person) -> None:
    device, data, rec = person("patroller"), packed([(START + second, 6_180_000 + second, 24_390_000, 1) for second in (0, 5, 10, 60, 65)]), "0198-walked"
    key = Tus(device).upload(data, "application/x-xunan-track")
    fields = {
        "scope": {"k": "reg", "v": SCOPE, "b": []}, "code": {"k": "reg", "v": "P-0007", "b": []},
        "track": {"k": "add", "v": {"seq": 0, "t0": iso(START * 1000), "t1": iso(START * 1000 + 65_000), "count": 5, "sha256": key, "size": len(data)}},
    }  # fmt: skip
    first, prev = device.n + 1, device.h
    assert device.sync([device.line(rec, fields, kind="patrol")], first, prev).json["verdicts"][0]["v"] == "applied"
    for name in ("head", "operator"):
        answer = person(name).call("POST", f"/centre/patrols/{rec}/track.gpx", json={})
        assert (answer.status_code, answer.mimetype) == (200, "application/gpx+xml")
        assert (answer.headers["Content-Disposition"], answer.headers["Cache-Control"]) == ('attachment; filename="track.gpx"', "no-store")
        fits_the_schema(answer.data)
        parts = walk_of({"track": [{"seq": 0, "sha256": key}]}, lambda _key: data).parts
        assert [len(part.points) for part in gpxpy.parse(answer.data).tracks[0].segments] == [len(part) for part in parts] == [3, 2]
    with app.app_context():
        assert [(line.target, line.detail) for line in db.session.query(Audit).filter_by(action="export")] == [(rec, {"format": "GPX", "scope": SCOPE})] * 2
