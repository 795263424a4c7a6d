"""Headers, urls, texts and values."""

from __future__ import annotations

import json
import traceback
from typing import Any
from urllib.parse import urlsplit

import pytest

from redact.shapes import SHAPES, basic
from spanglass.redact import REDACTED, Redactor
from spanglass.redact.attribute import AttributeMasker

REDACTOR = Redactor()
KEY = SHAPES[0].make()
GOOGLE = next(shape for shape in SHAPES if shape.rule == "google api key").make()
TELEGRAM = next(shape for shape in SHAPES if shape.rule == "telegram bot").make()
SLACK = next(shape for shape in SHAPES if shape.rule == "slack webhook")


def test_headers_that_carry_credentials_are_masked_wholly_and_the_others_kept_in_order() -> None:
    headers = [
        ("Host", "api.openai.com"),
        ("Authorization", f"Bearer {KEY}"),
        ("openai-organization", "org-abcDEF123456789012345678"),
        ("OpenAI-Project", "proj_abcDEF123456789012345678"),
        ("x-api-key", "opaque"),
        ("X-Goog-Api-Key", GOOGLE),
        ("api-key", "opaque"),
        ("X-Api-Key-Of-Mine", "opaque"),
        ("Ocp-Apim-Subscription-Key", "opaque"),
        ("Cookie", "a=b; c=d"),
        ("set-cookie", "sid=1; HttpOnly"),
        ("set-cookie", "sid=2"),
        ("X-Amz-Security-Token", "opaque"),
        ("Proxy-Authorization", f"Basic {basic()}"),
        ("x-ratelimit-remaining-tokens", "149984"),
        ("anthropic-ratelimit-tokens-reset", "2026-01-01T00:00:00Z"),
        ("access-control-allow-headers", "authorization"),
        ("access-control-allow-credentials", "true"),
        ("idempotency-key", "stainless-python-retry-1"),
        ("x-request-id", "req_0123456789abcdef0123456789abcdef"),
        ("referer", f"https://u:p@x.example/?key={GOOGLE}"),
        ("x-note", f"sent {KEY}"),
    ]
    hidden = {
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "api-key",
        "x-api-key-of-mine",
        "ocp-apim-subscription-key",
        "cookie",
        "set-cookie",
    }
    hidden |= {"x-amz-security-token", "proxy-authorization"}
    expected = [(name, REDACTED if name.lower() in hidden else value) for name, value in headers]
    expected[-2] = ("referer", f"https://{REDACTED}@x.example/?key={REDACTED}")
    expected[-1] = ("x-note", f"sent {REDACTED}")
    for _ in range(2):
        assert REDACTOR.headers(headers) == (expected, 14)
    assert REDACTOR.headers(expected) == (expected, 0)


@pytest.mark.parametrize(
    ("url", "masked", "count"),
    [
        ("https://api.openai.com/v1/chat/completions", None, 0),
        ("https://x.example/a%20b?q=a+b&page=2&next_page_token=abc#top", None, 0),
        ("https://x.example/?max_tokens=5&model=gpt-4o", None, 0),
        (
            f"https://g.example/v1/m:generate?alt=sse&key={GOOGLE}",
            "https://g.example/v1/m:generate?alt=sse&key=[REDACTED]",
            1,
        ),
        ("https://x.example/?api_key=a;b&x=1;Token=c", "https://x.example/?api_key=[REDACTED]&x=1;Token=[REDACTED]", 2),
        (
            "https://x.example/?X-Amz-Signature=ab&X-Amz-Date=2",
            "https://x.example/?X-Amz-Signature=[REDACTED]&X-Amz-Date=2",
            1,
        ),
        ("https://x.example/b?sv=1&sig=a%3D&se=2", "https://x.example/b?sv=1&sig=[REDACTED]&se=2", 1),
        ("https://x.example/cb?code=abc&state=xyz", "https://x.example/cb?code=[REDACTED]&state=xyz", 1),
        (
            "https://x.example/cb#access_token=abc&expires_in=3",
            "https://x.example/cb#access_token=[REDACTED]&expires_in=3",
            1,
        ),
        ("https://x.example/?a=1#id_token=abc", "https://x.example/?a=1#id_token=[REDACTED]", 1),
        (
            "https://x.example/?api%5Fkey=abc&api_key=&token",
            "https://x.example/?api%5Fkey=[REDACTED]&api_key=&token",
            1,
        ),
        ("https://user:p%40ss@x.example:8080/a", "https://%5BREDACTED%5D@x.example:8080/a", 1),
        ("postgres://u:p@ss@db/x", "postgres://%5BREDACTED%5D@db/x", 1),
        (f"https://api.telegram.org/bot{TELEGRAM}/sendMessage", "https://api.telegram.org/[REDACTED]/sendMessage", 1),
        (SLACK.make(), "https://hooks.slack.com/services/[REDACTED]", 1),
        (f"https://x.example/?q=my+{KEY}+ok", "https://x.example/?q=my+[REDACTED]+ok", 1),
        (f"https://x.example/?q=Bearer%20{KEY}", "https://x.example/?q=Bearer%20[REDACTED]", 1),
        (f"https://x.example/?q=%73{KEY[1:]}", "https://x.example/?q=[REDACTED]", 1),
        ("/relative/path?token=abc", "/relative/path?token=[REDACTED]", 1),
        ("", None, 0),
    ],
)
def test_a_url_loses_its_credentials_and_nothing_else(url: str, masked: str | None, count: int) -> None:
    for _ in range(2):
        assert REDACTOR.url(url) == (url if masked is None else masked, count)
    found = REDACTOR.url(url)[0]
    assert REDACTOR.url(found) == (found, 0)
    assert urlsplit(found).port == urlsplit(url.replace("p@ss", "")).port


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (
            "Incorrect API key provided: {}. See https://x.example.",
            "Incorrect API key provided: [REDACTED]. See https://x.example.",
        ),
        (
            "Error 401 - {{'error': {{'api_key': '{}', 'n': 1}}}}",
            "Error 401 - {{'error': {{'api_key': '[REDACTED]', 'n': 1}}}}",
        ),
        ("{{'headers': {{'A': \"it's\"}}, 'x': 1}}", "{{'headers': '[REDACTED]', 'x': 1}}"),
        ("Client(api_key='abc', timeout=3)", "Client(api_key='[REDACTED]', timeout=3)"),
        ('Client(password="a b, c")', 'Client(password="[REDACTED]")'),
        ("{{'api_key': SecretStr('abc'), 'b': b'x'}}", "{{'api_key': SecretStr('[REDACTED]'), 'b': b'x'}}"),
        ("{{'api_key': b'abc'}}", "{{'api_key': b'[REDACTED]'}}"),
        ("password=hunter&user=ada", "password=[REDACTED]&user=ada"),
        ("export OPENAI_API_KEY=abc\nexport B=1", "export OPENAI_API_KEY=[REDACTED]\nexport B=1"),
        ("db:\n  password: hunter\n  user: ada", "db:\n  password: [REDACTED]\n  user: ada"),
        ("Authorization: Bearer a b c\r\nHost: x", "Authorization: [REDACTED]\r\nHost: x"),
        ("set-cookie: sid=1; Path=/\nx: y", "set-cookie: [REDACTED]\nx: y"),
        ("x-api-key: abc1", "x-api-key: [REDACTED]"),
        ("Bad password: hunter2, try again", "Bad password: [REDACTED], try again"),
        ("KeyError: 'token': expected string", "KeyError: 'token': expected string"),
        ("token: expected a string here", "token: expected a string here"),
        (
            "api_key=os.getenv('KEY'), token=None, secret=$SECRET",
            "api_key=os.getenv('KEY'), token=None, secret=$SECRET",
        ),
        ("usage: max_tokens=5 total_tokens=12", "usage: max_tokens=5 total_tokens=12"),
        ("[Errno 2] password=x", "[Errno 2] password=[REDACTED]"),
        ("secret => abc, access_token := def", "secret => [REDACTED], access_token := [REDACTED]"),
        ("token=abc", "token=[REDACTED]"),
        (
            '{{"api_key": "abc", "note": "password: then click"}}',
            '{{"api_key": "[REDACTED]", "note": "password: then click"}}',
        ),
    ],
)
def test_a_text_is_masked_whatever_form_the_credential_has(text: str, masked: str) -> None:
    text, masked = text.format(KEY), masked.format()
    assert REDACTOR.text(text)[0] == masked
    assert REDACTOR.text(masked) == (masked, 0)


def test_a_stack_trace_is_masked_and_stays_readable() -> None:
    def connect(url: str) -> None:
        message = f"cannot reach {url} with {KEY}"
        raise ConnectionError(message)

    try:
        connect("postgres://ada:hunter2@db/x")
    except ConnectionError:
        trace = traceback.format_exc()
    masked, count = REDACTOR.text(trace)
    assert masked == trace.replace("ada:hunter2", REDACTED).replace(KEY, REDACTED)
    assert (count, "hunter2" in masked, "in connect" in masked) == (3, False, True)


def test_a_text_of_any_characters_is_kept() -> None:
    for text in ("", "é\ud83d\ude00", "\ud800 lone", "\x00\x7f", "a" * 10000):
        assert REDACTOR.text(text)[0] is text


@pytest.mark.parametrize(
    ("key", "value", "masked"),
    [
        ("api_key", "x", REDACTED),
        ("http.request.header.authorization", ["Bearer x"], REDACTED),
        ("gen_ai.usage.input_tokens", 12, 12),
        ("gen_ai.request.max_tokens", 12, 12),
        ("headers", {"a": "b"}, REDACTED),
        ("extra_headers", [("a", "b")], REDACTED),
        ("password", 5, REDACTED),
        ("password", None, None),
        ("password", True, True),
        ("password", "", ""),
        ("password", {"type": "string"}, {"type": "string"}),
        ("token", {"id": 1, "text": "Hi", "logprob": -1.0}, {"id": 1, "text": "Hi", "logprob": -1.0}),
        ("x", {"token": "Hi", "logprob": -1.0}, {"token": "Hi", "logprob": -1.0}),
        ("x", {"token": "abc", "a": 1}, {"token": REDACTED, "a": 1}),
        ("x", (1, f"k {KEY}", None), (1, f"k {REDACTED}", None)),
        ("x", f"k {KEY}".encode(), f"k {REDACTED}".encode()),
        ("x", {KEY: [{"secret": "y"}]}, {REDACTED: [{"secret": REDACTED}]}),
        ("x", ["curl", "--api-key", "abc", "--fast", "b"], ["curl", "--api-key", REDACTED, "--fast", "b"]),
        ("gen_ai.input.messages", json.dumps([{"api_key": "x"}]), json.dumps([{"api_key": REDACTED}])),
        ("x", 1.5, 1.5),
    ],
)
def test_a_value_is_masked_under_its_name_and_at_any_depth(key: str, value: Any, masked: Any) -> None:
    found, count = REDACTOR.value(key, value)
    assert (found, count) == (masked, count)
    assert (found is value) == (count == 0)
    assert REDACTOR.value(key, found) == (masked, 0)


def test_what_follows_an_option_of_a_command_is_masked_on_an_otherwise_clean_span() -> None:
    attributes = {"process.command_args": ("program", "--api-key", "hunter2", "--verbose", "yes")}
    (masked,) = AttributeMasker(Redactor()).mask_all([attributes])
    assert masked["process.command_args"] == ("program", "--api-key", REDACTED, "--verbose", "yes")
    assert attributes["process.command_args"][2] == "hunter2"
