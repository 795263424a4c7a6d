"""What every store does; `conftest.url` lists the stores."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
import uuid
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from spanglass.errors import ConfigurationError
from spanglass.model.entry import AnswerFacts, AttemptEntry, ExitEntry, RequestEntry, UpstreamEntry
from spanglass.model.record import Attempt, ErrorInfo, Record, Usage
from spanglass.model.step import FORMAT, Step
from spanglass.store import Pruned, PruneRule, Query, StoreStats, Verification, open_store
from store.entries import (
    ANSWER,
    REQUEST_HEADERS,
    SPAN,
    T0,
    TRACE,
    URL,
    Conversation,
    attempt,
    envelope,
    facts,
    full_body,
    full_span,
    log_event,
    outcome,
    request,
    step,
    upstream,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spanglass.model.entry import Entry
    from spanglass.store import Store

NO_CALLS = StoreStats()


def _get(store: Store, span: str = SPAN, trace: str = TRACE) -> Record:
    record = store.get(trace, span)
    assert record is not None
    return record


def _spans(store: Store, **query: Any) -> list[str]:
    return [call.span_id for call in store.find(Query(**query))]


def test_a_whole_call_comes_back_as_one_record(store: Store) -> None:
    entries = full_span()
    store.put_many(entries)
    body = full_body()
    headers = dict(REQUEST_HEADERS)
    assert _get(store) == Record(
        trace_id=TRACE,
        span_id=SPAN,
        parent_span_id="c0ffee0000000000",
        name="chat gpt-4o",
        service="svc",
        state="done",
        started_at=T0,
        ended_at=T0 + 9000,
        format="openai.chat",
        provider="openai",
        operation="chat",
        request_model="gpt-4o",
        response_model="gpt-4o-2024-08-06",
        response_id="chatcmpl-1",
        finish_reasons=("stop",),
        usage=Usage(input_tokens=10, output_tokens=5),
        attempt_count=2,
        attempts=(
            Attempt(
                1, "POST", URL, T0, 429, headers, body, {}, b'{"error": "slow down"}', None, T0 + 1000, complete=True
            ),
            Attempt(2, "POST", URL, T0, 200, headers, body, {}, b'{"ok": true}', None, T0 + 2000, complete=True),
        ),
        steps=(
            Step("step-0", {"thought": "first"}, T0, 7),
            Step("step-1", {"tool": "search", "query": "käse"}, T0 + 1, 7),
        ),
        upstream_context={"from": ["retriever", 3]},
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_order_and_repetition_of_entries_change_nothing(url: str, data: st.DataObject) -> None:
    entries = [*full_span(), ExitEntry("journal-1")]
    expected = _record_of(url, [entries])
    shuffled = data.draw(st.permutations(entries + data.draw(st.lists(st.sampled_from(entries), max_size=5))))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(shuffled)), max_size=4)) | {0, len(shuffled)})
    batches = [shuffled[start:end] for start, end in pairwise(cuts)]
    assert _record_of(url, batches) == expected


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(order=st.permutations(range(8)))
def test_of_versions_that_differ_the_same_one_is_kept_in_any_order(url: str, order: list[int]) -> None:
    versions: list[Entry] = [
        request(None),
        request(b'{"a": 1}'),
        request(b'{"a": 2}'),
        outcome(state="killed", ended_at=T0 + 1),
        outcome(state="error", ended_at=T0 + 3),
        outcome(state="cancelled", ended_at=T0 + 2),
        attempt(),
        replace(attempt(), call_ended_at=T0 + 4),
    ]
    record = _record_of(url, [[versions[index]] for index in order])
    assert record == _record_of(url, [versions])
    assert (record.state, record.ended_at, record.attempts[0].request_body is not None) == ("cancelled", T0 + 2, True)


def _record_of(url: str, batches: Sequence[Sequence[Entry]]) -> Record:
    """The record that these batches make, in a place of their own."""
    own = f"memory://{uuid.uuid4().hex}" if url.startswith("memory") else url.replace(".db", f"-{uuid.uuid4().hex}.db")
    with closing(open_store(own)) as store:
        for batch in batches:
            store.put_many(batch)
        return _get(store)


@pytest.mark.parametrize("order", [[0, 1], [1, 0], [0, 1, 0]])
def test_what_went_over_a_wire_outranks_what_was_logged_by_hand_before(store: Store, order: list[int]) -> None:
    entries = request(b'"a long prompt that was logged by hand"', format="manual"), request(b"{}", format="openai_chat")
    for number in order:
        store.put_many([entries[number]])
    record = _get(store)
    assert (record.format, record.attempts[0].request_body) == ("openai_chat", b"{}")
    assert record.attempt_count == 1


def test_a_request_without_its_body_is_completed_by_the_next(store: Store) -> None:
    store.put_many([request(None)])
    assert _get(store).attempts[0].request_body is None
    store.put_many([request(b"late")])
    store.put_many([request(None)])
    assert _get(store).attempts[0].request_body == b"late"


def test_a_call_whose_owner_is_gone_was_killed(store: Store) -> None:
    store.put_many(
        [request(span="00000000000000a1"), request(span="00000000000000a2"), outcome(span="00000000000000a2")]
    )
    store.put_many([ExitEntry("journal-1")])
    assert {call.span_id: call.state for call in store.find(Query())} == {
        "00000000000000a1": "killed",
        "00000000000000a2": "done",
    }
    assert not _get(store, "00000000000000a1").attempts[0].complete


def test_a_request_that_arrives_after_its_owner_is_gone_was_killed(store: Store) -> None:
    store.put_many([ExitEntry("journal-1")])
    store.put_many([request(), request(span="00000000000000a2", owner="journal-2")])
    assert {call.span_id: call.state for call in store.find(Query())} == {SPAN: "killed", "00000000000000a2": "started"}


def test_an_outcome_that_arrives_late_wins_over_killed(store: Store) -> None:
    store.put_many([request(), ExitEntry("journal-1")])
    store.put_many([outcome(state="cancelled")])
    assert _get(store).state == "cancelled"


def test_operations_are_found_among_the_calls_unless_only_calls_are_asked_for(store: Store) -> None:
    later = outcome(span="00000000000000a1", format=FORMAT, request_model="m", started_at=T0 + 1)
    store.put_many([later, outcome(request_model="m")])
    assert _spans(store) == [later.span_id, SPAN]
    queries: list[dict[str, Any]] = [{}, {"limit": 1}, {"model": "m"}, {"model": "m", "limit": 1}, {"state": "done"}]
    for query in queries:
        assert _spans(store, operations=False, **query) == [SPAN], query


def test_an_envelope_alone_makes_a_record(store: Store) -> None:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude",
        "gen_ai.response.model": "claude-4",
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.finish_reasons": ["end_turn"],
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.input.messages": "[]",
    }
    entry = envelope(attributes)
    store.put_many([entry])
    assert _get(store) == Record(
        trace_id=TRACE,
        span_id=SPAN,
        parent_span_id="c0ffee0000000000",
        name="chat",
        service="other-svc",
        state="done",
        started_at=T0,
        ended_at=T0 + 5000,
        format="envelope",
        provider="anthropic",
        operation="chat",
        request_model="claude",
        response_model="claude-4",
        response_id="msg_1",
        finish_reasons=("end_turn",),
        usage=Usage(input_tokens=7, output_tokens=3),
    )
    assert store.envelope(TRACE, SPAN) == entry.body


def test_an_envelope_of_a_failed_span_is_an_error(store: Store) -> None:
    store.put_many([envelope({"error.type": "Timeout"}, status={"code": "ERROR", "description": "too slow"})])
    call = store.find(Query(state="error"))[0]
    assert call.error == ErrorInfo("Timeout", "too slow")
    store.put_many([step(0, after="the envelope")])
    assert _get(store).error == ErrorInfo("Timeout", "too slow")


@pytest.mark.parametrize("body", [None, b"", b"{", b"[]", b'{"attributes": [1], "status": 3}', b"\xff"])
def test_an_envelope_of_any_shape_is_taken(store: Store, body: bytes | None) -> None:
    entry = envelope({})
    store.put_many([replace(entry, body=body)])
    assert (_get(store).state, store.envelope(TRACE, SPAN)) == ("done", body)


def test_log_events_of_a_span_are_part_of_its_envelope_each_once_in_any_order(store: Store) -> None:
    entries = [envelope({"gen_ai.system": "openai"}), log_event(7, "first", 1), log_event(5, "second", 2)]
    for order in (entries[1:], entries, entries[::-1]):
        for entry in order:
            store.put_many([entry])
    joined = json.loads(store.envelope(TRACE, SPAN) or b"")
    assert joined["attributes"] == {"gen_ai.system": "openai"}
    assert sorted(told["body"]["content"] for told in joined["events"]) == ["first", "second"]
    assert (_get(store).name, _get(store).missing, _get(store).redactions) == ("chat", (), 2)
    assert store.verify().sound


def test_log_events_without_their_span_make_a_record_that_says_so(store: Store) -> None:
    store.put_many([log_event(7, "late", 9), log_event(5, "early", 2)])
    record = _get(store)
    assert (record.started_at, record.ended_at, record.service) == (T0 + 2, T0 + 9, "svc")
    assert record.missing == ("span: only log events of it have arrived, so its name, parent and times are not known",)
    assert not record.complete


def test_what_an_envelope_says_is_missing_or_masked_counts_only_while_no_call_is_known(store: Store) -> None:
    stub = replace(envelope({"spanglass.ref": "x"}), missing=["payload: only the span"], redactions=3)
    store.put_many([stub])
    assert (_get(store).missing, _get(store).redactions) == (("payload: only the span",), 3)
    store.put_many([request(), attempt(), outcome()])
    assert (_get(store).missing, _get(store).redactions, _get(store).complete) == ((), 0, True)


def test_there_is_no_envelope_where_none_was_exported(store: Store) -> None:
    store.put_many([request()])
    assert (store.envelope(TRACE, SPAN), store.envelope(TRACE, "0" * 16)) == (None, None)


def test_repeated_headers_keep_all_values(store: Store) -> None:
    headers = [("set-cookie", "a=1"), ("Via", "x"), ("Set-Cookie", "b=2")]
    store.put_many([request(), AttemptEntry(TRACE, SPAN, 1, 200, T0, complete=True, headers=headers)])
    assert _get(store).attempts[0].response_headers == {"set-cookie": "a=1, b=2", "Via": "x"}


def test_redactions_add_up_over_parts_and_what_is_missing_is_said_once(store: Store) -> None:
    entries: list[Entry] = [
        RequestEntry(TRACE, SPAN, facts(), 1, "POST", URL, T0, redactions=2, missing=["first", "both"]),
        AttemptEntry(TRACE, SPAN, 1, 200, T0, complete=True, redactions=3, missing=["both", "answer"]),
        RequestEntry(TRACE, SPAN, facts(), 2, "POST", URL, T0, missing=["second"]),
        UpstreamEntry(TRACE, SPAN, redactions=5, body=b"1"),
    ]
    store.put_many(entries)
    store.put_many(entries[::-1])
    record = _get(store)
    assert (record.redactions, record.missing) == (10, ("first", "both", "answer", "second"))
    assert not record.complete


def test_an_attempt_may_be_known_by_its_answer_alone(store: Store) -> None:
    store.put_many([attempt(b"late")])
    record = _get(store)
    assert (record.state, record.started_at) == ("started", T0 + 1000)
    assert record.attempts == (
        Attempt(1, "", "", T0 + 1000, 200, response_body=b"late", ended_at=T0 + 1000, complete=True),
    )


def test_an_answer_may_say_that_the_call_has_ended_well(store: Store) -> None:
    entries: list[Entry] = [
        request(),
        attempt(status=429),
        request(number=2),
        replace(attempt(number=2), call_ended_at=T0 + 3000),
    ]
    store.put_many(entries)
    record = _get(store)
    assert (record.state, record.ended_at, record.complete) == ("done", T0 + 3000, True)
    assert (record.response_id, record.finish_reasons) == (ANSWER.response_id, tuple(ANSWER.finish_reasons))
    put_apart = _record_of("memory", [[entry] for entry in entries[::-1]])
    assert put_apart == record
    store.put_many([ExitEntry("journal-1")])
    assert _get(store) == record


def test_a_call_whose_request_was_lost_has_ended_all_the_same(store: Store) -> None:
    store.put_many([replace(attempt(), call_ended_at=T0 + 3000)])
    record = _get(store)
    assert (record.state, record.ended_at, record.response_id) == ("done", T0 + 3000, ANSWER.response_id)
    assert record.missing == ("attempts[0].request: no entry about it has arrived",)


@pytest.mark.parametrize(
    "body", [b"", b"\x00\xff" * 900, b'{"messages": ["\xc3"', "ü".encode() * 3000, b"x" * 3_000_000]
)
def test_bodies_of_every_kind_come_back_as_the_very_bytes(store: Store, body: bytes) -> None:
    store.put_many([request(body), attempt(body)])
    got = _get(store).attempts[0]
    assert (got.request_body, got.response_body) == (body, body)
    assert store.verify().sound


def test_upstream_context_that_is_no_json_is_given_as_text(store: Store) -> None:
    store.put_many([UpstreamEntry(TRACE, SPAN, body=b"\xffplain")])
    assert _get(store).upstream_context == "\ufffdplain"
    store.put_many([UpstreamEntry(TRACE, "00000000000000a2", body=b'{"score": Infinity}')])
    assert _get(store, "00000000000000a2").upstream_context == {"score": float("inf")}


def test_texts_that_are_no_unicode_do_not_stop_a_batch(store: Store) -> None:
    store.put_many([request(name="bad \udcff name"), step(0, value="bad \ud800")])
    record = _get(store)
    assert (record.name, record.steps[0].data) == ("bad ? name", {"value": "bad ?"})


def test_numbers_of_any_size_do_not_stop_a_batch(store: Store) -> None:
    huge = AnswerFacts(usage=Usage(input_tokens=2**63 + 5))
    store.put_many([outcome(), replace(attempt(), answer=huge)])
    assert (_get(store).usage.input_tokens or 0) >= 2**63 - 1


def test_a_conversation_comes_back_turn_by_turn(store: Store) -> None:
    conversation = Conversation(turns=12, bytes_a_turn=3000)
    for entries in conversation:
        store.put_many(entries)
    bodies = [_get(store, span).attempts[0].request_body for span in conversation.spans]
    assert bodies == conversation.bodies
    assert store.verify() == Verification(calls=12, bodies=24, pieces=36, nodes=24)


def test_a_batch_of_many_spans_is_as_good_as_many_batches(store: Store) -> None:
    conversation = Conversation(turns=12, bytes_a_turn=3000)
    store.put_many([entry for entries in conversation for entry in entries])
    bodies = [_get(store, span).attempts[0].request_body for span in conversation.spans]
    assert bodies == conversation.bodies
    assert store.stats().pieces == 36


def test_a_span_is_found_by_its_prefix(store: Store) -> None:
    store.put_many(
        [request(span=span, started_at=T0 + i) for i, span in enumerate(["aa00000000000001", "ab00000000000002"])]
    )
    store.put_many([request(span="aa00000000000003", trace="f" * 32, started_at=T0 + 5)])
    assert [call.span_id for call in store.resolve(None, "aa")] == ["aa00000000000003", "aa00000000000001"]
    assert [call.span_id for call in store.resolve("0AF7", "AA")] == ["aa00000000000001"]
    assert [call.span_id for call in store.resolve(None, "a", limit=1)] == ["aa00000000000003"]
    assert store.resolve(None, "b") == []
    assert store.get(TRACE, "aa00000000000003") is None


def test_the_same_span_id_in_two_traces_is_two_records(store: Store) -> None:
    other = "f" * 32
    store.put_many([request(b"one"), request(b"two", trace=other)])
    assert _get(store).attempts[0].request_body == b"one"
    assert _get(store, trace=other).attempts[0].request_body == b"two"
    assert [call.trace_id for call in store.resolve(None, SPAN)] == [other, TRACE]


def test_calls_are_found_by_what_they_are(store: Store) -> None:
    a, b, c = (f"00000000000000a{n}" for n in range(3))
    store.put_many(
        [
            request(span=a, started_at=T0, workflow_id="w1", step_name="plan"),
            attempt(span=a),
            outcome(span=a, started_at=T0, workflow_id="w1", step_name="plan"),
            request(span=b, started_at=T0 + 1, workflow_id="w1", step_name="write", provider="groq"),
            request(span=c, trace="f" * 32, started_at=T0 + 2, request_model="llama"),
        ]
    )
    expected: list[tuple[dict[str, Any], list[str]]] = [
        ({}, [c, b, a]),
        ({"limit": 2}, [c, b]),
        ({"trace_id": TRACE}, [b, a]),
        ({"workflow_id": "w1"}, [b, a]),
        ({"workflow_id": "w1", "step_name": "plan"}, [a]),
        ({"state": "done"}, [a]),
        ({"provider": "groq"}, [b]),
        ({"model": "llama"}, [c]),
        ({"model": "gpt-4o-2024-08-06"}, [a]),
        ({"model": "gpt-4o"}, [b, a]),
        ({"since": T0 + 1}, [c, b]),
        ({"until": T0 + 1}, [a]),
        ({"since": T0, "until": T0 + 1, "state": "done", "model": "gpt-4o"}, [a]),
        ({"workflow_id": "none"}, []),
    ]
    assert [_spans(store, **query) for query, _ in expected] == [spans for _, spans in expected]


def test_a_text_is_found_wherever_it_stands(store: Store) -> None:
    first, second, third = (f"00000000000000b{n}" for n in range(3))
    history = [
        {"role": "user", "content": "filler " * 60},
        {"role": "user", "content": 'the "käse"\nline ' + "x" * 400},
    ]
    body = json.dumps({"messages": history}).encode()
    longer = json.dumps({"messages": [*history, {"role": "user", "content": "more"}]}, ensure_ascii=True).encode()
    failed = ErrorInfo("E", "a needle in the error")
    store.put_many(
        [
            request(body, span=first, started_at=T0),
            request(longer, span=second, started_at=T0 + 1),
            request(json.dumps({"q": "käse"}, ensure_ascii=False).encode(), span=third, started_at=T0 + 2),
            attempt(b"plain needle in the answer", span=third),
            AttemptEntry(TRACE, SPAN, 1, None, T0 - 9, complete=False, error=failed),
            step(0, note="needle in a step"),
            upstream("needle upstream"),
        ]
    )
    assert _spans(store, text="käse") == [third, second, first]
    assert _spans(store, text='"käse"\nline') == [second, first]
    assert _spans(store, text="more") == [second]
    assert _spans(store, text="needle in the answer") == [third]
    assert _spans(store, text="needle in a step") == [SPAN]
    assert _spans(store, text="needle upstream", limit=1) == [SPAN]
    assert _spans(store, text="filler", until=T0 + 1) == [first]
    assert _spans(store, text="filler", model="other") == []
    assert _spans(store, text="filler", model="gpt-4o", state="started") == [second, first]
    assert _spans(store, text="filler", model="gpt-4o", limit=1) == [second]
    assert _spans(store, text="nowhere") == []


def test_a_text_is_found_in_the_error_of_a_call(store: Store) -> None:
    store.put_many(
        [envelope({"error.type": "E"}, status={"code": 2, "message": "the quota is used up"}), request(span="a" * 16)]
    )
    assert _spans(store, text="quota") == [SPAN]


def test_stats_tell_how_much_there_is(store: Store) -> None:
    assert store.stats().calls == 0
    for entries in Conversation(turns=3, bytes_a_turn=3000):
        store.put_many(entries)
    stats = store.stats()
    assert (stats.calls, stats.pieces, stats.oldest, stats.newest) == (3, 9, T0, T0 + 2_000_000_000)
    assert stats.bytes > 3000


def _aged(store: Store, ages_s: Sequence[int], **call: Any) -> list[str]:
    """Finished calls that began so many seconds ago, in one conversation."""
    now, spans = time.time_ns(), []
    history = [{"role": "user", "content": f"turn {turn} " * 60} for turn in range(len(ages_s))]
    for turn, age in enumerate(ages_s):
        spans.append(f"{turn + 0xC0:016x}")
        body = json.dumps({"messages": history[: turn + 1]} | {"pad": "p" * 500}).encode()
        told = {"started_at": now - age * 1_000_000_000, **call}
        store.put_many(
            [request(body, span=spans[-1], **told), attempt(span=spans[-1]), outcome(span=spans[-1], **told)]
        )
    return spans


def _prune_as_foreseen(store: Store, **rule: Any) -> Pruned:
    before = store.find(Query())
    foreseen = store.prune(PruneRule(**rule, dry_run=True))
    assert store.find(Query()) == before
    assert store.prune(PruneRule(**rule)) == foreseen
    _assert_whole(store)
    return foreseen


def _assert_whole(store: Store) -> None:
    """Nothing is damaged and nothing is left over."""
    found = store.verify()
    assert found == Verification(found.calls, found.bodies, found.pieces, found.nodes)


def test_a_rule_that_says_nothing_deletes_nothing(store: Store) -> None:
    _aged(store, [50, 40])
    assert store.prune(PruneRule()) == Pruned()
    assert store.prune(PruneRule(keep_errors=True)) == Pruned()


def test_old_calls_go_and_what_the_others_need_stays(store: Store) -> None:
    spans = _aged(store, [500, 400, 30, 20])
    pruned = _prune_as_foreseen(store, older_than_ns=100 * 1_000_000_000)
    assert (pruned.calls, _spans(store)) == (2, spans[:1:-1])
    assert json.loads(_get(store, spans[3]).attempts[0].request_body or b"")["messages"][0]["content"].startswith(
        "turn 0"
    )


def test_what_no_window_needs_goes_with_its_last_call(store: Store) -> None:
    _aged(store, [500, 400, 300])
    _prune_as_foreseen(store, older_than_ns=0)
    after = store.stats()
    assert (after.calls, after.pieces, after.oldest) == (0, 0, None)
    assert store.verify() == Verification()


def test_newer_calls_going_first_leave_the_older_ones_whole(store: Store) -> None:
    spans = _aged(store, [500, 400, 300])
    store.put_many([request(b"{}", span="d" * 16, trace="f" * 32)])
    pruned = _prune_as_foreseen(store, trace_id="f" * 32)
    assert (pruned.calls, pruned.pieces, _spans(store)) == (1, 0, spans[::-1])


def test_errors_are_kept_where_asked(store: Store) -> None:
    spans = _aged(store, [500, 400])
    store.put_many([outcome(span=spans[1], state="error", ended_at=T0)])
    store.put_many([request(span="e" * 16, owner="gone", started_at=time.time_ns() - 10**12), ExitEntry("gone")])
    error = "f" * 16
    store.put_many([request(span=error), outcome(span=error, state="error")])
    assert _prune_as_foreseen(store, older_than_ns=0, keep_errors=True).calls >= 1
    kept = {call.state for call in store.find(Query())}
    assert kept <= {"error", "killed"}
    assert {error, "e" * 16} <= set(_spans(store))


def test_a_trace_or_a_workflow_goes_as_asked(store: Store) -> None:
    spans = _aged(store, [500, 400], workflow_id="w")
    store.put_many([request(span="d" * 16), request(span="e" * 16, trace="f" * 32)])
    assert _prune_as_foreseen(store, workflow_id="w", older_than_ns=450 * 1_000_000_000).calls == 1
    assert _prune_as_foreseen(store, workflow_id="w").calls == 1
    assert not set(spans) & set(_spans(store))
    assert _prune_as_foreseen(store, trace_id=TRACE).calls == 1
    assert _spans(store) == ["e" * 16]


def test_the_oldest_go_until_the_store_fits(store: Store) -> None:
    for entries in Conversation(turns=40, bytes_a_turn=20_000):
        store.put_many(entries)
    store.put_many([request(span="d" * 16, started_at=T0 - 1, owner="alive")])
    before = store.stats()
    bound = before.bytes * 2 // 3
    assert store.prune(PruneRule(max_bytes=before.bytes)) == Pruned()
    foreseen = store.prune(PruneRule(max_bytes=bound, dry_run=True))
    pruned = store.prune(PruneRule(max_bytes=bound))
    after = store.stats()
    left = _spans(store, limit=50)
    assert 0 < foreseen.calls <= 41
    assert after.bytes <= bound
    assert after.calls == before.calls - pruned.calls
    assert "d" * 16 in left, "a call that is going on is never deleted to make room"
    assert store.verify().sound


def test_a_pruned_call_may_be_put_again(store: Store) -> None:
    store.put_many(full_span())
    before = _get(store)
    store.prune(PruneRule(older_than_ns=0))
    assert store.get(TRACE, SPAN) is None
    store.put_many(full_span())
    assert _get(store) == before


def test_a_replaced_body_leaves_nothing_behind(store: Store) -> None:
    store.put_many([outcome(), request(b"a" * 2000)])
    store.put_many([request(b"b" * 3000)])
    assert _get(store).attempts[0].request_body == b"b" * 3000
    assert store.verify() == Verification(calls=1, bodies=1, pieces=1, nodes=0)


def test_progress_of_a_verification_is_told_to_the_end(store: Store) -> None:
    for entries in Conversation(turns=4, bytes_a_turn=3000):
        store.put_many(entries)
    told: list[tuple[int, int]] = []
    store.verify(lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > 0
    assert told == sorted(told)


def test_two_stores_on_one_url_see_the_same(store: Store, reopen: Callable[[], Store]) -> None:
    other = reopen()
    store.put_many([request(b"from one")])
    other.put_many([attempt(b"from the other")])
    assert _get(store) == _get(other)
    assert _get(store).attempts[0].response_body == b"from the other"


def test_what_was_put_is_there_after_reopening(store: Store, reopen: Callable[[], Store]) -> None:
    store.put_many(full_span())
    before = _get(store)
    store.close()
    store.close()
    assert _get(reopen()) == before
    assert _get(store) == before, "a closed store opens again when it is used"


def test_threads_may_put_get_and_prune_at_once(store: Store, reopen: Callable[[], Store]) -> None:
    stores = [store, reopen()]
    faults: list[BaseException] = []
    conversations = [Conversation(turns=8, bytes_a_turn=2000, seed=seed, trace=f"{seed:032x}") for seed in range(4)]

    def write(index: int) -> None:
        try:
            for entries in conversations[index]:
                stores[index % 2].put_many(entries)
                stores[(index + 1) % 2].find(Query(limit=3))
                stores[index % 2].prune(PruneRule(workflow_id="wf-0"))
        except BaseException as fault:  # noqa: BLE001 - told by the main thread
            faults.append(fault)

    threads = [threading.Thread(target=write, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    store.prune(PruneRule(workflow_id="wf-0"))
    for conversation in conversations[1:]:
        bodies = [_get(store, span, conversation.trace).attempts[0].request_body for span in conversation.spans]
        assert bodies == conversation.bodies
    assert store.stats().calls == 24
    _assert_whole(store)


def test_nothing_is_deleted_that_a_random_life_still_needs(store: Store) -> None:
    """Puts and prunes in any succession: after each, every body that is left is whole and nothing is left over."""
    generator = random.Random(7)  # noqa: S311 - the same life every time
    turns = [entries for seed in range(3) for entries in Conversation(10, 1500, seed=seed, trace=f"{seed + 1:032x}")]
    for entries in generator.sample(turns, len(turns)):
        store.put_many(entries)
        if generator.random() < 0.3:
            victim = generator.choice(store.find(Query()))
            store.prune(PruneRule(workflow_id=victim.workflow_id, older_than_ns=time.time_ns() - victim.started_at - 1))
            _assert_whole(store)


def test_an_unknown_url_is_refused_with_what_is_supported() -> None:
    for url in ("mysql://u:p@host/db", "/var/lib/x.db", "sqlite", ""):
        with pytest.raises(ConfigurationError, match="sqlite:///path"):
            open_store(url)
    with pytest.raises(ConfigurationError) as refused:
        open_store("postgresql://user:hunter2@db/ctx")
    assert "hunter2" not in str(refused.value)


def test_importing_the_room_loads_no_driver_and_no_compressor() -> None:
    program = "import sys, spanglass.store; print(sorted({'sqlite3', 'zstandard', 'msgspec'} & sys.modules.keys()))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_a_memory_store_is_shared_by_its_name() -> None:
    name = f"memory://{uuid.uuid4().hex}"
    open_store(name).put_many([request()])
    assert open_store(name).stats().calls == 1
    assert open_store(name + "-other").stats() == NO_CALLS
    with pytest.raises(ConfigurationError):
        open_store("memory://a/b")
