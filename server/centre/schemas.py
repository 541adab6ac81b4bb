"""What the centre's endpoints accept and give, for checking requests and for the OpenAPI document.

Owns shapes only. Answers with record values are open objects: their fields are those of the declared kind.
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from server.centre.lists import PAGE_SIZE, PAGE_SIZE_MAX, SEARCH_MAX
from server.centre.unmask import REASON_MAX, REASON_MIN

REASON = validate.Length(min=REASON_MIN, max=REASON_MAX)
PAGE = validate.Range(min=1, max=100_000)
WORD = validate.Length(max=40)


class Text(fields.String):
    """A text that every database accepts: PostgreSQL refuses the character NUL."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        """Leave the character out."""
        return super()._deserialize(value, attr, data, **kwargs).replace("\x00", "")


class ListAskSchema(Schema):
    """A list request. `only` is one of the quick words, `filter` reads `field:a|b;field:c`, `sort` a field with `-` for down."""

    q = Text(load_default="", validate=validate.Length(max=SEARCH_MAX))
    station = Text(load_default="", validate=WORD)
    word = Text(load_default="", validate=WORD, data_key="only")
    filter = Text(load_default="", validate=validate.Length(max=400))
    sort = Text(load_default="-updated_at", validate=WORD)
    page = fields.Integer(load_default=1, validate=PAGE)
    size = fields.Integer(load_default=PAGE_SIZE, validate=validate.Range(min=1, max=PAGE_SIZE_MAX))


class ExportAskSchema(ListAskSchema):
    """A workbook request. A `reason` asks for personal values in clear and is recorded."""

    reason = Text(load_default="", validate=validate.Length(max=REASON_MAX))


class SearchAskSchema(Schema):
    """A search over everything the reader may see."""

    q = Text(required=True, validate=validate.Length(min=1, max=SEARCH_MAX))


class HistoryQuerySchema(Schema):
    """A page of history, newest first."""

    page = fields.Integer(load_default=1, validate=PAGE)
    size = fields.Integer(load_default=100, validate=validate.Range(min=1, max=500))


class MapQuerySchema(Schema):
    """Layers by name, separated by commas; `all` includes closed hazards."""

    layers = Text(load_default="grid,hazards,shelters", validate=validate.Length(max=120))
    station = Text(load_default="", validate=WORD)
    level = Text(load_default="", validate=WORD)
    patrol = Text(load_default="", validate=validate.Length(max=64))
    all = fields.Boolean(load_default=False)


class ConflictsQuerySchema(Schema):
    """Open conflicts, or settled ones with `closed`."""

    station = Text(load_default="", validate=WORD)
    kind = Text(load_default="", validate=WORD)
    closed = fields.Boolean(load_default=False)
    page = fields.Integer(load_default=1, validate=PAGE)
    size = fields.Integer(load_default=30, validate=validate.Range(min=1, max=100))


class QuarantineQuerySchema(Schema):
    """Entries set aside, by state."""

    state = Text(load_default="open", validate=validate.OneOf(["open", "released", "kept"]))
    page = fields.Integer(load_default=1, validate=PAGE)
    size = fields.Integer(load_default=50, validate=validate.Range(min=1, max=200))


class UnmaskBody(Schema):
    """Which personal fields of which record, and why."""

    rec = Text(required=True, validate=validate.Length(min=1, max=64))
    fields_ = fields.List(
        fields.String(validate=validate.Length(max=64)), required=True, data_key="fields",
        validate=validate.Length(min=1, max=32),
    )  # fmt: skip
    reason = Text(required=True, validate=REASON)


class CompletenessSchema(Schema):
    """How complete an answer is: what devices said they still hold at their last contact."""

    as_of = fields.String(required=True)
    as_of_ms = fields.Integer(required=True)
    devices = fields.Integer(required=True)
    devices_unsent = fields.Integer(required=True)
    ops_unsent = fields.Integer(required=True)
    files_unsent = fields.Integer(required=True)
    bytes_unsent = fields.Integer(required=True)
    handhelds_seen = fields.Integer(required=True)
    never_seen = fields.Integer(required=True)
    silent = fields.Integer(required=True)
    oldest_contact_ms = fields.Integer(allow_none=True)


class Complete(Schema):
    """Every answer carries its completeness."""

    completeness = fields.Nested(CompletenessSchema)


class OverviewSchema(Complete):
    """Figures of the town and of each station."""

    town = fields.Dict(required=True)
    stations = fields.List(fields.Dict(), required=True)
    event = fields.Dict(allow_none=True)
    hazard_trend = fields.List(fields.Dict())


class PageSchema(Complete):
    """One page of anything listed, with the names its values point to."""

    kind = fields.String()
    total = fields.Integer(required=True)
    page = fields.Integer(required=True)
    size = fields.Integer(required=True)
    items = fields.List(fields.Dict(), required=True)
    users = fields.Dict()
    refs = fields.Dict()
    stations = fields.Dict()
    extra = fields.Dict()


class ItemsSchema(Complete):
    """A short list without pages."""

    items = fields.List(fields.Dict(), required=True)
    stations = fields.Dict()


class RecordSchema(Complete):
    """One record in full."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    scope = fields.String(required=True)
    station = fields.String(allow_none=True)
    seq = fields.Integer()
    title = fields.String()
    visible = fields.Boolean()
    v = fields.Dict(required=True)
    masked = fields.List(fields.String())
    counters = fields.Dict()
    state = fields.Dict(required=True)
    heads = fields.Dict()
    disputes = fields.List(fields.Dict())
    waiting = fields.List(fields.Dict())
    files = fields.Dict()
    attachments = fields.List(fields.Dict())
    related = fields.List(fields.Dict())
    users = fields.Dict()
    refs = fields.Dict()
    stations = fields.Dict()
    created_at = fields.Integer()
    updated_at = fields.Integer()
    erased = fields.Dict()


class MapSchema(Complete):
    """Feature collections by layer."""

    layers = fields.Dict(required=True)
    bounds = fields.List(fields.Float(), allow_none=True)


class DocumentsSchema(Complete):
    """What can be exported, with the number of rows the reader may see."""

    kinds = fields.List(fields.Dict(), required=True)
    stations = fields.Dict()


class UnmaskedSchema(Schema):
    """Personal values in clear, per field and per candidate of a dispute."""

    values = fields.Dict(required=True)
    heads = fields.Dict(required=True)


class DoneSchema(Schema):
    """The new state of what was decided."""

    id = fields.String(required=True)
    state = fields.String(required=True)
