"""A small OpenAI-compatible server for the examples, so that they need no key and no network.

It plays the model of `react_agent.py`: a thought and a tool call at a time, then the answer, streamed if asked for; and
that of `patent_workflow.py`: an answer to each of its steps' instructions; and that of `dataset.py`: cards, some of
which are only right when it has been told what is wrong. The first request of a run is turned away
with 429, so that the client's retry can be seen. Standard library only.

    python examples/provider.py [port]      # prints its address and serves until Ctrl-C
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator

THOUGHTS: list[tuple[str, str, dict[str, str]]] = [
    ("First I need the trains for tomorrow.", "find_trains", {"origin": "Oslo", "destination": "Bergen"}),
    ("The 08:25 is in Bergen at 14:57. Now the weather there.", "get_weather", {"city": "Bergen"}),
]
ANSWER = "Take the 08:25 from Oslo; it is in Bergen at 14:57. It rains there from noon, so take an umbrella."
#: What the model says to instructions that begin so, whatever else it is told.
SAID = {
    "List the technical features": (
        "a radar in the foot that measures breathing without a camera\n"
        "an arm that folds flat\n"
        "a battery that charges from any phone charger"
    ),
    "Write the claims": (
        "1. A reading lamp whose foot has a radar that measures the reader's breathing and dims the light in sleep.\n"
        "2. The lamp of claim 1 with an arm that folds flat onto the foot.\n"
        "3. The lamp of claim 1 with a battery that charges from any phone charger."
    ),
    "Write the description": (
        "The lamp stands on a foot with a radar that notices by the breathing that its reader sleeps, and dims.\n"
        "Its arm folds flat onto the foot, so that it travels in a bag."
    ),
}
#: What the model knows of the world.
COUNTRIES = {
    "Athens": "Greece",
    "Berlin": "Germany",
    "Bern": "Switzerland",
    "Brussels": "Belgium",
    "Budapest": "Hungary",
    "Copenhagen": "Denmark",
    "Dublin": "Ireland",
    "Helsinki": "Finland",
    "Lisbon": "Portugal",
    "Ljubljana": "Slovenia",
    "Madrid": "Spain",
    "Oslo": "Norway",
    "Paris": "France",
    "Prague": "Czechia",
    "Reykjavik": "Iceland",
    "Rome": "Italy",
    "Sofia": "Bulgaria",
    "Stockholm": "Sweden",
    "Tallinn": "Estonia",
    "Vienna": "Austria",
}


def card(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """A card about a city: the model makes none, one or two mistakes before it gets it right, as the city has it."""
    city = str(messages[1]["content"]).split()[-1].rstrip(".")
    country = COUNTRIES.get(city, "Utopia")
    made = {"question": f"Of which country is {city} the capital?", "answer": country, "difficulty": 1 + len(city) % 3}
    tries = [
        f"Sure! {city} is the capital of {country}.",
        json.dumps({**made, "difficulty": "easy"}),
        json.dumps(made),
    ]
    told = sum(message["role"] == "assistant" for message in messages)
    content = tries[-3 + min(told + len(country) % 3, 2)]
    return {"role": "assistant", "content": content, "reasoning_content": f"{city} lies in {country}."}


def reply(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """What the model says next: its instructions tell, or the observations so far, how far it has come."""
    if str(messages[0]["content"]).startswith("You make flash cards"):
        return card(messages)
    for instructions, said in SAID.items():
        if str(messages[0]["content"]).startswith(instructions):
            return {"role": "assistant", "content": said}
    step = sum(message["role"] == "tool" for message in messages)
    if step >= len(THOUGHTS):
        return {"role": "assistant", "content": ANSWER}
    thought, tool, arguments = THOUGHTS[step]
    function = {"name": tool, "arguments": json.dumps(arguments)}
    call = {"id": f"call_{step + 1}", "type": "function", "function": function}
    return {"role": "assistant", "content": thought, "tool_calls": [call]}


def usage(asked: dict[str, Any], message: dict[str, Any]) -> dict[str, int]:
    """Token counts, about four characters to a token."""
    prompt, completion = (len(json.dumps(value)) // 4 for value in (asked["messages"], message))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def completion(asked: dict[str, Any]) -> dict[str, Any]:
    """The whole answer."""
    message = reply(asked["messages"])
    finish = "tool_calls" if "tool_calls" in message else "stop"
    choice = {"index": 0, "message": message, "finish_reason": finish}
    head = {"id": f"chatcmpl-demo-{len(asked['messages'])}", "created": int(time.time()), "model": asked["model"]}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage(asked, message)}


def chunks(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same answer as a stream says it: word by word, then the tool call in two parts."""
    choice = whole["choices"][0]
    message = choice["message"]
    head = {**whole, "object": "chat.completion.chunk", "usage": None}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    for word in re.findall(r"\s*\S+", message["content"]):
        yield chunk({"content": word})
    for call in message.get("tool_calls", ()):
        arguments = call["function"]["arguments"]
        yield chunk({"tool_calls": [{"index": 0, **call, "function": {**call["function"], "arguments": ""}}]})
        for part in (arguments[:8], arguments[8:]):
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
    yield chunk({}, choice["finish_reason"])
    yield {**head, "choices": [], "usage": whole["usage"]}


class Provider(BaseHTTPRequestHandler):
    """Answers ``POST /v1/chat/completions``."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    turned_away: ClassVar[bool] = False

    def handle(self) -> None:
        """One connection; a client may drop it."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_POST(self) -> None:
        """One request."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != "/v1/chat/completions":
            self.say(404, {"error": {"message": f"no such path: {self.path}", "type": "invalid_request_error"}})
        elif not Provider.turned_away:
            Provider.turned_away = True
            self.say(429, {"error": {"message": "Rate limit reached; try again.", "type": "requests"}})
        elif asked.get("stream"):
            self.stream(completion(asked))
        else:
            self.say(200, completion(asked))

    def say(self, status: int, value: dict[str, Any]) -> None:
        """Sends one JSON body."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if status == 429:  # noqa: PLR2004 - Too Many Requests
            self.send_header("retry-after-ms", "50")
        self.end_headers()
        self.wfile.write(body)

    def stream(self, whole: dict[str, Any]) -> None:
        """Sends an answer as server-sent events."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for data in [*map(json.dumps, chunks(whole)), "[DONE]"]:
            event = f"data: {data}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(0.01)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Keeps the terminal for the agent."""


def start(port: int = 0) -> ThreadingHTTPServer:
    """A server on loopback that is ready to serve; its url is ``http://127.0.0.1:{server_port}/v1``."""
    return ThreadingHTTPServer(("127.0.0.1", port), Provider)


if __name__ == "__main__":
    server = start(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
