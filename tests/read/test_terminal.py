from __future__ import annotations

import io
import os
import pty
from contextlib import suppress

import pytest

from spanglass.read.terminal import Column, Terminal


@pytest.fixture(autouse=True)
def _no_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, write: object) -> str:
    """What arrives at a pseudo-terminal."""
    monkeypatch.setenv("COLUMNS", str(columns))
    outer, inner = pty.openpty()
    with os.fdopen(inner, "w", encoding="utf-8") as stream:
        assert callable(write)
        write(Terminal(stream))
    text = b""
    with suppress(OSError):  # how Linux says that the other side has closed
        while piece := os.read(outer, 1 << 16):
            text += piece
    os.close(outer)
    return text.decode().replace("\r\n", "\n")


def a_page(terminal: Terminal) -> None:
    terminal.line(("TITLE", "bold underline"), " and what it is about")
    terminal.text("a long text that goes over the edge\n\n\tof 你好世界你好世界你好世界", "red", indent=4)
    terminal.ends([("left", "bold")], ("right", "dim"))


PLAIN = """TITLE and what it is about
    a long text that goes over the edge

    \tof 你好世界你好世界你好世界
left  right
"""


def test_in_a_pipe_there_is_only_text_and_it_is_not_wrapped() -> None:
    stream = io.StringIO()
    a_page(Terminal(stream))
    assert stream.getvalue() == PLAIN


def test_on_a_terminal_there_is_colour_and_lines_are_wrapped_by_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    text = on_a_terminal(monkeypatch, 24, a_page)
    assert "\x1b[1;4mTITLE\x1b[0m" in text
    assert "\x1b[31ma long text that\x1b[0m" in text
    monkeypatch.setenv("NO_COLOR", "1")
    assert on_a_terminal(monkeypatch, 24, a_page).split("\n") == [
        "TITLE and what it is",
        "about",
        "    a long text that",
        "    goes over the edge",
        "",
        "            of",
        "    你好世界你好世界你好",
        "    世界",
        "left               right",
        "",
    ]


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_without_colours_no_escape_is_written(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert "\x1b" not in on_a_terminal(monkeypatch, 80, a_page)


def test_what_payloads_say_to_the_terminal_is_shown_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(terminal: Terminal) -> None:
        terminal.line("a\x1b[2Jb\nc")
        terminal.text("d\x07\x1b]0;title\x07")
        terminal.table([Column("T")], [["\x1b[31m"]])

    monkeypatch.setenv("NO_COLOR", "1")
    assert on_a_terminal(monkeypatch, 80, write).split("\n") == ["a␛[2Jb␊c", "d␇␛]0;title␇", "T", "␛[31m", ""]


def test_right_ends_that_do_not_fit_have_a_line_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = on_a_terminal(monkeypatch, 20, lambda terminal: terminal.ends(["something long"], "~12 tokens"))
    assert text.split("\n") == ["something long", "    ~12 tokens", ""]


COLUMNS = [Column("NAME", shrinks=True), Column("MODEL", 2), Column("N", 1, right=True), Column("ID")]
ROWS = [["chat with a model of some name", "gpt-4o", "1,234", "00f067aa"], ["embed 你好", "-", "5", "abcdabcd"]]


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (
            0,
            [
                "NAME                            MODEL       N  ID",
                "chat with a model of some name  gpt-4o  1,234  00f067aa",
                "embed 你好                      -           5  abcdabcd",
            ],
        ),
        (
            50,
            [
                "NAME                       MODEL       N  ID",
                "chat with a model of som…  gpt-4o  1,234  00f067aa",
                "embed 你好                 -           5  abcdabcd",
            ],
        ),
        (
            44,
            [
                "NAME                             N  ID",
                "chat with a model of some…   1,234  00f067aa",
                "embed 你好                       5  abcdabcd",
            ],
        ),
        (20, ["NAME        ID", "chat with…  00f067aa", "embed 你好  abcdabcd"]),
    ],
)
def test_a_table_gives_up_what_it_can_and_never_its_last_column(
    monkeypatch: pytest.MonkeyPatch, columns: int, lines: list[str]
) -> None:
    if columns:
        monkeypatch.setenv("COLUMNS", str(columns))
    stream = io.StringIO()
    Terminal(stream).table(COLUMNS, ROWS)
    assert stream.getvalue().splitlines() == lines
