from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Ended

TOKEN = "a-token-of-some-length"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--host", "0.0.0.0"), "without a token"),  # noqa: S104 - refused
        (("--token", "short"), "needs 16 or more"),
        (("--port", "70000"), "is no port"),
        (("--otlp-port", "x"), "is no port"),
        (("--host", "nowhere.invalid", "--token", TOKEN), "cannot listen at nowhere.invalid:8088"),
    ],
)
def test_what_cannot_work_is_said_in_one_line_before_anything_listens(
    command: Callable[..., Ended], arguments: tuple[str, ...], words: str
) -> None:
    ended = command("serve", *arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert words in ended.err


def test_the_token_of_the_environment_counts(command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANGLASS_SERVER_TOKEN", TOKEN)
    ended = command("serve", "--host", "nowhere.invalid")
    assert "cannot listen at nowhere.invalid:8088" in ended.err
    assert TOKEN not in ended.err


def test_doctor_says_that_there_is_a_token_and_not_which(
    command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANGLASS_SERVER_TOKEN", TOKEN)
    monkeypatch.setenv("SPANGLASS_STORE", f"otlp+http://{TOKEN}@127.0.0.1:9")
    ended = command("doctor")
    assert "server_token" in ended.out
    assert TOKEN not in ended.out + ended.err


def test_calls_that_are_sent_on_are_read_elsewhere_and_that_is_said(command: Callable[..., Ended]) -> None:
    ended = command("ls", "--store", f"otlp+http://{TOKEN}@127.0.0.1:9")
    assert (ended.code, ended.out) == (5, "")
    assert "calls go on to otlp+http://127.0.0.1:9 and cannot be read from there" in ended.err
    assert TOKEN not in ended.err


def test_without_the_extra_it_says_what_to_install(
    command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("spanglass.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    ended = command("serve", "--port", "0", "--otlp-port", "0")
    assert ended.code == 2
    assert ended.err == "spanglass: cannot serve: uvicorn is not installed; run: pip install 'spanglass[server]'\n"
