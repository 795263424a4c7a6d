"""The provider's server: HTTP/1.1 with keep-alive on an event loop in a thread of its own.

Invariant: bytes are handed on as they came and go out as scripted; nothing is parsed that need not be.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from fake_provider.answer import Answer, Encoder, Pause, Step
from fake_provider.plausible import plausible

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

_READ_LIMIT = 1 << 20
_CLOSING_S = 1.0  # a client that does not read what is left is not waited for any longer


class Head(NamedTuple):
    """A request's first part."""

    method: str
    target: str
    headers: list[tuple[str, str]]

    def value(self, name: str) -> str:
        """The first header of that name, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass
class Exchange:
    """One request as it arrived, byte for byte, and what was answered.

    Attributes:
        sent: the body's bytes that were sent, content-encoding applied, chunk framing left out.
        said: the same without content-encoding.
        pieces: how many pieces of the body were sent.
        ended: the plot has come to its end.
    """

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    answer: Answer = field(default_factory=Answer)
    sent: bytes = b""
    said: bytes = b""
    pieces: int = 0
    ended: bool = False
    released: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def json(self) -> Any:
        """The request's body, read."""
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """The request's header of that name, or nothing."""
        return Head(self.method, self.path, self.headers).value(name)


class FakeProvider:
    """An LLM provider on loopback; a context manager.

    Without a script it answers plausibly by path. `script` sets the next answers, in order of arrival.

    Args:
        port: 0 for any.
        answer: what is said to a request for which nothing is scripted.
        keep: how many exchanges are kept, or None for all.
    """

    def __init__(
        self, port: int = 0, *, answer: Callable[[str, bytes], Answer] = plausible, keep: int | None = None
    ) -> None:
        self.exchanges: deque[Exchange] = deque(maxlen=keep)
        self._answer = self._default = answer
        self._script: deque[Answer] = deque()
        self._changed = threading.Condition()
        self._connections: set[asyncio.Task[None]] = set()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._serving = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="fake-provider", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._serving.wait(10)  # else one that is left at once would leave its sockets open
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def script(self, *answers: Answer) -> None:
        """The answers to the next requests, in order."""
        self._script.extend(answers)

    def otherwise(self, answer: Callable[[str, bytes], Answer]) -> None:
        """What is said to requests for which nothing is scripted, from their path and body."""
        self._answer = answer

    def reset(self) -> None:
        """Forgets script and exchanges, and lets everything go on that is held."""
        self.release()
        self._answer = self._default
        self._script.clear()
        self.exchanges.clear()

    def release(self) -> None:
        """Lets every exchange go on that is held."""
        for exchange in list(self.exchanges):
            self._loop.call_soon_threadsafe(exchange.released.set)

    def wait(self, until: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Blocks until something is so; asked again after every request and every piece sent.

        Raises:
            TimeoutError: it did not come to be.
        """
        with self._changed:
            if not self._changed.wait_for(until, timeout_s):
                message = f"not so after {timeout_s} s; the exchanges are {list(self.exchanges)!r:.2000}"
                raise TimeoutError(message)

    def wait_for_requests(self, count: int) -> None:
        """Blocks until so many requests have arrived whole."""
        self.wait(lambda: len(self.exchanges) >= count)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connect, sock=self._listener, limit=_READ_LIMIT)
        )
        self._serving.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            for task in self._connections:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*self._connections, return_exceptions=True))
            self._loop.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._connections.add(task)
        try:
            while (exchange := await self._receive(reader)) is not None and await self._tell(exchange, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            await _close(writer)
            self._connections.discard(task)

    async def _receive(self, reader: asyncio.StreamReader) -> Exchange | None:
        head = await _read_head(reader)
        if head is None:
            return None
        body = await _read_body(reader, head)
        path, _, query = head.target.partition("?")
        exchange = Exchange(head.method, path, query, head.headers, body)
        exchange.answer = self._script.popleft() if self._script else self._answer(path, body)
        with self._changed:
            self.exchanges.append(exchange)
            self._changed.notify_all()
        return exchange

    async def _tell(self, exchange: Exchange, writer: asyncio.StreamWriter) -> bool:
        """Plays the answer; False when the connection is gone."""
        answer, encode = exchange.answer, Encoder(exchange.answer.encoding)
        plot = answer.plot if Step.HEAD in answer.plot else (Step.HEAD, *answer.plot)
        for step in plot:
            if isinstance(step, bytes):
                await self._send_piece(exchange, writer, step, encode(step))
            elif isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            elif step is Step.HEAD:
                writer.write(_head_bytes(answer))
            elif step is Step.HOLD:
                await writer.drain()
                await exchange.released.wait()
            else:
                _cut(writer)
                return False
        end = encode.end()
        exchange.sent += end
        if answer.chunked:
            writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(end), end) if end else b"0\r\n\r\n")
        else:
            writer.write(end)
        await writer.drain()
        with self._changed:
            exchange.ended = True
            self._changed.notify_all()
        return True

    async def _send_piece(self, exchange: Exchange, writer: asyncio.StreamWriter, piece: bytes, wire: bytes) -> None:
        exchange.said += piece  # before the client can have it, so that a test that has seen it finds it here
        exchange.sent += wire
        writer.write(b"%x\r\n%s\r\n" % (len(wire), wire) if exchange.answer.chunked else wire)
        await writer.drain()
        with self._changed:
            exchange.pieces += 1
            self._changed.notify_all()


async def _read_head(reader: asyncio.StreamReader) -> Head | None:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = raw[:-4].decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Head(method, target, headers)


async def _read_body(reader: asyncio.StreamReader, head: Head) -> bytes:
    if "chunked" not in head.value("transfer-encoding").lower():
        return await reader.readexactly(int(head.value("content-length") or 0))
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


def _head_bytes(answer: Answer) -> bytes:
    headers = [*answer.headers]
    if answer.encoding:
        headers.append(("content-encoding", answer.encoding))
    if answer.chunked:
        headers.append(("transfer-encoding", "chunked"))
    else:
        headers.append(("content-length", str(_content_length(answer))))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n{lines}\r\n".encode("latin-1")


def _content_length(answer: Answer) -> int:
    encode = Encoder(answer.encoding)
    return sum(len(encode(step)) for step in answer.plot if isinstance(step, bytes)) + len(encode.end())


async def _close(writer: asyncio.StreamWriter) -> None:
    """Closes the connection, and learns how that ended: what nobody asks for, asyncio logs when it is collected."""
    writer.close()
    with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), _CLOSING_S)


def _cut(writer: asyncio.StreamWriter) -> None:
    """Drops the connection at once, also where a forked child still holds the socket."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
