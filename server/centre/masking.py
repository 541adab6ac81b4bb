"""What a personal value looks like on a screen or in a workbook before anyone has given a reason to see it.

Owns the masking rules (M-50, "可见敏感数据脱敏"; vocabulary 1.6); pwa/src/components/masking.ts has the same, tests/masked_values.json holds both to it. Pure: no database, no request, no clock.
Invariants: a masked value never contains enough to identify the person or call the number; an unknown personal field is
hidden completely rather than shown; masking an already masked value changes nothing that matters (no data is added).
"""

from __future__ import annotations

import re
from typing import Any

from sync.fields import Field, Kind

HIDDEN = "（已隐藏）"
STAR = "*"

# Two-character family names that occur in ordinary rosters; anything else is taken as a one-character family name.
COMPOUND_SURNAMES = frozenset(
    ["欧阳", "太史", "端木", "上官", "司马", "东方", "独孤", "南宫", "万俟", "闻人", "夏侯", "诸葛", "尉迟", "公羊", "赫连", "澹台", "皇甫", "宗政", "濮阳", "公冶", "太叔", "申屠", "公孙", "慕容", "仲孙", "钟离", "长孙", "宇文", "司徒", "鲜于", "司空", "闾丘", "子车", "亓官", "司寇", "巫马", "公西", "颛孙", "壤驷", "公良", "漆雕", "乐正", "宰父", "谷梁", "拓跋", "夹谷", "轩辕", "令狐", "段干", "百里", "呼延", "东郭", "南门", "羊舌", "微生", "梁丘", "左丘", "东门", "西门", "第五", "纳兰"]
)

# The part of an address that names the committee may be shown: it tells where, not who.
_COMMITTEE = re.compile(r"^.*?(?:居民委员会|村民委员会|居委会|村委会|居民区|居委|社区|[^\s农]村)")
_TOWN = re.compile(r"^.*?(?:街道|镇|乡)")
_ID_IN_TEXT = re.compile(r"(?<![0-9])[0-9]{17}[0-9Xx](?![0-9])|(?<![0-9])[0-9]{15}(?![0-9])")
_PHONE_IN_TEXT = re.compile(r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])|(?<![0-9])0[0-9]{2,3}-?[0-9]{7,8}(?![0-9])")

PHONE_HEAD, PHONE_TAIL = 3, 4
ID_HEAD, ID_TAIL = 1, 2


def mask_name(value: str) -> str:
    """`张三` and `张三丰` → `张**`, `欧阳锋` → `欧阳**`. Two stars always: the length of a given name is a clue as well."""
    text = value.strip()
    if not text:
        return ""
    if len(text) >= 3 and text[:2] in COMPOUND_SURNAMES:
        return text[:2] + STAR * 2
    return text[0] + STAR * 2


def mask_phone(value: str) -> str:
    """Keep three and four characters of a full number; a number too short for that is hidden completely."""
    text = value.strip()
    if not text:
        return ""
    hidden = len(text) - PHONE_HEAD - PHONE_TAIL
    if hidden < 3:
        return STAR * len(text)
    return text[:PHONE_HEAD] + STAR * hidden + text[-PHONE_TAIL:]


def mask_id(value: str) -> str:
    """Keep the first and the last two characters of an identity number."""
    text = value.strip()
    if not text:
        return ""
    hidden = len(text) - ID_HEAD - ID_TAIL
    if hidden < 3:
        return STAR * len(text)
    return text[:ID_HEAD] + STAR * hidden + text[-ID_TAIL:]


def mask_address(value: str) -> str:
    """Keep the part up to the committee (or, failing that, the town); hide lane, building and room."""
    text = value.strip()
    if not text:
        return ""
    found = _COMMITTEE.match(text) or _TOWN.match(text)
    kept = found.group(0) if found else ""
    return kept if kept == text else kept + STAR * 3


def mask_text(value: str) -> str:
    """Free text that is not itself personal may still quote an identity or telephone number: mask those."""
    masked = _ID_IN_TEXT.sub(lambda m: mask_id(m.group(0)), value)
    return _PHONE_IN_TEXT.sub(lambda m: mask_phone(m.group(0)), masked)


def is_masked_field(field: Field | None) -> bool:
    """Whether the declaration says that this field's value is about a person."""
    return field is not None and field.privacy != "none"


def mask_value(kind: Kind | None, field: Field | None, value: Any) -> Any:
    """The value as a reader without a reason sees it. What a personal kind carries undeclared (a newer app) is hidden."""
    if value is None:
        return None
    personal = kind is not None and kind.personal
    if field is None:
        return HIDDEN if personal else value
    if field.privacy == "none":
        # Only prose is scrubbed: ids, block codes and dates are digits too and must stay whole.
        return mask_text(value) if personal and field.type == "note" and isinstance(value, str) else value
    if not isinstance(value, str):
        return HIDDEN
    name = field.name
    if name.endswith("phone") or name == "tel":
        return mask_phone(value)
    if name in ("id_no", "id_card"):
        return mask_id(value)
    if name.endswith("address"):
        return mask_address(value)
    if name == "name" or name.endswith(("_name", "contact")):
        return mask_name(value)
    return HIDDEN if value else ""
