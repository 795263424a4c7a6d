"""Looking for a text in the bodies.

Invariant: each piece is unpacked and looked at once, however many windows it is in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanglass.store import piece
from spanglass.store.sqlite.call import Where

if TYPE_CHECKING:
    import sqlite3

# From the pieces that hold the text, over the nodes behind which they come, to the windows that end in those.
_CALLS = """
    call.id IN (
        WITH RECURSIVE hit (id) AS (
            SELECT id FROM node WHERE piece IN (SELECT piece FROM temp.mention)
            UNION
            SELECT node.id FROM hit JOIN node ON node.parent = hit.id
        )
        SELECT part.call FROM part WHERE part.id IN (
            SELECT segment.part FROM segment WHERE segment.node IN (SELECT id FROM hit)
            UNION
            SELECT segment.part FROM segment WHERE segment.piece IN (SELECT piece FROM temp.mention)
            UNION
            SELECT segment.part FROM segment WHERE segment.data IS NOT NULL AND mentions(segment.data)
        )
    )
"""


def narrow(connection: sqlite3.Connection, condition: Where, text: str) -> Where:
    """The condition, and that the call mentions the text."""
    spellings = piece.needles(text)
    connection.create_function("mentions", 1, lambda packed: piece.contains(packed, spellings))
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS mention (piece INTEGER PRIMARY KEY)")
    connection.execute("DELETE FROM temp.mention")
    connection.execute("INSERT INTO temp.mention SELECT id FROM piece WHERE mentions(data)")
    return Where(
        f"{condition.sql} AND (instr(coalesce(error_message, ''), ?) > 0 OR {_CALLS})", (*condition.values, text)
    )
