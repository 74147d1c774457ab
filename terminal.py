"""Messages on the terminal for unknown commands and for commands that cannot run.

Every Python from 3.7 on can load this module, so that a version that is too old can say so.
"""

from __future__ import annotations

import logging
import sys

USAGE = """Use `python bot.py` to start Dues, or
    python bot.py check         to look at its settings and connections
    python bot.py backup FILE   to copy the ledger, also while the bot runs
    python bot.py restore FILE  to put such a copy back, while it does not
    python bot.py --version     to see which version it is"""

OLD = (
    f"Dues needs Python 3.11 or newer, and this is {sys.version_info[0]}.{sys.version_info[1]}. Run `make "
    "install`, then start Dues with .venv/bin/python bot.py."
)
MISSING = "The package {} is missing here. Run `make install`, then start Dues with .venv/bin/python bot.py."


def refuse(code: int, *sentences: str) -> int:
    """Print why the command cannot run; returns the exit code."""
    logging.shutdown()  # print earlier log lines first
    print("Dues cannot do this:", *(f"- {sentence}" for sentence in sentences), sep="\n", file=sys.stderr)
    return code
