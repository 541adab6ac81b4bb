"""Settings: strict, and no start with a default secret outside dev."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.settings import Settings, SettingsError


def test_production_refuses_the_default_secret() -> None:
    with pytest.raises(SettingsError, match="XUNAN_SECRET_KEY"):
        Settings.from_env({"XUNAN_ENV": "prod"})


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x" * 40 + "\n")
    settings = Settings.from_env({"XUNAN_ENV": "prod", "XUNAN_SECRET_KEY_FILE": str(path)})
    assert settings.secret_key == "x" * 40
    assert settings.demo_password is None


@pytest.mark.parametrize("value", ["0", "-1", "many", "100000"])
def test_a_bad_number_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match="XUNAN_GRANT_DAYS"):
        Settings.from_env({"XUNAN_GRANT_DAYS": value})


def test_the_audit_log_cannot_be_kept_for_less_than_183_days() -> None:
    with pytest.raises(SettingsError, match="XUNAN_AUDIT_DAYS_MIN"):
        Settings.from_env({"XUNAN_AUDIT_DAYS_MIN": "30"})
