from __future__ import annotations

import json
from typing import Any

import pytest

from spanglass.model.record import ErrorInfo
from spanglass.wire.read import FORMATS, read_response

OPENAI = {"error": {"message": "Bad model", "type": "invalid_request_error", "param": None, "code": "model_not_found"}}
SHAPES: list[tuple[int, Any, ErrorInfo]] = [
    (400, OPENAI, ErrorInfo("invalid_request_error", "Bad model")),
    (401, {"error": {"code": "401", "message": "Denied"}}, ErrorInfo("401", "Denied")),
    (404, {"error": {"type": None, "code": 404, "message": "Gone"}}, ErrorInfo("404", "Gone")),
    (
        529,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        ErrorInfo("overloaded_error", "Overloaded"),
    ),
    (
        429,
        [{"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}],
        ErrorInfo("RESOURCE_EXHAUSTED", "Quota"),
    ),
    (
        400,
        {"error": {"message": "Filtered", "type": None, "code": "content_filter", "status": 400}},
        ErrorInfo("content_filter", "Filtered"),
    ),
    (400, {"errors": [{"key": "fail.input", "description": "Too long"}]}, ErrorInfo("400", "Too long")),
    (503, {"error": "Model is loading", "estimated_time": 20.0}, ErrorInfo("503", "Model is loading")),
    (422, {"error": "Bad", "error_type": "validation"}, ErrorInfo("validation", "Bad")),
    (404, {"detail": "Not Found"}, ErrorInfo("404", "Not Found")),
    (
        422,
        {"detail": [{"loc": ["body", "model"], "msg": "Field required", "type": "missing"}]},
        ErrorInfo("missing", "Field required"),
    ),
    (
        422,
        {"object": "error", "message": {"detail": [{"type": "missing", "msg": "Field required"}]}},
        ErrorInfo("missing", "Field required"),
    ),
    (400, {"message": "Too long", "type": "bad_request"}, ErrorInfo("bad_request", "Too long")),
    (
        403,
        {"__type": "AccessDeniedException", "Message": "Not authorized"},
        ErrorInfo("AccessDeniedException", "Not authorized"),
    ),
    (400, {"errors": [{"message": "First"}, {"message": "Second"}]}, ErrorInfo("400", "First")),
    (400, {"error": {"error": {"error": {"message": "Deep", "code": "e"}}}}, ErrorInfo("e", "Deep")),
    (400, {"strange": 1}, ErrorInfo("400", '{"strange":1}')),
    (500, "just text", ErrorInfo("500", "just text")),
    (500, {}, ErrorInfo("500", "HTTP status 500 with an empty body")),
]


@pytest.mark.parametrize(("status", "body", "expected"), SHAPES)
@pytest.mark.parametrize("wire_format", sorted(FORMATS))
def test_reads_an_error_of_any_shape(wire_format: str, status: int, body: Any, expected: ErrorInfo) -> None:
    view = read_response(wire_format, json.dumps(body).encode(), content_type="application/json", status=status)
    assert (view.error, view.output, view.complete) == (expected, (), True)


TEXTS = {
    b"": "HTTP status 502 with an empty body",
    b"upstream connect error": "upstream connect error",
    b"<html><head><title>502 Bad\n Gateway</title></head><body>nginx</body></html>": "502 Bad Gateway",
    b"<html><style>p {}</style><p>Sorry,</p><p>try again</p></html>": "Sorry, try again",
    b"x" * 600: "x" * 500 + " …",
    b'event: error\ndata: {"error": {"message": "Streamed"}}\n\n': "Streamed",
}


@pytest.mark.parametrize("body", TEXTS, ids=lambda body: repr(body[:20]))
def test_reads_an_error_that_is_no_json(body: bytes) -> None:
    view = read_response("openai_chat", body, content_type="text/html", status=502)
    assert view.error == ErrorInfo("502", TEXTS[body])
