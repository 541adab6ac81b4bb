"""The load generator at its smallest: what it reports is what is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.load.__main__ import main


def test_a_few_handhelds_come_back_and_everything_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "load.json"
    code = main(["--devices", "12", "--stations", "3", "--workers", "2", "--ops", "20", "--photos", "2", "--spread", "1", "--out", str(out)])
    told = capsys.readouterr().out
    assert code == 0, told
    assert "12 devices, 240 ops" in told
    figures = {each["name"]: each["value"] for each in json.loads(out.read_text())["figures"]}
    assert figures["refused for good"] == 0
