"""The OpenAPI 3.1 document, built from the registered endpoints and the record kinds; and a page to browse it.

Owns the mapping Operation → path item and Kind → component schema. Nothing here is written by hand twice: schemas come from
marshmallow, kinds from their declaration, errors from the catalogue.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Response, current_app
from marshmallow import Schema

from server.accounts.calling import settings
from server.errors import CATALOGUE, fail
from server.kinds import KINDS
from server.web.docs_page import render
from server.web.endpoint import OPERATIONS, Operation, endpoint
from server.web.problems import problem_body
from sync.fields import Field, Kind

bp = Blueprint("openapi", __name__, url_prefix="/api")
VERSION = "1.0.0"
_JSON_TYPE: dict[str, Any] = {
    "int": {"type": "integer"}, "bool": {"type": "boolean"}, "time": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"}, "decimal2": {"type": "string", "pattern": r"^-?\d+\.\d{2}$"},
    "point": {
        "type": "object", "required": ["lat_e7", "lon_e7"],
        "properties": {"lat_e7": {"type": "integer"}, "lon_e7": {"type": "integer"}, "acc_dm": {"type": "integer"}},
    },
    "choices": {"type": "array", "items": {"type": "string"}},
    "geometry": {"type": "object"}, "file": {"type": "object"}, "chunk": {"type": "object"}, "json": {},
}  # fmt: skip


# What a problem document says beside the catalogue, as an example.
_EXTRA: dict[str, dict[str, Any]] = {
    "invalid": {"errors": {"name": ["Length must be between 1 and 60."]}},
    "too_many_tries": {"seconds": 300},
    "setup_required": {"todo": ["password", "factor"]},
    "too_many_requests": {"seconds": 20},
    "day_limit": {"seconds": 3600},
    "conflict": {"reason": "the last administrator cannot be blocked"},
    "unavailable": {"reason": "database"},
    "bad_header": {"reason": "header dev"},
}


def _field_schema(field: Field) -> dict[str, Any]:
    schema = dict(_JSON_TYPE.get(field.type, {"type": "string"}))
    schema["title"] = f"{field.zh} / {field.en}"
    schema["x-merge"] = field.merge
    if field.privacy != "none":
        schema["x-privacy"] = field.privacy
    if field.choices is not None:
        schema["x-choices"] = {choice.code: choice.zh for choice in field.choices.choices}
        schema["x-source"] = field.choices.source
    if field.limit is not None and schema.get("type") == "string":
        schema["maxLength"] = field.limit
    return schema


def _kind_schema(kind: Kind) -> dict[str, Any]:
    return {
        "type": "object",
        "title": f"{kind.zh} / {kind.en}",
        "x-scope": kind.scope,
        "x-write-roles": list(kind.write_roles),
        "properties": {field.name: _field_schema(field) for field in kind.fields},
    }


def _responses(operation: Operation) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done"}
    if isinstance(operation.returns, str):
        good["content"] = {operation.returns: {"schema": {"type": "string"}}} if operation.returns else {}
    elif operation.returns is not None:
        good["content"] = {"application/json": {"schema": operation.returns}}
    else:
        good["content"] = {"application/json": {"schema": {}}}
    responses: dict[str, Any] = {str(operation.status): good}
    responses |= {str(status): {"description": words} for status, words in operation.also.items()}
    codes = set(operation.errors) | {"internal"}
    if operation.auth != "none":
        codes |= {"login_required", "device_revoked"}
    if operation.auth == "user":
        codes |= ({"setup_required"} if not operation.setting_up else set()) | ({"session_idle"} if not operation.when_idle else set())
    if operation.brake is not None:
        codes.add("too_many_requests")
    if operation.roles:
        codes.add("forbidden")
    if operation.query is not None or operation.body is not None:
        codes.add("invalid")
    if operation.body is not None:
        codes |= {"bad_json", "bad_media_type", "too_large"}
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(CATALOGUE[code].status, []).append(code)
    for status, named in sorted(by_status.items()):
        responses[str(status)] = {
            "description": "; ".join(f"{code}: {CATALOGUE[code].title_zh} / {CATALOGUE[code].title}" for code in named),
            "content": {
                "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in named},
                }
            },
        }
    return responses


def _parameters(operation: Operation) -> list[Any]:
    found: list[Any] = [
        {"in": "path", "name": name, "required": True, "schema": {"type": "integer", "minimum": 0} if kind == "int:" else {"type": "string"}}
        for kind, name in re.findall(r"<(\w+:)?(\w+)>", operation.rule)
    ]
    if operation.query is not None:
        found.append({"in": "query", "schema": operation.query})
    if operation.headers is not None:
        found.append({"in": "header", "schema": operation.headers})
    return found


def build_spec(prefixes: dict[str, str]) -> dict[str, Any]:
    """The whole document; `prefixes` gives the URL prefix per blueprint."""

    def named(schema: type[Schema] | Schema) -> str:
        cls = schema if isinstance(schema, type) else type(schema)
        return cls.__name__.removesuffix("Schema")

    spec = APISpec(
        title="Xun'an 巡安", version=VERSION, openapi_version="3.1.0", plugins=[MarshmallowPlugin(schema_name_resolver=named)],
        info={"description": "Town-level urban-operation and emergency management: sync, files, centre."},
    )  # fmt: skip
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    spec.components.schema(
        "Problem",
        {
            "type": "object",
            "required": ["type", "title", "status", "code"],
            "properties": {
                "type": {"type": "string"}, "title": {"type": "string"}, "title_zh": {"type": "string"},
                "status": {"type": "integer"}, "code": {"type": "string", "enum": sorted(CATALOGUE)},
                "detail": {"type": "string"}, "detail_zh": {"type": "string"}, "retry": {"type": "string"},
                "request_id": {"type": "string"},
            },
        },
    )  # fmt: skip
    for code, problem in CATALOGUE.items():
        spec.components.example(code, {"value": problem_body(problem, _EXTRA.get(code, {}), "9f2c41d07ab35e18")})
    for kind in KINDS.values():
        spec.components.schema(f"kind.{kind.name}", _kind_schema(kind))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # one schema used twice resolves to the same component
        for operation in OPERATIONS:
            path = prefixes.get(operation.blueprint, "") + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", operation.rule)
            item: dict[str, Any] = {
                "operationId": f"{operation.blueprint}.{operation.name}",
                "summary": operation.summary,
                "tags": [operation.blueprint],
                "responses": _responses(operation),
            }
            parameters = _parameters(operation)
            if parameters:
                item["parameters"] = parameters
            if isinstance(operation.body, str):
                item["requestBody"] = {"content": {operation.body: {"schema": {"type": "string"}}}}
            elif operation.body is not None:
                item["requestBody"] = {"required": True, "content": {"application/json": {"schema": operation.body}}}
            item["security"] = [] if operation.auth == "none" else [{"bearer": []}]
            spec.path(path=path, operations={operation.method.lower(): item})
    return spec.to_dict()


def _document() -> dict[str, Any]:
    """For those who build against a server of their own; a town's server does not tell strangers what it can do."""
    if settings().env != "dev":
        raise fail("not_found")
    prefixes = {name: blueprint.url_prefix or "" for name, blueprint in current_app.blueprints.items()}
    return build_spec(prefixes)


@endpoint(bp, "GET", "/v1/openapi.json", auth="none", errors=("not_found",), summary="This document; in dev only")
def openapi_json() -> dict[str, Any]:
    """The OpenAPI document."""
    return _document()


@endpoint(bp, "GET", "/docs", auth="none", returns="text/html", errors=("not_found",), summary="This document, to read; in dev only")
def docs() -> Response:
    """The browsable page; plain HTML, no script, no outside assets."""
    return Response(render(_document()), mimetype="text/html")
