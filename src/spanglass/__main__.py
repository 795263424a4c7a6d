"""``python -m spanglass``: the same as the ``spanglass`` command."""

from __future__ import annotations

import sys

from spanglass.cli import main

if __name__ == "__main__":
    sys.exit(main())
