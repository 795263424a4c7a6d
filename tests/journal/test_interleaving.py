"""Appending, draining, crashing and recovering in any order, against a model that is a list."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from journal.made import first_of_each, frame, journal_in, last_segment, request, write_behind
from spanglass.journal import Journal, mapped, recover, segment
from spanglass.journal import journal as writing
from spanglass.journal.frame import seed_of
from spanglass.model.entry import ExitEntry, RequestEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spanglass.model.entry import Entry


class Crash(BaseException):
    """The process dies here."""


class Interleaving(RuleBasedStateMachine):
    """Every entry reaches the store, none is invented, and those of an owner come in their order."""

    least_bound = mapped.LEAST_BOUND
    journals = Bundle("journals")

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(segment, "SEGMENT_BYTES", 1_500)
        self.patch.setattr(writing, "_KEEP_BYTES", 800)
        self.patch.setattr(mapped, "LARGE_BYTES", 1_500)
        self.patch.setattr(mapped, "LEAST_BOUND", self.least_bound)
        self.temporary = tempfile.TemporaryDirectory()
        self.directory = Path(self.temporary.name) / "journal"
        self.appended: dict[str, list[int]] = {}
        self.stored: list[Entry] = []
        self.living: dict[str, Journal] = {}
        self.count = 0

    @rule(target=journals)
    def begin(self) -> Journal:
        journal = journal_in(self.directory)
        self.living[journal.owner] = journal
        return journal

    @rule(journal=journals, size=st.integers(0, 2_500), times=st.integers(1, 5))
    def append(self, journal: Journal, size: int, times: int) -> None:
        for _ in range(times):
            self.count += 1
            assert journal.append(request(self.count, b"x" * size, journal.owner))
            self.appended.setdefault(journal.owner, []).append(self.count)

    def store(self, fails_after: int | None, why: BaseException) -> Callable[[Sequence[Entry]], None]:
        left = [fails_after]

        def put_many(batch: Sequence[Entry]) -> None:
            self.stored.extend(batch)
            if left[0] is not None:
                left[0] -= 1
                if left[0] < 0:
                    raise why  # after it was stored: the worst moment

        return put_many

    @rule(journal=journals)
    def drain(self, journal: Journal) -> None:
        journal.drain(self.store(None, Crash()))
        assert journal.pending_bytes == 0

    @rule(journal=journals, after=st.integers(0, 2))
    def drain_into_a_failing_store(self, journal: Journal, after: int) -> None:
        try:
            journal.drain(self.store(after, OSError("down")))
        except OSError:
            assert journal.pending_bytes > 0

    @rule(journal=consumes(journals))
    def close(self, journal: Journal) -> None:
        del self.living[journal.owner]
        journal.close(self.store(None, Crash()))

    @rule(journal=consumes(journals), after=st.integers(0, 2))
    def close_into_a_failing_store(self, journal: Journal, after: int) -> None:
        del self.living[journal.owner]
        try:
            journal.close(self.store(after, OSError("down")))
        except OSError:
            return

    @rule(journal=consumes(journals), torn=st.integers(0, 400))
    def crash(self, journal: Journal, torn: int) -> None:
        """With the first ``torn`` bytes of an entry that was being written."""
        owner = journal.owner
        del self.living[owner]
        journal.close(None)
        raw = frame(request(999_999, b"y" * 500), seed_of(owner))
        if list(self.directory.glob(f"{owner}-*.wal")):
            write_behind(last_segment(self.directory, owner), raw[:torn])

    @rule(living=st.booleans())
    def recover(self, *, living: bool) -> None:
        recover(self.directory, self.store(None, Crash()), living=living)

    @rule(after=st.integers(0, 3), why=st.sampled_from([OSError("down"), Crash()]))
    def recover_and_fail(self, after: int, why: BaseException) -> None:
        try:
            recover(self.directory, self.store(after, why))
        except (OSError, Crash):
            return

    def requests(self, until: int | None = None) -> list[RequestEntry]:
        return [entry for entry in self.stored[:until] if isinstance(entry, RequestEntry)]

    @invariant()
    def nothing_is_invented_and_order_is_kept(self) -> None:
        for owner, sent in self.appended.items():
            came = first_of_each([entry.started_at for entry in self.requests() if entry.call.owner == owner])
            assert came == sent[: len(came)]

    @invariant()
    def only_the_dead_are_gone_and_only_after_all_they_left(self) -> None:
        for position, entry in enumerate(self.stored):
            if isinstance(entry, ExitEntry):
                assert entry.owner not in self.living
                before = {request.started_at for request in self.requests(position)}
                assert set(self.appended.get(entry.owner, [])) <= before

    def teardown(self) -> None:
        try:
            for journal in self.living.values():
                journal.close(None)
            recover(self.directory, self.store(None, Crash()))
            assert {entry.started_at for entry in self.requests()} == set(range(1, self.count + 1))
            assert set(self.appended) <= {entry.owner for entry in self.stored if isinstance(entry, ExitEntry)}
            assert not self.directory.exists() or not list(self.directory.iterdir())
        finally:
            self.patch.undo()
            self.temporary.cleanup()


class InterleavingByCalls(Interleaving):
    """The same without mapped memory."""

    least_bound = 1 << 62


TestInterleaving = Interleaving.TestCase
TestInterleavingByCalls = InterleavingByCalls.TestCase
for case in (TestInterleaving, TestInterleavingByCalls):
    case.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
