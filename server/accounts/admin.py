"""What an administrator does to users: rename, block, unblock, new password, end sign-ins.

Owns these verbs; the caller holds the transaction, each deed leaves its audit line in it. Invariants: a town is never left
without an administrator who can sign in; blocking takes rights and sign-ins at once and never refuses what the user's devices
still bring.
"""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.accounts import second_factor, service
from server.accounts.audit import note
from server.accounts.hashing import new_password
from server.accounts.models import Grant, Post, User
from server.accounts.tries import folded
from server.errors import fail
from server.settings import Settings


def _locked_user(session: Session, user_id: str) -> User:
    """The user, locked until the transaction ends. Raises `not_found`."""
    user = session.get(User, user_id, with_for_update=True)
    if user is None:
        raise fail("not_found")
    return user


def _admins_left(session: Session, at: int) -> bool:
    """Whether somebody can still administer; flush first."""
    posts = session.scalars(
        select(Post).join(User, User.id == Post.user_id).where(Post.role == "admin", User.active.is_(True))
    )
    return any(post.valid_from <= at and (post.valid_to is None or at < post.valid_to) for post in posts)


def _lock_admins(session: Session) -> None:
    """Two administrators who dismiss each other meet here."""
    session.execute(select(Post.id).where(Post.role == "admin").order_by(Post.id).with_for_update()).all()


def rename_user(session: Session, at: int, actor: str, user_id: str, name: str | None, username: str | None) -> User:
    """Change the name or the user name; the id, and so all his work, stays. Raises `not_found` or `already_used`."""
    user = _locked_user(session, user_id)
    if username is not None:
        wanted = folded(username)
        taken = session.scalar(select(User.id).where(func.lower(User.username) == wanted, User.id != user_id))
        if taken is not None:
            raise fail("already_used")
        user.username = wanted
    if name is not None:
        user.name = name.strip()
    try:
        session.flush()
    except IntegrityError:
        raise fail("already_used") from None
    given = {"name": name, "username": username}
    note(session, at, actor, "user_renamed", user_id, fields=[each for each, value in given.items() if value is not None])
    return user


def end_sessions(session: Session, at: int, actor: str, user_id: str) -> int:
    """End every sign-in of a user; the devices keep their work and still deliver it. Raises `not_found`."""
    _locked_user(session, user_id)
    held = session.scalars(
        update(Grant)
        .where(Grant.user_id == user_id, Grant.revoked_at.is_(None))
        .values(revoked_at=at)
        .returning(Grant.id)
        .execution_options(synchronize_session=False)
    ).all()
    note(session, at, actor, "sessions_ended", user_id, count=len(held))
    return len(held)


def block_user(session: Session, at: int, actor: str, user_id: str) -> User:
    """Take every right and sign-in from a user. Raises `not_found`, or `conflict` when nobody could administer any more."""
    _lock_admins(session)
    user = _locked_user(session, user_id)
    if not user.active:
        return user
    user.active = False
    session.flush()
    if not _admins_left(session, at):
        raise fail("conflict", reason="the last administrator cannot be blocked")
    note(session, at, actor, "user_blocked", user_id)
    end_sessions(session, at, actor, user_id)
    return user


def unblock_user(session: Session, at: int, actor: str, user_id: str) -> User:
    """Give a user his posts back; he signs in anew. Raises `not_found`."""
    user = _locked_user(session, user_id)
    if not user.active:
        user.active = True
        note(session, at, actor, "user_unblocked", user_id)
    return user


def new_user(session: Session, settings: Settings, at: int, actor: str, username: str, name: str) -> tuple[User, str]:
    """A new user and his first password, shown once. Raises `already_used`."""
    password = new_password(username)
    until = at + settings.first_password_hours * service.HOUR_MS
    return service.add_user(session, at, actor, username, name, password, until), password


def reset_password(session: Session, settings: Settings, at: int, actor: str, user_id: str) -> str:
    """Another first password; whoever knew the old one is signed out. Raises `not_found`."""
    user = _locked_user(session, user_id)
    password = new_password(user.username)
    service.set_password(session, at, actor, user, password, at + settings.first_password_hours * service.HOUR_MS)
    end_sessions(session, at, actor, user_id)
    return password


def reset_factor(session: Session, at: int, actor: str, user_id: str) -> None:
    """Take a lost second factor away; whoever has it is signed out. Raises `not_found`."""
    _locked_user(session, user_id)
    second_factor.reset(session, at, actor, user_id)
    end_sessions(session, at, actor, user_id)


def end_post(session: Session, at: int, actor: str, post_id: int) -> None:
    """End a post. Raises `not_found`, or `conflict` when nobody could administer any more."""
    _lock_admins(session)
    service.end_post(session, at, actor, post_id)
    session.flush()
    if not _admins_left(session, at):
        raise fail("conflict", reason="the last administrator's post cannot be ended")
