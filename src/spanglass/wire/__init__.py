"""How each API's JSON is read: pure functions from bytes to a view, with no SDK, no I/O and no telemetry.

Invariant: nothing here raises on any body, and nothing of a request is lost: what the common vocabulary has no place
for stays beside it, in a message's parts or in the options (see `spanglass.wire.base`).
"""
