"""What the administrator's endpoints take and give (marshmallow). Times are UTC milliseconds."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from server.accounts.rights import ROLES
from server.accounts.schemas import Text

PAGE_SIZE_MAX = 200
PAGE_MAX = 100_000
USERNAME = validate.Regexp(r"^[A-Za-z0-9_.-]{3,40}\Z")
NAME = validate.And(validate.Length(1, 60), validate.Regexp(r"\S", error="Must not be blank."))
STATION_CODE = validate.Regexp(r"^\d{12}\Z")
_MOMENT = validate.Range(0, 2**53)


class PageQuery(Schema):
    """Which page of a list."""

    page = fields.Integer(load_default=1, validate=validate.Range(1, PAGE_MAX))
    size = fields.Integer(load_default=50, validate=validate.Range(1, PAGE_SIZE_MAX))


class UsersQuery(PageQuery):
    """`q` looks in user names and names."""

    q = Text(load_default="", validate=validate.Length(max=60))
    state = Text(load_default="all", validate=validate.OneOf(("all", "active", "blocked")))


class PostsQuery(PageQuery):
    """Posts of one user, station or role; `current` leaves out ended ones."""

    user_id = Text(load_default="", validate=validate.Length(max=40))
    station_code = Text(load_default="", validate=validate.Length(max=20))
    role = Text(load_default="", validate=validate.OneOf(("", *ROLES)))
    current = fields.Boolean(load_default=True)


class DevicesQuery(PageQuery):
    """`q` looks in letters, names and ids."""

    q = Text(load_default="", validate=validate.Length(max=60))
    state = Text(load_default="all", validate=validate.OneOf(("all", "active", "revoked")))
    station_code = Text(load_default="", validate=validate.Length(max=20))


class AuditQuery(PageQuery):
    """Who (`actor`: user id, or `cli`), what (`action`, `target`, `device`), when (`since` ≤ at < `until`)."""

    actor = Text(load_default="", validate=validate.Length(max=40))
    action = Text(load_default="", validate=validate.Length(max=40))
    target = Text(load_default="", validate=validate.Length(max=80))
    device = Text(load_default="", validate=validate.Length(max=40))
    address = Text(load_default="", validate=validate.Length(max=60))
    since = fields.Integer(load_default=None, allow_none=True, validate=_MOMENT)
    until = fields.Integer(load_default=None, allow_none=True, validate=_MOMENT)


class PostOut(Schema):
    """A post; `station` is the station's name, empty for the whole town."""

    id = fields.Integer(required=True)
    user_id = Text(required=True)
    user_name = Text(required=True)
    role = Text(required=True)
    station_code = Text(required=True, allow_none=True)
    station = Text(required=True)
    valid_from = fields.Integer(required=True)
    valid_to = fields.Integer(required=True, allow_none=True)


class AccountOut(Schema):
    """A user as the administrator sees him; `sessions` are sign-ins that still hold."""

    id = Text(required=True)
    username = Text(required=True)
    name = Text(required=True)
    active = fields.Boolean(required=True)
    posts = fields.List(fields.Nested(PostOut), required=True)
    sessions = fields.Integer(required=True)
    must_change = fields.Boolean(required=True)
    factor = fields.Boolean(required=True)
    last_login = fields.Integer(required=True, allow_none=True)


class DeviceOut(Schema):
    """An enrolled device."""

    id = Text(required=True)
    kind = Text(required=True)
    name = Text(required=True)
    letter = Text(required=True)
    station_code = Text(required=True, allow_none=True)
    station = Text(required=True)
    enrolled_at = fields.Integer(required=True)
    last_seen = fields.Integer(required=True, allow_none=True)
    revoked_at = fields.Integer(required=True, allow_none=True)


class AuditOut(Schema):
    """One deed; `detail` holds codes and counts, `names` what the stations among them are called."""

    id = fields.Integer(required=True)
    at = fields.Integer(required=True)
    actor = Text(required=True)
    actor_name = Text(required=True, allow_none=True)
    device = Text(required=True, allow_none=True)
    action = Text(required=True)
    target = Text(required=True, allow_none=True)
    target_name = Text(required=True, allow_none=True)
    detail = fields.Dict(required=True, allow_none=True)
    names = fields.Dict(keys=Text(), values=Text(), required=True)
    address = Text(required=True, allow_none=True)
    request_id = Text(required=True, allow_none=True)


class PagedOut(Schema):
    """Where in the list this page is."""

    total = fields.Integer(required=True)
    page = fields.Integer(required=True)
    size = fields.Integer(required=True)


class AccountsOut(PagedOut):
    """A page of users."""

    items = fields.List(fields.Nested(AccountOut), required=True)


class PostsOut(PagedOut):
    """A page of posts, newest first."""

    items = fields.List(fields.Nested(PostOut), required=True)


class DevicesOut(PagedOut):
    """A page of devices."""

    items = fields.List(fields.Nested(DeviceOut), required=True)


class AuditsOut(PagedOut):
    """A page of the audit log, newest first."""

    items = fields.List(fields.Nested(AuditOut), required=True)


class RenameIn(Schema):
    """What to change; what is left out stays."""

    name = Text(load_default=None, validate=NAME)
    username = Text(load_default=None, validate=USERNAME)


class FirstPasswordOut(Schema):
    """A password made by the server, shown once; it opens nothing after `until`, and its user chooses his own at his first sign-in."""

    id = Text(required=True)
    password = Text(required=True)
    until = fields.Integer(required=True)


class DeviceCodeIn(Schema):
    """Whom the code is for."""

    name = Text(required=True, validate=NAME)
    station_code = Text(load_default=None, allow_none=True, validate=STATION_CODE)


class DeviceCodeOut(Schema):
    """The code, shown once; `qr` is the text of the QR."""

    code = Text(required=True)
    expires_at = fields.Integer(required=True)
    qr = Text(required=True)


class UserIn(Schema):
    """A new user."""

    username = Text(required=True, validate=USERNAME)
    name = Text(required=True, validate=NAME)


class PostIn(Schema):
    """A post for a user."""

    user_id = Text(required=True, validate=validate.Length(1, 40))
    role = Text(required=True, validate=validate.OneOf(ROLES))
    station_code = Text(load_default=None, allow_none=True, validate=STATION_CODE)


class PostIdOut(Schema):
    """Id of the new post."""

    id = fields.Integer(required=True)
