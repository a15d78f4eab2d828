"""/docs: the routes of openapi.json as one plain page, without a script and without anything from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any, Final

_HEAD: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Sealtrail API</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:54rem;margin:2rem auto;padding:0 1rem;color:#1b1b1f;background:#fff}
h2{margin-top:2.5rem}
h3{font:600 1rem ui-monospace,monospace;margin:1.75rem 0 .25rem}p{margin:.25rem 0;white-space:pre-line}
pre{background:#f4f4f6;padding:.75rem;border-radius:6px;overflow:auto;
font-size:.85rem}code{font-family:ui-monospace,monospace}
small{color:#5a5a66}
@media(prefers-color-scheme:dark){body{background:#141417;color:#e8e8ec}pre{background:#1f1f24}small{color:#a0a0ac}}
</style><h1>Sealtrail API</h1><p>As a document for programs: <a href="/openapi.json">/openapi.json</a>.
Errors are RFC 9457 problems with a stable <code>code</code>.</p>
"""


def page(spec: dict[str, Any]) -> bytes:
    """The page for an OpenAPI document."""
    parts = [_HEAD]
    for tag in spec["tags"]:
        parts.append(f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>")
        for path, methods in spec["paths"].items():
            for method, operation in methods.items():
                if tag["name"] in operation.get("tags", ()):
                    parts.append(_operation(method, path, operation))
    return "".join(parts).encode()


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [f"<h3>{method.upper()} {escape(path)}</h3><p>{escape(operation['description'])}</p>"]
    answers = ", ".join(
        f"{status} {escape(answer['description'])}" for status, answer in operation["responses"].items() if status < "4"
    )
    key = "needs a key" if operation.get("security") else "public"
    parts.append(f"<p><small>{key}; {answers}</small></p>")
    for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
        for example in body.get("examples", {}).values():
            value = example["value"]
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
            parts.append(f"<pre><small>{escape(media_type)}</small>\n{escape(text)}</pre>")
    return "".join(parts)
