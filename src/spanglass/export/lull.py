"""When the journal is moved: in a moment in which the host makes no calls.

Two threads that compute slow each other down, and nobody waits for what is in the journal, for readers look there, too.
"""

from __future__ import annotations

#: What does not wait for a lull: so many bytes, or what has been passed over so often.
MUCH_BYTES = 8 << 20
LOOKS = 10


class Lull:
    """It is here when nothing came since the last look; or else when there is much, or it has waited for long."""

    def __init__(self) -> None:
        self._seen = 0
        self._looks = 0

    def is_here(self, pending: int) -> bool:
        """Whether ``pending`` bytes of the journal are to be moved now."""
        same, self._seen = pending == self._seen, pending  # fewer are new ones: somebody has moved the others
        self._looks += 1
        if not same and pending < MUCH_BYTES and self._looks < LOOKS:
            return False
        self._seen = self._looks = 0
        return True
