"""Generated input, right and wrong, for every operation of the OpenAPI document by every role.

Owns what an answer may be: documented (status, code, content type, shape), no failure of the server, and a refusal a person can read.
The suite asks shallowly with a fixed seed; `python -m tests.server.edge.fuzz --examples 200` asks deeply, with a seed that it prints.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from server import create_app
from server.accounts import service
from server.accounts.models import User
from server.db import db, migrate, unit
from server.errors import CATALOGUE
from server.ledger.clock import now_ms
from server.settings import Settings
from server.web import live
from tests.server.edge.people import AT, PASSWORD, STATION_CODE

POSTS = {"patroller": STATION_CODE, "head": STATION_CODE, "operator": None, "admin": None}
ROLES = ("nobody", "device", *POSTS, "node")
BYTES = ("application/offset+octet-stream", "application/zip", "application/x-ndjson")
# Who asks is the role's matter: no generated header may stand in for its token.
CONFIG = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@schemathesis.serializer(*BYTES)
def as_bytes(_context: Any, value: Any) -> bytes:
    """Bodies that are no JSON: whatever was generated, as bytes."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


def build(folder: Path, database_url: str) -> Flask:
    """An app with a user of each role."""
    app = create_app(Settings(database_url=database_url, data_dir=folder, pwa_dir=folder, log_level="CRITICAL"))
    app.testing = True
    # As in production: what is not caught becomes a 500, which is what we look for.
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with app.app_context():
        migrate(db.engine)
        with unit() as session:
            for role, station in POSTS.items():
                user = service.add_user(session, AT, "test", role, role, PASSWORD)
                service.add_post(session, AT, "test", user.id, role, station)
    return app


def token(app: Flask, role: str) -> str | None:
    """A fresh token of the role: signing out and changing a password are operations too, and must not make the rest a stranger's."""
    if role == "nobody":
        return None
    with app.app_context(), unit() as session:
        enrolled = service.add_device(session, now_ms(), "node" if role == "node" else "handheld", role, STATION_CODE, None)
        if role not in POSTS:
            return enrolled.token
        user = session.query(User).filter_by(username=role).one()
        user.active = True
        return service.sign_in(session, app.extensions["xunan"], now_ms(), user, enrolled.device)[1]


def wrong(case: Any, answer: Any) -> Iterator[str]:
    """What is wrong with an answer."""
    try:
        case.validate_response(answer, checks=CHECKS)
    except FailureGroup as group:
        yield from (f"{each.title}: {each.message}" for each in group.exceptions)
    if answer.status_code < 400:
        return
    kind = answer.headers.get("content-type", [""])[0]
    told = answer.json() if kind == "application/problem+json" and answer.content else None
    if case.method == "HEAD":
        return
    if told is None or CATALOGUE[told["code"]].status != answer.status_code:
        yield f"no problem document: {kind}"
    elif not (told["detail"] and told["detail_zh"] and told["request_id"]) or "Traceback" in answer.text:
        yield "a refusal nobody can read"


def run(app: Flask, roles: Sequence[str], examples: int, chosen: int) -> tuple[list[str], dict[str, Counter[int]]]:
    """Ask every operation `examples` times with right and as often with wrong input, the same for each role (making it up costs more than asking).

    Gives what was wrong, and how often each status came to each role.
    """
    found: list[str] = []
    seen: dict[str, Counter[int]] = {role: Counter() for role in roles}
    shown: dict[str, str | None] = {}

    def call(case: Any) -> None:
        for role, given_token in shown.items():
            answer = case.call(headers={"Authorization": f"Bearer {given_token}"} if given_token else {})
            seen[role][answer.status_code] += 1
            found.extend(f"{role} {case.method} {case.formatted_path} {answer.status_code} {case.body!r:.200}: {what[:400]}" for what in wrong(case, answer))

    limits = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    # A live stream would be read until its first heartbeat.
    with patch.object(live, "STREAM_SECONDS_MAX", 0):
        for each in schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, config=CONFIG).get_all_operations():
            shown.update({role: token(app, role) for role in roles})
            operation = each.ok()
            for mode in GenerationMode if operation.body or any(operation.iter_parameters()) else (GenerationMode.POSITIVE,):
                with suppress(Unsatisfiable):  # nothing can be wrong about an operation that takes nothing
                    seed(chosen)(limits(given(case=operation.as_strategy(mode))(call)))()
    return found, seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--roles", default=",".join(ROLES))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        found, seen = run(build(Path(name), f"sqlite:///{name}/town.db"), asked.roles.split(","), asked.examples, asked.seed)
        db.close()
    for role, count in seen.items():
        print(f"{role}: {count.total()} calls, {dict(sorted(count.items()))}", flush=True)
    print(f"{len(found)} wrong")
    for line in sorted(set(found))[:80]:
        print("   ", line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
