"""Server-sent events, split at C speed and read as the standard says, whole or cut.

Invariant: an event's data is the very bytes of its ``data`` lines, joined by line feeds; comments, pings without data
and all other fields are passed over. A last event without its blank line counts: the reader sees whether it is whole.
"""

from __future__ import annotations

_SEPARATOR = b"\n\ndata: "
_BOM = b"\xef\xbb\xbf"


def plain_data(body: bytes) -> list[bytes]:
    """The data of a stream of one-line data events and nothing else; of any other, pieces that are no JSON."""
    return body[6:].split(_SEPARATOR) if body.startswith(b"data: ") else []


def split(body: bytes) -> list[tuple[str | None, bytes]]:
    """The events of a stream: name, if it has one, and data."""
    body = body.removeprefix(_BOM)
    if b"\r" in body:  # never inside JSON, which escapes it
        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events: list[tuple[str | None, bytes]] = []
    for block in body.split(b"\n\n"):
        name, separator, data = block.partition(b"\ndata: ")
        if name.startswith(b"event: ") and separator and b"\n" not in name and b"\n" not in data:
            events.append((name[7:].decode("utf-8", "replace"), data))
        elif block.startswith(b"data: ") and b"\n" not in block:
            events.append((None, block[6:]))
        else:
            event = _event(block)
            if event is not None:
                events.append(event)
    return events


def _event(block: bytes) -> tuple[str | None, bytes] | None:
    name = None
    data: list[bytes] = []
    for line in block.split(b"\n"):
        key, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if key == b"data":
            data.append(value)
        elif key == b"event":
            name = value.decode("utf-8", "replace") or None
    return (name, b"\n".join(data)) if data else None
