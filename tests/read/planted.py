"""Upstream contexts and the prompts made of them, with losses planted in some leaves: what a pipeline's templates do.

Invariant: equal seeds give equal plants. The leaves of one plant are siblings (claims, visits, lines of one invoice),
so that what was lost resembles what was not.
"""

from __future__ import annotations

import html
import json
import random
import textwrap
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spanglass.model.message import ChatMessage
from spanglass.model.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spanglass.read.fate import Fate

PLANTED: tuple[Fate, ...] = ("whole", "cut", "altered", "missing")
_PARTS = ("sensor", "housing", "valve", "membrane", "rotor", "bearing", "antenna", "electrode", "lens", "coupling")
_KINDS = (
    "optical",
    "thermal",
    "ceramic",
    "flexible",
    "magnetic",
    "porous",
    "tapered",
    "segmented",
    "annular",
    "hollow",
)
_PLACES = ("adjacent to", "coaxially with", "downstream of", "in fluid communication with", "spaced apart from")
_EFFECTS = (
    "so that leakage is reduced under load",
    "thereby damping vibration above the resonance frequency",
    "such that the gap remains constant over temperature",
    "which shortens assembly and permits replacement in the field",
    "whereby the signal-to-noise ratio improves by at least 6 dB",
)
_SYMPTOMS = ("chest pain on exertion", "a dry cough", "nausea after meals", "blurred vision", "swelling of both ankles")
_DRUGS = ("metoprolol", "ramipril", "metformin", "pantoprazole", "levothyroxine", "apixaban")
_FOLLOW = (
    "Blood pressure was re-checked at the end of the visit.",
    "An echocardiogram has been ordered for next week.",
    "The family was informed and agreed to the plan.",
    "No allergies are known; “penicillin” was tolerated in the past.",
    "Renal function should be monitored — twice a month at first.",
)
_TITLES = ("Müller & Söhne", "O\u2019Brien Ltd", "Åkerlund AB", "Fromage & Co", "Société Générale")
_INSTRUCTIONS = (
    "You are given material from the previous step. Work through it carefully, item by item.",
    "Answer in the language of the material. Do not add facts that the material does not contain.",
    "Return a list of findings. For each finding give the evidence and how certain you are of it.",
)
_FILLERS = ("roughly", "reportedly", "presumably", "almost", "never", "partly", "formerly", "barely")


@dataclass(frozen=True)
class Plant:
    """A record, and what became of each leaf of its upstream context."""

    record: Record
    fates: dict[str, Fate]


def claim(rng: random.Random, number: int) -> str:
    """A dependent claim of a patent."""
    part, other = rng.sample(_PARTS, 2)
    kind, where, effect = rng.choice(_KINDS), rng.choice(_PLACES), rng.choice(_EFFECTS)
    width = rng.randint(2, 90)
    return (
        f"The device of claim {rng.randint(1, number + 1)}, wherein the {part} is a {kind} {part} {where} the {other}, "
        f"has a width of between {width} and {width + rng.randint(1, 9)} mm, {effect}."
    )


def visit(rng: random.Random, number: int) -> str:
    """A note about a patient, of some sentences."""
    day = f"{rng.randint(1, 28):02}.{rng.randint(1, 12):02}.20{rng.randint(10, 26)}"
    dose = rng.randint(1, 40) * 25
    first = f"On {day} patient {1000 + number} reported {rng.choice(_SYMPTOMS)} for {rng.randint(2, 20)} days."
    second = (
        f"{rng.choice(_DRUGS).capitalize()} {dose} mg was started, to be taken {rng.choice(('daily', 'at night'))}."
    )
    return " ".join([first, second, *rng.sample(_FOLLOW, rng.randint(1, 3))])


def line(rng: random.Random, number: int) -> str:
    """A line of an invoice."""
    amount = rng.randint(1000, 999_999) / 100
    things = f"{rng.randint(2, 60)} {rng.choice(_KINDS)} {rng.choice(_PARTS)}"
    return f"{rng.choice(_TITLES)}: {things} no. {number} at {amount:,.2f} €"


def report(rng: random.Random, number: int) -> str:
    """Several paragraphs."""
    paragraphs = (" ".join(visit(rng, number * 50 + at) for at in range(rng.randint(2, 4))) for _ in range(4))
    return "\n\n".join(paragraphs)


_WRITERS: tuple[Callable[[random.Random, int], str], ...] = (claim, visit, line, report)


def plant(seed: int, leaves: int = 24) -> Plant:
    """One upstream context of about so many leaves, and a prompt made of it."""
    rng = random.Random(seed)  # noqa: S311 - test data, not a secret
    write = _WRITERS[seed % len(_WRITERS)]
    texts = list(dict.fromkeys(write(rng, number) for number in range(leaves)))
    fates: dict[str, Fate] = {}
    shown = []
    for number, text in enumerate(texts):
        fate = rng.choice(PLANTED)
        fates[f"items[{number}].text"] = fate
        if fate != "missing":
            shown.append(_LOSSES[fate](rng, text))
    upstream = {"items": [{"text": text} for text in texts]}
    return Plant(Record("0" * 32, "0" * 16, messages=_prompt(rng, shown), upstream_context=upstream), fates)


def _prompt(rng: random.Random, shown: Sequence[str]) -> tuple[ChatMessage, ...]:
    """The texts in a system and a user message, dressed as templates dress them: all of a prompt in one way."""
    dress = rng.choice(_DRESSES)
    half = rng.randint(0, len(shown))
    system = "\n\n".join([*_INSTRUCTIONS[:2], *dress(shown[:half])])
    user = "\n\n".join([_INSTRUCTIONS[2], *dress(shown[half:])])
    return ChatMessage.as_system(system), ChatMessage.as_user([{"type": "text", "text": user}])


def _cut(rng: random.Random, text: str) -> str:
    """The beginning, the end, or both without the middle."""
    words = text.split(" ")
    kept = max(6, int(len(words) * rng.uniform(0.3, 0.85)))
    way = rng.randrange(4)
    if way == 0:
        return f"…{' '.join(words[-kept:])}"
    if way == 1 and len(words) >= 12:
        half = max(3, kept // 2)
        return " ".join([*words[:half], rng.choice(("[…]", "...", "[truncated]")), *words[-half:]])
    if way == 2:
        return text[: len(" ".join(words[:kept])) + 2]
    return " ".join(words[:kept]) + rng.choice(("…", "...", " [truncated]", ""))


def _altered(rng: random.Random, text: str) -> str:
    """Words replaced, put in or exchanged, at least one of them inside; one in eight at most."""
    words = text.split(" ")
    for at in rng.sample(range(1, len(words) - 1), max(1, len(words) // rng.randint(8, 24))):
        digits = [character for character in words[at] if character.isdigit()]
        if digits:
            words[at] = words[at].replace(digits[0], str((int(digits[0]) + rng.randint(1, 8)) % 10))
        else:
            words[at] = rng.choice((rng.choice(_FILLERS), f"{rng.choice(_FILLERS)} {words[at]}"))
    return " ".join(words)


_LOSSES: dict[Fate, Callable[[random.Random, str], str]] = {
    "whole": lambda _, text: text,
    "cut": _cut,
    "altered": _altered,
}


def _as_json(texts: Sequence[str]) -> list[str]:
    return [json.dumps([{"text": text} for text in texts], indent=1)]


def _as_list(texts: Sequence[str]) -> list[str]:
    return ["\n".join(f"- **{text.partition(' ')[0]}** {text.partition(' ')[2]}" for text in texts)]


def _as_paragraphs(texts: Sequence[str]) -> list[str]:
    return [textwrap.fill(text, 60) for text in texts]


def _as_html(texts: Sequence[str]) -> list[str]:
    return [f"<item>{html.escape(text)}</item>" for text in texts]


def _decomposed(texts: Sequence[str]) -> list[str]:
    return [unicodedata.normalize("NFD", text).replace("“", '"').replace("”", '"') for text in texts]


def _loud(texts: Sequence[str]) -> list[str]:
    return [f"## ITEM\n{text.upper()}" for text in texts]


_DRESSES: tuple[Callable[[Sequence[str]], list[str]], ...] = (
    list,
    _as_json,
    _as_list,
    _as_paragraphs,
    _as_html,
    _decomposed,
    _loud,
)


@dataclass(frozen=True)
class Figures:
    """How well the fates that were planted were told: recall and precision of each, 0 to 1."""

    recall: dict[str, float]
    precision: dict[str, float]
    wrong: list[tuple[int, str, str, str]]


def figures(told: Sequence[tuple[Plant, Any]]) -> Figures:
    """The figures of transits beside what was planted."""
    pairs = [
        (number, leaf.path, planted.fates[leaf.path], leaf.fate)
        for number, (planted, transit) in enumerate(told)
        for leaf in transit.leaves
    ]
    right = {fate: sum(planted == found == fate for _, _, planted, found in pairs) for fate in PLANTED}
    return Figures(
        {fate: right[fate] / max(1, sum(planted == fate for _, _, planted, _ in pairs)) for fate in PLANTED},
        {fate: right[fate] / max(1, sum(found == fate for _, _, _, found in pairs)) for fate in PLANTED},
        [pair for pair in pairs if pair[2] != pair[3]],
    )
