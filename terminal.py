"""Prints messages on the terminal for commands that cannot run.

Every Python from 3.7 on can load this module, so that an outdated version can report that it is too old. The
module cannot use the catalogue of texts, which needs a package that may be missing.
"""

from __future__ import annotations

import logging
import sys

OLD = (
    f"Dues needs Python 3.11 or newer, and this is {sys.version_info[0]}.{sys.version_info[1]}. Run `make "
    "install`, then start Dues with .venv/bin/python bot.py."
)
MISSING = "The package {} is missing here. Run `make install`, then start Dues with .venv/bin/python bot.py."


def refuse(code: int, *sentences: str, heading: str = "Dues cannot do this:") -> int:
    """Print why the command cannot run; returns the exit code."""
    logging.shutdown()  # print earlier log lines first
    print(heading, *(f"- {sentence}" for sentence in sentences), sep="\n", file=sys.stderr)
    return code
