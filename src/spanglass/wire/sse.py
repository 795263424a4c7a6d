"""Server-sent events, split at C speed and read as the standard says, whole or cut.

Invariant: an event's data is the very bytes of its ``data`` lines, joined by line feeds; comments, pings without data
and all other fields are passed over. A last event without its blank line counts: the reader sees whether it is whole.
"""

from __future__ import annotations

_SEPARATOR = b"\n\ndata: "
_BOM = b"\xef\xbb\xbf"


def unify(body: bytes) -> bytes:
    """The stream without byte order mark, and with line feeds for all line ends; neither is ever inside JSON."""
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return body.removeprefix(_BOM)


def plain_data(body: bytes) -> list[bytes]:
    """The data of a unified stream of one-line data events and nothing else; of any other, pieces that are no JSON."""
    return body[6:].split(_SEPARATOR) if body.startswith(b"data: ") else []


def split(body: bytes) -> list[tuple[str | None, bytes]]:
    """The events of a unified stream: name, if it has one, and data."""
    events: list[tuple[str | None, bytes]] = []
    names: dict[bytes, str] = {}
    for block in body.split(b"\n\n"):
        head, separator, data = block.partition(b"\ndata: ")
        if separator and b"\n" not in data:
            name = names.get(head)
            if name is None and head.startswith(b"event: ") and b"\n" not in head:
                name = names[head] = head[7:].decode("utf-8", "replace")
            if name:
                events.append((name, data))
                continue
        elif not separator and b"\n" not in block and block.startswith(b"data: "):
            events.append((None, block[6:]))
            continue
        events += _event(block)
    return events


def _event(block: bytes) -> list[tuple[str | None, bytes]]:
    """The event of a block, line by line; none without data."""
    name = None
    data: list[bytes] = []
    for line in block.split(b"\n"):
        key, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if key == b"data":
            data.append(value)
        elif key == b"event":
            name = value.decode("utf-8", "replace") or None
    return [(name, b"\n".join(data))] if data else []
