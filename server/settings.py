"""Configuration: one frozen object, read once from the environment and handed to `create_app`.

Owns names, defaults and checks of every setting; nothing else in the server reads the environment. A secret may come from a
file named by `<NAME>_FILE`. Outside `dev` the server refuses to start with a default secret.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEV_SECRET = "dev-only-secret-do-not-use-in-production"
MIN_SECRET_CHARS = 32
# Public, so that a demo needs no set-up; refused outside dev.
DEV_DATA_KEY = b"dev-only-data-key-do-not-use-it!"
WEB_THREADS = 32
DATA_KEY_BYTES = 32


class SettingsError(ValueError):
    """A setting is missing or unreadable; the message names it and what would be right."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a deployer decides. Paths are absolute after `from_env`."""

    env: str = "dev"
    database_url: str = "sqlite:///var/xunan.db"
    data_dir: Path = Path("var")
    secret_key: str = DEV_SECRET
    data_keys: tuple[bytes, ...] = field(default=(DEV_DATA_KEY,), repr=False)
    redis_url: str | None = None
    s3_url: str | None = None
    s3_bucket: str = "xunan"
    s3_access_key: str | None = None
    s3_secret_key: str | None = None
    town_name: str = "示例镇"
    base_url: str = "http://127.0.0.1:8000"
    other_base_urls: tuple[str, ...] = ()
    pwa_dir: Path = Path("pwa/dist")
    demo_password: str | None = None
    grant_days: int = 45
    desk_second_factor: str = "off"
    desk_idle_minutes: int = 15
    desk_hours: int = 12
    handheld_lock_minutes: int = 10
    first_password_hours: int = 72
    enrol_code_hours: int = 72
    login_tries_max: int = 5
    login_lock_seconds: int = 300
    upload_bytes_max: int = 512 * 1024 * 1024
    body_bytes_max: int = 2 * 1024 * 1024
    live_streams_max: int = 16
    trusted_proxies: int = 0
    rescue_kept_bytes_max: int = 16 * 1024**3
    audit_days_min: int = 183
    brakes_times: int = 1
    unmasks_per_day: int = 300
    exports_per_day: int = 200
    clear_exports_per_day: int = 20
    backup_dir: Path | None = None
    centre_url: str | None = None
    centre_token: str | None = field(default=None, repr=False)
    metrics_token: str | None = field(default=None, repr=False)
    log_level: str = "INFO"

    @property
    def addresses(self) -> list[str]:
        """Every address of this server, the usual one first (M-67: 政务外网 and 专网)."""
        return [self.base_url, *self.other_base_urls]

    @property
    def is_hub(self) -> bool:
        """Whether this node belongs to a centre (P-60)."""
        return self.centre_url is not None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read `XUNAN_*`. Raises SettingsError naming the variable that is wrong."""
        env = os.environ if environ is None else environ
        mode = _choice(env, "ENV", ("dev", "prod"), "dev")
        settings = cls(
            env=mode,
            database_url=_text(env, "DATABASE_URL") or "sqlite:///var/xunan.db",
            data_dir=Path(_text(env, "DATA_DIR") or "var").resolve(),
            secret_key=_text(env, "SECRET_KEY") or DEV_SECRET,
            data_keys=_keys(env, "DATA_KEYS") or (DEV_DATA_KEY,),
            redis_url=_text(env, "REDIS_URL"),
            s3_url=_text(env, "S3_URL"),
            s3_bucket=_text(env, "S3_BUCKET") or "xunan",
            s3_access_key=_text(env, "S3_ACCESS_KEY"),
            s3_secret_key=_text(env, "S3_SECRET_KEY"),
            town_name=_text(env, "TOWN_NAME") or "示例镇",
            base_url=(_text(env, "BASE_URL") or "http://127.0.0.1:8000").rstrip("/"),
            other_base_urls=_urls(env, "OTHER_BASE_URLS"),
            pwa_dir=Path(_text(env, "PWA_DIR") or "pwa/dist").resolve(),
            demo_password=_text(env, "DEMO_PASSWORD") or ("xunan-demo-2026" if mode == "dev" else None),
            grant_days=_number(env, "GRANT_DAYS", 45, 1, 366),
            # A demo signs in with a password alone; a town's desks show everybody's data, so there it takes a decision to do without.
            desk_second_factor=_choice(env, "DESK_SECOND_FACTOR", ("off", "admins", "all"), "off" if mode == "dev" else "all"),
            desk_idle_minutes=_number(env, "DESK_IDLE_MINUTES", 15, 2, 120),
            desk_hours=_number(env, "DESK_HOURS", 12, 1, 72),
            handheld_lock_minutes=_number(env, "HANDHELD_LOCK_MINUTES", 10, 1, 240),
            first_password_hours=_number(env, "FIRST_PASSWORD_HOURS", 72, 1, 720),
            enrol_code_hours=_number(env, "ENROL_CODE_HOURS", 72, 1, 720),
            login_tries_max=_number(env, "LOGIN_TRIES_MAX", 5, 3, 20),
            login_lock_seconds=_number(env, "LOGIN_LOCK_SECONDS", 300, 10, 86_400),
            upload_bytes_max=_number(env, "UPLOAD_BYTES_MAX", 512 * 1024 * 1024, 1_048_576, 8 * 1024**3),
            body_bytes_max=_number(env, "BODY_BYTES_MAX", 2 * 1024 * 1024, 524_288, 64 * 1024**2),
            live_streams_max=min(_number(env, "LIVE_STREAMS_MAX", 16, 1, 10_000), _half_of_threads(env)),
            trusted_proxies=_number(env, "TRUSTED_PROXIES", 0, 0, 5),
            # Twice the largest bundle that is taken (rescue_routes.py): one that has to be kept finds room beside another. No law or standard names a figure.
            rescue_kept_bytes_max=_number(env, "RESCUE_KEPT_BYTES_MAX", 16 * 1024**3, 1_048_576, 1024**4),
            audit_days_min=_number(env, "AUDIT_DAYS_MIN", 183, 183, 36_500),
            brakes_times=_number(env, "BRAKES_TIMES", 1, 1, 1_000),
            unmasks_per_day=_number(env, "UNMASKS_PER_DAY", 300, 1, 100_000),
            exports_per_day=_number(env, "EXPORTS_PER_DAY", 200, 1, 100_000),
            clear_exports_per_day=_number(env, "CLEAR_EXPORTS_PER_DAY", 20, 1, 100_000),
            backup_dir=Path(folder).resolve() if (folder := _text(env, "BACKUP_DIR")) else None,
            centre_url=next(iter(_urls(env, "CENTRE_URL")), None),
            centre_token=_text(env, "CENTRE_TOKEN"),
            metrics_token=_text(env, "METRICS_TOKEN"),
            log_level=_choice(env, "LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
        )
        if mode != "dev" and (settings.secret_key == DEV_SECRET or len(settings.secret_key) < MIN_SECRET_CHARS):
            raise SettingsError(f"XUNAN_SECRET_KEY must be set to at least {MIN_SECRET_CHARS} characters outside dev")
        if mode != "dev" and DEV_DATA_KEY in settings.data_keys:
            raise SettingsError("XUNAN_DATA_KEYS must be set outside dev: `openssl rand -base64 32`")
        if (settings.centre_url is None) != (settings.centre_token is None):
            raise SettingsError("XUNAN_CENTRE_URL and XUNAN_CENTRE_TOKEN make a node a hub together: set both, or neither")
        return settings


def _text(env: Mapping[str, str], name: str) -> str | None:
    path = env.get(f"XUNAN_{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip() or None
        except OSError as error:
            raise SettingsError(f"XUNAN_{name}_FILE cannot be read: {error.strerror}") from None
    return (env.get(f"XUNAN_{name}") or "").strip() or None


def _choice(env: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = _text(env, name) or default
    if value not in allowed:
        raise SettingsError(f"XUNAN_{name} must be one of {', '.join(allowed)}")
    return value


def _urls(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    found = tuple(part.strip().rstrip("/") for part in (_text(env, name) or "").split(",") if part.strip())
    if wrong := [each for each in found if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+", each)]:
        raise SettingsError(f"XUNAN_{name}: {wrong[0]} is no address such as https://town.example")
    return found


def _keys(env: Mapping[str, str], name: str) -> tuple[bytes, ...]:
    """Keys separated by commas: the first seals, all open."""
    keys: list[bytes] = []
    for part in (each.strip() for each in (_text(env, name) or "").split(",")):
        try:
            keys += [base64.b64decode(part, validate=True)] if part else []
        except ValueError:
            keys.append(b"")
    if any(len(key) != DATA_KEY_BYTES for key in keys):
        raise SettingsError(f"XUNAN_{name}: a key is {DATA_KEY_BYTES} random bytes in base64: `openssl rand -base64 32`")
    return tuple(keys)


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = _text(env, name)
    if text is None:
        return default
    if not text.isdecimal() or not low <= int(text) <= high:
        raise SettingsError(f"XUNAN_{name} must be a whole number from {low} to {high}")
    return int(text)


def _half_of_threads(env: Mapping[str, str]) -> int:
    """A live stream holds a thread of its process; the other half always stays for pushes (gunicorn.conf.py reads the same name)."""
    text = (env.get("WEB_THREADS") or "").strip()
    return max(1, int(text if text.isdecimal() else WEB_THREADS) // 2)
