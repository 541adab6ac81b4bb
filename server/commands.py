"""`flask --app wsgi …`: the operator's commands. Thin: parse, call a service, print plain words.

No secret is ever an argument that lands in a shell history: passwords are asked for, or read from standard input.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy import func, select

from server.accounts import admin, service
from server.accounts.models import Device, Post, User
from server.accounts.rights import ROLES
from server.accounts.tries import folded
from server.db import db, migrate, reading, unit
from server.doctor import examine
from server.errors import ProblemError
from server.ledger.clock import now_ms
from server.settings import Settings

CLI = "cli"


class Group(AppGroup):
    """Commands whose refusals are plain words."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a refusal of a service is an error of the command."""
        try:
            return super().invoke(ctx)
        except ProblemError as error:
            said = error.problem.detail.format_map(defaultdict(lambda: "-", error.extra))
            raise click.ClickException(f"{error.problem.title}: {said}") from error


users = Group("user", help="People who may sign in.")
posts = Group("post", help="Posts: who holds which role where.")
devices = Group("device", help="Handhelds: codes, list, revoke.")


def _settings() -> Settings:
    found: Settings = current_app.extensions["xunan"]
    return found


def _when(at: int | None) -> str:
    return "-" if at is None else datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _user(username: str) -> User:
    user = db.session.scalar(select(User).where(func.lower(User.username) == folded(username)))
    if user is None:
        raise click.ClickException(f"no user {username}")
    return user


@users.command("add")
@click.argument("username")
@click.argument("name")
def user_add(username: str, name: str) -> None:
    """Add a user; the password is asked for (or read from standard input)."""
    password = _ask_password()
    with unit() as session:
        user = service.add_user(session, now_ms(), CLI, username, name, password)
    click.echo(user.id)


@users.command("list")
def user_list() -> None:
    """List users."""
    for user in db.session.scalars(select(User).order_by(User.username)):
        click.echo(f"{user.id}\t{user.username}\t{user.name}\t{'active' if user.active else 'inactive'}")


@users.command("password")
@click.argument("username")
def user_password(username: str) -> None:
    """Set a password; every sign-in of the user ends."""
    password = _ask_password()
    with unit() as session:
        admin.reset_password(session, now_ms(), CLI, _user(username).id, password)
    click.echo("done")


@users.command("deactivate")
@click.argument("username")
def user_deactivate(username: str) -> None:
    """Take every right and sign-in from a user; what his devices still send is stored and set aside."""
    with unit() as session:
        admin.block_user(session, now_ms(), CLI, _user(username).id)
    click.echo("done")


@users.command("activate")
@click.argument("username")
def user_activate(username: str) -> None:
    """Give a deactivated user his posts back; he signs in anew."""
    with unit() as session:
        admin.unblock_user(session, now_ms(), CLI, _user(username).id)
    click.echo("done")


@posts.command("add")
@click.argument("username")
@click.argument("role", type=click.Choice(ROLES))
@click.argument("station", required=False)
def post_add(username: str, role: str, station: str | None) -> None:
    """Give a user a post; patroller and head need a station code."""
    with unit() as session:
        post = service.add_post(session, now_ms(), CLI, _user(username).id, role, station)
        session.flush()
    click.echo(str(post.id))


@posts.command("list")
@click.argument("username")
def post_list(username: str) -> None:
    """List the posts of a user."""
    for post in db.session.scalars(select(Post).where(Post.user_id == _user(username).id)):
        click.echo(f"{post.id}\t{post.role}\t{post.station_code or 'town'}\t{_when(post.valid_from)}\t{_when(post.valid_to)}")


@posts.command("end")
@click.argument("post_id", type=int)
def post_end(post_id: int) -> None:
    """End a post now."""
    with unit() as session:
        admin.end_post(session, now_ms(), CLI, post_id)
    click.echo("done")


@devices.command("code")
@click.argument("name")
@click.argument("station", required=False)
def device_code(name: str, station: str | None) -> None:
    """Print a one-time enrolment code."""
    with unit() as session:
        code, expires = service.make_code(session, _settings(), now_ms(), CLI, name, station)
    click.echo(f"{code}\tvalid until {_when(expires)}")


@devices.command("list")
def device_list() -> None:
    """List devices and what they last said they still hold."""
    for device in db.session.scalars(select(Device).order_by(Device.enrolled_at)):
        status = device.status or {}
        state = "revoked" if device.revoked_at else "ok"
        click.echo(
            f"{device.id}\t{device.letter}\t{device.kind}\t{device.name}\t{state}\tseen {_when(device.last_seen)}"
            f"\tunsent {status.get('pending', '?')} records {status.get('files', '?')} files"
        )


@devices.command("revoke")
@click.argument("device_id")
def device_revoke(device_id: str) -> None:
    """Revoke a lost device."""
    with unit() as session:
        service.revoke_device(session, now_ms(), CLI, device_id)
    click.echo("done")


def install(app: Flask) -> None:
    """Register every command on the app's CLI."""
    for group in (users, posts, devices):
        app.cli.add_command(group)

    @app.cli.command("migrate")
    def migrate_() -> None:
        """Bring the database to the newest schema."""
        migrate(db.engine)
        click.echo("migrated")

    @app.cli.command("seed")
    @click.option("--seed", default=20260601, help="Number the demo town is made from.")
    @click.option("--stations", default=48)
    @click.option("--records", default=2000, help="About how many records beside the grid.")
    def seed_(seed: int, stations: int, records: int) -> None:
        """Load the demo town as ops through the push path; does nothing when a town is there."""
        from seed.load import load

        click.echo(load(db.session(), _settings(), seed=seed, stations=stations, records=records))

    @app.cli.command("verify")
    def verify_() -> None:
        """Fold the whole op log anew and compare with the rows; exit 1 when anything differs."""
        from server.ledger.verify import fold_anew

        report = fold_anew(db.session())
        click.echo(json.dumps(asdict(report) | {"ok": report.ok}, ensure_ascii=False, indent=1))
        if not report.ok:
            raise SystemExit(1)

    @app.cli.command("export")
    @click.argument("kind")
    @click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
    def export_(kind: str, path: Path) -> None:
        """Write a workbook of one record kind, personal data masked."""
        from server.centre.documents import write_for_operator

        with reading() as session:
            path.write_bytes(write_for_operator(session, kind, _settings().town_name, now_ms()))
        click.echo(str(path))

    @app.cli.command("backup")
    @click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
    def backup_(folder: Path) -> None:
        """Back up database and files of the running server; verified before it counts."""
        from server.backup import backup
        from server.backup_image import BackupError

        try:
            click.echo(backup(db.session(), _settings(), folder))
        except BackupError as error:
            raise click.ClickException(str(error)) from error

    @app.cli.command("restore")
    @click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
    @click.option("--replace", is_flag=True, help="Put it in place of a database that holds data; that one is backed up first.")
    def restore_(folder: Path, replace: bool) -> None:
        """Restore a backup into the configured database and file store; stop the server before."""
        from server.backup import restore
        from server.backup_image import BackupError

        try:
            click.echo(restore(_settings(), folder, replace=replace))
        except BackupError as error:
            raise click.ClickException(str(error)) from error

    @app.cli.command("reseal")
    def reseal_() -> None:
        """Seal personal data anew with the first key of XUNAN_DATA_KEYS; beside the running server, may be repeated."""
        from server.ledger.reseal import reseal
        from server.ledger.snapshots import forget

        counts: dict[str, int] = defaultdict(int)
        for table, count in reseal(db.session()):
            counts[table] += count
            click.echo(f"\r{table}: {counts[table]}", nl=False)
        forget(db.session(), _settings().data_dir)
        click.echo(f"\r{sum(counts.values())} values sealed anew")

    @app.cli.command("doctor")
    @click.option("--backups", type=click.Path(path_type=Path), help="Also look at the sets in this backup folder.")
    def doctor_(backups: Path | None) -> None:
        """Look at everything this server stands on; fails when something is wrong."""
        found = examine(_settings(), backups or _settings().backup_dir)
        for each in found:
            click.echo(f"{each.state:<6}{each.name}: {each.words}")
        if any(each.state == "wrong" for each in found):
            raise click.ClickException("something is wrong")

    @app.cli.command("worker")
    @click.option("--burst", is_flag=True, help="Stop when the queue is empty.")
    def worker_(burst: bool) -> None:
        """Run background jobs from Redis or Valkey; needed only when one is configured."""
        from server.jobs import work

        url = _settings().redis_url
        if url is None:
            raise click.ClickException("no Redis is configured: the server runs its jobs itself")
        work(url, burst=burst)

    @app.cli.command("generate")
    @click.option("--check", is_flag=True, help="Only say whether the files are fresh.")
    def generate_(check: bool) -> None:
        """Write the TypeScript that follows from the declarations."""
        from server.generate import main

        raise SystemExit(main(["--check"] if check else []))

    @app.cli.command("dev-info")
    def dev_info() -> None:
        """Print the address, demo sign-ins and a fresh device code."""
        settings = _settings()
        click.echo(f"\n  巡安 Xun'an · {settings.town_name}\n  {settings.base_url}\n")
        if settings.env == "dev":
            click.echo(f"  demo password for every user: {settings.demo_password}")
            click.echo("  operator  城运中心 town centre     head07  第七站站长     patrol07a / patrol07b  第七站安全员")
            station = db.session.scalar(select(Post.station_code).join(User).where(User.username == "head07"))
            for name in ("handheld A", "handheld B"):
                with unit() as session:
                    code, _ = service.make_code(session, settings, now_ms(), CLI, name, station)
                click.echo(f"  device code ({name}): {code}")
