from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spanglass.errors import ConfigurationError
from spanglass.settings import CaptureUrl, GiB, MiB, Retention, Settings
from spanglass.settings.option import OPTIONS

HOME = {"HOME": "/home/ada"}


def read(**variables: str) -> Settings:
    return Settings.from_environment(HOME | {f"SPANGLASS_{name}": value for name, value in variables.items()})


def test_without_variables_everything_has_its_default() -> None:
    assert read() == Settings(
        state_dir=Path("/home/ada/.local/state/spanglass"),
        store="sqlite:////home/ada/.local/state/spanglass/spanglass.db",
    )


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ENABLED", "TRUE", "true"),
        ("ENABLED", "1", "true"),
        ("ENABLED", "workflows", "workflows"),
        ("ENABLED", "", "false"),
        ("DEBUG_WORKFLOWS", "patents*, invoices", ("patents*", "invoices")),
        ("STORE", "memory://", "memory://"),
        ("STATE_DIR", "/var/lib/spanglass", Path("/var/lib/spanglass")),
        ("SPAN_CONTENT", "none", "none"),
        (
            "CAPTURE_URLS",
            "openai_chat=https://llm.example/*,https://b.example/x?a=b",
            (CaptureUrl("openai_chat", "https://llm.example/*"), CaptureUrl("opaque", "https://b.example/x?a=b")),
        ),
        ("REDACT_KEYS", "tax_id,iban", ("tax_id", "iban")),
        ("REDACT_PATTERNS", r"ID-\d{3,5},[a-z,]{4}", (r"ID-\d{3,5}", "[a-z,]{4}")),
        ("JOURNAL_MAX_BYTES", "2GiB", 2 * GiB),
        ("MAX_BODY_BYTES", "1024", 1024),
        ("RETENTION", "7d", Retention(age_s=7 * 86_400)),
        ("RETENTION", "7d,10GB", Retention(age_s=7 * 86_400, size_bytes=10**10)),
    ],
)
def test_each_variable_is_read(name: str, text: str, value: object) -> None:
    settings = read(**{name: text})

    assert settings.problems == ()
    assert getattr(settings, name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("ENABLED", "maybe", "it takes true, workflows or false"),
        ("STORE", "/data/x.db", "a store is a url"),
        ("SPAN_CONTENT", "some", "it takes preview, full or none"),
        ("REDACT_PATTERNS", "(", "is no regular expression"),
        ("REDACT_PATTERNS", "a*", "matches the empty text"),
        ("JOURNAL_MAX_BYTES", "lots", "it takes a number of bytes"),
        ("MAX_BODY_BYTES", "0", "it must be above zero"),
        ("RETENTION", "forever", "it takes an age, a size or both"),
    ],
)
def test_a_value_that_cannot_work_is_one_problem_and_leaves_the_default(name: str, text: str, why: str) -> None:
    settings = read(**{name: text})

    assert len(settings.problems) == 1
    assert settings.problems[0].startswith(f"SPANGLASS_{name}={text!r} is ignored: ")
    assert why in settings.problems[0]
    assert getattr(settings, name.lower()) == getattr(read(), name.lower())


def test_a_variable_that_is_no_setting_is_named() -> None:
    assert "SPANGLASS_ENABLE is not a setting" in read(ENABLE="true").problems[0]


def test_arguments_win_over_variables() -> None:
    settings = read(ENABLED="false", MAX_BODY_BYTES="5").override({"enabled": True, "max_body_bytes": 3 * MiB})

    assert (settings.enabled, settings.max_body_bytes) == ("true", 3 * MiB)


def test_another_state_directory_takes_the_default_store_along() -> None:
    assert read().override({"state_dir": "/data/s"}).store == "sqlite:////data/s/spanglass.db"
    assert read(STORE="memory://").override({"state_dir": "/data/s"}).store == "memory://"


@pytest.mark.parametrize("arguments", [{"enable": True}, {"enabled": "maybe"}, {"max_body_bytes": -1}])
def test_an_argument_that_cannot_work_is_an_error(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        read().override(arguments)


def test_every_field_is_an_option() -> None:
    assert [option.name for option in OPTIONS] == [name for name in Settings.__slots__ if name != "problems"]
