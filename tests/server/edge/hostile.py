"""What no client of ours would send, for any operation: bodies, values, path variables and headers, each with a name."""

from __future__ import annotations

import gzip
import json
from typing import Any

DEEP = 50_000
# Bodies as bytes, whatever the operation expects.
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "cut off": b'{"name": "\xe5\xbc',
    "no UTF-8": b'\xff\xfe{"a": 1}',
    "a list": b"[]",
    "null": b"null",
    "a number": b"9223372036854775808",
    "no number": b'{"page": NaN, "size": Infinity}',
    "deep lists": b"[" * DEEP,
    "deep maps": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "half a surrogate": b'{"q": "\\ud800", "name": "\\udfff"}',
    "a key twice": b'{"q": 1, "q": "\xe4\xb8\x80", "page": "2", "page": 1}',
    "inherited names": b'{"__proto__": {"role": "admin"}, "constructor": 1}',
    "packed, not said": gzip.compress(b'{"q": "x"}'),
}
# Values for a field, whatever its type.
VALUES: dict[str, Any] = {
    "null": None, "empty": "", "NUL": "a\x00b", "2^63": 2**63, "-2^63-1": -(2**63) - 1, "fraction": 1.5, "map": {"a": {}}, "list of wrong": [None, 1, "\x00", []],
    "long": "长" * 40_000, "deep": json.loads("[" * 200 + "]" * 200),
    "words": "\u202e\u2066аdmin\r\n../../etc/passwd'; DROP TABLE op_log; --<img src=x onerror=alert(1)>",
}  # fmt: skip
# Ends of addresses, already quoted.
PARTS: dict[str, str] = {
    "NUL": "%00", "up": "..%2f..%2f..%2fetc%2fpasswd", "dots": "%2e%2e", "2^63": "9223372036854775808", "many digits": "9" * 60, "below": "-1", "superscript": "%C2%B2",
    "no UTF-8": "%ff%fe", "surrogate": "%ed%a0%80", "long": "x" * 3000, "words": "%E2%80%AE%E7%94%B2%0d%0aSet-Cookie:%20a=b%7B0.__class__%7D%3Cscript%3E..%5cx",
}  # fmt: skip
# What databases do not agree about; the rest is refused before any of them hears of it.
DATABASE = ("NUL", "2^63", "-2^63-1", "list of wrong", "many digits", "superscript", "surrogate", "words")
HEADERS: dict[str, dict[str, str]] = {
    "range": {"Range": "bytes=99999999999999999999-", "If-Range": '"x"'},
    "ranges": {"Range": "bytes=" + ",".join(["0-"] * 500)},
    "packed": {"Content-Encoding": "gzip"},
    "unknown packing": {"Content-Encoding": "br, gzip, zstd"},
    "offers": {"Accept": "*/*;q=NaN", "Accept-Encoding": "gzip;q=99999, *;q=-1", "Accept-Language": "x" * 2000},
    "from elsewhere": {"Origin": "null", "Referer": "javascript:alert(1)", "X-Forwarded-For": "<script>, 'x", "Cookie": "token=a; session=b"},
    "clock": {"Date": "Thu, 01 Jan 1901 00:00:00 GMT", "If-Modified-Since": "Fri, 31 Dec 9999 23:59:59 GMT", "If-None-Match": "*"},
    "lies": {"X-HTTP-Method-Override": "DELETE", "X-Original-URL": "/admin", "Upload-Metadata": "sha256 \u00ff,,, x", "Upload-Length": "-1", "Upload-Checksum": "md5 x"},
}  # fmt: skip
