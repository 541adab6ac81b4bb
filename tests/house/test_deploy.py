"""What lies in server/deploy fits the program: settings, commands, paths; images are pinned; nothing secret is in it."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from server import commands
from server.db import POOL_OVERFLOW, POOL_SIZE
from tests.house.sources import ROOT

DEPLOY = ROOT / "server" / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
TEXTS = [path for path in DEPLOY.rglob("*") if path.is_file()]
GUNICORN = {"WEB_WORKERS", "WEB_THREADS"}


def known_settings() -> set[str]:
    text = (ROOT / "server" / "settings.py").read_text()
    return {f"XUNAN_{name}" for name in re.findall(r'\(env, "([A-Z0-9_]+)"', text)}


def known_commands() -> set[str]:
    app = Flask("deploy")
    commands.install(app)
    return set(app.cli.commands)


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_every_setting_named_is_one() -> None:
    named = {name for path in TEXTS for name in re.findall(r"XUNAN_[A-Z0-9_]+", path.read_text())}
    assert {name.removesuffix("_FILE") for name in named} <= known_settings()


def test_the_example_sets_what_a_town_must_decide() -> None:
    lines = [line.partition("=") for line in (DEPLOY / "xunan.env.example").read_text().splitlines() if line and not line.startswith("#")]
    values = {name: value for name, _, value in lines}
    assert {"XUNAN_ENV", "XUNAN_BASE_URL", "XUNAN_SECRET_KEY_FILE", "XUNAN_DATABASE_URL_FILE", "XUNAN_TRUSTED_PROXIES"} <= values.keys()
    assert values["XUNAN_ENV"] == "prod"
    assert not {name for name in values if name.endswith(("SECRET_KEY", "PASSWORD", "S3_ACCESS_KEY"))}
    assert {name for name in values if not name.startswith("XUNAN_")} == GUNICORN


def test_every_flask_command_exists() -> None:
    named = {name for path in TEXTS for name in re.findall(r"flask(?:\", \"| )--app(?:\", \"| )wsgi(?:\", \"| )([a-z-]+)", path.read_text())}
    assert {"migrate", "worker", "backup", "restore", "verify", "doctor"} <= named <= known_commands()


def test_compose_hangs_together(compose: Any) -> None:
    services = compose["services"]
    for name, service in services.items():
        image = service.get("image", "")
        assert re.search(r":\d+\.\d+|:\d+-", image), f"{name}: {image} is not pinned"
        assert set(service.get("depends_on", {})) <= services.keys()
        assert set(service["networks"]) <= compose["networks"].keys()
        assert set(service.get("secrets", [])) <= compose["secrets"].keys()
        assert name == "proxy" or "ports" not in service, f"{name} is reachable from outside"
    assert compose["networks"]["inside"]["internal"] is True
    assert {name for name, service in services.items() if service.get("build")} == {"migrate", "web", "worker"}


def test_the_database_takes_every_connection_the_workers_may_open(compose: Any) -> None:
    workers = re.search(r"^WEB_WORKERS=(\d+)$", (DEPLOY / "xunan.env.example").read_text(), re.M)
    most = re.search(r"max_connections=(\d+)", " ".join(compose["services"]["database"]["command"]))
    assert workers is not None
    assert most is not None
    reserve = POOL_SIZE + 3  # the job worker, and what PostgreSQL keeps for its administrator
    assert int(most[1]) >= int(workers[1]) * (POOL_SIZE + POOL_OVERFLOW) + reserve


def test_the_dockerfile_copies_what_is_there() -> None:
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
    assert re.findall(r"^FROM (\S+:\d\S+)", (DEPLOY / "Dockerfile").read_text(), re.M)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_whole(unit: Path) -> None:
    parsed = configparser.RawConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment]
    parsed.read(unit)
    assert parsed["Unit"]["Description"]
    if unit.suffix == ".timer":
        assert parsed["Install"]["WantedBy"] == "timers.target"
        return
    service = parsed["Service"]
    assert service["User"] == "xunan"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["EnvironmentFile"] == "/etc/xunan/xunan.env"


def test_the_proxy_passes_what_must_not_be_held_back() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    blocks = dict(re.findall(r"location ([^{]+?) \{([^}]*)\}", text))
    assert "proxy_buffering off" in blocks["/api/v1/live"]
    assert "proxy_request_buffering off" in blocks["~ ^/api/v1/(files|centre/rescue)"]
    assert "return 404" in blocks["= /metrics"]
    assert "X-Forwarded-For $remote_addr" in text
    assert "$request_uri" not in text.partition("log_format")[2].partition(";")[0]
