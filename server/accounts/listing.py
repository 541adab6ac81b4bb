"""What the administrator reads: users, posts, devices and the audit log, searched and paged.

Owns these reads only; a page is {total, page, size, items}. Names of stations come from the read model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from server.accounts.audit_chain import SEALED
from server.accounts.models import Audit, Device, Grant, Post, SecondFactor, User
from server.centre.naming import devices_named, station_names, user_names
from server.ledger.tables import Incarnation

Row = TypeVar("Row")


def _page(
    session: Session, wanted: Select[Row], query: dict[str, Any], describe: Callable[[list[Row]], list[dict[str, Any]]]
) -> dict[str, Any]:
    total = session.scalar(select(func.count()).select_from(wanted.order_by(None).subquery())) or 0
    size, page = query["size"], query["page"]
    rows = list(session.scalars(wanted.limit(size).offset((page - 1) * size)))
    return {"total": total, "page": page, "size": size, "items": describe(rows)}


def list_users(session: Session, query: dict[str, Any], at: int) -> dict[str, Any]:
    """Users by user name."""
    wanted = select(User).order_by(User.username)
    if text := query["q"].strip():
        wanted = wanted.where(
            or_(func.lower(User.username).contains(text.lower(), autoescape=True), User.name.contains(text, autoescape=True))
        )
    if query["state"] != "all":
        wanted = wanted.where(User.active.is_(query["state"] == "active"))
    return _page(session, wanted, query, lambda users: described_users(session, users, at))


def described_users(session: Session, users: list[User], at: int) -> list[dict[str, Any]]:
    """Users with the posts they hold now and the sign-ins that still hold."""
    ids = [user.id for user in users]
    posts: dict[str, list[Post]] = {}
    for post in session.scalars(select(Post).where(Post.user_id.in_(ids), _holds(at)).order_by(Post.id)):
        posts.setdefault(post.user_id, []).append(post)
    names = station_names(session)
    live = Grant.revoked_at.is_(None) & (Grant.expires_at > at)
    grants = {
        user_id: (sessions, last)
        for user_id, sessions, last in session.execute(
            select(Grant.user_id, func.count().filter(live), func.max(Grant.created_at))
            .where(Grant.user_id.in_(ids))
            .group_by(Grant.user_id)
        )
    }
    factors = set(session.scalars(select(SecondFactor.id).where(SecondFactor.id.in_(ids), SecondFactor.secret.is_not(None))))
    found = []
    for user in users:
        sessions, last = grants.get(user.id, (0, None))
        found.append(
            {
                "id": user.id, "username": user.username, "name": user.name, "active": user.active,
                "posts": [_post(post, {user.id: user.name}, names) for post in posts.get(user.id, [])],
                "sessions": sessions, "last_login": last, "must_change": user.pw_given, "factor": user.id in factors,
            }
        )  # fmt: skip
    return found


def _holds(at: int) -> Any:
    return (Post.valid_from <= at) & or_(Post.valid_to.is_(None), Post.valid_to > at)


def _post(post: Post, users: dict[str, str], stations: dict[str, str]) -> dict[str, Any]:
    code = post.station_code
    return {
        "id": post.id, "user_id": post.user_id, "user_name": users.get(post.user_id, post.user_id), "role": post.role,
        "station_code": code, "station": stations.get(code, code) if code else "",
        "valid_from": post.valid_from, "valid_to": post.valid_to,
    }  # fmt: skip


def list_posts(session: Session, query: dict[str, Any], at: int) -> dict[str, Any]:
    """Posts, newest first."""
    wanted = select(Post).order_by(Post.id.desc())
    for column in (Post.user_id, Post.station_code, Post.role):
        if value := query[column.key]:
            wanted = wanted.where(column == value)
    if query["current"]:
        wanted = wanted.where(_holds(at))

    def describe(posts: list[Post]) -> list[dict[str, Any]]:
        users, stations = user_names(session, (post.user_id for post in posts)), station_names(session)
        return [_post(post, users, stations) for post in posts]

    return _page(session, wanted, query, describe)


def list_devices(session: Session, query: dict[str, Any]) -> dict[str, Any]:
    """Devices, the latest enrolled first."""
    wanted = select(Device).order_by(Device.enrolled_at.desc(), Device.id)
    if text := query["q"].strip():
        wanted = wanted.where(
            or_(
                func.lower(Device.letter) == text.lower(), Device.id == text,
                func.lower(Device.name).contains(text.lower(), autoescape=True),
            )
        )  # fmt: skip
    if query["state"] != "all":
        wanted = wanted.where(Device.revoked_at.is_not(None) if query["state"] == "revoked" else Device.revoked_at.is_(None))
    if query["station_code"]:
        wanted = wanted.where(Device.station_code == query["station_code"])

    def describe(devices: list[Device]) -> list[dict[str, Any]]:
        names = station_names(session)
        return [
            {
                "id": each.id, "kind": each.kind, "name": each.name, "letter": each.letter, "station_code": each.station_code,
                "station": names.get(each.station_code, each.station_code) if each.station_code else "",
                "enrolled_at": each.enrolled_at, "last_seen": each.last_seen, "revoked_at": each.revoked_at,
            }
            for each in devices
        ]  # fmt: skip

    return _page(session, wanted, query, describe)


def _told(detail: object, stations: dict[str, str]) -> dict[str, str]:
    """Names of the stations a detail speaks of, as codes or scopes."""
    given = detail.values() if isinstance(detail, dict) else ()
    codes = {each: each.removeprefix("station:") for each in given if isinstance(each, str)}
    return {each: stations[code] for each, code in codes.items() if code in stations}


def list_audit(session: Session, query: dict[str, Any]) -> dict[str, Any]:
    """Deeds, newest first; seals are no deeds."""
    wanted = select(Audit).where(Audit.action != SEALED).order_by(Audit.id.desc())
    for column in (Audit.actor, Audit.action, Audit.target, Audit.device, Audit.address):
        if value := query[column.key]:
            wanted = wanted.where(column == value)
    if query["since"] is not None:
        wanted = wanted.where(Audit.at >= query["since"])
    if query["until"] is not None:
        wanted = wanted.where(Audit.at < query["until"])

    def describe(lines: list[Audit]) -> list[dict[str, Any]]:
        named = [word for line in lines for word in (line.actor, line.target) if word]
        devices = {each: f"{device['letter']} {device['name']}" for each, device in devices_named(session, named).items()}
        stations = station_names(session)
        names = stations | devices | user_names(session, named)
        return [
            {
                "id": line.id, "at": line.at, "actor": line.actor, "actor_name": names.get(line.actor), "device": line.device,
                "action": line.action, "target": line.target, "target_name": names.get(line.target or ""), "detail": line.detail, "names": _told(line.detail, stations),
                "address": line.address, "request_id": line.request_id,
            }
            for line in lines
        ]  # fmt: skip

    return _page(session, wanted, query, describe)


def _stations(scopes: tuple[str, ...]) -> list[str]:
    return [scope.partition(":")[2] for scope in scopes if scope.startswith("station:")]


def list_writers(session: Session, scopes: tuple[str, ...]) -> list[dict[str, str]]:
    """Under which names the handhelds of these stations and the desks write: a person with two devices is told apart by their letters."""
    codes = _stations(scopes)
    if not codes:
        return []
    rows = session.execute(
        select(Incarnation.dev, Device.letter)
        .join(Device, Device.id == Incarnation.device_id)
        .where(or_(Device.station_code.in_(codes), Device.station_code.is_(None)))
        .order_by(Incarnation.dev)
    )
    return [{"dev": dev, "letter": letter} for dev, letter in rows]


def list_colleagues(session: Session, scopes: tuple[str, ...]) -> list[dict[str, str]]:
    """Names of everybody who ever held a post in one of the scopes, or for the whole town: their work is still shown there."""
    codes = _stations(scopes)
    if not codes:
        return []
    rows = session.execute(
        select(User.id, User.name)
        .join(Post, Post.user_id == User.id)
        .where(or_(Post.station_code.in_(codes), Post.station_code.is_(None)))
        .distinct()
        .order_by(User.id)
    )
    return [{"id": user_id, "name": name} for user_id, name in rows]
