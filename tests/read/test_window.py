from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spanglass.model.message import ChatMessage
from spanglass.model.record import Record, Usage
from spanglass.read.tokens import MEDIA_TOKENS
from spanglass.read.window import compact, format_context_window, pieces

CALL = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"q": 1}'}}
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}


def window(
    *messages: ChatMessage, tools: tuple[object, ...] = (), tokens: int | None = None
) -> list[dict[str, object]]:
    return format_context_window(
        Record("4" * 32, "0" * 16, messages=messages, tools=tools, usage=Usage(input_tokens=tokens))
    )


def test_every_message_is_an_entry_and_the_tools_are_the_last() -> None:
    found = window(
        ChatMessage.as_system("Be brief."),
        ChatMessage.as_user([{"type": "text", "text": "Look."}, {"type": "text", "text": "Well?"}]),
        ChatMessage.as_assistant("I look.", reasoning_content="Hm.", tool_calls=[CALL]),
        ChatMessage.as_tool("42", tool_call_id="call_1"),
        tools=(TOOL,),
    )
    assert [(entry["role"], entry["content"]) for entry in found] == [
        ("system", "Be brief."),
        ("user", "Look.\nWell?"),
        ("assistant", 'Hm.\nI look.\nfind({"q": 1})'),
        ("tool", "42"),
        ("tools", '{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}'),
    ]
    assert all(isinstance(entry["token_estimate"], int) and entry["token_estimate"] > 0 for entry in found)


@given(st.lists(st.text(), min_size=1), st.booleans(), st.integers(0, 10**7))
def test_the_estimates_sum_to_what_the_provider_reported(texts: list[str], with_tools: bool, tokens: int) -> None:  # noqa: FBT001 - hypothesis gives it
    found = window(*map(ChatMessage.as_user, texts), tools=(TOOL,) if with_tools else (), tokens=tokens)
    assert sum(int(str(entry["token_estimate"])) for entry in found) == tokens


def test_an_empty_window_has_no_entries() -> None:
    assert window(tokens=9) == []


def test_an_image_is_named_and_weighs_as_an_image_not_as_its_base64() -> None:
    url = "data:image/png;base64," + "iVBORw0KGgo" * 9000
    (entry,) = window(ChatMessage.as_user([{"type": "image_url", "image_url": {"url": url}}]))
    assert entry["content"] == (
        '{"type": "image_url", "image_url": {"url": "[data:image/png;base64, 99,022 characters of base64]"}}'
    )
    assert entry["token_estimate"] == MEDIA_TOKENS + 4


def test_parts_and_calls_of_unknown_shape_are_shown_as_json() -> None:
    odd = ChatMessage("assistant", [{"type": "new", "value": 1}, 7], tool_calls=[{"type": "custom", "custom": {}}])
    assert window(odd)[0]["content"] == '{"type": "new", "value": 1}\n7\n{"type": "custom", "custom": {}}'


def test_a_long_text_that_is_no_base64_stays_whole() -> None:
    text = "many words " * 100
    assert compact([text]) == f'["{text}"]'


def test_a_part_whose_type_is_no_text_is_shown_as_data() -> None:
    message = ChatMessage.as_user([{"type": ["image"]}, {"type": {}, "text": "said"}])
    assert list(pieces(message)) == [("data", '{"type": ["image"]}'), ("text", "said")]
