from __future__ import annotations

import json
from typing import Any

import pytest

from redact.shapes import SHAPES
from spanglass import guard
from spanglass.errors import ConfigurationError
from spanglass.redact import FAILED, REDACTED, Redactor

REDACTOR = Redactor()
SECRET = "hunter2"
KEY = SHAPES[1].make()


def _mask(body: str, content_type: str = "application/json") -> str:
    return REDACTOR.body(body.encode(), content_type)[0].decode()


@pytest.mark.parametrize(
    "name",
    [
        *("api_key", "apikey", "apiKey", "API-KEY", "x-api-key", "X-Api-Key", "OPENAI_API_KEY", "azure api key"),
        *("authorization", "Authorization", "Proxy-Authorization", "X-Forwarded-Authorization"),
        *(
            "token",
            "access_token",
            "accessToken",
            "accesstoken",
            "refresh_token",
            "id_token",
            "session_token",
            "bearer_token",
        ),
        *("HF_TOKEN", "githubToken", "backend_token", "X-Amz-Security-Token", "private-token", "csrf_token", "auth"),
        *("secret", "client_secret", "clientSecret", "aws_secret_access_key", "aws_access_key_id", "webhook secret"),
        *("password", "db_password", "PASSWORD", "passwd", "pwd", "passphrase", "credential", "credentials"),
        *(
            "cookie",
            "set-cookie",
            "private_key",
            "privateKey",
            "connection_string",
            "AccountKey",
            "encryption_key",
            "jwt",
        ),
    ],
)
def test_the_value_under_a_credentials_name_is_masked_at_any_depth(name: str) -> None:
    for template in ('{"%s":"%s","a":1}', '{"x":[{"y":{"%s" : "%s"}}], "z": [1, 2]}', '{\n  "%s":\n\t"%s"\n}'):
        body = template % (name, SECRET)
        assert (_mask(body), REDACTOR.body(body.encode())[1]) == (template % (name, REDACTED), 1)


@pytest.mark.parametrize(
    "name",
    [
        *("max_tokens", "maxTokens", "total_tokens", "tokens", "tokenizer", "token_count", "max_completion_tokens"),
        *(
            "stop_token",
            "eos_token",
            "next_page_token",
            "nextPageToken",
            "pageToken",
            "nextToken",
            "continuation_token",
        ),
        *("generatedToken", "token_ids", "secretary", "passwordless", "authority", "author", "cookie_policy", "key"),
        *(
            "prompt_cache_key",
            "idempotency-key",
            "signature",
            "thought_signature",
            "headers",
            "headers_only",
            "keyboard",
        ),
    ],
)
def test_a_name_that_is_only_like_a_credentials_is_left_alone(name: str) -> None:
    body = json.dumps({name: "some value", "n": {name: "42"}}).encode()
    assert REDACTOR.body(body) == (body, 0)


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("12345", '"[REDACTED]"'),
        ("-1.5e3", '"[REDACTED]"'),
        ('{"a": {"b": "}"}}', '"[REDACTED]"'),
        ('["a", ["]"], "\\"]"]', '"[REDACTED]"'),
        ("true", "true"),
        ("false", "false"),
        ("null", "null"),
        ('""', '""'),
        ("{}", "{}"),
        ("[ ]", "[ ]"),
        ('"with \\" and \\\\"', '"[REDACTED]"'),
        ('"\\u00e9\\ud83d\\ude00é"', '"[REDACTED]"'),
        ('"[REDACTED]"', '"[REDACTED]"'),
    ],
)
def test_a_value_of_any_type_becomes_one_string_unless_there_is_nothing_in_it(value: str, masked: str) -> None:
    for template in ('{"password":%s}', '{"a":1,"password": %s , "b":"x"}', '[{"password":%s},2]'):
        assert _mask(template % value) == template % masked


def test_headers_in_a_body_are_masked_as_a_whole() -> None:
    tool = {
        "type": "mcp",
        "server_url": "https://x.example",
        "headers": {"X-Custom": "opaque"},
        "authorization": "opaque",
    }
    assert json.loads(_mask(json.dumps({"tools": [tool]}))) == {
        "tools": [{**tool, "headers": REDACTED, "authorization": REDACTED}]
    }
    assert (
        _mask('{"extra_headers": [["a", "b"]], "headers": "none"}')
        == '{"extra_headers": "[REDACTED]", "headers": "none"}'
    )


def test_a_schema_that_declares_a_credential_is_kept_and_its_default_is_not() -> None:
    schema = {
        "type": "object",
        "properties": {
            "password": {"type": "string", "description": "The password", "minLength": 8},
            "api_key": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Api Key"},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "token": {"type": ["string", "null"], "enum": ["ETH", "BTC"]},
        },
        "required": ["password"],
    }
    body = json.dumps({"tools": [{"function": {"parameters": schema}}]}).encode()
    assert REDACTOR.body(body) == (body, 0)
    assert _mask('{"properties":{"password":{"type":"string","default":"hunter2"}}}') == (
        '{"properties":{"password":{"type":"string","default":"[REDACTED]"}}}'
    )
    assert _mask('{"password":{"type":"string","value":"hunter2"}}') == '{"password":"[REDACTED]"}'


@pytest.mark.parametrize(
    "entry",
    [
        '{"token": "Hello", "logprob": -0.1, "bytes": [72], "top_logprobs": []}',
        '{"token":"a very long piece of text","logprob":-0.1,"bytes":null}',
        '{"bytes":[72],"logprob":-0.1,"token":"Hello","top_logprobs":[]}',
        '{"logprob": -0.1, "token": "Hello"}',
        '{"bytes":[72],"logprob":-12.5,"token":" a very long piece of text"}',
        '{"token":"\\n\\"","bytes":[10],"logprob":0}',
        '{"token": "He", "tokenId": 12, "logProbability": -0.5}',
        '{"generatedToken":{"token":"\\u2581","logprob":-3.0,"raw_logprob":-3.0}}',
        '{"token":{"id":12,"text":"Hello","logprob":-0.5,"special":false}}',
        '{"token": 42}',
    ],
)
def test_an_entry_of_log_probabilities_is_text_and_kept(entry: str) -> None:
    body = ('{"choices":[{"logprobs":{"content":[%s,%s]}}]}' % (entry, entry)).encode()  # noqa: UP031 - braces
    masked, count = REDACTOR.body(body)
    assert (masked, count) == (body, 0)


@pytest.mark.parametrize("rest", ["}", ',"token_type":"bearer"}', ',"login":1}', ',"bytes_left":3}', "", ',"logs":[]}'])
@pytest.mark.parametrize("secret", ["abc", "hunter2hunter2"])
def test_a_token_without_a_probability_beside_it_is_a_credential(secret: str, rest: str) -> None:
    assert _mask(f'{{"token":"{secret}"{rest}') == f'{{"token":"{REDACTED}"{rest}'


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_json_inside_json_strings_is_masked_at_any_depth(depth: int) -> None:
    inner: Any = {
        "api_key": 'quoted " \\ back',
        "n": 5,
        "password": 12,
        "secret": {"a": "}"},
        "url": "x",
        "token": "abc",
    }
    masked: Any = {**inner, "api_key": REDACTED, "password": REDACTED, "secret": REDACTED, "token": REDACTED}
    for _ in range(depth):
        inner, masked = {"arguments": json.dumps(inner)}, {"arguments": json.dumps(masked)}
    assert _mask(json.dumps(inner)) == json.dumps(masked)


def test_the_rest_of_a_string_around_broken_inner_json_is_kept() -> None:
    body = json.dumps({"a": '{"password": "abc', "b": 'the key "password":', "c": '"headers": {"x": [', "d": "e"})
    assert json.loads(_mask(body)) == {
        "a": f'{{"password": "{REDACTED}',
        "b": 'the key "password":',
        "c": f'"headers": "{REDACTED}"',
        "d": "e",
    }


def test_a_repr_inside_a_body_is_masked() -> None:
    body = json.dumps({"content": f"got {{'api_key': 'it\\'s', 'n': None, 'password': None, 'x': '{KEY}'}} back"})
    assert json.loads(_mask(body)) == {
        "content": f"got {{'api_key': '{REDACTED}', 'n': None, 'password': None, 'x': '{REDACTED}'}} back"
    }


@pytest.mark.parametrize("escape", ["\\u{:04x}", "\\u{:04X}"])
def test_escapes_hide_nothing(escape: str) -> None:
    hidden = "".join(escape.format(ord(char)) if at % 3 == 0 else char for at, char in enumerate(KEY))
    assert _mask(f'{{"a":"x {hidden} y"}}') == '{"a":"x [REDACTED] y"}'
    assert _mask(f'{{"a":"{{\\"b\\":\\"x {hidden}\\"}}"}}') == '{"a":"{\\"b\\":\\"x [REDACTED]\\"}"}'
    name = "api" + escape.format(ord("_")) + "key"
    assert _mask(f'{{"{name}":"a\\u0022b","c":1}}') == f'{{"{name}":"[REDACTED]","c":1}}'
    assert _mask(r'{"u":"https:\/\/user:pw@host\/x"}') == r'{"u":"https:\/\/[REDACTED]@host\/x"}'
    assert (
        _mask(r'{"a":"{\u0022secret\u0022: \u0022abc\u0022}"}')
        == r'{"a":"{\u0022secret\u0022: \u0022[REDACTED]\u0022}"}'
    )


@pytest.mark.parametrize("before", ["\\n", "\\t", "\\u00e9", "\\u003c", "é", "=", "/", "\\\\n", "(", "%20"])
def test_an_escape_before_a_credential_hides_nothing(before: str) -> None:
    assert _mask(f'{{"a":"x{before}{KEY}"}}') == f'{{"a":"x{before}[REDACTED]"}}'


def test_a_body_without_credentials_is_the_very_same_object() -> None:
    for body in (
        b"",
        b"{}",
        b'{"model":"gpt-4o","max_tokens":5}',
        b"\xff\xfe\x00",
        b"not json",
        b'"',
        b'{"a',
        b"[1,2]",
    ):
        assert REDACTOR.body(body)[0] is body


def test_what_a_tool_printed_is_masked_where_it_looks_like_a_credential_and_prose_is_not() -> None:
    secret = "wJalrXUtnFEMI" + "K7MDENGbPxRfiCY01"
    text = f"AWS_SECRET_ACCESS_KEY={secret}\npassword = input()\nEnter your password: then click. token=next"
    assert json.loads(_mask(json.dumps({"output": text}))) == {"output": text.replace(secret, REDACTED)}


def test_an_assignment_in_code_is_masked_and_the_code_around_it_kept() -> None:
    code = 'c = OpenAI(api_key="abc123def456", x=1)\npassword: str = ""\nos.environ["API_KEY"] = \'zyx987wvu654\'\n'
    assert json.loads(_mask(json.dumps({"content": code}))) == {
        "content": code.replace("abc123def456", REDACTED).replace("zyx987wvu654", REDACTED)
    }


@pytest.mark.parametrize(
    ("form", "masked"),
    [
        ("grant_type=x&client_secret=a%2Bb,c&scope=y", "grant_type=x&client_secret=[REDACTED]&scope=y"),
        ("api%5Fkey=abc", "api%5Fkey=[REDACTED]"),
        ("a=b+c&d=%7B%7D", "a=b+c&d=%7B%7D"),
        ("code=abc&code_verifier=x", "code=[REDACTED]&code_verifier=x"),
        (f"text=my+{KEY}+ok", "text=my+[REDACTED]+ok"),
    ],
)
def test_a_form_is_masked_by_its_parameters(form: str, masked: str) -> None:
    assert _mask(form, "application/x-www-form-urlencoded; charset=utf-8") == masked


def test_html_and_plain_text_are_masked_too() -> None:
    html = f"<html><p>key {KEY}</p><code>password=hunter2</code></html>"
    assert _mask(html, "text/html") == "<html><p>key [REDACTED]</p><code>password=[REDACTED]</code></html>"


def test_further_keys_and_patterns_are_the_users_own() -> None:
    redactor = Redactor(keys=["internal-id", "Patient.Name", "größe"], patterns=[r"\bACME-\d+\b", "é+"])
    body = json.dumps({"internalId": "x", "patient_name": "y", "größe": 1, "n": "\nACME-12 éé", "ACME-13": 2})
    assert json.loads(redactor.body(body.encode())[0]) == {
        "internalId": REDACTED,
        "patient_name": REDACTED,
        "größe": REDACTED,
        "n": f"\n{REDACTED} {REDACTED}",
        "ACME-13": 2,
    }
    assert redactor.text("see ACME-9.") == (f"see {REDACTED}.", 1)
    raw = json.dumps({"größe": 7}, ensure_ascii=False).encode()
    assert json.loads(redactor.body(raw)[0]) == {"größe": REDACTED}


def test_a_pattern_that_is_no_expression_is_said_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"the redaction pattern '\(' is no expression"):
        Redactor(patterns=["("])


def test_a_users_rule_sees_every_string_decoded_and_may_change_it() -> None:
    seen: list[str] = []

    def rule(value: str) -> str:
        seen.append(value)
        return value.replace("Ada", "<name>")

    redactor = Redactor(rules=[rule])
    body = json.dumps({"Ada": ['é Ada "x"', 1], "b": "plain"}).encode()
    assert redactor.body(body) == (b'{"Ada": ["\\u00e9 <name> \\"x\\"", 1], "b": "plain"}', 1)
    assert seen == ['é Ada "x"', "plain"]
    assert redactor.text("hello Ada") == ("hello <name>", 1)
    assert redactor.value("x", {"y": "Ada"}) == ({"y": "<name>"}, 1)
    assert redactor.url("https://x/Ada") == ("https://x/<name>", 1)
    assert redactor.headers([("x-user", "Ada")]) == ([("x-user", "<name>")], 1)


def _broken(value: str) -> str:
    if "bad" in value:
        raise LookupError(value)
    return value


def _no_text(value: str) -> str:
    return 5 if "bad" in value else value  # type: ignore[return-value]


@pytest.mark.parametrize("rule", [_broken, _no_text])
def test_a_rule_that_fails_costs_the_value_and_is_counted(rule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "reraise", False)
    redactor = Redactor(rules=[rule])
    assert redactor.body(b'{"a": "a bad one", "b": "good"}') == (b'{"a": "%s", "b": "good"}' % FAILED.encode(), 1)
    assert redactor.text("bad") == (FAILED, 1)
    assert redactor.value("k", ["bad", "ok"]) == ([FAILED, "ok"], 2 - 1)
    assert guard.faults() == {"redact.rule": 3}


def test_a_fault_of_ours_drops_what_could_not_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "reraise", False)
    redactor = Redactor()
    monkeypatch.setattr(redactor, "_scan", lambda _: 1 / 0)
    assert json.loads(redactor.body(b'{"a": 1}')[0]) == FAILED
    assert redactor.text("x") == (FAILED, 1)
    assert redactor.url("https://x/") == (FAILED, 1)
    assert redactor.headers([("a", "b")]) == ([("a", FAILED)], 1)
    assert redactor.value("a", "b") == (FAILED, 1)
    assert guard.faults() == {"redact.body": 1, "redact.headers": 1, "redact.text": 3, "redact.url": 1}


def test_hostile_bodies_are_masked_like_any_other() -> None:
    backslashes = "\\\\" * 20_000
    hostile = [
        f'{{"token":"abc","a":"{backslashes}"' * 3,
        '{"a":"' + "'headers': {" * 2_000,
        '"token":"a",' * 5_000,
        "-----BEGIN PRIVATE KEY-----" * 2_000,
        "://a@" * 5_000,
        "password=" * 5_000,
        '{"secret":{' * 2_000,
        '{"password":{"type":"object","properties":' * 500 + "{}" + "}}" * 500,
        '{"a":"' + "sk-aaaa-bbb-ccc-ddd-" * 2_000,
        "eyJabc-" * 5_000,
        "\\u0041" * 20_000,
        "\\u005c" + "u005c" * 64 + "u0041",
    ]
    for text in hostile:
        masked, _ = REDACTOR.body(text.encode())
        assert REDACTOR.body(masked)[0] == masked


def test_json_that_is_sent_as_a_form_is_masked_as_json() -> None:
    body = '{"messages": [{"content": "set password=foo & go"}], "api_key": "hunt&er2", "max_tokens": 5}'
    masked = json.loads(_mask(body, "application/x-www-form-urlencoded"))
    assert masked == {**json.loads(body), "api_key": REDACTED}


@pytest.mark.parametrize(
    "said",
    ["token='abc12345xyz", "export TOKEN='abc12345xyz", "{'token': 'abc12345xyz", "{\\\"a\\\": {'token': 'abc12345xyz"],
)
def test_a_quote_that_is_never_closed_ends_with_the_string_that_it_is_in(said: str) -> None:
    body = f'{{"content": "{said}", "model": "it\'s", "max_tokens": 5}}'
    masked = json.loads(_mask(body))
    assert "abc12345xyz" not in masked["content"]
    assert (masked["model"], masked["max_tokens"]) == ("it's", 5)


def test_a_repr_far_inside_a_long_text_is_masked_and_the_text_kept() -> None:
    code = 'print("x")\n' * 20_000 + "d = {'token': 'abc12345xyz', 'b': \"it\"}\n" + 'print("y")\n' * 20_000
    masked = json.loads(_mask(json.dumps({"content": code, "max_tokens": 5})))
    assert masked == {"content": code.replace("abc12345xyz", REDACTED), "max_tokens": 5}


def test_a_pattern_is_found_in_a_string_that_is_cut_off() -> None:
    redactor = Redactor(patterns=[r"K-\d{6}"])
    body = b'{"a": "K-111111", "content": "say \\"file K-123456\\" and mo'
    assert redactor.body(body)[0] == b'{"a": "[REDACTED]", "content": "say \\"file [REDACTED]\\" and mo'
    assert redactor.body(b'{"a": "K-123456\\')[0] == b'{"a": "[REDACTED]\\'


@pytest.mark.parametrize(
    "text", ["id: K-123456", "data: K-123456", '["a"] for K-123456', '{"a":1} for K-123456', '"Alice" said K-123456']
)
def test_a_text_that_only_begins_like_json_is_looked_through_as_a_text(text: str) -> None:
    assert Redactor(patterns=[r"K-\d{6}"]).text(text) == (text.replace("K-123456", REDACTED), 1)
    for said in ("password=hunter2", "password: hunter2"):
        assert SECRET not in REDACTOR.text(text.replace("K-123456", said))[0]


def test_what_a_pattern_bares_is_masked_too() -> None:
    redactor = Redactor(patterns=[r"K-\d{3}"])
    body = json.dumps({"content": f"K-123{KEY}"}).encode()
    once = redactor.body(body)[0]
    assert KEY.encode() not in once
    assert redactor.body(once) == (once, 0)


@pytest.mark.parametrize("separator", [";", "&"])
def test_any_number_of_parameters_is_judged(separator: str) -> None:
    many = separator.join(["a=b"] * 3_000)
    form = f"{many}{separator}password=hunter2"
    masked = f"{many}{separator}password={REDACTED}"
    assert _mask(form, "application/x-www-form-urlencoded") == masked
    assert REDACTOR.url(f"https://h.test/?{form}") == (f"https://h.test/?{masked}", 1)


def test_calls_inside_calls_are_looked_into_once() -> None:
    assert guard.faults() == {}
    text = '"password": ' + "a(" * 3_000
    assert REDACTOR.text(text)[0] != FAILED
    assert REDACTOR.text('"password": SecretStr("hunter2")')[0] == f'"password": SecretStr("{REDACTED}")'


def test_the_fields_of_a_multipart_form_are_masked_by_their_names() -> None:
    def part(name: str, value: str, more: str = "") -> str:
        return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'

    file = part("file", "password follows", '; filename="api_key.txt"\r\nContent-Type: text/plain')
    form = part("model", "m") + file + "{}" + part("max_tokens", "5") + "--b--\r\n"
    given = form.format(part("api_key", SECRET) + part("metadata[client_secret]", "a\r\nb") + part("own", "me"))
    masked = form.format(part("api_key", REDACTED) + part("metadata[client_secret]", REDACTED) + part("own", REDACTED))
    redactor = Redactor(keys=["own"])
    assert redactor.body(given.encode(), "multipart/form-data; boundary=b") == (masked.encode(), 3)
    assert redactor.body(masked.encode(), "multipart/form-data; boundary=b") == (masked.encode(), 0)
    assert REDACTED in _mask(part("api_key", SECRET)[:-4], "multipart/form-data; boundary=b")


def test_a_value_that_is_longer_than_what_is_looked_at_is_masked_to_its_end() -> None:
    body = json.dumps({"content": "{'password': '" + "x1" * 200_000 + "', 'a': 1}", "max_tokens": 5})
    assert json.loads(_mask(body)) == {"content": "{'password': '" + REDACTED, "max_tokens": 5}
