"""Every ``SPANGLASS_*`` variable, what it takes, and the values in force."""

from __future__ import annotations

from spanglass.settings.option import CaptureUrl, Retention, Spans
from spanglass.settings.quantity import GiB, MiB, parse_age, parse_size
from spanglass.settings.settings import Settings, in_force, put_in_force

__all__ = [
    "CaptureUrl",
    "GiB",
    "MiB",
    "Retention",
    "Settings",
    "Spans",
    "in_force",
    "parse_age",
    "parse_size",
    "put_in_force",
]
