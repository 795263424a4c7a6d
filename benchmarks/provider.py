"""A provider that answers as fast as it can, in a process of its own: what is measured is the client, not the server.

Invariant: no request is parsed beyond its length and two headers, so its cost hardly depends on what was sent.
`x-bench-chunks: 500` asks for a stream of that many events, each one HTTP chunk; `x-bench-hold: 200` holds the answer
until that many requests are held. ``GET /bench/bytes`` gives the bytes of all request bodies since it was last asked.

Run it with ``python provider.py``: it prints its port, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys

_ANSWER_TEXT = "The spectrograph shows sodium at 589.0 and 589.6 nanometres, which is what a street lamp gives."


def _message_body() -> bytes:
    return json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1_760_000_000,
            "model": "bench-1-2026-01-01",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": _ANSWER_TEXT, "refusal": None},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 21, "completion_tokens": 24, "total_tokens": 45},
        }
    ).encode()


def _plain(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@functools.lru_cache(maxsize=8)
def _stream(chunks: int) -> bytes:
    parts = [b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"]
    for index in range(chunks):
        last = index == chunks - 1
        delta = {} if last else {"role": "assistant", "content": f" word{index}"}
        event = {
            "id": "chatcmpl-bench",
            "object": "chat.completion.chunk",
            "created": 1_760_000_000,
            "model": "bench-1-2026-01-01",
            "choices": [{"index": 0, "delta": delta, "finish_reason": "stop" if last else None}],
        }
        data = b"data: " + json.dumps(event).encode() + b"\n\n"
        parts.append(b"%x\r\n%s\r\n" % (len(data), data))
    parts.append(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
    return b"".join(parts)


_SMALL = _plain(_message_body())


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests are answered in the order they come."""

    held: list[asyncio.Transport] = []  # noqa: RUF012 - shared by all connections, on purpose
    received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = bytearray()
        self.need = 0

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= self.need:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self.buffer[:end]).lower()
            length = _header(head, b"content-length")
            self.need = end + 4 + length
            if len(self.buffer) < self.need:
                return
            del self.buffer[: self.need]
            self.need = 0
            Connection.received += length
            self.answer(head)
            if not self.buffer:
                return

    def answer(self, head: bytes) -> None:
        if head.startswith(b"get "):
            self.transport.write(_plain(json.dumps(Connection.received).encode()))
            Connection.received = 0
        elif b"\r\nx-bench-hold:" in head:
            self.held.append(self.transport)
            if len(self.held) >= _header(head, b"x-bench-hold"):
                for transport in self.held:
                    transport.write(_SMALL)
                self.held.clear()
        elif b"\r\nx-bench-chunks:" in head:
            self.transport.write(_stream(_header(head, b"x-bench-chunks")))
        else:
            self.transport.write(_SMALL)


def _header(head: bytes, name: bytes) -> int:
    at = head.find(b"\r\n" + name + b":")
    return 0 if at < 0 else int(head[at + len(name) + 3 :].split(b"\r\n", 1)[0])


async def main() -> None:
    """Serves until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=512)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
