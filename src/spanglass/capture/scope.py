"""The logical call that a client has begun: what joins an SDK's retries into one call.

Invariant: a scope lasts exactly as long as the SDK's own call and is left in the context it was entered in; a call
whose answer is still streaming then outlives it.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    from spanglass.capture.call import Call
    from spanglass.capture.session import Session

_CURRENT: ContextVar[Scope | None] = ContextVar("spanglass.scope", default=None)


class Scope:
    """One logical call of an SDK.

    Args:
        session: in force when it began.
        package: the SDK's package name, such as ``openai``.
        unsent: begins the call of a request that never left the process, or gives None if it was none to a model.
    """

    __slots__ = ("_token", "_unsent", "call", "over", "package", "session", "started_at")

    def __init__(self, session: Session, package: str, unsent: Callable[[Scope], Call | None]) -> None:
        self.session = session
        self.package = package
        self.started_at = time.time_ns()
        self.call: Call | None = None
        self.over = False
        self._unsent = unsent
        self._token: Token[Scope | None] | None = None

    def enter(self) -> None:
        """From here on, attempts made in this context are this call's."""
        self._token = _CURRENT.set(self)

    def leave(self) -> None:
        """The SDK's call is over in this context."""
        token, self._token = self._token, None
        if token is not None and _CURRENT.get() is self:  # else finalised in a context that it was never entered in
            _CURRENT.reset(token)

    def takes(self, package: str | None = None) -> bool:
        """Whether a request that is made now, by the SDK of a ``package``, is this call's: its first, or another try.

        A hook, or whatever else of the host's runs inside an SDK's call, may call a model as well.
        """
        return package in (None, self.package) and (self.call is None or self.call.awaits_retry)

    def returned(self) -> None:
        """The SDK gave its result to the caller."""
        if self.call is not None:
            self.call.scope_returned()

    def failed(self, error: BaseException) -> None:
        """The SDK raised ``error`` to the caller."""
        call = self.call if self.call is not None else self._unsent(self)
        if call is not None:
            call.scope_failed(error)


def current_scope() -> Scope | None:
    """The logical call that the program is in, as far as a client has said so."""
    scope = _CURRENT.get()
    return None if scope is None or scope.over else scope
