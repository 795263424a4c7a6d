"""A dataset of twenty rows, generated with corrections, and what can be learned from the mistakes on the way.

A model writes a flash card for each city. An answer that does not fit the schema goes back to it with what is wrong, so
that it can correct it. All calls are recorded; from the records come two datasets to train on: the conversations as
they should have been, and pairs of a refused answer and the one that stood.

    python examples/provider.py 8099 &                              # or the real API, with your key
    OPENAI_BASE_URL=http://127.0.0.1:8099/v1 OPENAI_API_KEY=none python examples/dataset.py
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from openai import OpenAI

import spanglass

MODEL = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")
CITIES = [
    "Athens",
    "Berlin",
    "Bern",
    "Brussels",
    "Budapest",
    "Copenhagen",
    "Dublin",
    "Helsinki",
    "Lisbon",
    "Ljubljana",
    "Madrid",
    "Oslo",
    "Paris",
    "Prague",
    "Reykjavik",
    "Rome",
    "Sofia",
    "Stockholm",
    "Tallinn",
    "Vienna",
]
CARD = spanglass.TextColumn(
    "card",
    "Make a flash card about {{ city }}.",
    system_prompt="You make flash cards. Answer with JSON: question, answer, and difficulty from 1 to 3.",
    output_schema={
        "type": "object",
        "properties": {
            "question": {"type": "string"},
            "answer": {"type": "string"},
            "difficulty": {"type": "integer", "minimum": 1, "maximum": 3},
        },
        "required": ["question", "answer", "difficulty"],
    },
    with_trace="all",
)


def load(path: Path) -> Any:
    """The rows as training code gets them: by Hugging Face's datasets where it is installed, else line by line."""
    try:
        from datasets import load_dataset
    except ImportError:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return load_dataset("json", data_files=str(path), split="train", cache_dir=str(path.parent / "cache"))


def main(directory: Path) -> None:
    """Generates, exports, loads."""
    directory.mkdir(parents=True, exist_ok=True)
    spanglass.install(enabled="true")
    config = spanglass.RunConfig(max_concurrency=4, max_correction_steps=2)
    rows = [{"city": city} for city in CITIES]
    made = spanglass.generate_file([CARD], rows, directory / "cards.jsonl", model=MODEL, client=OpenAI(), config=config)
    print(f"{made.made} cards made, {made.resumed} there already, {made.failed} failed")

    chats = spanglass.export_dataset(directory / "chats.jsonl", "trl-sft", step_name="card")
    pairs = spanglass.export_dataset(directory / "pairs.jsonl", "trl-dpo", step_name="card")
    print(f"{chats.rows} conversations and {pairs.rows} pairs of {chats.conversations} recorded conversations")

    for row in sorted(load(directory / "pairs.jsonl"), key=lambda row: str(row["prompt"]))[:2]:
        print(f"\nasked     {row['prompt'][-1]['content']}")
        print(f"rejected  {row['rejected'][-1]['content']}")
        print(f"chosen    {row['chosen'][-1]['content']}")
        print(f"from      {len(row['span_ids'])} calls; 'spanglass trace' shows them by any of the row's span_ids")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/dataset"))
