"""Traces as tests read them: without what differs from run to run."""

from __future__ import annotations

import re


def steady(text: str) -> str:
    """A trace with its ids and times replaced, and the room they take."""
    text = re.sub(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{16}\b", "<id>", text)
    text = re.sub(r"\[ *\d+ms\]", "[ms]", text)
    return re.sub(r"duration: +\d+ms", "duration: ms", text)


def lines_of(text: str) -> list[str]:
    """The lines below the heading, steady, without the columns' padding."""
    below = [line for line in steady(text).splitlines()[1:] if not re.match(r"  \S.*?: ", line)]
    return [re.sub(r" {2,}", " ", line) for line in below]


def notes_of(error: BaseException) -> list[str]:
    """The notes of an exception; on every version of Python."""
    return list(getattr(error, "__notes__", []))
