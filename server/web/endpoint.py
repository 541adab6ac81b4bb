"""One decorator that makes a function an endpoint: rights, marshmallow in and out, and its place in the OpenAPI document.

Owns the list of operations the document is built from. A handler gets `caller` (when rights are asked for), `query` and `body`
(when schemas are given) and the path variables as keyword arguments; it returns plain data, or a Response for anything that
is not JSON. It refuses by raising `fail(...)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, request
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError
from werkzeug.wrappers import Response as BaseResponse

from server.accounts.calling import current_caller
from server.accounts.rights import NODE, Caller
from server.brakes import DEED, HUB, READ, Brake, Brakes
from server.errors import fail
from server.ledger.clock import now_ms

Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """What the OpenAPI document says about one endpoint. `returns` is a schema or a content type, "" for an empty body."""

    blueprint: str
    name: str
    method: str
    rule: str
    auth: str
    roles: tuple[str, ...]
    query: type[Schema] | None
    body: type[Schema] | str | None
    returns: type[Schema] | str | None
    status: int
    summary: str
    errors: tuple[str, ...]
    brake: Brake | None
    headers: type[Schema] | None
    also: dict[int, str]
    setting_up: bool = False
    when_idle: bool = False


OPERATIONS: list[Operation] = []


def json_response(data: Any, status: int = 200) -> Response:
    """Data as JSON; personal data is never cached."""
    response = Response(orjson.dumps(data, default=str), status=status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def read_json() -> Any:
    """The JSON body of the request. Raises `bad_json` or `bad_media_type`."""
    if request.mimetype != "application/json":
        raise fail("bad_media_type")
    try:
        return orjson.loads(request.get_data(cache=False))
    except orjson.JSONDecodeError:
        raise fail("bad_json") from None


def _load(schema: type[Schema], data: Any, *, strict: bool) -> Any:
    try:
        return schema().load(data, unknown=RAISE if strict else EXCLUDE)
    except ValidationError as error:
        raise fail("invalid", errors=error.messages) from None


def brake_on(brake: Brake, caller: Caller, amount: int = 1) -> None:
    """Count what this caller asks for. Raises `too_many_requests`."""
    brakes: Brakes = current_app.extensions["xunan_brakes"]
    if caller.dev_kind == NODE:
        brake, amount = HUB, 1
    who = caller.user_id if brake.who == "account" and caller.user_id is not None else caller.device_id
    brakes.take(brake, who, now_ms(), amount)


def endpoint(
    bp: Blueprint,
    method: str,
    rule: str,
    *,
    summary: str,
    auth: str = "user",
    roles: tuple[str, ...] | None = None,
    query: type[Schema] | None = None,
    body: type[Schema] | str | None = None,
    returns: type[Schema] | str | None = None,
    status: int = 200,
    errors: tuple[str, ...] = (),
    allow_revoked: bool = False,
    brake: Brake | None = None,
    headers: type[Schema] | None = None,
    also: dict[int, str] | None = None,
    setting_up: bool = False,
    when_idle: bool = False,
) -> Callable[[Handler], Handler]:
    """Register a handler. `auth`: "user" | "device" | "node" | "none"; `roles` None means any; a `body` string is a content type.

    Whoever shows a token is braked: by `brake`, else as one who reads (GET) or does something. `headers` says in the document which
    ones the handler reads; it checks them itself, in the words of its own protocol. `also`: what else it may answer when all is well.
    `setting_up`: also for who has yet to choose a password or a second factor; `when_idle`: also for a desk that locked itself.
    """
    ordinary = None if auth == "none" else HUB if auth == "node" else READ if method == "GET" else DEED
    held = brake or ordinary

    def register(handler: Handler) -> Handler:
        operation = Operation(
            bp.name, handler.__name__, method, rule, auth, roles or (), query, body, returns, status, summary, errors, held, headers, also or {},
            setting_up, when_idle,
        )  # fmt: skip
        OPERATIONS.append(operation)

        @wraps(handler)
        def view(**path: Any) -> BaseResponse:
            arguments = dict(path)
            if any("\x00" in str(value) for value in path.values()):
                raise fail("not_found")  # PostgreSQL knows no NUL: nothing can bear that name
            if auth != "none":
                caller = current_caller(auth, allow_revoked, setting_up, when_idle)
                if held is not None:
                    brake_on(held, caller)
                if roles is not None and caller.roles.isdisjoint(roles):
                    raise fail("forbidden")
                arguments["caller"] = caller
            if query is not None:
                arguments["query"] = _load(query, request.args.to_dict(), strict=False)
            if body is not None and not isinstance(body, str):
                arguments["body"] = _load(body, read_json(), strict=True)
            answer = handler(**arguments)
            if isinstance(answer, BaseResponse):
                return answer
            if isinstance(returns, type):
                answer = returns().dump(answer)
            return json_response(answer, status)

        bp.add_url_rule(rule, endpoint=handler.__name__, view_func=view, methods=[method])
        return handler

    return register
