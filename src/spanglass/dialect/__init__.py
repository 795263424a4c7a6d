"""How other instrumentations write a call on a span: one module for each dialect, pure functions from attributes.

Invariant: reading never raises; an attribute of an unexpected shape is as good as absent. A dialect knows what it may
find in an envelope and nothing of the others; `read` decides whose word counts.
"""
