"""The application on the second port: OTLP over HTTP, protobuf and JSON, with or without gzip.

Invariant: 200 is answered only when the store has everything that was not rejected by name; 503 when it cannot be
written, which senders take as a reason to come again; 4xx only for what would be no better another time. No more than
`ServerConfig.max_requests` bodies are in memory, and what waits behind them is neither read nor forgotten.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from anyio import CapacityLimiter, to_thread
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

from spanglass import guard
from spanglass.errors import SpanglassError, StoreBusy
from spanglass.server import fault
from spanglass.server.decoding import NotOtlp, decode
from spanglass.server.gate import Gate
from spanglass.server.health import healthz, metrics_route, readiness
from spanglass.server.intake import Intake, Taken
from spanglass.server.metrics import Metrics
from spanglass.server.payload import Refusal, decompress, encoding_of, read_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from spanglass.server.config import ServerConfig
    from spanglass.server.decoding import Encoding, Signal

_TEND_S = 600.0
#: For each request that is held in memory so many may wait.
_WAITING_PER_REQUEST = 16
_UNAVAILABLE = 503
_CONTENT_TYPES: dict[Encoding, str] = {"json": "application/json", "protobuf": "application/x-protobuf"}
#: The gRPC code that says the same as an HTTP status.
_GRPC_CODES = {400: 3, 408: 4, 413: 8, 415: 3, 503: 14}
_UNKNOWN = 2


def create_otlp_app(config: ServerConfig, metrics: Metrics | None = None) -> Starlette:
    """OTLP in, as an ASGI application; `spanglass.server.app.create_app` is its counterpart.

    Args:
        config: what is taken, and from whom.
        metrics: counts what arrives; one of its own if None.
    """
    metrics = metrics or Metrics()
    intake = Intake(config, metrics)
    receiver = Receiver(config, intake, metrics)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tending = asyncio.create_task(_tend(intake))
        try:
            yield
        finally:
            tending.cancel()
            with suppress(asyncio.CancelledError):
                await tending
            await to_thread.run_sync(intake.close)

    return Starlette(
        routes=[
            Route("/v1/traces", partial(receiver.receive, "traces"), methods=["POST"]),
            Route("/v1/logs", partial(receiver.receive, "logs"), methods=["POST"]),
            Route("/healthz", healthz),
            Route("/readyz", readiness(intake.check)),
            metrics_route(metrics),
        ],
        middleware=[Middleware(Gate, token=config.token, host=config.host)],
        exception_handlers=fault.HANDLERS,
        lifespan=lifespan,
    )


async def _tend(intake: Intake) -> None:
    while True:
        try:
            await to_thread.run_sync(intake.tend)
        except Exception as why:  # noqa: BLE001 - the boundary of this task; it comes again
            guard.absorb("server.tend", why)
        await asyncio.sleep(_TEND_S)


class _Answer(NamedTuple):
    """What a request is answered: the status, and the message of OTLP's own."""

    status: int
    body: bytes
    content_type: str


class Receiver:
    """Takes OTLP requests.

    Args:
        config: the bounds.
        intake: puts what arrives.
        metrics: counts.
    """

    def __init__(self, config: ServerConfig, intake: Intake, metrics: Metrics) -> None:
        self._config = config
        self._intake = intake
        self._metrics = metrics
        self._places = asyncio.Semaphore(config.max_requests)
        self._threads: CapacityLimiter | None = None
        self._waiting = 0

    async def receive(self, signal: Signal, request: Request) -> Response:
        """Answers one request."""
        answer = await self._answer(signal, request)
        self._metrics.count("spanglass_otlp_requests_total", signal=signal, status=str(answer.status))
        headers = {"Retry-After": str(fault.RETRY_AFTER_S)} if answer.status == _UNAVAILABLE else {}
        if answer.status in (400, 408, 413, 415):
            headers["Connection"] = "close"  # what is left of the body is not read
        return Response(answer.body, answer.status, headers, answer.content_type)

    async def _answer(self, signal: Signal, request: Request) -> _Answer:
        encoding: Encoding = "json"
        try:
            encoding = encoding_of(request)
            taken = await self._take(signal, encoding, request)
        except Refusal as why:
            return _refused(encoding, why.status, str(why))
        except NotOtlp as why:
            return _refused(encoding, 400, str(why))
        except SpanglassError as why:
            return _refused(encoding, _UNAVAILABLE, str(why))
        except Exception as why:  # noqa: BLE001 - nothing was acknowledged, so it may come again and fare better
            guard.absorb("server.receive", why)
            return _refused(encoding, _UNAVAILABLE, "a fault of spanglass itself; its log says where")
        return _accepted(encoding, signal, taken)

    async def _take(self, signal: Signal, encoding: Encoding, request: Request) -> Taken:
        if self._waiting > self._config.max_requests * _WAITING_PER_REQUEST:
            message = "too many requests wait already"
            raise StoreBusy(message)
        self._waiting += 1
        try:
            async with self._places:
                body = await read_body(request, self._config.max_request_bytes, self._config.request_timeout_s)
                compression = request.headers.get("content-encoding", "")
                self._threads = self._threads or CapacityLimiter(self._config.max_requests)
                work = partial(self._digest, signal, encoding, body, compression)
                return await to_thread.run_sync(work, limiter=self._threads)
        finally:
            self._waiting -= 1

    def _digest(self, signal: Signal, encoding: Encoding, body: bytes, compression: str) -> Taken:
        body = decompress(body, compression, self._config.max_request_bytes)
        self._metrics.count("spanglass_otlp_bytes_total", len(body), signal=signal)
        taken = self._intake.take(decode(body, encoding, signal), signal)
        for result in ("stored", "ignored", "rejected"):
            self._metrics.count("spanglass_otlp_items_total", getattr(taken, result), signal=signal, result=result)
        return taken


def _accepted(encoding: Encoding, signal: Signal, taken: Taken) -> _Answer:
    message = "; ".join(taken.reasons)
    name = "rejectedSpans" if signal == "traces" else "rejectedLogRecords"
    if encoding == "json":
        partial_success = {name: str(taken.rejected), "errorMessage": message} if taken.rejected else {}
        return _Answer(200, json.dumps({"partialSuccess": partial_success}).encode(), _CONTENT_TYPES[encoding])
    response = ExportTraceServiceResponse() if signal == "traces" else ExportLogsServiceResponse()
    if taken.rejected:
        response.partial_success.error_message = message
        if isinstance(response, ExportTraceServiceResponse):
            response.partial_success.rejected_spans = taken.rejected
        else:
            response.partial_success.rejected_log_records = taken.rejected
    return _Answer(200, response.SerializeToString(), _CONTENT_TYPES[encoding])


def _refused(encoding: Encoding, status: int, message: str) -> _Answer:
    code = _GRPC_CODES.get(status, _UNKNOWN)
    if encoding == "json":
        return _Answer(status, json.dumps({"code": code, "message": message}).encode(), _CONTENT_TYPES[encoding])
    return _Answer(status, Status(code=code, message=message).SerializeToString(), _CONTENT_TYPES[encoding])
