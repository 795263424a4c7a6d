"""What a sidecar is started with.

Invariant: a configuration that would show payloads to the network without a token cannot be made.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from spanglass.errors import ConfigurationError
from spanglass.store import without_userinfo

if TYPE_CHECKING:
    from spanglass.settings import Settings

MiB = 1 << 20
_LEAST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Where a sidecar listens, what it may take, and whom it lets in.

    Args:
        settings: which store, which state directory, what is masked.
        host: the address that both ports listen at; any but a loopback address demands a token.
        port: of the JSON API and the viewer; 0 takes a free one.
        otlp_port: of OTLP over HTTP; 0 takes a free one.
        token: what requests have to bring, at least 16 characters; None where it is not asked for.
        jaeger_url: where Jaeger's page is, for links back to the trace.
        max_request_bytes: bound of one OTLP request, before and after its compression is undone.
        max_requests: how many OTLP requests are held in memory at once; others wait unread.
        request_timeout_s: how long a client may take to send a request, in seconds.

    Raises:
        ConfigurationError: the address is not of this machine alone and there is no token, or it is too short; or the
            store is one that calls are only sent on to.
    """

    settings: Settings
    host: str = "127.0.0.1"
    port: int = 8088
    otlp_port: int = 4319
    token: str | None = None
    jaeger_url: str | None = None
    max_request_bytes: int = 64 * MiB
    max_requests: int = 4
    request_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        if self.settings.store.startswith("otlp+"):
            message = (
                f"cannot serve {without_userinfo(self.settings.store)!r}: calls are sent on to there, and this server "
                "needs a store of its own; give it --store, such as sqlite:////var/lib/spanglass/spanglass.db"
            )
            raise ConfigurationError(message)
        if self.token is not None and len(self.token) < _LEAST_TOKEN:
            message = f"the token has {len(self.token)} characters and needs {_LEAST_TOKEN} or more; " + _ADVICE
            raise ConfigurationError(message)
        if self.token is None and not is_loopback(self.host):
            message = (
                f"cannot listen at {self.host!r} without a token, because others than this machine reach that address: "
                f"set SPANGLASS_SERVER_TOKEN (or --token); {_ADVICE}"
            )
            raise ConfigurationError(message)


_ADVICE = "python -c 'import secrets; print(secrets.token_urlsafe())' makes one"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    name = host.strip().strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
