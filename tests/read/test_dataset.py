"""Rows made of recorded conversations: whole, clean, paired, masked, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from read.made import BEGIN, SECOND, Made, settings_in, store_calls
from read.talk import ASSISTANT, TOOL, USER, Talk, calls_tool, ref, says, tried
from spanglass import export_dataset
from spanglass.errors import ConfigurationError
from spanglass.read.dataset import Dataset, DatasetReport
from spanglass.read.reader import Reader
from spanglass.read.shape import FORMATS, Style

if TYPE_CHECKING:
    from spanglass.model import JsonObject

ASK = says(USER, "How many?")
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
INSTRUCTOR = json.loads(Path(__file__).with_name("instructor.json").read_text(encoding="utf-8"))


def rows(reader: Reader, form: Any = "openai", **how: Any) -> list[JsonObject]:
    with reader:
        return list(Dataset(reader, form, **how))


def pair(prompt: list[JsonObject], rejected: str, chosen: str) -> JsonObject:
    return {"prompt": prompt, "chosen": [says(ASSISTANT, chosen)], "rejected": [says(ASSISTANT, rejected)]}


def without_spans(row: JsonObject) -> JsonObject:
    return {name: value for name, value in row.items() if name != "span_ids"}


def corrected(talk: Talk, *answers: str, asked: list[JsonObject] | None = None) -> None:
    """A conversation in which all answers but the last are refused, as a library says it."""
    said = talk.call([ASK] if asked is None else asked, answers[0])
    for answer in answers[1:]:
        said = talk.call([*said, says(USER, "ValueError: no number. Fix the error.")], answer)


def test_a_chat_is_a_row(tmp_path: Path) -> None:
    talk = Talk()
    talk.call([says("system", "Be short."), ASK], "7")
    assert rows(talk.reader(tmp_path)) == [
        {
            "messages": [says("system", "Be short."), ASK, says(ASSISTANT, "7")],
            "span_ids": [ref(1)],
        }
    ]


def test_a_conversation_is_one_row_and_not_one_for_each_call(tmp_path: Path) -> None:
    talk = Talk(reask_after_s=40)
    said = talk.call([ASK], "7")
    said = talk.call([*said, says(USER, "And now?")], "8")
    talk.call([*said, says(USER, "Is that an invalid answer?")], "9")
    (row,) = rows(talk.reader(tmp_path))
    assert [message["content"] for message in row["messages"]] == [
        "How many?", "7", "And now?", "8", "Is that an invalid answer?", "9",
    ]  # fmt: skip
    assert row["span_ids"] == [ref(1), ref(2), ref(3)]


def test_a_corrected_chat_is_a_row_without_what_was_refused(tmp_path: Path) -> None:
    talk = Talk()
    corrected(talk, "many", "a lot", "7")
    reader = talk.reader(tmp_path)
    assert rows(reader) == [{"messages": [ASK, says(ASSISTANT, "7")], "span_ids": [ref(1), ref(2), ref(3)]}]
    (whole,) = rows(reader, style=Style(corrections=True))
    assert [message["content"] for message in whole["messages"][1::2]] == ["many", "a lot", "7"]


def test_each_refused_answer_is_paired_with_the_one_that_stood(tmp_path: Path) -> None:
    talk = Talk()
    corrected(talk, "many", "a lot", "7")
    talk.call([says(USER, "Hi")], "Hello")
    reader = talk.reader(tmp_path)
    assert [without_spans(row) for row in rows(reader, "trl-dpo")] == [
        pair([ASK], "many", "7"),
        pair([ASK], "a lot", "7"),
    ]
    dataset = Dataset(reader, "trl-dpo")
    list(dataset)
    assert dataset.report == DatasetReport(rows=2, conversations=2, left_out={"nothing was refused": 1})


def test_a_later_turn_is_paired_under_the_clean_conversation_before_it(tmp_path: Path) -> None:
    talk = Talk()
    first = talk.call([ASK], "many")
    second = talk.call([*first, says(USER, "Invalid: no number")], "7")
    third = talk.call([*second, says(USER, "And now?")], "more")
    fourth = talk.call([*third, says(USER, "ValidationError: no number")], "8")
    talk.call([*fourth, says(USER, "Thanks")], "Bye")
    reader = talk.reader(tmp_path)
    prompt = [ASK, says(ASSISTANT, "7"), says(USER, "And now?")]
    assert [without_spans(row) for row in rows(reader, "trl-dpo")] == [
        pair([ASK], "many", "7"),
        pair(prompt, "more", "8"),
    ]
    (row,) = rows(reader)
    assert [message["content"] for message in row["messages"]] == ["How many?", "7", "And now?", "8", "Thanks", "Bye"]


def test_tools_used_before_the_answer_are_part_of_what_was_asked(tmp_path: Path) -> None:
    talk = Talk()
    result = says(TOOL, "rain", tool_call_id="call_weather")
    said = talk.call([ASK], calls_tool("weather", city="Bergen"), more={"tools": [WEATHER]})
    said = talk.call([*said, result], "wet", more={"tools": [WEATHER]})
    talk.call([*said, says(USER, "JSONDecodeError: Expecting value")], '"wet"', more={"tools": [WEATHER]})
    (row,) = rows(talk.reader(tmp_path), "trl-dpo")
    call = {"id": "call_weather", "type": "function", "function": {"name": "weather", "arguments": {"city": "Bergen"}}}
    assert without_spans(row) == {
        **pair([ASK, says(ASSISTANT, "", tool_calls=[call]), {**result, "name": "weather"}], "wet", '"wet"'),
        "tools": json.dumps([WEATHER]),
    }


def test_a_failing_tool_is_no_refused_answer(tmp_path: Path) -> None:
    talk = Talk()
    said = talk.call([ASK], calls_tool("weather", city="Bergn"))
    talk.call([*said, says(TOOL, "Error: ValueError: no such city", tool_call_id="call_weather")], "I do not know.")
    assert rows(talk.reader(tmp_path), "trl-dpo") == []


def test_what_a_person_says_later_is_no_refusal(tmp_path: Path) -> None:
    talk = Talk(reask_after_s=30)
    corrected(talk, "many", "7")
    assert rows(talk.reader(tmp_path), "trl-dpo") == []


def test_a_generation_says_itself_what_it_refused(tmp_path: Path) -> None:
    talk = Talk(reask_after_s=60)
    said = talk.call([ASK], "many", tried("g", 0, 0, accepted=False))
    talk.call([*said, says(USER, "please, a figure")], "7", tried("g", 1, 0, accepted=True))
    assert [without_spans(row) for row in rows(talk.reader(tmp_path), "trl-dpo")] == [pair([ASK], "many", "7")]


def test_the_answers_of_a_conversation_begun_anew_are_paired_with_those_of_the_ones_before(tmp_path: Path) -> None:
    talk = Talk()
    for restart in (0, 1):
        said = talk.call([ASK], f"many {restart}", tried("g", 0, restart, accepted=False))
        talk.call([*said, says(USER, "no figure")], f"some {restart}", tried("g", 1, restart, accepted=False))
    talk.call([ASK], "7", tried("g", 0, 2, accepted=True))
    reader = talk.reader(tmp_path)
    refused = ["many 0", "some 0", "many 1", "some 1"]
    found = rows(reader, "trl-dpo")
    assert [without_spans(row) for row in found] == [pair([ASK], one, "7") for one in refused]
    assert [row["span_ids"] for row in found] == [[ref(1), ref(2), ref(5)]] * 2 + [[ref(3), ref(4), ref(5)]] * 2
    assert [row["messages"] for row in rows(reader)] == [[ASK, says(ASSISTANT, "7")]]


def test_a_program_may_go_on_from_where_a_generation_ended(tmp_path: Path) -> None:
    talk = Talk()
    said = talk.call([ASK], "many", tried("g", 0, 0, accepted=False))
    said = talk.call([*said, says(USER, "no figure")], "7", tried("g", 1, 0, accepted=True))
    talk.call([*said, says(USER, "And now?")], "8")
    (row,) = rows(talk.reader(tmp_path))
    assert [message["content"] for message in row["messages"]] == ["How many?", "7", "And now?", "8"]
    assert row["span_ids"] == [ref(1), ref(2), ref(3)]


def test_two_generations_that_run_side_by_side_are_kept_apart(tmp_path: Path) -> None:
    talk = Talk()
    one = talk.call([ASK], "many", tried("g", 0, 0, accepted=False))
    two = talk.call([ASK], "many", tried("h", 0, 0, accepted=False))
    talk.call([*one, says(USER, "no figure")], "7", tried("g", 1, 0, accepted=True))
    talk.call([*two, says(USER, "no figure")], "8", tried("h", 1, 0, accepted=True))
    found = rows(talk.reader(tmp_path), "trl-dpo")
    assert [(row["chosen"][0]["content"], row["span_ids"]) for row in found] == [
        ("7", [ref(1), ref(3)]),
        ("8", [ref(2), ref(4)]),
    ]


@pytest.mark.parametrize("shape", [name for name in INSTRUCTOR if name.startswith("openai")])
def test_what_instructor_asks_again_is_found_by_its_messages(tmp_path: Path, shape: str) -> None:
    talk = Talk()
    for exchange in INSTRUCTOR[shape]:
        request = dict(exchange["request"])
        messages, model = request.pop("messages"), request.pop("model")
        talk.call(messages, exchange["response"]["choices"][0]["message"], model=model, more=request)
    found = rows(talk.reader(tmp_path), "trl-dpo")
    assert [row["span_ids"] for row in found] == [[ref(1), ref(2), ref(3)]] * 2
    assert all(row["prompt"][-1]["content"].startswith("Extract: Ada is 36.") for row in found)
    answers = [[answer_of(row["rejected"]), answer_of(row["chosen"])] for row in found]
    good, bad = {"name": "ADA", "age": 36}, {"name": "Ada", "age": 36}
    worse: Any = {"name": "ADA", "age": "x"} if shape == "openai_tools" else "no"
    assert answers == [[bad, good], [worse, good]]


def answer_of(messages: list[JsonObject]) -> Any:
    """What the one message says, be it a call's arguments or JSON."""
    (message,) = messages
    if message.get("tool_calls"):
        return message["tool_calls"][0]["function"]["arguments"]
    return json.loads(message["content"]) if message["content"][:1] == "{" else message["content"]


class Spoken(Made):
    """A call with the very bodies that were exchanged."""

    def __init__(self, exchange: JsonObject, number: int) -> None:
        begun = BEGIN + number * SECOND * 11 // 10
        super().__init__(f"{number:016x}", f"{number:032x}", at=begun, format="anthropic_messages", more=exchange)

    @property
    def request(self) -> bytes:
        return json.dumps(self.more["request"]).encode()

    @property
    def response(self) -> bytes:
        return json.dumps(self.more["response"]).encode()


def test_an_exchange_with_anthropic_is_found_and_shaped_like_any_other(tmp_path: Path) -> None:
    found = settings_in(tmp_path)
    store_calls(found, [Spoken(exchange, number) for number, exchange in enumerate(INSTRUCTOR["anthropic_tools"], 1)])
    (row,) = rows(Reader(found), "trl-dpo")
    assert row["prompt"] == [says(USER, "Extract: Ada is 36.")]
    assert [answer_of(row["rejected"]), answer_of(row["chosen"])] == [
        {"name": "Ada", "age": 36},
        {"name": "ADA", "age": 36},
    ]
    (tool,) = json.loads(row["tools"])
    assert (tool["type"], tool["function"]["name"], tool["function"]["parameters"]["required"]) == (
        "function",
        "User",
        ["name", "age"],
    )
    (whole,) = rows(Reader(found), "openai", style=Style(corrections=True))
    assert whole["messages"][2]["content"].startswith("Validation Error found:")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"state": "error"}, "not ended well"),
        ({"finish": "length"}, "answer cut short"),
        ({"answer": ""}, "answer empty"),
        ({"more": {"previous_response_id": "r-1"}}, "begun elsewhere"),
        ({"missing": ("attempts[0].response_body: cut",)}, "not whole"),
        ({"told": tried("g", 0, 0, accepted=False)}, "answer refused"),
    ],
)
def test_what_did_not_end_well_is_left_out_and_counted_unless_it_is_asked_for(
    tmp_path: Path, wrong: JsonObject, reason: str
) -> None:
    talk = Talk()
    talk.call([ASK], **{"answer": "7", **wrong})
    reader = talk.reader(tmp_path)
    dataset = Dataset(reader, "openai")
    assert list(dataset) == []
    assert dataset.report == DatasetReport(conversations=1, left_out={reason: 1})
    assert [row["messages"] for row in rows(reader, failed=True)] == [[ASK, says(ASSISTANT, wrong.get("answer", "7"))]]


def test_an_answer_that_repeats_a_refused_one_did_not_stand(tmp_path: Path) -> None:
    talk = Talk()
    corrected(talk, "many", "a lot", "many")
    assert rows(talk.reader(tmp_path), "trl-dpo") == []


def test_a_conversation_that_broke_off_has_no_good_end(tmp_path: Path) -> None:
    talk = Talk()
    said = talk.call([ASK], "7")
    talk.call([*said, says(USER, "And now?")], "8", state="error", statuses=(500,))
    talk.call([], "Hello")
    reader = talk.reader(tmp_path)
    dataset = Dataset(reader, "openai")
    assert list(dataset) == []
    assert dataset.report == DatasetReport(left_out={"no answer": 1, "no messages": 1})


def test_rows_that_say_the_same_come_once(tmp_path: Path) -> None:
    talk = Talk()
    for _ in range(3):
        talk.call([ASK], "7")
    dataset = Dataset(talk.reader(tmp_path), "openai")
    assert [row["span_ids"] for row in dataset] == [[ref(1)]]
    assert (dataset.report.rows, dataset.report.duplicates) == (1, 2)


def test_what_the_settings_now_ask_to_be_masked_is_masked_in_every_row(tmp_path: Path) -> None:
    talk = Talk()
    corrected(talk, "the code is tango-77", "tango-77", asked=[says(USER, 'Say "tango-77".')])
    reader = talk.reader(tmp_path, redact_patterns="tango-[0-9]+")
    for form in FORMATS:
        dataset = Dataset(reader, form)
        text = json.dumps(list(dataset))
        assert "tango" not in text
        assert "[REDACTED]" in text
        assert dataset.report.masked > 0


def test_what_was_masked_already_stays_as_it_is(tmp_path: Path) -> None:
    talk = Talk()
    talk.call([says(USER, "key: [REDACTED]")], "7")
    dataset = Dataset(talk.reader(tmp_path), "openai")
    assert [row["messages"][0]["content"] for row in dataset] == ["key: [REDACTED]"]
    assert dataset.report.masked == 0


def agent(talk: Talk) -> None:
    """An agent's conversation with two calls at once, and reasoning."""
    calls = [*calls_tool("weather", city="Bergen")["tool_calls"], *calls_tool("time", zone="CET")["tool_calls"]]
    said = talk.call(
        [says("developer", "Think."), ASK],
        says(ASSISTANT, None, tool_calls=calls, reasoning_content="I need both."),
        more={"tools": [WEATHER]},
    )
    del said[-1]["reasoning_content"]
    results = [says(TOOL, "rain", tool_call_id="call_weather"), says(TOOL, "12:00", tool_call_id="call_time")]
    talk.call([*said, *results], says(ASSISTANT, "7", reasoning_content="So."), more={"tools": [WEATHER]})


def test_openai_rows_are_what_its_fine_tuning_takes(tmp_path: Path) -> None:
    talk = Talk()
    agent(talk)
    (row,) = rows(talk.reader(tmp_path), "openai")
    function = {"name": "weather", "arguments": '{"city": "Bergen"}'}
    assert row["tools"] == [WEATHER]
    assert row["messages"][2]["tool_calls"][0] == {"id": "call_weather", "type": "function", "function": function}
    assert row["messages"][3:] == [
        says(TOOL, "rain", tool_call_id="call_weather"),
        says(TOOL, "12:00", tool_call_id="call_time"),
        says(ASSISTANT, "7", reasoning_content="So."),
    ]
    assert "reasoning_content" not in json.dumps(rows(talk.reader(tmp_path), style=Style(reasoning=False)))


def test_rows_for_chat_templates_have_arguments_as_values_and_texts_in_every_message(tmp_path: Path) -> None:
    talk = Talk()
    agent(talk)
    (row,) = rows(talk.reader(tmp_path), "trl-sft")
    assert [message["role"] for message in row["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
    ]
    assert row["messages"][2]["content"] == ""
    assert [call["function"]["arguments"] for call in row["messages"][2]["tool_calls"]] == [
        {"city": "Bergen"},
        {"zone": "CET"},
    ]
    assert [message.get("name") for message in row["messages"][3:5]] == ["weather", "time"]


def test_sharegpt_rows_alternate(tmp_path: Path) -> None:
    talk = Talk()
    agent(talk)
    (row,) = rows(talk.reader(tmp_path), "sharegpt")
    calls = [{"name": "weather", "arguments": {"city": "Bergen"}}, {"name": "time", "arguments": {"zone": "CET"}}]
    assert row == {
        "conversations": [
            {"from": "system", "value": "Think."},
            {"from": "human", "value": "How many?"},
            {"from": "function_call", "value": json.dumps(calls)},
            {"from": "observation", "value": "rain\n12:00"},
            {"from": "gpt", "value": "<think>\nSo.\n</think>\n\n7"},
        ],
        "tools": json.dumps([WEATHER]),
        "span_ids": [ref(1), ref(2)],
    }


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no dataset format 'csv'; the formats are openai, sharegpt, trl-sft"):
        export_dataset(tmp_path / "rows.jsonl", "csv")  # type: ignore[arg-type]


def test_only_the_calls_that_are_asked_for_make_rows(tmp_path: Path) -> None:
    talk = Talk()
    talk.call([ASK], "7", workflow="w-1", step="count", model="gpt-4o")
    talk.call([says(USER, "Hi")], "Hello", workflow="w-2", step="greet", model="m")
    reader = talk.reader(tmp_path)
    for criteria in (
        {"workflow_id": "w-1"},
        {"step_name": "count"},
        {"model": "gpt-4o"},
        {"until": talk.made[1][0].at},
    ):
        assert [row["span_ids"] for row in rows(reader, **criteria)] == [[ref(1)]]


def test_a_file_is_put_in_place_whole_or_not_at_all(tmp_path: Path) -> None:
    talk = Talk()
    talk.call([ASK], "7")
    path = tmp_path / "rows.jsonl"
    path.write_text("as it was", encoding="utf-8")

    def interrupt(what: str, _done: int, _total: int) -> None:
        if what == "making rows":
            raise KeyboardInterrupt

    with talk.reader(tmp_path / "state") as reader:
        with pytest.raises(KeyboardInterrupt):
            export_dataset(path, reader=reader, progress=interrupt)
        assert path.read_text(encoding="utf-8") == "as it was"
        assert export_dataset(path, reader=reader) == DatasetReport(rows=1, conversations=1)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["rows.jsonl", "state"]
    assert [json.loads(line)["span_ids"] for line in path.read_text(encoding="utf-8").splitlines()] == [[ref(1)]]


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(chats=st.lists(st.lists(texts, min_size=1, max_size=4), min_size=1, max_size=6), form=st.sampled_from(FORMATS))
def test_what_is_exported_is_loaded_again_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, chats: list[list[str]], form: Any
) -> None:
    directory = tmp_path_factory.mktemp("export")
    talk = Talk()
    for number, answers in enumerate(chats):
        corrected(talk, *answers, asked=[says(USER, f"Question {number}")])
    with talk.reader(directory / "state") as reader:
        path = directory / "rows.jsonl"
        report = export_dataset(path, form, reader=reader)
        loaded = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
        assert sorted(loaded, key=json.dumps) == sorted(Dataset(reader, form), key=json.dumps)
        assert report.rows == len(loaded)


def test_the_store_may_be_empty(tmp_path: Path) -> None:
    found = settings_in(tmp_path)
    store_calls(found, [])
    assert rows(Reader(found)) == []
