"""Where the write arm masks: what a call says goes through here into the journal.

Invariant: nothing reaches the journal unmasked, and nothing is left out silently: a body over the bound, or one whose
masking failed, is named in ``missing``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from spanglass.guard import Boundary
from spanglass.model.record import ErrorInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.export.drain import Drain
    from spanglass.journal import Journal
    from spanglass.model.entry import Entry
    from spanglass.redact import Redactor

_MASK = Boundary("recorder.mask")


class Masked(msgspec.Struct, frozen=True, gc=False):
    """A body as it may be kept: masked, how many values were, and what of it is missing."""

    body: bytes | None
    redactions: int = 0
    missing: tuple[str, ...] = ()


class Recorder:
    """Masks and appends.

    Args:
        redactor: decides what is masked.
        journal: takes the entries.
        drain: moves them on, in the background.
        max_body_bytes: the bound of one body, in bytes.
    """

    def __init__(self, redactor: Redactor, journal: Journal, drain: Drain, max_body_bytes: int) -> None:
        self._redactor = redactor
        self._journal = journal
        self._drain = drain
        self._max_body_bytes = max_body_bytes

    @property
    def owner(self) -> str:
        """The id of this process's journal."""
        return self._journal.owner

    def mask(self, body: bytes, content_type: str, what: str, attempt: int = 0) -> Masked:
        """``body`` as it may be kept.

        Args:
            body: the body, its content-encoding undone.
            content_type: what its header says of it.
            what: names it in ``missing``, such as ``request_body``.
            attempt: whose it is; 0 if it is no attempt's.
        """
        missing: tuple[str, ...] = ()
        if len(body) > self._max_body_bytes:
            over = len(body) - self._max_body_bytes
            body = body[: self._max_body_bytes]
            bound = f"SPANGLASS_MAX_BODY_BYTES={self._max_body_bytes}"
            missing = (f"{_named(what, attempt)}: the last {over:,} bytes are over {bound}",)
        try:
            masked, redactions = self._redactor.body(body, content_type)
        except Exception as fault:  # noqa: BLE001 - the boundary
            _MASK.took(fault)
            lost = f"{_named(what, attempt)}: {len(body):,} bytes dropped, because masking them failed"
            return Masked(None, 1, (lost,))
        return Masked(masked, redactions, missing)

    def mask_headers(self, headers: Sequence[tuple[bytes, bytes]]) -> tuple[list[tuple[str, str]], int]:
        """Headers as they may be kept, and how many values were masked; none where masking failed."""
        try:
            return self._redactor.headers(headers)
        except Exception as fault:  # noqa: BLE001 - the boundary
            _MASK.took(fault)
            return [], 1

    def mask_url(self, url: str) -> tuple[str, int]:
        """A url as it may be kept, and how many values were masked; empty where masking failed."""
        try:
            return self._redactor.url(url)
        except Exception as fault:  # noqa: BLE001 - the boundary
            _MASK.took(fault)
            return "", 1

    def mask_error(self, error: BaseException) -> ErrorInfo:
        """The qualified class and the masked text of an exception."""
        kind = type(error)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        with _MASK:
            return ErrorInfo(name, self._redactor.text(str(error))[0])
        return ErrorInfo(name, "[its text was dropped, because masking it failed]")

    def append(self, *entries: Entry) -> bool:
        """Writes ahead, several entries in one piece; the drain takes them to the store. Says as `Journal.append`."""
        written = self._journal.append(*entries)
        if not self._drain.awake:
            self._drain.start_soon()
        return written


def _named(what: str, attempt: int) -> str:
    """Where the record's JSON has a body."""
    return f"{attempt_path(attempt)}.{what}" if attempt else what


def attempt_path(number: int) -> str:
    """Where the record's JSON has the attempt with this number, the first being 1."""
    return f"attempts[{number - 1}]"
