"""What the extra ``generate`` brings: libraries that are imported when they are needed, and only then.

Invariant: without one, the error says what needs it, and what to run.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from spanglass.errors import ConfigurationError


def needed(module: str, what: str) -> Any:
    """An optional module.

    Args:
        module: its name.
        what: what cannot be done without it, as the subject of a sentence in the plural.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as why:
        library = module.partition(".")[0]
        message = f"{what} need {library}, which is not installed; run: pip install 'spanglass[generate]'"
        raise ConfigurationError(message) from why
