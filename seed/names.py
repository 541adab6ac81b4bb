"""Names of the fictional 示例镇: stations shaped like a real unit list, and people who cannot be anybody.

Pure functions of a random.Random. Some neighbourhood committees carry 村 in their name, as a fifth of the real ones do: only
the suffix and the code tell 居 from 村.
"""

from __future__ import annotations

from random import Random

ESTATES = ["海棠", "望潮", "听涛", "芦荡", "银杏", "枫林", "晨曦", "星河", "港湾", "听雨", "竹园", "梅园", "兰亭", "菊园", "云锦", "彩虹", "白鹭", "金滩", "蓝湾", "观澜"]
VILLAGES = ["东塘", "西塘", "南浜", "北浜", "新垦", "盐仓", "渔港", "沙头", "老宅", "大圩", "小圩", "界河", "石桥"]
SURNAMES = ["示", "例", "演", "练", "样", "测", "试", "虚"]
GIVEN = ["安", "宁", "平", "和", "顺", "康", "乐", "福", "祥", "瑞", "吉", "泰", "明", "华", "珍", "芳", "英", "兰", "梅", "桂", "福生", "阿根", "秀英", "桂芳", "国强", "建华", "小妹", "阿宝"]
INITIALS = {"示": "s", "例": "l", "演": "y", "练": "l", "样": "y", "测": "c", "试": "s", "虚": "x"}
GIVEN_INITIALS = dict(
    zip(GIVEN, ["a", "n", "p", "h", "s", "k", "l", "f", "x", "r", "j", "t", "m", "h", "z", "f", "y", "l", "m", "g", "fs", "ag", "xy", "gf", "gq", "jh", "xm", "ab"], strict=True)
)
NUMERALS = "一二三四五六七八九"


def station_names(count: int) -> list[tuple[str, str, str]]:
    """(code suffix, name, committee_type) for `count` stations: about 35 of 48 neighbourhoods, codes with gaps."""
    villages = max(1, count * 13 // 48)
    rows: list[tuple[str, str, str]] = []
    for index in range(count - villages):
        base = ESTATES[index % len(ESTATES)]
        round_ = index // len(ESTATES)
        # 海棠一村居委会 is a neighbourhood although its name says 村.
        name = f"{base}{NUMERALS[round_]}村居委会" if index % 4 == 0 else f"{base}{'第' + NUMERALS[round_]}居委会"
        rows.append((f"{1 + index + index // 7:03d}", name, "neighbourhood"))
    for index in range(villages):
        base = VILLAGES[index % len(VILLAGES)] + (NUMERALS[index // len(VILLAGES)] if index >= len(VILLAGES) else "")
        rows.append((f"{200 + index + index // 5:03d}", f"{base}村村委会", "village"))
    return rows


def person_name(random: Random) -> tuple[str, str]:
    """(name, pinyin initials) of an invented person; the surnames read 示例, 演练, 样…, no family has them."""
    surname, given = random.choice(SURNAMES), random.choice(GIVEN)
    return surname + given, INITIALS[surname] + GIVEN_INITIALS[given]


def impossible_id(random: Random) -> str:
    """An 18-character identity number whose check digit is wrong, so that it can be nobody's."""
    digits = f"310199{random.randint(1936, 1960)}{random.randint(1, 12):02d}{random.randint(1, 28):02d}{random.randint(0, 999):03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    right = "10X98765432"[sum(int(d) * w for d, w in zip(digits, weights, strict=True)) % 11]
    return digits + ("0" if right != "0" else "1")


def demo_phone(random: Random) -> str:
    """A number of a range that is not given out."""
    return f"1990000{random.randint(0, 9999):04d}"
