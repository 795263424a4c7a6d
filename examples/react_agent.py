"""A ReAct agent on the OpenAI client: thought, tool, observation, and so on until it can answer.

It knows nothing of spanglass. The spans of its own (OpenTelemetry's API, without effect until someone listens) are
optional; they put all calls of a question into one trace. Run it under `spanglass run -- python react_agent.py`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from openai import OpenAI
from opentelemetry import trace

MODEL = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")
QUESTION = (
    "I am in Oslo and want to be in Bergen tomorrow before three. Which train do I take, and do I need an umbrella?"
)
INSTRUCTIONS = (
    "You plan journeys. Before each tool call, say in one sentence what you think and what you need to know. "
    "Answer in at most three sentences once you know enough."
)


def get_weather(city: str) -> str:
    """The weather of tomorrow in a city."""
    forecast = {"Bergen": "11 °C, rain from noon, wind from the west", "Oslo": "14 °C, sun"}
    return forecast.get(city, f"no forecast for {city}")


def find_trains(origin: str, destination: str) -> str:
    """Tomorrow's trains from one city to another."""
    return f"{origin} to {destination}: 06:25 arrives 13:04; 08:25 arrives 14:57; 12:03 arrives 18:54"


TOOLS = {tool.__name__: tool for tool in (get_weather, find_trains)}
SENT_BACK = {
    "role": True,
    "content": True,
    "tool_calls": {"__all__": {"id": True, "type": True, "function": {"name", "arguments"}}},
}
tracer = trace.get_tracer("react_agent")
client = OpenAI()  # reads OPENAI_API_KEY and OPENAI_BASE_URL


def span(operation: str, name: str) -> Any:
    """A span of the agent's own, named as OpenTelemetry's conventions for generative AI name it."""
    return tracer.start_as_current_span(f"{operation} {name}", attributes={"gen_ai.operation.name": operation})


def describe(tool: Any) -> Any:
    """A tool as the API wants to have it described; all arguments are strings."""
    names = [name for name in tool.__annotations__ if name != "return"]
    properties = {name: {"type": "string"} for name in names}
    parameters = {"type": "object", "properties": properties, "required": names, "additionalProperties": False}
    function = {"name": tool.__name__, "description": tool.__doc__, "parameters": parameters, "strict": True}
    return {"type": "function", "function": function}


def think(messages: list[Any]) -> Any:
    """One call to the model; what it says is shown as it comes."""
    tools = [describe(tool) for tool in TOOLS.values()]
    with client.chat.completions.stream(model=MODEL, messages=messages, tools=tools) as stream:
        for event in stream:
            if event.type == "content.delta":
                print(event.delta, end="", flush=True)
        print()
        return stream.get_final_completion().choices[0].message


def act(call: Any) -> str:
    """Runs the tool that the model asked for; a mistake is an observation too."""
    name, arguments = call.function.name, call.function.arguments
    with span("execute_tool", name):
        try:
            observation = TOOLS[name](**json.loads(arguments))
        except (KeyError, TypeError, ValueError) as mistake:
            observation = f"{type(mistake).__name__}: {mistake}"
    print(f"  {name}({arguments})\n  -> {observation}")
    return observation


def answer(question: str, max_steps: int = 8) -> str | None:
    """Thinks and acts until the model calls no more tools."""
    messages: list[Any] = [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": question}]
    with span("invoke_agent", "react_agent"):
        for _ in range(max_steps):
            message = think(messages)
            messages.append(message.model_dump(include=SENT_BACK, exclude_none=True))
            if not message.tool_calls:
                return str(message.content)
            messages += [{"role": "tool", "tool_call_id": call.id, "content": act(call)} for call in message.tool_calls]
    return None


if __name__ == "__main__":
    question = " ".join(sys.argv[1:]) or QUESTION
    print(f"{question}\n")
    if answer(question) is None:
        sys.exit("no answer after eight steps")
