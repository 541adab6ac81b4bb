"""Settings: strict, and no start with a default secret outside dev."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from server.settings import DEV_DATA_KEY, Settings, SettingsError

KEY = base64.b64encode(bytes(range(32))).decode()


def test_production_refuses_the_default_secret_and_the_default_data_key() -> None:
    with pytest.raises(SettingsError, match="XUNAN_SECRET_KEY"):
        Settings.from_env({"XUNAN_ENV": "prod", "XUNAN_DATA_KEYS": KEY})
    for value in ("", base64.b64encode(DEV_DATA_KEY).decode(), f"{KEY},{base64.b64encode(DEV_DATA_KEY).decode()}"):
        with pytest.raises(SettingsError, match="XUNAN_DATA_KEYS"):
            Settings.from_env({"XUNAN_ENV": "prod", "XUNAN_SECRET_KEY": "x" * 40, "XUNAN_DATA_KEYS": value})


@pytest.mark.parametrize("value", ["short", KEY[:-4], f"{KEY},short", "钥匙"])
def test_a_key_that_is_no_key_is_named_but_not_shown(value: str) -> None:
    with pytest.raises(SettingsError, match="XUNAN_DATA_KEYS") as refused:
        Settings.from_env({"XUNAN_DATA_KEYS": value})
    assert value not in str(refused.value)
    assert KEY[:8] not in repr(Settings.from_env({"XUNAN_DATA_KEYS": KEY}))


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x" * 40 + "\n")
    settings = Settings.from_env({"XUNAN_ENV": "prod", "XUNAN_SECRET_KEY_FILE": str(path), "XUNAN_DATA_KEYS": KEY})
    assert settings.secret_key == "x" * 40
    assert settings.demo_password is None


@pytest.mark.parametrize("value", ["0", "-1", "many", "100000"])
def test_a_bad_number_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match="XUNAN_GRANT_DAYS"):
        Settings.from_env({"XUNAN_GRANT_DAYS": value})


def test_the_audit_log_cannot_be_kept_for_less_than_183_days() -> None:
    with pytest.raises(SettingsError, match="XUNAN_AUDIT_DAYS_MIN"):
        Settings.from_env({"XUNAN_AUDIT_DAYS_MIN": "30"})
