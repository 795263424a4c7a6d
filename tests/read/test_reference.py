from __future__ import annotations

import pytest

from spanglass.errors import ConfigurationError
from spanglass.read.reference import Reference, parse_reference

SPAN, TRACE = "00f067aa0ba902b7", "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (SPAN, Reference(None, SPAN)),
        ("00f0", Reference(None, "00f0")),
        (f"  {SPAN.upper()}\n", Reference(None, SPAN)),
        (f"{TRACE}/{SPAN}", Reference(TRACE, SPAN)),
        ("4bf9/00f0", Reference("4bf9", "00f0")),
        (TRACE, Reference(TRACE, None)),
        (TRACE[:17], Reference(TRACE[:17], None)),
    ],
)
def test_a_reference_is_a_span_a_trace_and_span_or_a_trace_each_whole_or_its_start(
    text: str, reference: Reference
) -> None:
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    "text",
    ["", "00f", "xyz1", "00f0/", "/00f0", "4bf9/00f0/00f0", "00f0 67aa", f"{TRACE}0", f"{TRACE}/{SPAN}0", "é" * 9],
)
def test_anything_else_is_refused_with_what_to_give_instead(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no reference to a call: give a span id"):
        parse_reference(text)


def test_of_a_long_text_only_the_start_is_quoted() -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_reference("z" * 100_000)
    assert len(str(refused.value)) < 400
