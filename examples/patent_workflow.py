"""A workflow of three steps on the OpenAI client, with a mistake in it: what gets lost between its steps?

From an inventor's note to a patent's description: features, then claims, then the description. The program says which
step a call belongs to, and what the steps before handed to it; the client is as it always is. The third step's prompt
leaves out a claim that the second step made, and nobody notices until the description lacks it.

    python examples/provider.py 8099 &                              # or the real API, with your key
    OPENAI_BASE_URL=http://127.0.0.1:8099/v1 OPENAI_API_KEY=none python examples/patent_workflow.py
"""

from __future__ import annotations

import os
import sys

from openai import OpenAI

import spanglass

MODEL = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")
NOTE = (
    "A reading lamp that dims when the reader falls asleep: a radar in the foot, no camera, measures breathing. The "
    "arm folds flat, and the battery charges from any phone charger."
)
client = OpenAI()  # reads OPENAI_API_KEY and OPENAI_BASE_URL


def ask(instructions: str, text: str) -> list[str]:
    """One call to the model; its answer, line by line."""
    messages = [{"role": "system", "content": instructions}, {"role": "user", "content": text}]
    answer = client.chat.completions.create(model=MODEL, messages=messages).choices[0].message.content
    return [line for line in str(answer).splitlines() if line.strip()]


@spanglass.step("features")
def find_features(note: str) -> list[str]:
    """The technical features in an inventor's note."""
    return ask("List the technical features of the invention, one a line.", note)


def write_claims(features: list[str]) -> list[str]:
    """Patent claims on the features."""
    with spanglass.step("claims", upstream={"features": features}):
        return ask("Write the claims of the patent, one a line, on these features.", "\n".join(features))


def describe(features: list[str], claims: list[str]) -> list[str]:
    """The description, which has to support every claim."""
    with spanglass.step("description", upstream={"features": features, "claims": claims}):
        shown = "\n".join(claims[:2])  # the mistake: written when there were never more than two
        return ask("Write the description of the patent. Support every claim.", f"The claims:\n{shown}")


def main(workflow_id: str | None = None) -> None:
    """Runs the workflow, and looks at what its last step was given."""
    spanglass.install(enabled="workflows")
    with spanglass.workflow("patent", id=workflow_id, debug=True) as place:
        features = find_features(NOTE)
        claims = write_claims(features)
        description = describe(features, claims)
    print("\n".join(["The claims:", *claims, "", "The description:", *description, ""]))

    record = spanglass.log_for_step(str(place.workflow_id), "description")
    prompt = "\n".join(str(message.content) for message in record.messages)
    for claim in record.upstream_context["claims"]:
        print(f"{'reached the prompt' if claim in prompt else 'LOST IN TRANSIT   '}  {claim}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
