"""What a terminal is told of a call that is not known, and of one that cannot be carried out.

It is read by every Python from 3.7 on, so that one that is too old can say so.
"""

from __future__ import annotations

import logging
import sys

USAGE = """Use `python bot.py` to start Dues, or
    python bot.py check         to look at its settings and connections
    python bot.py backup FILE   to copy the ledger, also while the bot runs
    python bot.py restore FILE  to put such a copy back, while it does not"""

OLD = (
    f"Dues needs Python 3.11 or newer, and this is {sys.version_info[0]}.{sys.version_info[1]}. Run `make "
    "install`, then start Dues with .venv/bin/python bot.py."
)
MISSING = "The package {} is missing here. Run `make install`, then start Dues with .venv/bin/python bot.py."


def refuse(code: int, *sentences: str) -> int:
    """Tell why it cannot be done; the exit code."""
    logging.shutdown()  # what was logged before stands before
    print("Dues cannot do this:", *(f"- {sentence}" for sentence in sentences), sep="\n", file=sys.stderr)
    return code
