from __future__ import annotations

from spanglass.model.message import ChatMessage
from spanglass.model.record import Attempt, ErrorInfo, Record
from spanglass.read.redactions import redacted_paths


def test_every_masked_place_is_named_and_a_body_only_where_its_reading_is_not() -> None:
    record = Record(
        "4" * 32,
        "0" * 16,
        error=ErrorInfo("APIError", "bad key [REDACTED]"),
        messages=(ChatMessage.as_user([{"type": "text", "text": "my key is [REDACTED]"}]),),
        options={"extra": {"api_key": "[REDACTED]"}, "note": "[REDACTED: rule failed]"},
        attempts=(
            Attempt(
                1,
                "POST",
                "https://host/v1?key=[REDACTED]",
                0,
                request_headers={"Authorization": "[REDACTED]"},
                request_body=b"my key is [REDACTED]",
                response_body=b'{"echo": "[REDACTED]"}',
            ),
        ),
    )
    assert redacted_paths(record) == [
        "messages[0].content[0].text",
        "options.extra.api_key",
        "options.note",
        "error.message",
        "attempts[0].url",
        "attempts[0].request_headers.Authorization",
        "attempts[0].response_body",
    ]


def test_a_record_in_which_nothing_was_masked_names_nothing() -> None:
    assert redacted_paths(Record("4" * 32, "0" * 16, messages=(ChatMessage.as_user("[redacted]"),))) == []
