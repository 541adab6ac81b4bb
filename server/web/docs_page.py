"""The OpenAPI document as one plain HTML page: no script, no outside asset, works offline and under the CSP."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup, escape

_STYLE = Markup(
    """
body{font:16px/1.5 "Noto Sans CJK SC","PingFang SC",sans-serif;color:#16202A;background:#F2F5F7;margin:0 auto;max-width:1100px;padding:24px}
details{background:#fff;border:1px solid #D5DCE2;border-radius:8px;margin:8px 0;padding:8px 16px}
summary{cursor:pointer;min-height:32px}b{display:inline-block;min-width:72px;color:#0E3F80}
code,pre{font:14px/1.5 ui-monospace,monospace}pre{overflow:auto;background:#F2F5F7;padding:12px;border-radius:8px}
small{color:#4A5560}
"""
)


def _block(title: str, body: Any) -> Markup:
    text = json.dumps(body, ensure_ascii=False, indent=1)
    return Markup("<h4>{}</h4><pre>{}</pre>").format(title, text)


def render(document: dict[str, Any]) -> str:
    """HTML of an OpenAPI document."""
    parts = [Markup("<h1>{} <small>{}</small></h1>").format(document["info"]["title"], document["info"]["version"])]
    for path, item in sorted(document["paths"].items()):
        for method, operation in item.items():
            inner = Markup("").join(
                _block(key, operation[key]) for key in ("parameters", "requestBody", "responses") if key in operation
            )
            parts.append(
                Markup("<details><summary><b>{}</b> <code>{}</code> <small>{}</small></summary>{}</details>").format(
                    method.upper(), path, operation["summary"], inner
                )
            )
    parts.append(Markup("<h2>Schemas</h2>"))
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts.append(Markup("<details><summary><code>{}</code></summary>{}</details>").format(name, _block("", schema)))
    body = Markup("").join(parts)
    head = Markup('<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{}</title><style>{}</style></head>')
    return str(head.format("Xun'an API", _STYLE) + Markup("<body><main>") + escape(body) + Markup("</main></body></html>"))
