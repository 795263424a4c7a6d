"""Generation with parse, correction and restart, and its trace: one answer, or a column of answers over many rows.

Invariant: what decides the next call is a generator without I/O (`spanglass.generation.conversation`); the sync and the
async way only carry out what it asks for.
"""
