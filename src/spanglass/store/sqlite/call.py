"""The rows of calls: a `Summary` as columns, and the conditions of a query as SQL.

Invariant: a row is the summary of its parts, no more; it can be made again from them at any time.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from spanglass.model.record import ErrorInfo, Summary, Usage
from spanglass.model.step import FORMAT
from spanglass.store.base import ERROR_STATES

if TYPE_CHECKING:
    from spanglass.store.base import PruneRule, Query

_PLAIN = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "service",
    "state",
    "started_at",
    "ended_at",
    "workflow_id",
    "step_name",
    "step_attempt",
    "format",
    "provider",
    "operation",
    "request_model",
    "response_model",
    "response_id",
    "attempt_count",
    "redactions",
)
_USAGE = tuple(Usage.__slots__)
#: The columns of a summary, in the order of `to_row` and `from_row`.
COLUMNS = (*_PLAIN, *_USAGE, "error_type", "error_message", "finish_reasons", "missing")
SELECT = ", ".join(f"call.{name}" for name in COLUMNS)
_SET = ", ".join(f"{name} = ?" for name in (*COLUMNS, "owner"))
INSERT = f"INSERT INTO call ({', '.join(COLUMNS)}, owner) VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"  # noqa: S608
UPDATE = f"UPDATE call SET {_SET} WHERE id = ?"  # noqa: S608 - column names of ours

_LARGEST = 2**63 - 1
_plain_of, _usage_of = attrgetter(*_PLAIN), attrgetter(*_USAGE)


def to_row(call: Summary, owner: str) -> tuple[Any, ...]:
    """The values of `COLUMNS` and the owner."""
    usage = call.usage
    error = (None, None) if call.error is None else (call.error.type, call.error.message)
    return (
        *_plain_of(call),
        *_usage_of(usage),
        *error,
        msgspec.json.encode(call.finish_reasons).decode(),
        msgspec.json.encode(call.missing).decode(),
        owner,
    )


def bounded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same row; a number that SQLite cannot hold is the largest that it can."""
    return tuple(max(-_LARGEST, min(value, _LARGEST)) if isinstance(value, int) else value for value in row)


def from_row(row: tuple[Any, ...]) -> Summary:
    """The summary of a row that `SELECT` gave."""
    values = dict(zip(COLUMNS, row, strict=True))
    kind, message = values["error_type"], values["error_message"]
    return Summary(
        **{name: values[name] for name in _PLAIN},
        usage=Usage(**{name: values[name] for name in _USAGE}),
        error=None if kind is None else ErrorInfo(kind, message),
        finish_reasons=tuple(msgspec.json.decode(values["finish_reasons"], type=list[str])),
        missing=tuple(msgspec.json.decode(values["missing"], type=list[str])),
    )


class Where(NamedTuple):
    """A condition and its values."""

    sql: str
    values: tuple[Any, ...]


def where(conditions: list[tuple[str, Any]]) -> Where:
    """All of the conditions whose value is not None; a value that is a tuple fills as many places."""
    said = [(sql, value if isinstance(value, tuple) else (value,)) for sql, value in conditions if value is not None]
    return Where(" AND ".join(sql for sql, _ in said) or "1", tuple(item for _, value in said for item in value))


def matching(query: Query) -> Where:
    """What `Query.matches` says, as SQL; all but the model."""
    return where(
        [
            ("trace_id = ?", query.trace_id),
            ("workflow_id = ?", query.workflow_id),
            ("step_name = ?", query.step_name),
            ("state = ?", query.state),
            ("provider = ?", query.provider),
            ("started_at >= ?", query.since),
            ("started_at < ?", query.until),
            ("format <> ?", None if query.operations else FORMAT),
        ]
    )


def of_model(condition: Where, model: str, limit: int) -> Where:
    """The newest calls that answer to the condition with this model, asked for or answering: each by an index."""
    sides = [
        f"SELECT id FROM (SELECT id FROM call WHERE {column} = ? AND {condition.sql} "  # noqa: S608 - SQL of ours
        "ORDER BY started_at DESC, id DESC LIMIT ?)"
        for column in ("request_model", "response_model")
    ]
    return Where(f"id IN ({' UNION '.join(sides)})", (model, *condition.values, limit) * 2)


def beginning(trace_prefix: str | None, span_prefix: str) -> Where:
    """Ids that begin so. No hexadecimal digit comes after ``f``, so a prefix is a range, which an index serves."""
    span, trace = span_prefix.lower(), (trace_prefix or "").lower()
    return where(
        [
            ("span_id >= ? AND span_id < ?", (span, span + "g")),
            ("trace_id >= ? AND trace_id < ?", (trace, trace + "g") if trace else None),
        ]
    )


def prunable(rule: PruneRule, now: int, *, ended: bool) -> Where:
    """The calls that a rule lets go, by age and selection; ``ended`` spares those that are still going on."""
    return where(
        [
            ("started_at < ?", None if rule.older_than_ns is None else now - rule.older_than_ns),
            ("trace_id = ?", rule.trace_id),
            ("workflow_id = ?", rule.workflow_id),
            (f"state NOT IN ({', '.join('?' * len(ERROR_STATES))})", ERROR_STATES if rule.keep_errors else None),
            ("state <> ?", "started" if ended else None),
        ]
    )
