"""What is SQLite's own: the file, its faults, processes that share it, and the room it takes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import warnings
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from spanglass.errors import ConfigurationError, StoreBusy, StoreCorrupt, StoreError, StoreMissing, StoreTooNew
from spanglass.store import Damage, PruneRule, Query, open_store
from spanglass.store.sqlite import SqliteStore, schema
from spanglass.store.sqlite.file import path_of
from store.entries import SPAN, TRACE, Conversation, attempt, full_span, outcome, request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

posix = pytest.mark.skipif(os.name == "nt", reason="permissions and forks are POSIX's")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "spanglass.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path.as_posix()}"


@pytest.fixture
def store(url: str) -> Iterator[SqliteStore]:
    with closing(SqliteStore(url)) as opened:
        yield opened


@pytest.fixture
def db(store: SqliteStore, path: Path) -> Iterator[sqlite3.Connection]:
    """A second connection, behind the store's back."""
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def _fill(url: str, turns: int = 3) -> Conversation:
    conversation = Conversation(turns=turns, bytes_a_turn=3000)
    with closing(open_store(url)) as store:
        for entries in conversation:
            store.put_many(entries)
    return conversation


# The url and the file


def test_a_url_names_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert path_of("sqlite:////var/lib/x.db").as_posix() == "/var/lib/x.db"
    assert path_of("sqlite:///here/x.db") == tmp_path / "here" / "x.db"
    assert path_of("sqlite:///~/x.db") == tmp_path / "home" / "x.db"
    assert path_of("sqlite:///odd%20 name?#.db") == tmp_path / "odd%20 name?#.db"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite://relative.db", "sqlite:///:memory:"])
def test_a_url_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="names no file"):
        open_store(url)


@pytest.mark.parametrize("name", ["odd name?#%41.db", "ünï.db"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    _fill(f"sqlite:///{(tmp_path / name).as_posix()}")
    assert [item.name for item in tmp_path.iterdir()] == [name]


@posix
def test_only_the_owner_may_read_what_we_make(store: SqliteStore, path: Path) -> None:
    store.put_many(full_span())
    modes = {item.name: stat.S_IMODE(item.stat().st_mode) for item in path.parent.iterdir()}
    assert modes == {"spanglass.db": 0o600, "spanglass.db-wal": 0o600, "spanglass.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_closing_leaves_one_file(url: str, path: Path) -> None:
    _fill(url)
    assert [item.name for item in path.parent.iterdir()] == ["spanglass.db"]


def test_a_store_that_nobody_closed_is_closed_when_it_is_collected(url: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        SqliteStore(url).put_many(full_span())
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


# Faults, each with what to do


def test_a_missing_store_says_why_it_may_be_missing(url: str, path: Path) -> None:
    for options in ({"create": False}, {"read_only": True}):
        with pytest.raises(StoreMissing, match="nothing has been captured yet, or SPANGLASS_STORE or"):
            open_store(url, **options)
    assert not path.parent.exists()


def test_an_empty_file_is_a_store_that_is_still_missing(url: str, path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with pytest.raises(StoreMissing):
        open_store(url, create=False)
    _fill(url)


@pytest.mark.parametrize("content", [b"not a database, but a letter\n" * 200, b"SQLite format 3\0" + b"\xee" * 5000])
def test_a_file_that_is_no_database_is_left_alone(url: str, path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match=r"spanglass\.db"):
        open_store(url)
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(url: str, path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="another program"):
        open_store(url)
    assert path.read_bytes() == before


def test_a_store_of_a_newer_version_is_not_touched(url: str, path: Path) -> None:
    _fill(url)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreTooNew, match="version 99"):
        open_store(url)


def test_an_old_store_is_migrated_by_whoever_may_write(url: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = _fill(url)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("ALTER TABLE call ADD COLUMN novelty TEXT",)))
    monkeypatch.setattr(schema.migrate, "__defaults__", (schema.MIGRATIONS,))
    with pytest.raises(StoreError, match="open it once for writing"):
        open_store(url, read_only=True)
    with closing(open_store(url)) as store:
        assert store.get(TRACE, conversation.spans[0]) is not None
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT novelty FROM call LIMIT 1").fetchone() == (None,)
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_migration_that_fails_changes_nothing(store: SqliteStore, db: sqlite3.Connection) -> None:
    db.isolation_level = None
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(db, (*schema.MIGRATIONS, ("CREATE TABLE novelty (x)", "NONSENSE")))
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'novelty'").fetchone() == (0,)


def test_a_directory_at_the_path_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="a directory is there"):
        open_store(f"sqlite:///{tmp_path.as_posix()}")


def test_a_file_where_the_directory_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(StoreError, match="cannot write the store"):
        open_store(f"sqlite:///{(tmp_path / 'state' / 'x.db').as_posix()}")


def test_a_store_held_by_another_is_busy_and_the_batch_is_not_lost_by_half(
    url: str, store: SqliteStore, db: sqlite3.Connection
) -> None:
    db.execute("BEGIN IMMEDIATE")
    with closing(SqliteStore(url, busy_timeout_s=0.01)) as hasty:
        with pytest.raises(StoreBusy, match="another process holds it"):
            hasty.put_many(full_span())
        assert hasty.find(Query()) == [], "readers are not kept waiting"
        db.execute("ROLLBACK")
        hasty.put_many(full_span())
    assert len(store.find(Query())) == 1


def test_a_store_opened_for_reading_is_not_written(url: str) -> None:
    _fill(url)
    with closing(open_store(url, read_only=True)) as store:
        assert len(store.find(Query(text="a"))) == 3
        assert store.prune(PruneRule(older_than_ns=0, dry_run=True)).calls == 3
        for write in (lambda: store.put_many([request()]), lambda: store.prune(PruneRule(older_than_ns=0))):
            with pytest.raises(StoreError, match="opened read-only"):
                write()


def test_a_damaged_file_is_said_to_be_damaged(url: str, path: Path) -> None:
    _fill(url, turns=20)
    data = bytearray(path.read_bytes())
    data[4096 : len(data)] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    with closing(open_store(url)) as store, pytest.raises(StoreCorrupt, match="damaged"):
        store.find(Query(text="a"))


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[None]:
    """Root may write everywhere; so be somebody else while the test runs."""
    if os.name == "nt":
        pytest.skip("permissions are POSIX's")
    if os.geteuid() != 0:
        yield
        return
    for directory in (tmp_path, *tmp_path.parents[:-2]):
        directory.chmod(directory.stat().st_mode | 0o055)
    for item in tmp_path.rglob("*"):
        os.chown(item, 65534, 65534)
    os.chown(tmp_path, 65534, 65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_directory_that_cannot_be_written_is_said_and_can_be_read(tmp_path: Path, unprivileged: None) -> None:
    url = f"sqlite:///{(tmp_path / 'd' / 'x.db').as_posix()}"
    _fill(url)
    (tmp_path / "d").chmod(0o500)
    try:
        with pytest.raises(StoreError, match="it is read-only"):
            open_store(url)
        with closing(open_store(url, read_only=True)) as store:
            assert len(store.find(Query())) == 3
        with pytest.raises(StoreError, match="mind its permissions"):
            open_store(f"sqlite:///{(tmp_path / 'd' / 'y.db').as_posix()}")
    finally:
        (tmp_path / "d").chmod(0o700)


def test_a_file_that_cannot_be_written_is_said_and_can_be_read(tmp_path: Path, unprivileged: None) -> None:
    url = f"sqlite:///{(tmp_path / 'd' / 'x.db').as_posix()}"
    _fill(url)
    (tmp_path / "d" / "x.db").chmod(0o400)
    with pytest.raises(StoreError, match="it is read-only"):
        open_store(url)
    with closing(open_store(url, read_only=True)) as store:
        assert len(store.find(Query())) == 3
    (tmp_path / "d" / "x.db").chmod(0o000)
    with pytest.raises(StoreError, match="mind the permissions"):
        open_store(url, read_only=True)


def test_a_file_that_was_removed_is_made_again(store: SqliteStore, path: Path) -> None:
    store.put_many(full_span())
    for item in path.parent.iterdir():
        item.unlink()
    store.put_many([request(span="a" * 16)])
    assert [call.span_id for call in store.find(Query())] == ["a" * 16]
    assert path.stat().st_size > 0


# Damage to what is in it


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE piece SET data = x'00' || 'forged' WHERE id = (SELECT max(id) FROM piece)",
        "UPDATE piece SET data = x'01ff' WHERE id = (SELECT max(id) FROM piece)",
        "DELETE FROM piece WHERE id = (SELECT max(id) FROM piece)",
    ],
)
def test_a_damaged_answer_is_said_in_its_record(url: str, path: Path, damage: str) -> None:
    conversation = _fill(url)
    with closing(sqlite3.connect(path)) as db:
        db.execute(damage)
        db.commit()
    last = conversation.spans[-1]
    with closing(open_store(url)) as store:
        record = store.get(TRACE, last)
        assert record is not None
        assert record.attempts[0].response_body is None
        assert record.missing == (
            "the response body of attempt 1 is damaged in the store; 'spanglass verify' tells more",
        )
        found = store.verify()
        assert not found.sound
        assert found.damaged == (Damage(f"{TRACE}/{last}", "response body of attempt 1"),)
        assert store.get(TRACE, conversation.spans[0]) is not None


def test_a_damaged_entry_is_said_and_replaced_by_the_next(url: str, path: Path) -> None:
    with closing(open_store(url)) as store:
        store.put_many(full_span())
        whole = store.get(TRACE, SPAN)
        with closing(sqlite3.connect(path)) as db:
            db.execute("UPDATE part SET meta = substr(meta, 1, 30) WHERE kind = 'attempt' AND number = 2")
            db.commit()
        record = store.get(TRACE, SPAN)
        assert record is not None
        assert record.missing == (
            "the entry about the response body of attempt 2 is damaged in the store; 'spanglass verify' tells more",
        )
        assert store.verify().damaged == (Damage(f"{TRACE}/{SPAN}", "entry about the response body of attempt 2"),)
        store.put_many(full_span())
        assert store.get(TRACE, SPAN) == whole
        assert store.verify().sound


@pytest.mark.parametrize(
    ("damage", "nodes"),
    [
        ("DELETE FROM node WHERE parent IS NULL", 1),
        ("UPDATE node SET hash = x'00' WHERE parent IS NULL", 2),
        ("UPDATE node SET parent = (SELECT max(id) FROM node) WHERE parent IS NULL", 1),
    ],
)
def test_a_damaged_chain_is_found(url: str, path: Path, damage: str, nodes: int) -> None:
    conversation = _fill(url)
    with closing(sqlite3.connect(path)) as db:
        db.execute(damage)
        db.commit()
    with closing(open_store(url)) as store:
        found = store.verify()
        assert (found.damaged_nodes, found.sound) == (nodes, False)
        for span, body in zip(conversation.spans, conversation.bodies, strict=True):
            record = store.get(TRACE, span)
            assert record is not None
            assert record.attempts[0].request_body in (None, body)


def test_what_no_window_needs_is_counted(url: str, path: Path) -> None:
    _fill(url)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM segment WHERE part = (SELECT max(id) FROM part WHERE kind = 'attempt')")
        db.commit()
    with closing(open_store(url)) as store:
        assert (store.verify().orphan_pieces, store.verify().orphan_nodes) == (1, 0)


# Processes


def _write_in_another_process(url: str, seed: int) -> None:
    with closing(open_store(url)) as store:
        for entries in Conversation(turns=10, bytes_a_turn=2000, seed=seed, trace=f"{seed:032x}"):
            store.put_many(entries)


@pytest.mark.slow
def test_processes_that_begin_and_write_at_once_lose_nothing(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_in_another_process, args=(url, seed)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    with closing(open_store(url)) as store:
        assert (store.stats().calls, store.verify().sound) == (40, True)


@pytest.mark.slow
def test_a_process_that_is_killed_while_writing_damages_nothing(url: str) -> None:
    _fill(url, turns=1)
    program = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from store.entries import Conversation\n"
        "from spanglass.store import open_store\n"
        "store = open_store(sys.argv[1])\n"
        "for seed in range(2, 10_000):\n"
        "    for entries in Conversation(6, 4000, seed=seed, trace=f'{seed:032x}'):\n"
        "        store.put_many(entries); print(flush=True)\n"
    )
    for kill_after in range(1, 16, 3):
        command = [sys.executable, "-c", program, url, *sys.path]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as worker:
            assert worker.stdout is not None
            for _ in range(kill_after):
                worker.stdout.readline()
            worker.kill()
        with closing(open_store(url)) as store:
            found = store.verify()
            assert (found.sound, found.orphan_nodes, found.orphan_pieces) == (True, 0, 0)
            assert found.calls >= kill_after


@posix
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_has_a_connection_of_its_own(store: SqliteStore) -> None:
    store.put_many([request()])
    child = os.fork()
    if child == 0:
        status = 1
        try:
            store.put_many([attempt(b"by the child")])
            status = 0 if store.find(Query()) else 2
        finally:
            os._exit(status)
    store.put_many([outcome()])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    record = store.get(TRACE, SPAN)
    assert record is not None
    assert (record.state, record.attempts[0].response_body) == ("done", b"by the child")


@posix
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_threads_may_write_and_fork_at_once(store: SqliteStore) -> None:
    """A child is born at any moment of another thread's write, and writes itself; nobody waits for ever."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            store.put_many(full_span())

    def fork() -> None:
        for number in range(5):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    store.put_many([request(span=f"{os.getpid():016x}", number=number)])
                    status = 0
                finally:
                    os._exit(status)
            statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    statuses: list[int] = []
    writer = threading.Thread(target=write)
    forkers = [threading.Thread(target=fork) for _ in range(2)]
    writer.start()
    for forker in forkers:
        forker.start()
    for forker in forkers:
        forker.join()
    stop.set()
    writer.join()
    assert statuses == [0] * 10
    assert (store.verify().sound, store.stats().calls) == (True, 11)


# Room and speed, as far as they can be asserted


def test_a_conversation_takes_less_than_a_tenth_of_the_bytes_sent(url: str, path: Path) -> None:
    conversation = _fill(url, turns=50)
    at_rest = sum(item.stat().st_size for item in path.parent.iterdir())
    assert at_rest < conversation.sent / 10


def test_twice_as_many_turns_take_about_twice_the_room(tmp_path: Path) -> None:
    sizes = []
    for turns in (60, 120):
        url = f"sqlite:///{(tmp_path / str(turns)).as_posix()}"
        _fill(url, turns)
        sizes.append((tmp_path / str(turns)).stat().st_size)
    assert sizes[1] < 2.1 * sizes[0]


def test_another_system_prompt_does_not_cost_the_history_again(store: SqliteStore, db: sqlite3.Connection) -> None:
    bodies = [body.replace(b'"role": "system"', b'"role": "developer"') for body in _all_bodies(store)]
    before = db.execute("SELECT count(*) FROM piece").fetchone()[0]
    store.put_many([request(bodies[-1], span="a" * 16)])
    assert db.execute("SELECT count(*) FROM piece").fetchone()[0] == before + 1


def _all_bodies(store: SqliteStore) -> list[bytes]:
    conversation = Conversation(turns=5, bytes_a_turn=3000)
    for entries in conversation:
        store.put_many(entries)
    return conversation.bodies


def test_pruning_gives_room_back(url: str, path: Path) -> None:
    conversation = _fill(url, turns=60)
    before = path.stat().st_size
    with closing(open_store(url)) as store:
        assert store.prune(PruneRule(trace_id=conversation.trace)).calls == 60
    assert path.stat().st_size < before / 3


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT id FROM call WHERE span_id = 'a' AND trace_id = 'b'", "call_span"),
        ("SELECT id FROM call WHERE span_id >= 'a' AND span_id < 'b' ORDER BY +started_at DESC, id DESC", "call_span"),
        ("SELECT id FROM call WHERE trace_id = 'a' ORDER BY started_at DESC, id DESC", "call_trace"),
        ("SELECT id FROM call WHERE workflow_id = 'a' AND step_name = 'b' ORDER BY started_at DESC", "call_workflow"),
        ("SELECT id FROM call WHERE state = 'error' ORDER BY started_at DESC, id DESC", "call_state"),
        ("SELECT id FROM call WHERE request_model = 'a' ORDER BY started_at DESC", "call_request_model"),
        ("SELECT id FROM call WHERE response_model = 'a' ORDER BY started_at DESC", "call_response_model"),
        ("SELECT id FROM call ORDER BY started_at DESC, id DESC", "call_started_at"),
        ("SELECT id FROM call WHERE owner = 'a' AND state = 'started'", "call_owner"),
        ("SELECT 1 FROM node WHERE parent = 1", "node_parent"),
        ("SELECT 1 FROM node WHERE piece = 1", "node_piece"),
        ("SELECT 1 FROM segment WHERE node = 1", "segment_node"),
        ("SELECT 1 FROM segment WHERE piece = 1", "segment_piece"),
    ],
)
def test_no_lookup_reads_the_whole_table(db: sqlite3.Connection, query: str, index: str) -> None:
    plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}"))
    assert index in plan
    assert "TEMP B-TREE FOR ORDER BY" not in plan or "+started_at" in query
