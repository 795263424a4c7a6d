"""Where in which workflow the program is, and whether that workflow is switched on for capture.

Invariant: this room knows OpenTelemetry's context and nothing of calls; whoever records asks `current_place`.
"""

from __future__ import annotations

from spanglass.place.entrance import Between
from spanglass.place.pipeline import log_upstream_context, step, workflow
from spanglass.place.place import Handed, Place, current_place
from spanglass.place.surrounding import handing, listening, offering
from spanglass.place.switch import DebugSwitch
from spanglass.place.transport import carrier, from_carrier, propagate
from spanglass.place.trial import one_try

__all__ = [
    "Between",
    "DebugSwitch",
    "Handed",
    "Place",
    "carrier",
    "current_place",
    "from_carrier",
    "handing",
    "listening",
    "log_upstream_context",
    "offering",
    "one_try",
    "propagate",
    "step",
    "workflow",
]
