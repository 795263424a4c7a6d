from __future__ import annotations

import json
import re

import pytest

from redact.shapes import LOOKALIKES, SHAPES, Shape, basic, private_key
from spanglass.redact import REDACTED, Redactor
from spanglass.redact.engine import Anchor, ReEngine
from spanglass.redact.rules import RULES

REDACTOR = Redactor()
RECORDING_SECRET = "sk-test-" + "SECRET-DO-NOT-CAPTURE-" + "0123456789abcdef"


def _secret(shape: Shape) -> str:
    """The part of a credential that must not survive."""
    return shape.make().removeprefix(shape.kept)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.rule}:{shape.parts[0]}")
def test_a_credential_is_masked_wherever_it_stands_in_a_text(shape: Shape) -> None:
    made, secret = shape.make(), _secret(shape)
    for template in ("{}", "my key is {}, thanks", "see\n{}\nthere", 'k="{}"', "x={}&y=1", "<b>{}</b>", "/{}/", "({})"):
        masked, count = REDACTOR.text(template.format(made))
        assert (secret in masked, REDACTED in masked, count) == (False, True, 1), template


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.rule}:{shape.parts[0]}")
def test_a_credential_is_masked_in_a_body_and_nothing_else_is(shape: Shape) -> None:
    body = json.dumps(
        {"messages": [{"role": "user", "content": f"my é key:\n{shape.make()}\n\tthanks"}], "n": 1}
    ).encode()
    assert REDACTOR.body(body) == (body.replace(_secret(shape).encode(), REDACTED.encode()), 1)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_has_an_example(rule: object) -> None:
    assert rule.name in {shape.rule for shape in SHAPES} | {"private key", "basic"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.rule}:{shape.parts[0]}")
def test_the_rule_that_is_meant_is_the_one_that_finds_it(shape: Shape) -> None:
    rule = next(rule for rule in RULES if rule.name == shape.rule)
    assert rule.pattern.search(shape.make().encode())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_an_anchor_is_as_wide_as_it_says(rule: object) -> None:
    examples = "\n".join([*(shape.make() for shape in SHAPES), private_key(), f"Basic {basic()}", "Basic%20" + basic()])
    for expression, width in rule.anchors:  # type: ignore[attr-defined]
        found = re.search(expression, examples, re.IGNORECASE)
        if found:
            assert len(found[0]) == width
        assert ReEngine([Anchor(expression)]).scan(b"") == []


@pytest.mark.parametrize("text", LOOKALIKES)
def test_what_is_no_credential_is_left_alone(text: str) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": text}], "id": "chatcmpl-1"}).encode()
    masked, count = REDACTOR.body(body)
    assert (masked, count) == (body, 0)
    assert masked is body


def test_the_key_that_the_recordings_plant_is_masked() -> None:
    assert REDACTOR.text(f"sent {RECORDING_SECRET} there") == (f"sent {REDACTED} there", 1)


@pytest.mark.parametrize("kind", ["RSA ", "", "EC ", "OPENSSH ", "ENCRYPTED ", "PGP "])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\\n", "\\\\n"])
def test_a_private_key_is_masked_between_its_lines_however_they_are_escaped(kind: str, newline: str) -> None:
    key = private_key(kind).replace("\n", newline)
    masked, count = REDACTOR.text(f"key: {key} end")
    dashes = "-" * 5
    assert count == 1
    assert masked.replace(newline, "").startswith(
        f"key: {dashes}BEGIN {kind}PRIVATE KEY{dashes}{REDACTED}{dashes}END {kind}"
    )


def test_a_private_key_that_is_cut_off_is_masked_to_its_end() -> None:
    key = private_key()[:200]
    body = b'{"a": ' + json.dumps(key).encode()[:-1]
    masked, count = REDACTOR.body(body)
    assert (masked, count) == (b'{"a": "' + b"-" * 5 + b"BEGIN RSA PRIVATE KEY" + b"-" * 5 + REDACTED.encode(), 1)


def test_basic_credentials_are_masked_and_a_basic_word_is_not() -> None:
    assert REDACTOR.text(f"Basic {basic()}") == (f"Basic {REDACTED}", 1)
    assert REDACTOR.text("Basic JavaScript") == ("Basic JavaScript", 0)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgres://app:{}@db:5432/x?a=1", "postgres://[REDACTED]@db:5432/x?a=1"),
        ("redis://:{}@cache", "redis://[REDACTED]@cache"),
        ("mongodb+srv://u:{}@c.mongodb.net", "mongodb+srv://[REDACTED]@c.mongodb.net"),
        ("https://{}@github.com/a/b", "https://[REDACTED]@github.com/a/b"),
        ("amqp://u:a@{}@host/v", "amqp://[REDACTED]@host/v"),
    ],
)
def test_the_userinfo_of_a_url_is_masked(text: str, masked: str) -> None:
    secret = "hunter" + "2" * 12
    assert REDACTOR.text(f"at {text.format(secret)} it failed") == (f"at {masked} it failed", 1)
    body = json.dumps({"content": text.format(secret)}).encode()
    assert REDACTOR.body(body) == (json.dumps({"content": masked}).encode(), 1)


@pytest.mark.parametrize("name", ["sig", "X-Amz-Signature", "X-Amz-Security-Token", "X-Goog-Signature"])
def test_the_signature_of_a_signed_url_in_a_body_is_masked(name: str) -> None:
    body = json.dumps({"image_url": f"https://b.example/x.png?a=1&{name}=0a1b2c3d%2F&se=2"}).encode()
    assert REDACTOR.body(body) == (body.replace(b"0a1b2c3d%2F", REDACTED.encode()), 1)
