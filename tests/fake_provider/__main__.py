"""The provider as a process of its own: ``python -m fake_provider --port 0`` prints its port and serves until killed.

For benchmarks, where its work must not share the interpreter of what is measured. Exchanges are not kept.
"""

from __future__ import annotations

import argparse
import functools
import signal
import sys

from fake_provider import FakeProvider, plausible

_END = (signal.SIGTERM, signal.SIGINT)


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m fake_provider", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (the default) for any")
    parser.add_argument("--stream-chunks", type=int, default=5, help="pieces of text in a streamed answer (5)")
    parser.add_argument("--pause-ms", type=float, default=0.0, help="wait before each piece of a stream (0)")
    options = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, _END)  # before the first thread, which would take the signal otherwise
    answer = functools.partial(plausible, chunks=options.stream_chunks, pause_s=options.pause_ms / 1000)
    with FakeProvider(options.port, answer=answer, keep=0) as provider:
        sys.stdout.write(f"{provider.port}\n")
        sys.stdout.flush()
        signal.sigwait(_END)


if __name__ == "__main__":
    main()
