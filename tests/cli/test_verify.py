from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from read.made import SPAN, TRACE, Made, store_calls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.conftest import Ended
    from spanglass.settings import Settings


def database(settings: Settings) -> Path:
    return settings.state_dir / "spanglass.db"


def stored(settings: Settings) -> None:
    store_calls(settings, [Made(messages=[{"role": "user", "content": os.urandom(4000).hex()}]), Made("1" * 16)])


def damage(settings: Settings) -> None:
    with closing(sqlite3.connect(database(settings))) as connection:
        connection.execute("UPDATE segment SET data = zeroblob(length(data)) WHERE data IS NOT NULL")
        connection.execute("UPDATE piece SET data = zeroblob(length(data))")
        connection.commit()


def test_a_sound_store_is_said_to_be_sound(settings: Settings, command: Callable[..., Ended]) -> None:
    stored(settings)
    ended = command("verify")
    assert (ended.code, ended.err) == (0, "")
    first, last = ended.out.splitlines()
    assert first.startswith("checked 2 calls: 4 bodies, ")
    assert last == "all is as it was put in"
    found = json.loads(command("verify", "--json").out)
    assert (found["sound"], found["calls"], found["damaged"]) == (True, 2, [])


def test_what_is_damaged_is_named_and_ends_with_1(settings: Settings, command: Callable[..., Ended]) -> None:
    stored(settings)
    damage(settings)
    ended = command("verify")
    assert (ended.code, ended.err) == (1, "")
    assert f"damaged  {TRACE}/{SPAN}  request body of attempt 1" in ended.out.splitlines()
    again = command("verify", "--json")
    assert again.code == 1
    found = json.loads(again.out)
    assert not found["sound"]
    assert {"ref": f"{TRACE}/{SPAN}", "what": "request body of attempt 1"} in found["damaged"]


def test_a_file_that_cannot_be_read_through_says_what_to_do(settings: Settings, command: Callable[..., Ended]) -> None:
    texts = [[{"role": "user", "content": os.urandom(4000).hex()}] for _ in range(30)]
    store_calls(settings, [Made(f"{number:016x}", messages=text) for number, text in enumerate(texts)])
    raw = bytearray(database(settings).read_bytes())
    raw[200 : len(raw) : 7] = b"\xa5" * len(range(200, len(raw), 7))
    database(settings).write_bytes(raw)
    ended = command("verify")
    assert (ended.code, ended.out) == (1, "")
    assert "cannot be read through: " in ended.err
    assert "restore the file from a copy, or move it away" in ended.err
    assert "spanglass verify" not in ended.err


def test_it_changes_nothing(settings: Settings, command: Callable[..., Ended]) -> None:
    stored(settings)
    before = database(settings).read_bytes()
    assert command("verify").code == 0
    assert database(settings).read_bytes() == before
