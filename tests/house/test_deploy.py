"""What lies in server/deploy fits the program: settings, commands, paths; images are pinned; nothing secret is in it."""

from __future__ import annotations

import configparser
import re
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from server import commands
from server.db import POOL_OVERFLOW, POOL_SIZE
from tests.house.sources import ROOT
from tests.tools.tls import serving

DEPLOY = ROOT / "server" / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
TEXTS = [path for path in DEPLOY.rglob("*") if path.is_file()]
# Settings that are not ours: gunicorn.conf.py, and where boto3 finds the authority inside.
OTHERS = {"WEB_WORKERS", "WEB_THREADS", "AWS_CA_BUNDLE"}


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
    assert {name for name in values if not name.startswith("XUNAN_")} == OTHERS


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
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, f"{name}: its log grows for ever"
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


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


def metrics_of_the_program() -> set[str]:
    """Names that stand in the code; a counter, a histogram and a gauge are exposed under these."""
    text = "".join((ROOT / path).read_text(encoding="utf-8") for path in ("server/web/metrics.py", "server/web/gauges.py", "server/ledger/push.py"))
    return set(re.findall(r'"(xunan_[a-z_]+)"', text))


def test_every_metric_of_an_alert_exists() -> None:
    known = metrics_of_the_program()
    for rule in alerts():
        named = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bxunan_[a-z_]+", rule["expr"])}
        assert named, rule["alert"]
        assert named <= known, f"{rule['alert']}: {named - known}"


def test_what_an_operator_must_hear_of_has_an_alert() -> None:
    told = " ".join(rule["expr"] for rule in alerts())
    for name in (
        "xunan_up", "xunan_device_unsent_ops", "xunan_device_unsent_files", "xunan_device_oldest_unsent_seconds", "xunan_device_behind_changes",
        "xunan_conflicts_open", "xunan_quarantine_open", "xunan_parked_records", "xunan_job_due_ms", "xunan_disk_free_bytes", "xunan_disk_days_left",
        "xunan_backup_age_seconds", "xunan_hub_met_ms", "xunan_requests_total", "xunan_refusals_total",
    ):  # fmt: skip
        assert name in told, f"nobody is told of {name}"


def test_the_runbook_says_what_to_do_for_each_alert() -> None:
    text = (DEPLOY / "RUNBOOK.md").read_text()
    told = re.findall(r"^\| `(Xunan\w+)` \|", text, re.M)
    assert sorted(told) == sorted(rule["alert"] for rule in alerts())
    for rule in alerts():
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_what_runs_between_the_services_is_encrypted(compose: Any) -> None:
    example = (DEPLOY / "xunan.env.example").read_text()
    assert "sslmode=verify-full" in example
    assert "rediss://" in example
    assert "XUNAN_S3_URL=https://" in example
    for name, words in (("database", "-cssl=on"), ("queue", "--tls-port"), ("files", "-s3.port.https")):
        assert any(words in part for part in compose["services"][name]["command"]), name
        assert {f"{name}.crt", f"{name}.key"} <= set(compose["services"][name]["secrets"])


def test_the_certificates_inside_are_believed_under_their_names_only(tmp_path: Path) -> None:
    subprocess.run(["sh", str(DEPLOY / "inside_certs.sh"), str(tmp_path)], check=True)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".key" and path.stat().st_mode & 0o077] == []
    trusting = ssl.create_default_context(cafile=str(tmp_path / "inside_ca.crt"))
    for name in ("database", "queue", "files"):
        with serving(tmp_path / f"{name}.crt", tmp_path / f"{name}.key") as url:
            port = int(url.rsplit(":", 1)[1])
            with socket.create_connection(("127.0.0.1", port)) as plain, trusting.wrap_socket(plain, server_hostname=name) as secure:
                assert secure.version() == "TLSv1.3"
            with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(ssl.SSLCertVerificationError):
                trusting.wrap_socket(plain, server_hostname="town.example")
