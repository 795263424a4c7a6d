"""Datasets made of what was recorded: chat rows, and pairs of a refused answer and the one that stood.

Invariant: rows are made one at a time; each is masked by the settings in force before anybody has it, says which calls
it is made of, and comes once. What is left out is counted under its reason.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spanglass.errors import ConfigurationError, NotFound
from spanglass.read.index import index_of
from spanglass.read.jsonlines import write_lines
from spanglass.read.reader import current_reader
from spanglass.read.shape import FORMATS, Format, Style, rows_of
from spanglass.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spanglass.model import JsonObject
    from spanglass.model.record import Record, Summary
    from spanglass.read.chain import Chain
    from spanglass.read.reader import Reader

    #: Told what is being done, and how many of how many are.
    Progress = Callable[[str, int, int], None]

_ALL = 2**62
_STYLE = Style()


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What a dataset is made of.

    Args:
        rows: how many there are.
        conversations: how many were looked at.
        left_out: how many conversations and calls made no row, by the reason.
        duplicates: how many rows said the same as an earlier one.
        masked: how many values were masked that the store still has, because the settings now ask for more.
    """

    rows: int = 0
    conversations: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    masked: int = 0

    def to_dict(self) -> JsonObject:
        """The JSON form."""
        return {name: getattr(self, name) for name in self.__slots__}


class Dataset:
    """The rows of a dataset; each iteration makes them anew.

    Args:
        reader: reads the store.
        form: ``openai``, ``sharegpt``, ``trl-sft`` or ``trl-dpo``.
        failed: conversations that did not end well are rows, too.
        style: what of a message is in a row.
        progress: told how far it is.
        criteria: which calls are looked at: the fields of `spanglass.store.Query`.
    """

    def __init__(
        self,
        reader: Reader,
        form: Format,
        *,
        failed: bool = False,
        style: Style = _STYLE,
        progress: Progress | None = None,
        **criteria: Any,
    ) -> None:
        if form not in FORMATS:
            message = f"there is no dataset format {form!r}; the formats are {', '.join(FORMATS)}"
            raise ConfigurationError(message)
        self._reader, self._form, self._failed, self._style = reader, form, failed, style
        self._progress = progress or (lambda _what, _done, _total: None)
        self._criteria = {"limit": _ALL, **criteria}
        settings = reader.settings
        self._redactor = Redactor(
            keys=settings.redact_keys, patterns=settings.redact_patterns, cache_dir=settings.state_dir
        )
        self._counts: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()

    @property
    def report(self) -> DatasetReport:
        """What the latest iteration was made of, as far as it has come."""
        return DatasetReport(left_out=dict(sorted(self._left_out.items())), **self._counts)

    def __iter__(self) -> Iterator[JsonObject]:
        return (json.loads(line) for line in self.lines())

    def lines(self) -> Iterator[str]:
        """The rows as JSON, each on one line without its end."""
        self._counts.clear()
        self._left_out.clear()
        seen: set[bytes] = set()
        for chain in self._chains():
            rows = list(self._rows(chain))
            if not rows:
                self._left_out["nothing was refused"] += 1
            for row in rows:
                digest = _digest(row)
                if digest in seen:
                    self._counts["duplicates"] += 1
                    continue
                seen.add(digest)
                self._counts["rows"] += 1
                yield self._masked(row)

    def _chains(self) -> Iterator[Chain]:
        found = self._reader.find(**self._criteria)
        index = index_of(found, self._load, lambda done, total: self._progress("reading calls", done, total))
        self._left_out += Counter({"no messages": index.silent, "no answer": index.broken})
        total = len(index)
        for chain in index.chains(self._load):
            self._counts["conversations"] += 1
            self._progress("making rows", self._counts["conversations"], total)
            reason = chain.failure
            if reason is None or self._failed:
                yield chain
            else:
                self._left_out[reason] += 1

    def _rows(self, chain: Chain) -> Iterator[JsonObject]:
        return rows_of(chain, self._form, self._style)

    def _load(self, call: Summary) -> Record | None:
        try:
            return self._reader.read(call)
        except NotFound:
            self._left_out["pruned meanwhile"] += 1
            return None

    def _masked(self, row: JsonObject) -> str:
        text = json.dumps(row, ensure_ascii=False, default=str)
        masked, count = self._redactor.body(text.encode("utf-8", "replace"))
        self._counts["masked"] += count
        return masked.decode("utf-8", "replace")


def export_dataset(
    path: str | Path,
    form: Format = "openai",
    *,
    failed: bool = False,
    corrections: bool = False,
    reasoning: bool = True,
    reader: Reader | None = None,
    progress: Progress | None = None,
    **criteria: Any,
) -> DatasetReport:
    """Writes what was recorded as a dataset of JSON lines, as ``datasets`` and TRL load it.

    Args:
        path: the file; one that is there is replaced once the new one is whole.
        form: ``openai`` and ``trl-sft`` are chats, for OpenAI's fine-tuning and for chat templates; ``sharegpt`` is
            a chat, too; ``trl-dpo`` is pairs: ``prompt``, ``chosen`` and ``rejected``.
        failed: take conversations that did not end well, too.
        corrections: leave refused attempts, and the complaints about them, in chats.
        reasoning: leave the model's reasoning in.
        reader: reads another store than the one in force.
        progress: told what is being done, and how many of how many are.
        **criteria: which calls: ``workflow_id``, ``step_name``, ``model``, ``state``, ``since`` and the other fields of
            `spanglass.store.Query`.

    Returns:
        How many rows there are, and what was left out and why.

    Raises:
        ConfigurationError: an unknown format.
        StoreError: the store is missing or cannot be read.
        OSError: the file cannot be written.

    Example:
        >>> import spanglass, tempfile
        >>> spanglass.install(enabled="true", store="memory://export-example")
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     report = export_dataset(Path(directory, "chats.jsonl"))
        >>> report.rows
        0
        >>> spanglass.uninstall()
    """
    style = Style(reasoning, corrections)
    dataset = Dataset(reader or current_reader(), form, failed=failed, style=style, progress=progress, **criteria)
    write_lines(Path(path), dataset.lines())
    return dataset.report


def _digest(row: JsonObject) -> bytes:
    """What a row says, whichever calls say it."""
    said = {name: value for name, value in row.items() if name != "span_ids"}
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
