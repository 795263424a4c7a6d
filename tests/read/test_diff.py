from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spanglass.model.message import ChatMessage
from spanglass.model.record import Record
from spanglass.read.diff import Diff, Edit, MessageRow, ValueChange, diff

SYSTEM, HELLO = ChatMessage.as_system("Be brief."), ChatMessage.as_user("Hello")
MESSAGE = st.builds(ChatMessage, st.sampled_from(["system", "user", "assistant"]), st.sampled_from(["a", "b", "c d"]))
SEARCH, SUM = ({"type": "function", "function": {"name": name, "parameters": {}}} for name in ("search", "sum"))


def record(span: str, *messages: ChatMessage, **more: Any) -> Record:
    return Record("0" * 32, span * 16, messages=messages, **more)


def test_a_conversation_that_went_on_has_a_prefix_and_what_was_added() -> None:
    answer = ChatMessage.as_assistant("Hi.")
    found = diff(record("1", SYSTEM, HELLO), record("2", SYSTEM, HELLO, answer, HELLO))
    assert found == Diff(
        f"{'0' * 32}/{'1' * 16}",
        f"{'0' * 32}/{'2' * 16}",
        2,
        (
            MessageRow("added", "assistant", None, 2, (Edit("added", "Hi."),)),
            MessageRow("added", "user", None, 3, (Edit("added", "Hello"),)),
        ),
    )
    assert not found.same


def test_a_message_that_changed_says_how_and_which_fields() -> None:
    before = ChatMessage.as_tool("It rains.", tool_call_id="call_1")
    after = ChatMessage.as_tool("It snows.", tool_call_id="call_2")
    (row,) = diff(record("1", before), record("2", after)).rows
    edits = (Edit("same", "It "), Edit("removed", "rains"), Edit("added", "snows"), Edit("same", "."))
    assert row == MessageRow("changed", "tool", 0, 0, edits, ("content", "tool_call_id"))


def test_messages_that_took_the_place_of_others_are_paired_by_role() -> None:
    rows = diff(record("1", HELLO), record("2", SYSTEM, ChatMessage.as_user("Hello again"))).rows
    assert [(row.kind, row.role, row.before, row.after) for row in rows] == [
        ("added", "system", None, 0),
        ("changed", "user", 0, 1),
    ]


def test_options_and_tools_that_changed_are_named() -> None:
    before = record("1", HELLO, request_model="a", options={"seed": 1, "top_p": 1}, tools=(SEARCH, SUM))
    after = record("2", HELLO, request_model="b", options={"top_p": 1, "stop": None}, tools=(SUM,))
    found = diff(before, after)
    assert found.options == (
        ValueChange("model", "changed", "a", "b"),
        ValueChange("seed", "removed", 1),
        ValueChange("stop", "added", None, None),
    )
    assert found.tools == (ValueChange("search", "removed", SEARCH),)


def test_tools_in_another_order_are_a_change_of_their_own() -> None:
    found = diff(record("1", HELLO, tools=(SEARCH, SUM)), record("2", HELLO, tools=(SUM, SEARCH)))
    assert (found.tools, found.tools_moved, found.same) == ((), True, False)


def test_tools_of_one_name_are_told_apart() -> None:
    found = diff(record("1", HELLO, tools=(SEARCH, SEARCH)), record("2", HELLO, tools=(SEARCH,)))
    assert found.tools == (ValueChange("search #2", "removed", SEARCH),)


def test_the_json_form_has_every_field() -> None:
    found = diff(record("1", HELLO, options={"seed": 1}), record("2", SYSTEM, options={"seed": 2})).to_dict()
    assert list(found) == ["before", "after", "same", "common", "rows", "options", "tools", "tools_moved"]
    assert found["rows"] == [
        {
            "kind": "removed",
            "role": "user",
            "before": 0,
            "after": None,
            "edits": [{"kind": "removed", "text": "Hello"}],
            "fields": [],
        },
        {
            "kind": "added",
            "role": "system",
            "before": None,
            "after": 0,
            "edits": [{"kind": "added", "text": "Be brief."}],
            "fields": [],
        },
    ]
    assert found["options"] == [{"name": "seed", "kind": "changed", "before": 1, "after": 2}]


@given(st.lists(MESSAGE, max_size=8), st.lists(MESSAGE, max_size=8))
def test_every_message_is_in_the_prefix_or_in_exactly_one_row(before: list[Any], after: list[Any]) -> None:
    found = diff(record("1", *before), record("2", *after))
    prefix = list(range(found.common))
    assert before[: found.common] == after[: found.common]
    assert prefix + [row.before for row in found.rows if row.before is not None] == list(range(len(before)))
    assert prefix + [row.after for row in found.rows if row.after is not None] == list(range(len(after)))
    assert found.same == (before == after)
    for row in found.rows:
        if row.kind == "same":
            assert before[row.before or 0] == after[row.after or 0]
