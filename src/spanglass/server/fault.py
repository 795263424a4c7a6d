"""What a request that cannot be served is told: a status and one JSON object, the same shape as the command line's.

Invariant: our own errors' texts quote no payload and are shown; of any other fault only its type is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from spanglass.errors import (
    Ambiguous,
    ConfigurationError,
    JournalError,
    NotFound,
    SpanglassError,
    StoreBusy,
    StoreError,
    StoreMissing,
)
from spanglass.server.answer import JsonAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

RETRY_AFTER_S = 2
_STATUSES: tuple[tuple[type[SpanglassError], int], ...] = (
    (Ambiguous, 409),
    (NotFound, 404),
    (StoreMissing, 404),
    (ConfigurationError, 400),
    (StoreBusy, 503),
    (StoreError, 500),
    (JournalError, 500),
)


def fault_response(
    status: int, kind: str, message: str, headers: Mapping[str, str] | None = None, **more: Any
) -> JsonAnswer:
    """The answer to a request that cannot be served."""
    return JsonAnswer({"error": {"type": kind, "message": message, **more}}, status, headers)


async def of_ours(_: Request, fault: Exception) -> Response:
    """A `SpanglassError`: what it says, and the candidates of an ambiguous reference."""
    status = next((status for kind, status in _STATUSES if isinstance(fault, kind)), 500)
    more = {"candidates": list(fault.candidates)} if isinstance(fault, Ambiguous) else {}
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None  # noqa: PLR2004 - HTTP's own number
    return fault_response(status, type(fault).__name__, str(fault), headers, **more)


async def of_http(_: Request, fault: Exception) -> Response:
    """No such page, no such method."""
    status, detail, headers = 500, "", None
    if isinstance(fault, HTTPException):
        status, detail, headers = fault.status_code, fault.detail, fault.headers
    return fault_response(status, "HTTPException", detail, headers)


def unexpected(fault: Exception) -> Response:
    """A fault of spanglass itself, of which only the type is told."""
    return fault_response(500, type(fault).__name__, "a fault of spanglass itself; its log says where")


HANDLERS: dict[Any, Any] = {SpanglassError: of_ours, HTTPException: of_http}
