"""What the sign-in endpoints take and give (marshmallow)."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate


class Text(fields.String):
    """A text that every database accepts: PostgreSQL knows no NUL."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if "\x00" in text:
            raise ValidationError("Must not contain NUL.")
        return text


CODE = Text(load_default=None, allow_none=True, validate=validate.Length(1, 40))


class EnrolIn(Schema):
    """One-time code and what the device says of itself."""

    code = Text(required=True, validate=validate.Length(4, 40))
    name = Text(load_default="", validate=validate.Length(max=60))
    public_key = Text(load_default=None, allow_none=True, validate=validate.Length(max=2000))
    app = Text(load_default="", validate=validate.Length(max=40))


class TownOut(Schema):
    """The town this server serves."""

    name = Text(required=True)


class EnrolOut(Schema):
    """The device's identity; `device_token` is shown this once. `addresses`: where this server can be reached, the usual one first."""

    device_id = Text(required=True)
    device_token = Text(required=True)
    letter = Text(required=True)
    name = Text(required=True)
    town = fields.Nested(TownOut, required=True)
    addresses = fields.List(Text(), required=True)
    station_code = Text(allow_none=True)
    server_time = Text(required=True)


class LoginIn(Schema):
    """User name and password; `desk` registers this browser as a desk device when it has no token. `code`: the second factor, at a desk."""

    username = Text(required=True, validate=validate.Length(1, 60))
    password = Text(required=True, validate=validate.Length(1, 200))
    desk = fields.Boolean(load_default=False)
    code = CODE


class PasswordIn(Schema):
    """The password that holds, and the one that shall. A first password just used to sign in need not be typed again."""

    old = Text(load_default=None, allow_none=True, validate=validate.Length(1, 200))
    new = Text(required=True, validate=validate.Length(1, 200))
    code = CODE


class StationPostOut(Schema):
    """A station and the role held there."""

    code = Text(required=True)
    name = Text(required=True)
    role = Text(required=True)


class UserOut(Schema):
    """A user as screens show him."""

    id = Text(required=True)
    name = Text(required=True)
    username = Text(required=True)
    roles = fields.List(Text(), required=True)
    stations = fields.List(fields.Nested(StationPostOut), required=True)


class LoginOut(Schema):
    """A grant; tokens are shown this once. `todo` as in /me; `lock_minutes`: without a touch, until the screen locks."""

    grant_id = Text(required=True)
    grant_token = Text(required=True)
    expires_at = fields.Integer(required=True)
    user = fields.Nested(UserOut, required=True)
    scopes = fields.List(Text(), required=True)
    device_id = Text(required=True)
    device_token = Text(allow_none=True)
    letter = Text(required=True)
    town = fields.Nested(TownOut, required=True)
    addresses = fields.List(Text(), required=True)
    device_secret = Text(required=True)
    todo = fields.List(Text(), required=True)
    lock_minutes = fields.Integer(required=True)


class MeOut(Schema):
    """Who is signed in on which device, and what he has to do first: choose a `password`, set up a `factor`."""

    todo = fields.List(Text(), required=True)
    user = fields.Nested(UserOut, required=True)
    device_id = Text(required=True)
    scopes = fields.List(Text(), required=True)


class ColleagueOut(Schema):
    """A name to show beside what somebody wrote; nothing else about him."""

    id = Text(required=True)
    name = Text(required=True)


class WriterOut(Schema):
    """The letter on the device that writes under this name in the log."""

    dev = Text(required=True)
    letter = Text(required=True)


class ColleaguesOut(Schema):
    """People who hold, or held, a post where the caller may look, and the devices of those stations and of the centre."""

    items = fields.List(fields.Nested(ColleagueOut), required=True)
    devices = fields.List(fields.Nested(WriterOut), required=True)


class ConfirmIn(Schema):
    """The password again. `whole`: with everything that signs in, before that is changed; else it only unlocks an idle desk."""

    password = Text(required=True, validate=validate.Length(1, 200))
    code = CODE
    whole = fields.Boolean(load_default=False)


class CodeIn(Schema):
    """A code of the authenticator app."""

    code = Text(required=True, validate=validate.Length(1, 40))


class FactorOut(Schema):
    """The second factor of who asks; `due`: the town asks him for one at a desk."""

    on = fields.Boolean(required=True)
    due = fields.Boolean(required=True)
    since = fields.Integer(required=True, allow_none=True)
    recovery_left = fields.Integer(required=True)


class FactorBegunOut(Schema):
    """A secret, shown once: to type, and as the text of the QR."""

    secret = Text(required=True)
    qr = Text(required=True)


class RecoveryCodesOut(Schema):
    """Codes for a lost phone, each for once, shown once."""

    codes = fields.List(Text(), required=True)


class SignInOut(Schema):
    """One of one's own sign-ins."""

    id = Text(required=True)
    current = fields.Boolean(required=True)
    kind = Text(required=True)
    name = Text(required=True)
    letter = Text(required=True)
    address = Text(required=True, allow_none=True)
    since = fields.Integer(required=True)
    seen = fields.Integer(required=True, allow_none=True)
    ends = fields.Integer(required=True)


class SignInsOut(Schema):
    """One's own sign-ins that hold, the present one first."""

    items = fields.List(fields.Nested(SignInOut), required=True)


class EndedIn(Schema):
    """Sign-ins this device ended while it had no network."""

    grants = fields.List(Text(validate=validate.Length(1, 40)), required=True, validate=validate.Length(1, 50))


class EndedOut(Schema):
    """How many sign-ins ended."""

    ended = fields.Integer(required=True)


class DoneOut(Schema):
    """Nothing to say but that it is done."""

    done = fields.Boolean(required=True)
