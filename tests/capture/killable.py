"""A program that is killed in the middle of its calls: ``python -m capture.killable URL STATE_DIR POINT COUNT``.

Invariant: it warms up once and forks for each kill, so that many kills cost little; spanglass is installed anew in each
child, as in a process of its own. It prints one line of JSON for each child and waits for them all.

POINT is where the child is: ``headers`` waits for an answer until it is killed from outside; ``stream`` and ``return``
kill themselves after the second event and right after the call; ``loop`` calls until it is killed from outside.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from itertools import count
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import TracerProvider

import spanglass
from capture.endpoint import Endpoint, Entered, open_endpoint, run, settle, take

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from capture.endpoint import Mode, Sdk

FLAVOURS: list[tuple[Sdk, Mode]] = [
    ("openai", "sync"),
    ("anthropic", "async"),
    ("openai", "async"),
    ("anthropic", "sync"),
]


def killed_now() -> None:
    """As the kernel's out-of-memory killer does it."""
    os.kill(os.getpid(), signal.SIGKILL)


def shape_of(point: str, prompt: str) -> Callable[[Endpoint], Coroutine[Any, Any, list[Any]]]:
    """What a child does."""

    def ask(e: Endpoint, words: str = prompt) -> dict[str, Any]:
        return e.ask(messages=[{"role": "user", "content": words}])

    async def to_headers(e: Endpoint) -> list[Any]:
        return [await settle(e.api.create(**ask(e)))]

    async def to_return(e: Endpoint) -> list[Any]:
        await settle(e.api.create(**ask(e)))
        killed_now()
        return []

    async def to_stream(e: Endpoint) -> list[Any]:
        async with Entered(await settle(e.api.create(**ask(e), stream=True))) as stream:
            await take(stream, 2)
            killed_now()
        return []

    async def to_loop(e: Endpoint) -> list[Any]:
        for number in count():
            await settle(e.api.create(**ask(e, f"{prompt}, call {number}")))
            time.sleep(0.01)  # noqa: ASYNC251 - the drain's thread goes on meanwhile
        return []

    return {"headers": to_headers, "return": to_return, "stream": to_stream, "loop": to_loop}[point]


def child(endpoint: Endpoint, state_dir: str, point: str, number: int) -> None:
    """Installs spanglass, says who it is, and calls until it is killed."""
    spanglass.install(enabled=True, state_dir=state_dir, tracer_provider=TracerProvider() if number % 2 else None)
    prompt = f"prompt {number} to the {point}"
    sys.stdout.write(json.dumps({"pid": os.getpid(), "prompt": prompt}) + "\n")
    sys.stdout.flush()
    run(endpoint, shape_of(point, prompt))


def main(url: str, state_dir: str, point: str, how_many: str) -> None:
    """Forks the children and waits until all are dead."""
    spanglass.install(enabled=True, state_dir=state_dir)
    spanglass.uninstall()
    unused: Any = None
    endpoints = [open_endpoint(sdk, mode, unused, None, url) for sdk, mode in FLAVOURS]
    for number in range(int(how_many)):
        if os.fork() == 0:
            try:
                child(endpoints[number % len(endpoints)], state_dir, point, number)
            finally:
                os._exit(1)
    endings = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(int(how_many))]
    sys.exit(0 if set(endings) == {-signal.SIGKILL} else f"not all were killed: {endings}")


if __name__ == "__main__":
    main(*sys.argv[1:])
