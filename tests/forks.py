"""The fork server of the tests that run the whole program.

It imports the program's modules once and forks itself for each program, which then starts within hundredths
of a second instead of a second of imports. It exists on POSIX only.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

ROOT = Path(__file__).parents[1]
FORKS = multiprocessing.get_context("forkserver")
# It also imports bot: all modules that bot.py imports.
FORKS.set_forkserver_preload(["tests.crashes.child_process"])


def fork_bot(folder: Path, environ: Mapping[str, str], arguments: tuple[str, ...]) -> ForkServerProcess:
    """Start bot.py in a fork; its output is appended to output.txt in the folder."""
    process = FORKS.Process(target=_run_bot, args=(folder, dict(environ), arguments))
    process.start()
    return process


def _run_bot(folder: Path, environ: Mapping[str, str], arguments: tuple[str, ...]) -> None:
    """Run bot.py as `python bot.py` would: with this environment, the standard files, `__main__` and exit."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    with Path(os.devnull).open("rb") as nothing, Path("output.txt").open("ab") as output:
        for ours, theirs in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(ours.fileno(), theirs)
    # These are the encodings of an environment that names none (docs.python.org, PYTHONUTF8).
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115 - it stays
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115 - it stays
    sys.argv = [str(ROOT / "bot.py"), *arguments]
    sys.path[0] = str(ROOT)
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # multiprocessing ends a fork without them, and they write the last log lines
