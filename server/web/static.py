"""Serves the built PWA: hashed assets for ever, the entry and the service worker always checked again."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Flask, Response, send_from_directory
from werkzeug.security import safe_join

from server.errors import fail

# Longer than any file of the app, shorter than what a file system takes.
NAME_MAX = 200


def install(app: Flask, folder: Path) -> None:
    """Register the catch-all; must come after every API blueprint."""
    bp = Blueprint("pwa", __name__)

    @bp.get("/")
    @bp.get("/<path:name>")
    def pwa(name: str = "index.html") -> Response:
        if name.startswith("api/") or len(name) > NAME_MAX:
            raise fail("not_found")
        found = safe_join(str(folder), name)
        if found is None:
            raise fail("not_found")
        if not Path(found).is_file():
            if "." in name.rsplit("/", 1)[-1]:
                raise fail("not_found")
            name = "index.html"
        if not (folder / name).is_file():
            return Response("The app is not built yet: run `make build`.\n", status=503, mimetype="text/plain")
        hashed = name.startswith("assets/")
        response = send_from_directory(folder, name, max_age=31_536_000 if hashed else 0, conditional=True)
        if hashed:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        else:
            response.headers["Cache-Control"] = "no-cache"
        return response

    app.register_blueprint(bp)
