"""From capture to disk and store: the recorder, the background drain, and OpenTelemetry's own ways in.

Invariant: nothing here is waited for by the host program, and nothing here raises into it.
"""
