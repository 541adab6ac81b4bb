"""Serves the built PWA: hashed assets for ever, the entry and the service worker always checked again.

A hashed asset goes out packed where the build left it so (pwa/vite.config.ts): a new handheld may stand behind a narrow link.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path

from flask import Blueprint, Flask, Response, request, send_from_directory
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
        # The disk is asked about the path made safe, never about the one that was sent.
        if not Path(found).is_file():
            if "." in name.rsplit("/", 1)[-1]:
                raise fail("not_found")
            name, found = "index.html", str(folder / "index.html")
        if not Path(found).is_file():
            return Response("The app is not built yet: run `make build`.\n", status=503, mimetype="text/plain")
        hashed = name.startswith("assets/")
        packed = hashed and bool(request.accept_encodings["gzip"]) and (folder / f"{name}.gz").is_file()
        response = send_from_directory(
            folder, f"{name}.gz" if packed else name, mimetype=mimetypes.guess_type(name)[0], max_age=31_536_000 if hashed else 0, conditional=True
        )
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        if hashed:
            response.headers.add("Vary", "Accept-Encoding")
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        else:
            response.headers["Cache-Control"] = "no-cache"
        return response

    app.register_blueprint(bp)
