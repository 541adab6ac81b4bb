"""Shapes of the erasure endpoints."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from server.accounts.admin_schemas import PagedOut
from server.accounts.schemas import Text
from server.erasure.retention import RULES
from server.ledger.erasures import REASONS


class EraseIn(Schema):
    """Which record, and why: on request, period over, entered by mistake."""

    rec = Text(required=True, validate=validate.Length(1, 80))
    why = fields.String(required=True, validate=validate.OneOf(REASONS))


class ErasedOut(Schema):
    """How many records and files went."""

    records = fields.Integer(required=True)
    files = fields.Integer(required=True)


class PlanOut(Schema):
    """What would go along: records by kind, and how many files they name."""

    records = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    files = fields.Integer(required=True)


class ErasuresQuery(Schema):
    """Which page."""

    page = fields.Integer(load_default=1, validate=validate.Range(1, 10_000))
    size = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class ErasureOut(Schema):
    """One erased record: nothing of it is left but this."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    station = fields.String(required=True, allow_none=True)
    at = fields.Integer(required=True)
    why = fields.String(required=True)
    by = fields.String(required=True)


class ErasuresOut(PagedOut):
    """Erased records, the latest first. `scrub_at`: when the database's files are next rewritten without what is no longer a row."""

    items = fields.List(fields.Nested(ErasureOut), required=True)
    scrub_at = fields.Integer(required=True, allow_none=True)


class DueQuery(Schema):
    """Of which rule, and after which record to go on."""

    rule = fields.String(load_default=None, validate=validate.OneOf(tuple(RULES)))
    after = Text(load_default="", validate=validate.Length(max=80))
    size = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class DueRecordOut(Schema):
    """A record that is due, its title masked."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    title = fields.String(required=True, allow_none=True)
    station = fields.String(required=True, allow_none=True)
    updated_at = fields.Integer(required=True)


class RuleOut(Schema):
    """A period the town sets: the key and id of its setting, days (none: off), source, and what is due by it now."""

    rule = fields.String(required=True)
    kind = fields.String(required=True)
    key = fields.String(required=True)
    setting = fields.String(required=True, allow_none=True)
    days = fields.Integer(required=True, allow_none=True)
    source = fields.String(required=True, allow_none=True)
    total = fields.Integer(required=True)
    items = fields.List(fields.Nested(DueRecordOut), required=True)
    running = fields.Boolean(required=True)


class DueOut(Schema):
    """Every rule."""

    rules = fields.List(fields.Nested(RuleOut), required=True)


class EraseDueIn(Schema):
    """Which rule's records to erase; how many the administrator saw, so that nobody erases more than he was shown."""

    rule = fields.String(required=True, validate=validate.OneOf(tuple(RULES)))
    total = fields.Integer(required=True, validate=validate.Range(1))


class StartedOut(Schema):
    """How many records the job was given."""

    total = fields.Integer(required=True)
