"""`flask --app wsgi …`: the operator's commands. Thin: parse, call a service, print plain words.

No secret is ever an argument that lands in a shell history: first passwords are made here and printed once.
"""

from __future__ import annotations

import json
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
from server.accounts.audit import note
from server.accounts.audit_chain import prove
from server.accounts.models import Device, Post, User
from server.accounts.rights import NODE, ROLES
from server.accounts.tries import folded
from server.db import MigrationLocked, db, migrate, reading, revision, unit
from server.doctor import examine
from server.erasure import commands as erasure_commands
from server.errors import ProblemError
from server.growth import measure
from server.ledger.clock import now_ms
from server.ledger.partitions import NotMovable, is_partitioned, listed, make_coming, move
from server.nodes.http import LinkDown
from server.settings import Settings

CLI = "cli"
MB = 1_000_000


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
nodes = Group("node", help="Hubs: let one in, meet the centre.")
erasing = Group("erase", help="Personal records: what is due, erase for good.")
parts = Group("partitions", help="Months of the op log on PostgreSQL: list, make the coming ones, move closed ones.")


def _settings() -> Settings:
    found: Settings = current_app.extensions["xunan"]
    return found


def _dev_only() -> None:
    if _settings().env != "dev":
        raise click.ClickException("XUNAN_ENV is not dev: demo users and their public password do not belong on a real server")


def _when(at: int | None) -> str:
    return "-" if at is None else datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")


def _user(username: str) -> User:
    user = db.session.scalar(select(User).where(func.lower(User.username) == folded(username)))
    if user is None:
        raise click.ClickException(f"no user {username}")
    return user


@users.command("add")
@click.argument("username")
@click.argument("name")
def user_add(username: str, name: str) -> None:
    """Add a user and print his first password, which he changes at his first sign-in."""
    with unit() as session:
        user, password = admin.new_user(session, _settings(), now_ms(), CLI, username, name)
    click.echo(f"{user.id}\t{password}")


@users.command("list")
def user_list() -> None:
    """List users."""
    for user in db.session.scalars(select(User).order_by(User.username)):
        click.echo(f"{user.id}\t{user.username}\t{user.name}\t{'active' if user.active else 'inactive'}")


@users.command("password")
@click.argument("username")
def user_password(username: str) -> None:
    """Print another first password; every sign-in of the user ends."""
    with unit() as session:
        click.echo(admin.reset_password(session, _settings(), now_ms(), CLI, _user(username).id))


@users.command("reset-factor")
@click.argument("username")
def user_reset_factor(username: str) -> None:
    """Take a user's second factor away, as when the phone is lost; every sign-in of the user ends."""
    with unit() as session:
        admin.reset_factor(session, now_ms(), CLI, _user(username).id)
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


@nodes.command("add")
@click.argument("name")
def node_add(name: str) -> None:
    """At the centre: let a hub in. Prints its token once; it is what XUNAN_CENTRE_TOKEN of the hub becomes."""
    at = now_ms()
    with unit() as session:
        made = service.add_device(session, at, NODE, name, None, None)
        note(session, at, CLI, "node_add", made.device.id)
    click.echo(f"{made.device.id}\t{made.token}")


@nodes.command("meet")
@click.option("--every", type=click.IntRange(min=5), help="Go on, this many seconds apart.")
def node_meet(every: int | None) -> None:
    """At a hub: exchange accounts, ops and files with the centre, once or again and again."""
    from server.nodes.visits import visit_once, visits

    if every is not None:
        visits(_settings(), every)
        return
    try:
        click.echo(json.dumps(asdict(visit_once(_settings())), ensure_ascii=False))
    except LinkDown as error:
        raise click.ClickException(str(error)) from error


@parts.command("list")
def partitions_list() -> None:
    """Make the months that are missing, then list all: first day, rows (estimated), size, tablespace."""
    if not is_partitioned(db.session()):
        click.echo("SQLite keeps the log in one table: nothing to partition")
        return
    for name in make_coming(db.session(), now_ms()):
        click.echo(f"made {name}")
    for part in listed(db.session()):
        since = "no month yet" if part.until_ms is None else f"from {'the beginning' if part.first_ms is None else _when(part.first_ms)[:10]}"
        click.echo(f"{part.name}\t{since}\t{part.rows} rows\t{part.bytes / 2**20:.1f} MiB\t{part.tablespace}")


@parts.command("move")
@click.argument("name")
@click.argument("tablespace")
def partitions_move(name: str, tablespace: str) -> None:
    """Move a closed month to another tablespace (a slower disk) while the server runs."""
    if not is_partitioned(db.session()):
        raise click.ClickException("SQLite keeps the log in one table: nothing to move")
    try:
        move(db.session(), name, tablespace, now_ms())
    except NotMovable as error:
        raise click.ClickException(f"{error} is no closed month: `flask partitions list`") from error
    click.echo("done")


def install(app: Flask) -> None:
    """Register every command on the app's CLI."""
    erasure_commands.install(erasing)
    for group in (users, posts, devices, nodes, erasing, parts):
        app.cli.add_command(group)

    @app.cli.command("migrate")
    @click.option("--rows", is_flag=True, help="Also look for rows behind their records when the schema is the newest already.")
    def migrate_(rows: bool) -> None:
        """Bring the database to the newest schema, and its tables to what was stored before they were declared."""
        from server.ledger.catch_up import catch_up

        before = revision(db.engine)
        try:
            migrate(db.engine)
        except MigrationLocked as error:
            raise click.ClickException(str(error)) from error
        make_coming(db.session(), now_ms())
        behind = catch_up(db.session()) if rows or before not in (None, revision(db.engine)) else 0
        click.echo(f"migrated, {behind} records brought into their tables" if behind else "migrated")

    @app.cli.command("seed")
    @click.option("--seed", default=20260601, help="Number the demo town is made from.")
    @click.option("--stations", default=48)
    @click.option("--records", default=2000, help="About how many records beside the grid.")
    def seed_(seed: int, stations: int, records: int) -> None:
        """Load the demo town as ops through the push path; does nothing when a town is there. In dev only."""
        _dev_only()
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

    @app.cli.command("audit")
    @click.option("--head", help="A seal ID:HASH from the log (audit_sealed) or a backup's manifest; it has to be in the chain.")
    def audit_(head: str | None) -> None:
        """Prove that nobody changed or removed a line of the audit log; exit 1 when somebody did."""
        with reading() as session:
            proof = prove(session, now_ms(), head)
        click.echo(json.dumps(asdict(proof) | {"ok": proof.ok}, ensure_ascii=False, indent=1))
        if not proof.ok:
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

    @app.cli.command("estimate")
    def estimate_() -> None:
        """Say how fast database and files grow, and for how many days the disk will do."""
        with reading() as session:
            found = measure(session, _settings().data_dir, now_ms())
        click.echo(f"the last {found.days:.0f} days")
        click.echo(f"database  {found.database_bytes / MB:>12,.1f} MB  {found.database_per_day / MB:>10,.2f} MB a day")
        click.echo(f"files     {found.files_bytes / MB:>12,.1f} MB  {found.files_per_day / MB:>10,.2f} MB a day")
        left = "nothing grows" if found.days_left is None else f"{found.days_left:,.0f} days, when both lie on this disk"
        click.echo(f"free      {found.free_bytes / MB:>12,.1f} MB  {left}")

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
        """Print the address, demo sign-ins and fresh device codes. In dev only."""
        _dev_only()
        settings = _settings()
        click.echo(f"\n  巡安 Xun'an · {settings.town_name}\n  {settings.base_url}\n")
        click.echo(f"  demo password for every user: {settings.demo_password}")
        station = db.session.scalar(select(Post.station_code).join(User).where(User.username == "head07"))
        click.echo("  at a desk: operator 城运中心 town centre, admin 管理员 administrator; one handheld for each code:")
        for who, post in (("patrol07a", "巡查员 patroller"), ("patrol07b", "巡查员 patroller"), ("head07", "站长 station head")):
            with unit() as session:
                code, _ = service.make_code(session, settings, now_ms(), CLI, f"演示终端 {who}", station)
            click.echo(f"  {code}  {who:<10} {post}")
