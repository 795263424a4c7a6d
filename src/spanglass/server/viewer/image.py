"""Pictures in messages: only those that the message itself carries.

Invariant: nothing is fetched, and what is shown is one of a few raster types by its own first bytes, whatever its label
says. So no picture can tell anyone that it was looked at, and none can hold a script.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

#: The longest base64 that is shown, in characters: about 1 MB of picture.
LONGEST = 1_400_000
_HEADS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_RIFF, _WEBP = b"RIFF", b"WEBP"


def picture(part: Any) -> str | None:
    """The part's picture as a ``data:`` url that is safe to show, or None."""
    found = _base64(part)
    if found is None or len(found) > LONGEST:
        return None
    try:
        content = base64.b64decode(found, validate=True)
    except (binascii.Error, ValueError):
        return None
    kind = _kind(content)
    return None if kind is None else f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _kind(content: bytes) -> str | None:
    if content.startswith(_RIFF) and content[8:12] == _WEBP:
        return "image/webp"
    return next((kind for head, kind in _HEADS.items() if content.startswith(head)), None)


def _base64(part: Any) -> str | None:
    """Where each wire format puts a picture: OpenAI's two ways, Anthropic's, Gemini's, the convention's."""
    if not isinstance(part, dict):
        return None
    url = part.get("image_url")
    if isinstance(url, dict):
        url = url.get("url")
    if isinstance(url, str) and url.startswith("data:"):
        head, _, data = url.partition(",")
        return data if head.endswith(";base64") else None
    for key, name in (("source", "data"), ("inlineData", "data"), ("inline_data", "data")):
        inner = part.get(key)
        if isinstance(inner, dict) and isinstance(inner.get(name), str):
            return str(inner[name])
    content = part.get("content")
    return content if part.get("type") == "blob" and isinstance(content, str) else None
