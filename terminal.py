"""What a terminal is told of a call that is not known, and of one that cannot be carried out."""

from __future__ import annotations

import logging
import sys

USAGE = """Use `python bot.py` to start Dues, or
    python bot.py check         to look at its settings and connections
    python bot.py backup FILE   to copy the ledger, also while the bot runs
    python bot.py restore FILE  to put such a copy back, while it does not"""


def refuse(code: int, *sentences: str) -> int:
    """Tell why it cannot be done; the exit code."""
    logging.shutdown()  # what was logged before stands before
    print("Dues cannot do this:", *(f"- {sentence}" for sentence in sentences), sep="\n", file=sys.stderr)
    return code
