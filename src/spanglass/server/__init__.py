"""The sidecar: OTLP in, a JSON API and the viewer's pages out, in one process beside the store.

Invariant: what comes in is masked before it touches a disk and acknowledged only when the store has it; what goes out
is escaped, and given to nobody but the machine itself or a holder of the token.
"""
