"""What a program may ask of the session in force."""

from __future__ import annotations

from spanglass.capture.session import active


def enabled() -> bool:
    """Whether a call made here and now would be captured.

    Example:
        >>> import spanglass
        >>> spanglass.enabled()
        False
    """
    session = active()
    return session is not None and session.watching()


def enabled_for(workflow: str) -> bool:
    """Whether calls of the workflow of this name or id are captured, by the settings and the debug switch.

    Args:
        workflow: a name or id, as given to `spanglass.workflow`.

    Example:
        >>> import spanglass
        >>> spanglass.install(enabled="workflows", debug_workflows=("patent*",))
        >>> spanglass.enabled_for("patents"), spanglass.enabled_for("invoices")
        (True, False)
        >>> spanglass.uninstall()
    """
    session = active()
    return session is not None and session.watches(workflow)


def flush(timeout_s: float = 5.0) -> bool:
    """Moves what is journaled to the store now.

    Args:
        timeout_s: how long to wait at most, in seconds.

    Returns:
        True when nothing is left in the journal; False when time ran out or the store cannot be written.
    """
    session = active()
    return True if session is None else session.drain.flush(timeout_s)
