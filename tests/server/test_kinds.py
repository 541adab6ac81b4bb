"""The declarations: complete labels, sound lists, fresh generated files."""

from __future__ import annotations

import re

import pytest

from server.generate import kinds_ts, render, stale, types_ts
from server.kinds import KINDS, LISTS, MODELS
from sync.fields import Kind
from sync.judge import VERBS_OF_MERGE

HAN = re.compile(r"[\u4e00-\u9fff]")
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
ROLES = {"patroller", "head", "operator", "admin"}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_every_field_has_a_wire_name_and_labels_in_both_languages(kind: Kind) -> None:
    assert HAN.search(kind.zh) and kind.en
    assert kind.title_field in kind.field_by_name
    assert set(kind.write_roles) <= ROLES
    for field in kind.fields:
        assert NAME.match(field.name), field.name
        assert HAN.search(field.zh), field.name
        assert field.en and not HAN.search(field.en), field.name
        assert field.merge in VERBS_OF_MERGE
        assert field.ref is None or field.ref in KINDS
        if field.type in ("choice", "choices"):
            assert field.choices is not None and LISTS[field.choices.name] is field.choices


def test_every_list_names_its_source_and_no_code_twice() -> None:
    for choice_list in LISTS.values():
        codes = [choice.code for choice in choice_list.choices]
        assert choice_list.source
        assert len(set(codes)) == len(codes)
        assert all(NAME.match(code) for code in codes)
        assert all(HAN.search(choice.zh) for choice in choice_list.choices)


def test_official_lists_are_complete_m_03_m_28_m_39_m_48() -> None:
    def labels(name: str) -> list[str]:
        return [choice.zh for choice in LISTS[name].choices]

    assert len(labels("block_type")) == 14
    assert {"老旧房屋", "户外广告设施", "店招店牌", "违章搭建", "楼道堆物", "高空坠物", "电瓶车充电"} <= set(
        labels("hazard_type")
    )
    assert labels("stock_level") == ["镇", "居村", "家庭", "社会储备", "协议储备"]
    assert {"待转移", "已通知", "转移中", "已到达", "已返回", "拒转", "失联"} <= set(labels("transfer_status"))


def test_the_cautious_orders_put_the_worse_news_first() -> None:
    cautious = {name: each.cautious for name, each in LISTS.items() if each.cautious}
    assert cautious["severity"] == ("major", "general")
    assert cautious["transfer_status"][0] == "missing"
    assert cautious["hazard_status"][-1] == "closed"
    assert cautious["shelter_status"][-1] == "open"


def test_personal_kinds_mark_what_must_be_masked() -> None:
    person = KINDS["person"]
    assert person.personal
    private = {field.name for field in person.fields if field.privacy != "none"}
    assert {"name", "id_no", "phone", "address", "emergency_contact", "emergency_phone"} <= private


def test_every_kind_has_its_own_typed_table() -> None:
    assert {model.__tablename__ for model in MODELS.values()} == {f"k_{name}" for name in KINDS}


def test_generated_typescript_is_fresh() -> None:
    assert stale() == [], "run `python -m server.generate` and commit pwa/src/generated"


def test_generated_typescript_is_the_same_every_time() -> None:
    assert kinds_ts(KINDS.values(), LISTS.values()) == kinds_ts(KINDS.values(), LISTS.values())
    assert types_ts(KINDS.values(), LISTS.values()) == render()["types.ts"]
