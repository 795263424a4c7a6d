"""Masks credentials before anything touches a disk, a span or a log line.

Invariant: importing this package imports neither OpenTelemetry nor Hyperscan; the span processor is in
`spanglass.redact.processor`.
"""

from spanglass.redact.finding import REDACTED
from spanglass.redact.leaf import FAILED
from spanglass.redact.redactor import Redactor

__all__ = ["FAILED", "REDACTED", "Redactor"]
