"""What holds for any body: it stays valid, nothing but the credential changes, and twice is once."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from redact.shapes import LOOKALIKES, SHAPES
from spanglass.redact import REDACTED, Redactor
from spanglass.redact.escape import unescape

REDACTOR = Redactor()
SECRETS = st.sampled_from([shape for shape in SHAPES if not shape.kept]).map(lambda shape: shape.make())
NAMES = st.sampled_from(
    ["api_key", "Authorization", "clientSecret", "db-password", "x-api-key", "headers", "token", "auth"]
)
PLAIN_NAMES = st.sampled_from(["model", "content", "max_tokens", "role", "properties", "type", "arguments", "é", ""])
WORDS = (
    st.text(max_size=12)
    | st.sampled_from(LOOKALIKES)
    | st.sampled_from(["password:", "token=", '"', "\\", "'headers': {", "\\u0041"])
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS


def _nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = PLAIN_NAMES | NAMES | WORDS
    nested: st.SearchStrategy[Any] = st.deferred(
        lambda: leaves | st.lists(nested, max_size=3) | st.dictionaries(names, nested, max_size=3)
    )
    return nested


PLAIN_VALUES = _nested(LEAVES)
VALUES = _nested(LEAVES | st.builds("{}{}".format, WORDS, SECRETS))
DUMPS = st.sampled_from(
    [json.dumps, lambda value: json.dumps(value, ensure_ascii=False), lambda value: json.dumps(value, indent=2)]
)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@settings(deadline=None)
@given(VALUES, DUMPS)
@example({"a": "'headers': {"}, json.dumps)
@example({"token": {"a": "b"}}, json.dumps)
def test_valid_json_stays_valid_and_masking_twice_is_masking_once(value: Any, dumps: Any) -> None:
    body = _encoded(dumps({"x": value}))
    masked, count = REDACTOR.body(body)
    json.loads(masked.decode("utf-8", "surrogatepass"))
    assert (masked == body) == (count == 0)
    assert REDACTOR.body(masked) == (masked, 0)


@settings(deadline=None)
@given(VALUES, st.integers(1, 3))
def test_json_inside_json_stays_valid(value: Any, depth: int) -> None:
    value = {"x": value}
    for _ in range(depth):
        value = {"arguments": json.dumps(value)}
    masked = json.loads(REDACTOR.body(_encoded(json.dumps(value)))[0])
    for _ in range(depth):
        text = masked["arguments"]
        masked = json.loads(text)


@settings(deadline=None)
@given(st.text(), st.sampled_from([str, json.dumps]))
@example("'password': \"", str)
def test_any_text_is_masked_once_and_for_all(text: str, form: Any) -> None:
    text = form(text)
    masked, _ = REDACTOR.text(text)
    assert REDACTOR.text(masked) == (masked, 0)


@settings(deadline=None)
@given(
    st.lists(WORDS | SECRETS | NAMES | st.sampled_from(["=", ": ", "'", '"', "{", "}", "@", "://", "\n"]), max_size=12)
)
def test_any_mixture_is_masked_once_and_for_all(pieces: list[str]) -> None:
    masked, _ = REDACTOR.text("".join(pieces))
    assert REDACTOR.text(masked) == (masked, 0)


def _plant(value: Any, secret: str, at: int) -> Any:
    """The value with a secret somewhere in it, in a string or in a key."""
    places = [0]

    def walk(part: Any) -> Any:
        places[0] += 1
        here = places[0] == at
        if isinstance(part, dict):
            items = {key: walk(item) for key, item in part.items()}
            return {**items, f"k {secret}": 1} if here else items
        if isinstance(part, list):
            walked = [walk(item) for item in part]
            return [*walked, f"{secret}"] if here else walked
        return f"it is {secret}." if here else part

    planted = walk(value)
    return planted if at <= places[0] else [planted, secret]


@settings(deadline=None)
@given(PLAIN_VALUES, SECRETS, st.integers(1, 12), st.integers(0, 2), DUMPS)
def test_a_planted_credential_never_survives(value: Any, secret: str, at: int, depth: int, dumps: Any) -> None:
    planted = _plant(value, secret, at)
    for _ in range(depth):
        planted = {"arguments": json.dumps(planted)}
    masked, count = REDACTOR.body(_encoded(dumps(planted)))
    assert (secret.encode() in masked, count > 0) == (False, True)
    assert secret not in str(REDACTOR.value("x", planted)[0])


@settings(deadline=None)
@given(VALUES, NAMES.filter(lambda name: name not in ("headers", "auth", "token")), st.integers() | st.text(min_size=1))
def test_what_stands_under_a_credentials_name_never_survives(around: Any, name: str, value: Any) -> None:
    body = {"a": around, name: value, "z": around}
    masked = json.loads(REDACTOR.body(_encoded(json.dumps(body)))[0].decode("utf-8", "surrogatepass"))
    assert masked[name] == REDACTED or (isinstance(value, str) and masked[name] == value and not value.strip("*"))


@settings(deadline=None)
@given(WORDS, SECRETS, WORDS)
def test_nothing_but_the_credential_changes(before: str, secret: str, after: str) -> None:
    assume(not REDACTOR.text(json.dumps({"a": f"{before} | {after}"}))[1])
    text = json.dumps({"a": f"{before} {secret} {after}"})
    assert REDACTOR.body(text.encode())[0] == text.replace(secret, REDACTED).encode()


@settings(deadline=None)
@given(SECRETS)
def test_a_credential_in_an_exception_a_header_and_a_url_never_survives(secret: str) -> None:
    assert secret not in REDACTOR.text(repr(ValueError({"sent": [secret]})))[0]
    assert secret not in str(REDACTOR.headers([("x-note", f"a {secret}"), ("x-api-key", secret)]))
    assert secret not in REDACTOR.url(f"https://x.example/a/{secret}?q={secret}#{secret}")[0]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["\\", "u0041", "u0022", "u005c", "/", "a", '"', "é", "u00e9"]), max_size=12).map("".join)
)
def test_unescaping_leads_back_to_every_place(text: str) -> None:
    data = text.encode()
    plain = unescape(data)
    origins = [plain.origin(place) for place in range(len(plain.data) + 1)]
    assert origins == sorted(origins)
    assert (origins[0], origins[-1]) == (0, len(data))
