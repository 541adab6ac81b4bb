"""Xun'an server. `create_app` is wiring only: settings in, an app with every room connected out."""

from __future__ import annotations

from flask import Flask, Response

import server.commands as commands
import server.jobs as jobs
from server.accounts.routes import bp as accounts_bp
from server.brakes import Brakes
from server.centre.rescue_routes import bp as rescue_bp
from server.centre.routes import bp as centre_bp
from server.db import db
from server.erasure.routes import bp as erasure_bp
from server.files.routes import bp as files_bp
from server.logs import configure_logs
from server.nodes import gate
from server.nodes.routes import bp as nodes_bp
from server.seal import seal
from server.settings import Settings
from server.web import health, live, openapi, problems, refusals, security, static, sync_routes
from server.web.gauges import TownGauges


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI app. Opens the database; does not migrate it (that is `flask migrate`)."""
    chosen = settings if settings is not None else Settings.from_env()
    configure_logs(chosen.log_level)
    app = Flask("xunan", static_folder=None)
    app.extensions["xunan"] = chosen
    app.config["MAX_CONTENT_LENGTH"] = chosen.body_bytes_max
    chosen.data_dir.mkdir(parents=True, exist_ok=True)
    app.config["SQLALCHEMY_DATABASE_URI"] = chosen.database_url
    db.init_app(app)
    seal.init(chosen.data_keys)
    app.extensions["xunan_refusals"] = refusals.Bounds()
    app.extensions["xunan_gauges"] = TownGauges(chosen.data_dir, chosen.backup_dir)
    app.extensions["xunan_brakes"] = Brakes(chosen.redis_url, chosen.brakes_times)
    problems.install(app)
    security.install(app, https=chosen.base_url.startswith("https://"))
    for blueprint in (accounts_bp, sync_routes.bp, live.bp, files_bp, centre_bp, rescue_bp, erasure_bp, nodes_bp, openapi.bp, health.bp):
        app.register_blueprint(blueprint)
    static.install(app, chosen.pwa_dir)
    gate.install(app, chosen)
    live.install()
    jobs.install(app, chosen)
    commands.install(app)

    @app.after_request
    def _close_reads(response: Response) -> Response:
        if not response.is_streamed:
            db.session.rollback()
        return response

    return app
