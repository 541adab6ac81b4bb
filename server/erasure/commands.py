"""`flask erase …`: the operator's commands for erasing. Thin: parse, call, print; the deed's trace bears the name `cli`."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from flask.cli import AppGroup

from server.db import db, reading
from server.erasure import retention, scrub, service
from server.ledger.clock import now_ms
from server.ledger.erasures import REASONS

CLI = "cli"


def install(group: AppGroup) -> None:
    """Bind the commands to their group."""

    @group.command("due")
    @click.argument("rule", required=False, type=click.Choice(tuple(retention.RULES)))
    def due(rule: str | None) -> None:
        """List what is due by the town's periods. Titles are masked; nothing is changed."""
        with reading() as session:
            for told in retention.due(session, now_ms(), rule, size=200):
                days = "off: no period is set" if told["days"] is None else f"{told['days']} days ({told['source'] or 'no source'}): {told['total']} due"
                click.echo(f"{told['rule']} [{told['key']}] {days}")
                for item in told["items"]:
                    last = datetime.fromtimestamp(item["updated_at"] / 1000, UTC).strftime("%Y-%m-%d")
                    click.echo(f"  {item['id']}\t{item['title'] or '-'}\t{item['station'] or '-'}\t{last}")

    @group.command("run")
    @click.argument("rule", type=click.Choice(tuple(retention.RULES)))
    @click.option("--yes", is_flag=True, help="Without this the command only says how many there are.")
    def run(rule: str, yes: bool) -> None:
        """Erase what is due by a rule. May be stopped and run again: it goes on with what is left."""
        with reading() as session:
            total = retention.due(session, now_ms(), rule, size=1)[0]["total"]
        if not yes:
            raise click.ClickException(f"{total} records would be erased for good: say --yes")
        done = 0
        while some := retention.erase_some(db.session(), rule, CLI, now_ms()):
            done += some
            click.echo(f"\r{done} of {total}", nl=False)
        click.echo(f"\r{done} records erased; their traces in the database's files go with `flask erase scrub`, at night by itself")

    @group.command("record")
    @click.argument("rec")
    @click.argument("why", type=click.Choice(REASONS))
    @click.confirmation_option(prompt="There is no way back. Erase it for good?")
    def record(rec: str, why: str) -> None:
        """Erase one personal record with all that only speaks of it."""
        done = service.erase(db.session(), [rec], why, CLI, now_ms())
        click.echo(f"{done.records} records and {done.files} files erased")

    @group.command("scrub")
    def scrub_() -> None:
        """Rewrite the database's files without what is no longer a row. Writers wait meanwhile."""
        try:
            scrub.scrub(db.engine)
        except scrub.Busy as error:
            raise click.ClickException(str(error)) from error
        click.echo("done")
