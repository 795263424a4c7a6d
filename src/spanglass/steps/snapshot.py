"""The data of a step as it was at that moment, masked: whole as JSON for the record, shortened for people.

Invariant: whatever the host hands over (objects of its own, cycles, text that is no Unicode, what raises when it is
looked at), a snapshot comes of it, and it holds no credential: masking sees the whole before anything is cut.
"""

from __future__ import annotations

import json
import numbers
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from spanglass.capture.session import active
from spanglass.redact import Redactor
from spanglass.settings import in_force
from spanglass.timeline import FACT_LIMIT, VALUE_LIMIT, shorten

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanglass.timeline import Facts

_REPR_LIMIT = 10_000
#: Bytes of one step's data that stay in memory.
MEMORY_LIMIT = 4_000
_FACTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_default: Redactor | None = None


class Snapshot(NamedTuple):
    """Data that may be kept: ``body`` is a JSON object; ``facts`` are its first values, shortened."""

    body: bytes
    facts: Facts
    redactions: int = 0


class ErrorText(NamedTuple):
    """The qualified class of an exception, and its text, masked; ``redactions`` says how many values were."""

    type: str
    message: str
    redactions: int = 0


EMPTY = Snapshot(b"{}", ())


def current_redactor() -> Redactor:
    """The redactor of the session in force; without one, one of the settings', made at its first use."""
    global _default  # noqa: PLW0603 - one a process, and only where nothing is installed
    session = active()
    if session is not None:
        return session.redactor
    if _default is None:
        settings = in_force()
        cache_dir = settings.state_dir if settings.state_dir.is_dir() else None
        _default = Redactor(keys=settings.redact_keys, patterns=settings.redact_patterns, cache_dir=cache_dir)
    return _default


def take(data: Mapping[Any, Any], redactor: Redactor) -> Snapshot:
    """A snapshot of ``data``."""
    return mask(encode(data), redactor) if data else EMPTY


def mask(body: bytes, redactor: Redactor) -> Snapshot:
    """A snapshot of a JSON object."""
    masked, redactions = redactor.body(body)
    try:
        return Snapshot(masked, facts_of(masked), redactions)
    except msgspec.DecodeError:  # masking failed, and what is left is a text that says so
        masked = b'{"spanglass.redacted":%b}' % masked
        return Snapshot(masked, facts_of(masked), redactions)


def extend(earlier: Snapshot, later: Snapshot) -> Snapshot:
    """Two snapshots in one; of a name that both have, the later value stands under ``spanglass.NAME``."""
    if later is EMPTY:
        return earlier
    if earlier is EMPTY:
        return later
    values = _FACTS.decode(earlier.body)
    for name, value in _FACTS.decode(later.body).items():
        values[name if name not in values else f"spanglass.{name}"] = value
    body = msgspec.json.encode(values)
    return Snapshot(body, facts_of(body), earlier.redactions + later.redactions)


def mask_text(text: str, redactor: Redactor) -> str:
    """A name or a message, masked and such as can be encoded."""
    return redactor.text(text.encode("utf-8", "replace").decode())[0]


def mask_error(error: BaseException, redactor: Redactor) -> ErrorText:
    """What an exception says, masked."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the host's own __str__
        text = "(its text cannot be had)"
    return ErrorText(name, *redactor.text(text.encode("utf-8", "replace").decode()))


def facts_of(body: bytes, limit: int = FACT_LIMIT) -> Facts:
    """The first values of a JSON object as text for a line, and how many more there are."""
    values = _FACTS.decode(body)
    shown = tuple(
        (name, shorten(bytes(value).decode("utf-8", "replace"))) for name, value in list(values.items())[:limit]
    )
    more = len(values) - len(shown)
    return (*shown, ("more values", str(more))) if more else shown


def within(limit: int, data: Snapshot) -> bytes:
    """The data as it is if it has at most ``limit`` bytes; or else with long values shortened, or its first ones."""
    if len(data.body) <= limit:
        return data.body
    shortened = brief(data)
    return shortened if len(shortened) <= limit else msgspec.json.encode(dict(data.facts))


def values_of(body: bytes) -> dict[str, Any]:
    """A JSON object as Python has it."""
    values: dict[str, Any] = json.loads(body)
    return values


def brief(data: Snapshot) -> bytes:
    """A JSON object with the same values, the long ones shortened."""
    values: dict[str, Any] = {}
    for name, value in _FACTS.decode(data.body).items():
        text = bytes(value).decode("utf-8", "replace")
        values[name] = value if len(text) <= VALUE_LIMIT else shorten(text).strip('"')
    return msgspec.json.encode(values)


def encode(data: Mapping[Any, Any]) -> bytes:
    """A JSON object of ``data``; what JSON has no form for is its ``repr``."""
    try:
        return _encoder.encode({name if type(name) is str else str(name): value for name, value in data.items()})
    except Exception:  # noqa: BLE001 - the host's objects may raise anything; then each value is tried by itself
        members = [b"%b:%b" % (_text(_safely(str, name)), _value(value)) for name, value in data.items()]
        return b"{%b}" % b",".join(members)


def _value(value: Any) -> bytes:
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _mended(value)
    except Exception:  # noqa: BLE001 - as above
        return _text(_safely(repr, value))


def _mended(value: Any) -> bytes:
    """A value with a lone surrogate in it, which JSON can say and UTF-8 cannot."""
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain).encode("utf-8", "replace")
    except Exception:  # noqa: BLE001 - as above
        return _text(_safely(repr, value))


def _text(text: str) -> bytes:
    return _encoder.encode(text.encode("utf-8", "replace").decode())


def _safely(show: Any, value: Any) -> str:
    try:
        return str(show(value))[:_REPR_LIMIT]
    except Exception:  # noqa: BLE001 - as above
        return f"<{type(value).__qualname__}>"


def _plain(value: Any) -> Any:
    """What msgspec has no form for, in one that it has."""
    dump = getattr(value, "model_dump", None)  # pydantic's, and so that of what SDKs return
    if dump is not None and not isinstance(value, type):
        return dump(mode="json", warnings=False)
    show = next((show for kinds, show in _FORMS if isinstance(value, kinds)), repr)
    shown = show(value)
    return shown[:_REPR_LIMIT] if show is repr else shown


_FORMS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
    (str, str.__str__),  # a subclass
    (numbers.Integral, int),
    (numbers.Real, float),
    (BaseException, lambda error: f"{type(error).__qualname__}: {error}"),
    (Mapping, dict),
    ((Sequence, AbstractSet), list),
)
_encoder = msgspec.json.Encoder(enc_hook=_plain)
