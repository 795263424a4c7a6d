from __future__ import annotations

from spanglass.model.message import ChatMessage
from spanglass.model.record import Attempt, ErrorInfo, Record
from spanglass.read.mention import Mention, mentions

RECORD = Record(
    "0" * 32,
    "0" * 16,
    name="chat rain",
    error=ErrorInfo("rain", "too much rain"),
    messages=(ChatMessage.as_system("Be brief."), ChatMessage.as_user([{"type": "text", "text": "Is rain rain?"}])),
    output=(ChatMessage.as_assistant("Yes: rain."),),
    attempts=(Attempt(1, "POST", "https://rain", 0, request_body=b'{"raw": "rain"}'),),
)


def test_every_place_that_a_person_reads_is_named_in_the_records_order() -> None:
    assert mentions(RECORD, "rain") == [
        Mention("messages[1].content[0].text", "user", "Is ", "rain", " rain?", 2),
        Mention("output[0].content", "assistant", "Yes: ", "rain", ".", 1),
        Mention("error.type", None, "", "rain", "", 1),
        Mention("error.message", None, "too much ", "rain", "", 1),
    ]


def test_a_body_is_named_where_no_reading_of_it_has_the_text() -> None:
    assert mentions(RECORD, '"raw"') == [Mention("attempts[0].request_body", None, "{", '"raw"', ': "rain"}', 1)]
    assert mentions(RECORD, "snow") == []


def test_so_much_of_what_stands_around_is_given() -> None:
    long = Record("0" * 32, "0" * 16, messages=(ChatMessage.as_user("a" * 500 + "X" + "b" * 500),))
    assert mentions(long, "X") == [Mention("messages[0].content", "user", "a" * 200, "X", "b" * 200, 1)]


def test_the_json_form_has_every_field() -> None:
    assert mentions(RECORD, "Yes")[0].to_dict() == {
        "path": "output[0].content",
        "role": "assistant",
        "before": "",
        "text": "Yes",
        "after": ": rain.",
        "count": 1,
    }
