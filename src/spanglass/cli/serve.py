"""``spanglass serve``: the sidecar, until Ctrl-C.

Invariant: it says where it listens once it does, and what is wrong before it listens at all.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from spanglass.cli.exits import CommandFailure, Exit
from spanglass.cli.options import common, settings_of

if TYPE_CHECKING:
    from spanglass.cli.output import Output
    from spanglass.server.run import Address

_MOST_PORTS = 65_535


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "serve",
        parents=[common()],
        help="receive OTLP, and show calls in a browser and as JSON",
        description="Runs the sidecar: OTLP over HTTP in; a JSON API and pages for the browser out. It serves this "
        "machine only, unless it is given an address and a token.",
    )
    parser.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", metavar="N", type=_port, default=8088, help="for API and pages (%(default)s)")
    parser.add_argument("--otlp-port", metavar="N", type=_port, default=4319, help="for OTLP (%(default)s)")
    parser.add_argument(
        "--token",
        help="what requests have to bring; other users of the machine can see it here, so rather set "
        "SPANGLASS_SERVER_TOKEN",
    )
    parser.add_argument("--jaeger", metavar="URL", help="where Jaeger's page is, for links to the trace")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Serves until it is told to stop."""
    try:
        from spanglass.server.config import ServerConfig
        from spanglass.server.run import serve
    except ImportError as why:
        message = f"cannot serve: {why.name} is not installed; run: pip install 'spanglass[server]'"
        raise CommandFailure(message, Exit.USAGE) from why
    from spanglass.store import without_userinfo

    settings = settings_of(args)
    output.note(settings.problems)
    token = args.token or settings.server_token or None
    config = ServerConfig(settings, args.host, args.port, args.otlp_port, token, args.jaeger)

    name = without_userinfo(settings.store)

    def ready(address: Address) -> None:
        if args.json:
            output.json({"viewer": address.viewer, "otlp": address.otlp, "store": name})
        else:
            print(f"spanglass: pages and API at {address.viewer}, OTLP at {address.otlp}, store {name}")
            print("spanglass: Ctrl-C ends it")
        sys.stdout.flush()

    serve(config, ready)
    return Exit.OK


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) <= _MOST_PORTS:
        return int(text)
    message = f"{text!r} is no port; it takes 0 (any free one) to {_MOST_PORTS}"
    raise argparse.ArgumentTypeError(message)
