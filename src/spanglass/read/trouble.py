"""What a reader must know of a record before he trusts its page: that it failed, was killed, or is not whole.

Invariant: every record that is not a whole, ended, successful call has at least one line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.model.record import Record

#: Options by which a provider adds earlier turns of its own keeping: the request is then not all the model was given.
_KEPT_BY_PROVIDER = ("previous_response_id", "conversation")


class Trouble(NamedTuple):
    """One thing that is wrong or not whole; ``failure`` tells a failed call from one that is merely not all there."""

    label: str
    text: str
    failure: bool = False


def troubles(record: Record) -> Iterator[Trouble]:
    """All that is wrong with a record, the worst first.

    Example:
        >>> from spanglass.model.record import Record
        >>> [trouble.label for trouble in troubles(Record("0" * 32, "0" * 16, state="killed"))]
        ['KILLED']
    """
    if record.error is not None:
        yield Trouble(f"ERROR  {record.error.type}", record.error.message, failure=True)
    if record.state == "killed":
        what = "the process ended during this call; what had been sent and received by then follows"
        yield Trouble("KILLED", what, failure=True)
    elif record.state == "started":
        yield Trouble("NOT ENDED", "the call has begun and not ended yet; what is known so far follows")
    elif record.state in ("cancelled", "abandoned"):
        why = "ended the call early" if record.state == "cancelled" else "dropped the answer's stream unread"
        yield Trouble(record.state.upper(), f"the program {why}; what had arrived by then follows")
    if record.missing:
        yield Trouble("NOT WHOLE", "\n".join(record.missing))
    kept = [name for name in _KEPT_BY_PROVIDER if record.options.get(name)]
    if kept:
        text = f"{kept[0]}: the provider added earlier turns that it keeps; they are not in the request"
        yield Trouble("MORE THAN THIS", text)
