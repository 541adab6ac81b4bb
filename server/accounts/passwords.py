"""Which passwords are too easy: short, without letters and digits, leaked, or what everybody would try first.

Owns the rule; knows no user but by the words it is given. Guessers begin with a common word and a common number, the keyboard's rows, one
character repeated, and the name of the person: such a password falls within the tries an attacker has, whatever its length. The words of
Chinese habits stand here; zxcvbn brings the 30,000 most frequent leaked passwords, names, words and what people do with them (p@ssw0rd,
a year behind), all offline. Source: OWASP ASVS 5.0.0 V6.2.4 and V6.2.12, GB/T 22239-2019 8.1.4.1 (身份鉴别信息具有复杂度要求).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from zxcvbn import zxcvbn

FORM = re.compile(r"(?=.*[A-Za-z])(?=.*\d).{10,200}\Z", re.DOTALL)
# Latin words and pinyin that head the published lists of leaked passwords, and those of this product.
WORDS = frozenset(
    ["password", "passwd", "pass", "admin", "administrator", "root", "user", "test", "guest", "welcome", "login", "letmein", "master", "monkey", "dragon", "sunshine", "princess", "football", "iloveyou", "love", "hello", "abc", "abcd", "abcde", "abcdef", "abcabc", "aaa", "asd", "asdf", "asdfgh", "asdfghjkl", "qwe", "qwer", "qwert", "qwerty", "qwertyuiop", "zxc", "zxcv", "zxcvbn", "zxcvbnm", "qaz", "wsx", "qazwsx", "qazwsxedc", "woaini", "woaiwo", "aini", "wang", "zhang", "liu", "chen", "yang", "huang", "zhao", "zhou", "wu", "xu", "sun", "china", "zhongguo", "shanghai", "beijing", "mima", "anquan", "zhuren", "zhanzhang", "xunan", "xuncha", "yingji", "chengyun", "chengguan", "huawei", "xiaomi", "taobao", "weixin", "alipay", "tencent", "qq", "wo", "woshishui", "caonima", "nihao", "mingming", "xiaoming", "xiaoxiao", "baobao", "laopo", "laogong", "liuchang", "zhangwei", "wangwei", "liwei", "li", "ma", "zhu", "hu", "guo", "lin", "he", "gao", "liang", "song", "tang", "chongming", "shanxi", "guangzhou", "shenzhen", "fangxun", "fangtai", "taifeng", "juwei", "juweihui", "cunwei", "jiedao", "zhengfu", "gongan", "wangge", "zhongxin", "computer", "internet", "windows", "p", "pw", "a", "x"]
)
NUMBERS = frozenset(["520", "521", "1314", "5201314", "1314520", "888", "666", "110", "119", "120", "007", "911", "147", "258", "369", "147258369", "159", "357", "159357", "123321", "112233", "121212", "101010"])
ROWS = ("01234567890123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz")
NAME_CHARACTERS_MIN = 3
# In tries, as a power of ten: what a stolen hash would lose within a day or so.
GUESSES_LOG10_MIN = 8
# Its time grows with the square of the length, and nobody guesses forty characters.
JUDGED_CHARACTERS_MAX = 40


def is_weak(password: str, names: Iterable[str] = ()) -> bool:
    """Whether a password must be refused; `names` are what belongs to the person, as the user name."""
    if not FORM.match(password):
        return True
    folded = password.lower()
    if any(len(name) >= NAME_CHARACTERS_MIN and name.lower() in folded for name in names):
        return True
    if len(set(folded)) <= 3:
        return True
    if len(password) <= JUDGED_CHARACTERS_MAX and zxcvbn(password)["guesses_log10"] < GUESSES_LOG10_MIN:
        return True
    parts = re.findall(r"[a-z]+|\d+", folded)
    return all(_is_common(part) for part in parts) and re.sub(r"[a-z0-9!@#$%^&?+=,.*_\-]", "", folded) == ""


def _is_common(part: str) -> bool:
    """A word or number everybody would try: from the lists, a year, a repetition, or a run along a row of keys."""
    if part in WORDS or len(set(part)) == 1 or re.fullmatch(r"(19|20)\d\d(\d|(0[1-9]|1[0-2])([0-2]\d|3[01]))?", part):
        return True
    if _are_numbers(part):
        return True
    runs = any(part in row or part in row[::-1] for row in ROWS)
    return runs or re.fullmatch(r"(.{1,4})\1+", part) is not None


def _are_numbers(part: str) -> bool:
    """Common numbers one behind the other. Position by position: what can be split in many ways must not take long."""
    reached = {0}
    for at in range(len(part)):
        if at in reached:
            reached |= {at + len(each) for each in NUMBERS if part.startswith(each, at)}
    return len(part) in reached
