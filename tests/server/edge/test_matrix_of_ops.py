"""Every kind against every role: what a push of it becomes, at one's own station and at a foreign one, and who gets to read it (P-40, P-45, P-44).

The tables are written by hand, so that a change of rights is a decision.
"""

from __future__ import annotations

from typing import Any

from flask import Flask

from server.kinds import KINDS
from tests.server.edge.people import SCOPE, Client, Person

GENESIS = "00000000"
OTHER = "station:310199101008"
ROLES = ("patroller", "head", "operator", "admin")
EVERYONE, HEADS, TOWN, ADMIN = ROLES, ROLES[1:], ROLES[2:], ROLES[3:]

WRITES: dict[str, tuple[str, ...]] = {
    "station": TOWN, "grid_cell": TOWN, "template": TOWN, "catalogue_item": TOWN, "shelter": HEADS, "patrol_plan": HEADS,
    "setting": ADMIN, "event": TOWN, "patrol": EVERYONE, "hazard": EVERYONE, "inspection": EVERYONE, "stock_item": EVERYONE,
    "stock_lot": EVERYONE, "stock_movement": EVERYONE, "stock_count": EVERYONE, "person": EVERYONE, "transfer": EVERYONE,
    "attachment": EVERYONE, "conflict_case": EVERYONE, "unmask": EVERYONE,
}  # fmt: skip
STEPS: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
    ("hazard", "status"): {"closed": HEADS, "failed": HEADS, "recheck": EVERYONE, "of a newer version": EVERYONE},
    ("person", "review_status"): {"active": HEADS, "reviewed": HEADS, "moved": HEADS, "deceased": HEADS, "entered": EVERYONE},
    ("stock_count", "status"): {"town_review": HEADS, "completed": HEADS, "head_review": EVERYONE},
    ("inspection", "status"): {"reviewed": HEADS, "done": EVERYONE},
}
PERSONAL = {"person"}


def reg(value: object) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": []}


def home(kind: str) -> str:
    return "town" if KINDS[kind].scope == "town" else SCOPE


def pushed(client: Client, ops: list[tuple[str, str, str, dict[str, Any]]]) -> list[tuple[str, str | None]]:
    """Push (rec, kind, scope, fields) and give what became of each."""
    first, prev = client.n + 1, client.h
    lines = [client.line(rec, {"scope": reg(scope), **fields}, kind, scope) for rec, kind, scope, fields in ops]
    return [(each["v"], each.get("why")) for each in client.sync(lines, first, prev).json["verdicts"]]


def wanted(fits: bool, reason: str) -> tuple[str, str | None]:
    return ("applied", None) if fits else ("quarantined", reason)


def test_every_kind_is_in_the_table() -> None:
    assert set(WRITES) == set(KINDS)
    reserved = {(kind.name, field.name): set(field.reserved) for kind in KINDS.values() for field in kind.fields if field.reserved}
    assert set(reserved) == set(STEPS)
    assert all(codes <= set(STEPS[key]) for key, codes in reserved.items()), "say in STEPS who may take the step"


def test_every_role_writes_what_the_table_says_and_nothing_is_refused(person: Person) -> None:
    for role in ROLES:
        client = person(role)
        own = pushed(client, [(f"0198-{role}-{kind}", kind, home(kind), {}) for kind in WRITES])
        assert own == [wanted(role in who, "role_not_allowed") for who in WRITES.values()], role
        local = [kind for kind in WRITES if home(kind) == SCOPE]
        foreign = pushed(client, [(f"0198-{role}-{kind}-f", kind, OTHER, {}) for kind in local])
        assert foreign == [wanted(role in TOWN, "scope_revoked")] * len(local), role


def test_every_step_is_taken_by_whom_the_table_says(person: Person) -> None:
    cases = [(kind, field, code, who) for (kind, field), codes in STEPS.items() for code, who in codes.items()]
    for role in ROLES:
        ops = [(f"0198-{role}-{number}", kind, SCOPE, {field: reg(code)}) for number, (kind, field, code, _) in enumerate(cases)]
        assert pushed(person(role), ops) == [wanted(role in who, "role_not_allowed") for *_, who in cases], role


def test_every_role_receives_what_it_may_hold_and_no_more(app: Flask, person: Person) -> None:
    head, boss = person("head"), person("admin")
    everything = {kind: f"0198-{kind}" for kind in WRITES}
    for client, kinds in ((head, [kind for kind in WRITES if home(kind) == SCOPE]), (boss, [kind for kind in WRITES if home(kind) == "town"])):
        assert {verdict for verdict, _ in pushed(client, [(everything[kind], kind, home(kind), {}) for kind in kinds])} == {"applied"}
    held = {
        "patroller": set(WRITES), "head": set(WRITES), "operator": set(WRITES) - PERSONAL, "admin": set(WRITES) - PERSONAL,
        "stranger": {kind for kind in WRITES if home(kind) == "town"},
    }  # fmt: skip
    for role, kinds in held.items():
        client = person(role)
        answer = client.sync([], 1, GENESIS).json
        assert {each["kind"] for each in answer["records"]} == kinds, role
        assert answer["scopes"]["masked"] == ([SCOPE] if role in TOWN else []), role
        packs = client.call("GET", f"/snapshots/{SCOPE}")
        assert (packs.status_code == 200) == (role != "stranger"), role
        listed = {each["scope"]: each["count"] for each in client.call("GET", "/snapshots").json["scopes"]}
        assert listed.get(SCOPE, 0) == len([kind for kind in kinds if home(kind) == SCOPE]), role
        assert {scope: each["count"] for scope, each in answer["digest"].items()} == listed, role


def second(app: Flask, client: Client, username: str) -> Client:
    """Another user signed in on the same device."""
    bearer = {"Authorization": f"Bearer {client.device_token}"}
    answer = app.test_client().post("/api/v1/login", json={"username": username, "password": "demo-pass-2026"}, headers=bearer).json
    return Client(app, client.device_token, answer["grant_token"], answer["user"]["id"], client.dev)


def test_users_of_one_device_share_its_drawer_and_nothing_else(app: Flask, person: Person) -> None:
    client = person("patroller")
    stranger = second(app, client, "stranger")
    boss = second(app, client, "admin")
    assert [each.call("GET", "/me").json["scopes"] for each in (client, stranger)] == [[SCOPE, "town"], [OTHER, "town"]]
    names = [{item["name"] for item in each.call("GET", "/colleagues").json["items"]} for each in (client, stranger)]
    assert "head" in names[0] and "head" not in names[1]
    assert client.call("GET", "/admin/users/list", json={}).status_code in (403, 405)
    assert client.call("GET", "/centre/overview").status_code == 403, "an administrator on the same device lends nobody his post"
    assert client.sync([], 1, GENESIS).json["scopes"] == {"granted": [SCOPE, OTHER, "town"], "masked": [], "common": [], "revoked": []}
    assert boss.call("GET", "/centre/overview").status_code == 200


def test_an_op_is_judged_by_whom_it_names_and_nobody_else_of_the_device(app: Flask, person: Person) -> None:
    client = person("patroller")
    stranger = second(app, client, "stranger")
    unknown = Client(app, client.device_token, client.token, "u_never_here", client.dev)
    for author, scope, verdict in (
        (client, SCOPE, ("applied", None)), (client, OTHER, ("quarantined", "scope_revoked")),
        (stranger, OTHER, ("applied", None)), (stranger, SCOPE, ("quarantined", "scope_revoked")),
        (unknown, SCOPE, ("quarantined", "unknown_user")),
    ):  # fmt: skip
        author.n, author.h, author.token = client.n, client.h, client.token
        assert pushed(author, [(f"0198-{author.user_id}-{scope}", "hazard", scope, {})]) == [verdict]
        client.n, client.h = author.n, author.h
