"""Masked values: enough to recognise a row, never enough to find or call the person (M-50)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.centre import masking
from sync.fields import Field, Kind

SHARED = Path(__file__).parents[2] / "masked_values.json"
NAME = Field("name", "姓名", "Name", "register", "text", privacy="personal")
SITUATION = Field("situation", "情况说明", "Situation", "register", "note", privacy="personal")
NOTE = Field("note", "备注", "Note", "register", "note")
PERSON = Kind("person", "人员", "Person", "station", (NAME, SITUATION, NOTE), (), "name", personal=True)


@pytest.mark.parametrize(("name", "full", "shown"), json.loads(SHARED.read_text(encoding="utf-8")))
def test_the_centre_masks_as_the_handheld_does(name: str, full: str, shown: str) -> None:
    assert masking.mask_value(PERSON, Field(name, name, name, "register", "text", privacy="personal"), full) == shown


@pytest.mark.parametrize(
    ("full", "shown"),
    [("张三", "张**"), ("张三丰", "张**"), ("欧阳锋", "欧阳**"), ("欧阳", "欧**"), ("", ""), ("Anna", "A**")],
)
def test_a_name_keeps_only_the_family_name(full: str, shown: str) -> None:
    assert masking.mask_name(full) == shown


@pytest.mark.parametrize(
    ("full", "shown"), [("13812341234", "138****1234"), ("021-50001234", "021*****1234"), ("110", "***")]
)
def test_a_phone_keeps_three_and_four(full: str, shown: str) -> None:
    assert masking.mask_phone(full) == shown


def test_an_identity_number_keeps_one_and_two() -> None:
    assert masking.mask_id("31011519400101123X") == "3" + "*" * 15 + "3X"


@pytest.mark.parametrize(
    ("full", "shown"),
    [
        ("示例镇第七居委会幸福路12弄3号501室", "示例镇第七居委会***"),
        ("示例镇海滨村三组12号", "示例镇海滨村***"),
        ("示例镇幸福路12弄3号", "示例镇***"),
        ("幸福路12弄3号", "***"),
    ],
)
def test_an_address_keeps_the_committee_and_hides_the_door(full: str, shown: str) -> None:
    assert masking.mask_address(full) == shown


def test_an_unknown_personal_field_is_hidden_completely() -> None:
    assert masking.mask_value(PERSON, SITUATION, "独居,糖尿病") == masking.HIDDEN


def test_numbers_quoted_in_a_note_about_a_person_are_masked() -> None:
    shown = masking.mask_value(PERSON, NOTE, "儿子13812341234,证件31011519400101123X")
    assert "13812341234" not in shown
    assert "31011519400101123X" not in shown
    assert shown.startswith("儿子138")


def test_codes_of_a_person_record_are_not_taken_for_numbers() -> None:
    block = Field("block", "责任块", "Block", "register", "text")
    assert masking.mask_value(PERSON, block, "310199101007008") == "310199101007008"


def test_masking_twice_reveals_nothing_more() -> None:
    once = masking.mask_value(PERSON, NAME, "欧阳锋")
    assert masking.mask_value(PERSON, NAME, once) == once
