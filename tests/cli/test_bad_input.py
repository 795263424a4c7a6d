"""Whatever a person gets wrong: a line that says what to do, a code that scripts know, no traceback, nothing lost."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from read.made import BEGIN, SPAN, TRACE, Made, journal_calls, settings_in, store_calls
from spanglass.read import open_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli.conftest import Ended
    from spanglass.settings import Settings

READING = (
    ["ls"],
    ["show"],
    ["show", SPAN],
    ["trace"],
    ["trace", TRACE],
    ["diff", SPAN],
    ["transit"],
    ["grep", "weather"],
    ["prune", "--older-than", "7d"],
)


def database(settings: Settings) -> Path:
    return settings.state_dir / "spanglass.db"


def assert_says(ended: Ended, code: int, *words: str) -> None:
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("spanglass: ")
    assert "Traceback" not in ended.err
    assert [word for word in words if word not in ended.err] == []


@pytest.mark.parametrize("name", ["show", "trace", "diff", "transit"])
@pytest.mark.parametrize(
    ("ref", "code", "words"),
    [
        ("abcd", 3, ["no call in sqlite:///", "'abcd'; 'spanglass ls' lists the calls"]),
        ("a" * 32, 3, ["no call in sqlite:///", "lists the calls"]),
        ("nonsense", 2, ["'nonsense' is no reference to a call: give a span id (16 hex digits)"]),
        ("00f", 2, ["its first 4 digits or more"]),
        ("\x1b[2Jabcd", 2, ["\\x1b[2Jabcd"]),
    ],
)
def test_a_span_id_that_is_unknown_or_malformed(
    settings: Settings, command: Callable[..., Ended], name: str, ref: str, code: int, words: list[str]
) -> None:
    store_calls(settings, [Made()])
    assert_says(command(name, ref), code, *words)


def test_an_ambiguous_span_id_lists_the_candidates(settings: Settings, command: Callable[..., Ended]) -> None:
    other = "00f067aaffffffff"
    store_calls(settings, [Made(), Made(other, at=BEGIN + 1)])
    assert_says(command("show", "00f0"), 4, "'00f0' is not one call", f"\n  {TRACE}/{other}\n  {TRACE}/{SPAN}\n")
    said = json.loads(command("show", "00f0", "--json").err)
    assert said["error"]["type"] == "Ambiguous"
    assert said["error"]["candidates"] == [f"{TRACE}/{other}", f"{TRACE}/{SPAN}"]


def test_an_ambiguous_trace_id_lists_the_traces(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, [Made(), Made("1" * 16, "4bf9" + "0" * 28)])
    assert_says(command("trace", "4bf9"), 4, "fits 2 traces", f"\n  {TRACE}\n")
    assert_says(command("ls", "--trace", "4bf9"), 4, "fits 2 traces")


@pytest.mark.parametrize("arguments", READING)
def test_a_store_that_is_missing(command: Callable[..., Ended], arguments: list[str]) -> None:
    assert_says(command(*arguments), 5, "there is no store at 'sqlite:///", "SPANGLASS_STATE_DIR")


@pytest.mark.parametrize("arguments", READING)
def test_a_store_that_is_none(settings: Settings, command: Callable[..., Ended], arguments: list[str]) -> None:
    settings.state_dir.mkdir()
    database(settings).write_text("Dear diary, " * 1000)
    assert_says(command(*arguments), 5, "is not a spanglass store")


def test_another_programs_database(settings: Settings, command: Callable[..., Ended]) -> None:
    settings.state_dir.mkdir()
    with closing(sqlite3.connect(database(settings))) as connection:
        connection.execute("CREATE TABLE diary (day TEXT)")
    assert_says(command("ls"), 5, "is an SQLite database of another program")


def test_a_store_that_is_damaged(settings: Settings, command: Callable[..., Ended]) -> None:
    texts = [[{"role": "user", "content": os.urandom(4000).hex()}] for _ in range(30)]
    store_calls(settings, [Made(f"{number:016x}", messages=text) for number, text in enumerate(texts)])
    raw = bytearray(database(settings).read_bytes())
    raw[200 : len(raw) : 7] = b"\xa5" * len(range(200, len(raw), 7))
    database(settings).write_bytes(raw)
    for arguments in READING:
        ended = command(*arguments)
        assert ended.code == 5
        assert "Traceback" not in ended.err


def test_a_store_of_a_newer_version(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, [Made()])
    with closing(sqlite3.connect(database(settings))) as connection:
        connection.execute("PRAGMA user_version = 999")
    assert_says(command("ls"), 5, "has version 999", "pip install -U spanglass")
    journal = journal_calls(settings, [Made("1" * 16)])
    assert_says(command("ls"), 5, "has version 999")
    with closing(sqlite3.connect(database(settings))) as connection:
        connection.execute("PRAGMA user_version = 1")
    assert command("ls").out.count("chat gpt-4o") == 2
    journal.close(None)


@pytest.mark.slow
def test_a_store_that_is_locked_is_waited_for_a_bounded_time(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, [Made()])
    journal = journal_calls(settings, [Made("1" * 16)])
    with closing(sqlite3.connect(database(settings), isolation_level=None)) as holder:
        holder.execute("PRAGMA journal_mode = DELETE")
        holder.execute("BEGIN EXCLUSIVE")
        ended = command("ls")
        assert ended.code == 5
        assert "another process holds it; try again" in ended.err
        assert "1 call is still in the journal" in ended.err
        holder.execute("ROLLBACK")
    ended = command("ls")
    assert (ended.code, ended.out.count("chat gpt-4o"), ended.err) == (0, 2, "")
    journal.close(None)


def test_a_store_that_another_process_is_writing_is_read(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, [Made()])
    with closing(sqlite3.connect(database(settings), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert command("ls").out.count("chat gpt-4o") == 1
        writer.execute("ROLLBACK")


def test_a_directory_where_the_store_should_be(settings: Settings, command: Callable[..., Ended]) -> None:
    database(settings).mkdir(parents=True)
    assert_says(command("ls"), 5, "a directory is there; name a file in it")


def test_a_state_directory_that_cannot_be_used(
    settings: Settings, command: Callable[..., Ended], tmp_path: Path
) -> None:
    settings.state_dir.write_text("a file in its place")
    for arguments in READING:
        assert_says(command(*arguments), 5, str(settings.state_dir))
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    store_calls(settings.override({"store": elsewhere}), [Made()])
    ended = command("ls", "--store", elsewhere)
    assert (ended.code, ended.out.count("chat gpt-4o")) == (0, 1)
    assert "note: newer calls may be missing: cannot read the journals in" in ended.err


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A directory that every user may look into; pytest closes its own whenever it starts."""
    with TemporaryDirectory() as made:
        path = Path(made)
        path.chmod(0o755)
        yield path


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="becomes another user, so needs to be root")
@pytest.mark.usefixtures("settings")
def test_a_store_of_another_user_that_may_only_be_read(
    tmp_path: Path, open_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(open_path)
    monkeypatch.setenv("SPANGLASS_STATE_DIR", str(settings.state_dir))
    store_calls(settings, [Made()])
    journal_calls(settings, [Made("1" * 16)]).close(None)
    for path in (settings.state_dir, settings.journal_dir):
        path.chmod(0o755)
    for path in (database(settings), *settings.journal_dir.iterdir()):
        path.chmod(0o644)
    warm = settings_in(tmp_path / "warm")
    store_calls(warm, [Made()])
    # Everything is imported before: the interpreter may lie where that user cannot look.
    program = f"""
import os, sys
from spanglass.cli import main
main(["ls", "--state-dir", {str(warm.state_dir)!r}])
sys.stdout.flush()
os.setgid(65534)
os.setuid(65534)
sys.exit(main(["ls"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.count("chat gpt-4o")) == (0, 2), done.stderr
    assert "newer calls of process" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["list"], "invalid choice: 'list'"),
        (["ls", "--limit", "0"], "'0' is no whole number above zero"),
        (["ls", "--limit", "many"], "'many' is no whole number above zero"),
        (["ls", "--since", "yesterday"], "'yesterday' is neither an age such as 90s, 10m, 12h or 7d nor a time"),
        (["ls", "--state", "finished"], "invalid choice: 'finished'"),
        (["ls", "--store", "spanglass.db"], "a store is a url"),
        (["ls", "--store", ""], "argument --store: it is empty"),
        (["ls", "--store", "redis://host"], "cannot open a store at 'redis://host': the supported urls are"),
        (["show", SPAN, SPAN], "unrecognized arguments"),
        (["run"], "run needs a program, as in: spanglass run -- python your_program.py"),
        (["run", "--"], "run needs a program"),
    ],
)
def test_arguments_that_cannot_work_are_usage_errors(
    command: Callable[..., Ended], arguments: list[str], words: str
) -> None:
    assert_says(command(*arguments), 2, words)
    ended = command(*arguments[:1], "--json", *arguments[1:])
    assert ended.code == 2
    assert set(json.loads(ended.err)["error"]) == {"type", "message"}


def test_a_variable_that_cannot_work_is_noted(
    settings: Settings, command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    store_calls(settings, [Made()])
    monkeypatch.setenv("SPANGLASS_STORE", "spanglass.db")
    ended = command("ls")
    assert ended.code == 0
    assert "note: SPANGLASS_STORE='spanglass.db' is ignored: a store is a url" in ended.err


@pytest.mark.parametrize("arguments", [["ls"], ["show", "abcd"], ["show", "x"], ["trace"], ["doctor", "--store", "x"]])
def test_an_error_as_json_is_one_document_on_stderr_and_nothing_on_stdout(
    command: Callable[..., Ended], arguments: list[str]
) -> None:
    ended = command(*arguments, "--json")
    assert ended.out == ""
    assert set(json.loads(ended.err)["error"]) == {"type", "message"}


def test_a_journal_that_ends_in_mid_entry_is_noted(settings: Settings, process: Callable[..., Ended]) -> None:
    program = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from read.made import Made, journal_calls, settings_in
settings = settings_in(Path({str(settings.state_dir)!r}))
journal_calls(settings, [Made()])
segment = sorted(settings.journal_dir.glob("*.wal"))[-1]
os.truncate(segment, segment.stat().st_size - 10)
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    ended = process("ls", "--json")
    assert [call["state"] for call in json.loads(ended.out)] == ["killed"]
    (note,) = json.loads(ended.err)["notes"]
    assert "it was cut at the last whole entry" in note


@pytest.mark.parametrize("environ", [{}, {"FORCE_COLOR": "1"}])
def test_a_closed_pipe_is_silent(settings: Settings, environ: dict[str, str]) -> None:
    store_calls(settings, [Made(messages=[{"role": "user", "content": "word " * 200_000}])])
    with subprocess.Popen(
        [sys.executable, "-m", "spanglass", "show", "--full"],
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as shown:
        assert shown.stdout is not None
        assert shown.stderr is not None
        shown.stdout.read(100)
        shown.stdout.close()
        assert (shown.wait(60), shown.stderr.read()) == (141, b"")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs to see what another process has open")
def test_ctrl_c_ends_with_130_and_loses_nothing(settings: Settings) -> None:
    store_calls(settings, [Made()])
    journal = journal_calls(settings, [Made("1" * 16)])
    with closing(sqlite3.connect(database(settings), isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        waiting = subprocess.Popen(
            [sys.executable, "-m", "spanglass", "ls"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        while not has_open(waiting.pid, database(settings)):
            time.sleep(0.01)
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=60)
        assert (waiting.returncode, out, err) == (130, b"", b"")
        holder.execute("ROLLBACK")
    with open_reader(settings) as reader:
        assert {call.span_id for call in reader.find()} == {SPAN, "1" * 16}
    journal.close(None)


def has_open(pid: int, path: Path) -> bool:
    return any(os.path.realpath(link) == str(path) for link in Path(f"/proc/{pid}/fd").iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said(settings: Settings) -> None:
    store_calls(settings, [Made()])
    command = [sys.executable, "-m", "spanglass", "show", "--json"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == 74
    assert json.loads(done.stderr)["error"]["message"].startswith("cannot read or write: [Errno 28]")


def test_a_terminal_without_unicode_gets_escapes(settings: Settings, process: Callable[..., Ended]) -> None:
    store_calls(settings, [Made(messages=[{"role": "user", "content": "Grüße 你好"}])])
    ended = process("show", PYTHONIOENCODING="ascii")
    assert (ended.code, ended.err) == (0, "")
    assert "Gr\\xfc\\xdfe \\u4f60\\u597d" in ended.out


@pytest.mark.parametrize("arguments", [["show", "--json"], ["export"]])
def test_json_is_json_in_any_encoding(settings: Settings, process: Callable[..., Ended], arguments: list[str]) -> None:
    store_calls(settings, [Made(messages=[{"role": "user", "content": "Grüße 你好 😀\x7f"}])])
    ended = process(*arguments, PYTHONIOENCODING="ascii")
    assert (ended.code, ended.out.isascii()) == (0, True)
    assert json.loads(ended.out) == json.loads(process(*arguments, PYTHONIOENCODING="utf-8").out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["prune", "--older-than", "1s", "--trace"],
        ["prune", "--older-than", "1s", "--workflow"],
        *[["ls", option] for option in ("--trace", "--workflow", "--step", "--model")],
        ["show"],
    ],
)
@pytest.mark.parametrize(("value", "words"), [("", "it is empty"), (os.fsdecode(b"\xff"), "is no text in UTF-8")])
def test_a_variable_that_was_never_set_stands_for_nothing(
    settings: Settings, command: Callable[..., Ended], arguments: list[str], value: str, words: str
) -> None:
    store_calls(settings, [Made()])
    assert_says(command(*arguments, value), 2, words)
    assert command("ls").out.count("gpt-4o")


def test_a_text_is_found_whatever_the_locale_says(settings: Settings, process: Callable[..., Ended]) -> None:
    store_calls(settings, [Made(messages=[{"role": "user", "content": "日本"}])])
    ended = process("grep", "日本", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (ended.code, "\\u65e5\\u672c" in ended.out) == (0, True), ended


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["ls", "--limit", "9" * 23], 0),
        (["prune", "--dry-run", "--older-than", "9" * 17 + "w"], 2),
    ],
)
def test_a_number_that_no_store_can_count_to(
    settings: Settings, command: Callable[..., Ended], arguments: list[str], code: int
) -> None:
    store_calls(settings, [Made()])
    assert command(*arguments).code == code


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize(("closed", "code"), [(">&-", 74), ("2>&-", 0)])
def test_without_an_output_it_ends_as_if_it_could_not_write(settings: Settings, closed: str, code: int) -> None:
    store_calls(settings, [Made()])
    command = f"{shlex.quote(sys.executable)} -m spanglass ls {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=60)  # noqa: S602 - ours
    assert (done.returncode, done.stderr) == (code, "")
    assert ("gpt-4o" in done.stdout) is (code == 0)


def test_a_fault_of_ours_says_how_to_report_it_and_quotes_nothing(
    settings: Settings, command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    store_calls(settings, [Made()])

    def broken(*_: object, **__: object) -> None:
        message = "the prompt was: my secret"
        raise RuntimeError(message)

    monkeypatch.setattr("spanglass.read.render.render_record", broken)
    ended = command("show")
    assert_says(ended, 70, "a fault of spanglass itself: RuntimeError at test_bad_input.py:", "Please report it")
    assert "my secret" not in ended.err
