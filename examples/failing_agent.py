"""The agent of `react_agent.py` with a tool that fails: its traceback ends in what the agent had done by then.

Each thought and each tool is a step of an error context. The calls to the model that a step made are named below it,
with the command that shows what the model saw. Run it under `spanglass run -- python failing_agent.py`.
"""

from __future__ import annotations

import json
from typing import Any

from react_agent import INSTRUCTIONS, QUESTION, SENT_BACK, TOOLS, act, think

from spanglass import error_context


def get_weather(city: str) -> str:
    """The weather of tomorrow in a city."""
    message = f"the weather service has no station in {city}"
    raise ConnectionError(message)


TOOLS["get_weather"] = get_weather


def answer(question: str, max_turns: int = 8) -> str | None:
    """Thinks and acts until the model calls no more tools, or a tool fails."""
    messages: list[Any] = [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": question}]
    with error_context("react_agent", question=question) as context:
        for turn in range(1, max_turns + 1):
            with context.measure("generate_thought", turn=turn) as step:
                message = think(messages)
                step.result = message.content
            messages.append(message.model_dump(include=SENT_BACK, exclude_none=True))
            if not message.tool_calls:
                context.add_step("final_answer", answer=message.content)
                return str(message.content)
            for call in message.tool_calls:
                name, arguments = call.function.name, json.loads(call.function.arguments)
                with context.measure("execute_tool", tool=name, arguments=arguments) as step:
                    step.result = observation = act(call)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": observation})
    return None


if __name__ == "__main__":
    print(f"{QUESTION}\n")
    print(answer(QUESTION))
