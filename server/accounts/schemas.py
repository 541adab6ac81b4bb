"""What the sign-in endpoints take and give (marshmallow)."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class EnrolIn(Schema):
    """One-time code and what the device says of itself."""

    code = fields.String(required=True, validate=validate.Length(4, 40))
    name = fields.String(load_default="", validate=validate.Length(max=60))
    public_key = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=2000))
    app = fields.String(load_default="", validate=validate.Length(max=40))


class TownOut(Schema):
    """The town this server serves."""

    name = fields.String(required=True)


class EnrolOut(Schema):
    """The device's identity; `device_token` is shown this once."""

    device_id = fields.String(required=True)
    device_token = fields.String(required=True)
    letter = fields.String(required=True)
    name = fields.String(required=True)
    town = fields.Nested(TownOut, required=True)
    station_code = fields.String(allow_none=True)
    server_time = fields.String(required=True)


class LoginIn(Schema):
    """User name and password; `desk` registers this browser as a desk device when it has no token."""

    username = fields.String(required=True, validate=validate.Length(1, 60))
    password = fields.String(required=True, validate=validate.Length(1, 200))
    desk = fields.Boolean(load_default=False)


class StationPostOut(Schema):
    """A station and the role held there."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    role = fields.String(required=True)


class UserOut(Schema):
    """A user as screens show him."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    username = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)
    stations = fields.List(fields.Nested(StationPostOut), required=True)


class LoginOut(Schema):
    """A grant; tokens are shown this once."""

    grant_id = fields.String(required=True)
    grant_token = fields.String(required=True)
    expires_at = fields.Integer(required=True)
    user = fields.Nested(UserOut, required=True)
    scopes = fields.List(fields.String(), required=True)
    device_id = fields.String(required=True)
    device_token = fields.String(allow_none=True)
    letter = fields.String(required=True)
    town = fields.Nested(TownOut, required=True)
    device_secret = fields.String(required=True)


class MeOut(Schema):
    """Who is signed in on which device."""

    user = fields.Nested(UserOut, required=True)
    device_id = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)


class DoneOut(Schema):
    """Nothing to say but that it is done."""

    done = fields.Boolean(required=True)
