"""Bodies that are read later, by whoever then needs what they say.

They are not functions with their arguments bound, because many wait at once, and the garbage collector would look at
each of those again and again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from spanglass.wire.read import read_request, read_response

if TYPE_CHECKING:
    from spanglass.wire.base import RequestView, ResponseView


class Question(msgspec.Struct, frozen=True, gc=False):
    """A request's body in its wire format."""

    format: str
    body: bytes

    def read(self) -> RequestView:
        """What it says."""
        return read_request(self.format, self.body)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """An answer's body in its wire format; ``status`` is 0 where it came without one."""

    format: str
    body: bytes
    content_type: str
    status: int

    def read(self) -> ResponseView:
        """What it says."""
        return read_response(self.format, self.body, content_type=self.content_type, status=self.status)


class ReadAnswer(msgspec.Struct, frozen=True):
    """An answer that somebody has read already."""

    view: ResponseView

    def read(self) -> ResponseView:
        """What it says."""
        return self.view
