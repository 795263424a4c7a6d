from __future__ import annotations

import base64
from typing import Any

import pytest

from server.viewer.scene import png
from spanglass.server.viewer.image import LONGEST, picture

DATA = base64.b64encode(png()).decode()
URL = f"data:image/png;base64,{DATA}"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": URL}},
        {"type": "input_image", "image_url": URL},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
        {"inlineData": {"mimeType": "image/png", "data": DATA}},
        {"inline_data": {"mime_type": "text/html", "data": DATA}},
        {"type": "blob", "mime_type": "image/png", "modality": "image", "content": DATA},
    ],
    ids=["chat", "responses", "messages", "gemini", "mislabelled", "convention"],
)
def test_a_picture_is_found_where_each_format_puts_it(part: Any) -> None:
    assert picture(part) == URL


@pytest.mark.parametrize(
    ("head", "kind"),
    [(b"\xff\xd8\xff\xe0", "jpeg"), (b"GIF89a", "gif"), (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "webp")],
)
def test_its_kind_is_what_its_bytes_say(head: bytes, kind: str) -> None:
    data = base64.b64encode(head).decode()
    assert picture({"image_url": f"data:text/html;base64,{data}"}) == f"data:image/{kind};base64,{data}"


@pytest.mark.parametrize(
    "part",
    [
        {"image_url": {"url": "https://evil.example/x.png"}},
        {"image_url": {"url": "javascript:alert(1)"}},
        {"image_url": f"data:image/svg+xml;base64,{base64.b64encode(b'<svg onload=alert(1)>').decode()}"},
        {"image_url": "data:image/png,notbase64"},
        {"image_url": 'data:image/png;base64,iVBOR" onerror="alert(1)'},
        {"image_url": f"data:image/png;base64,{DATA}{'A' * LONGEST}"},
        {"type": "text", "content": DATA},
        {"source": "no object"},
        "text",
        None,
    ],
    ids=["remote", "script", "svg", "not base64", "an attribute", "too long", "text", "odd", "a string", "nothing"],
)
def test_anything_else_is_no_picture(part: Any) -> None:
    assert picture(part) is None
