"""`python -m sandbox` plays the tour, then opens the page. TOUR=only: only the tour. TOUR=off: only the page.

LOCALE=de: the people on the page speak German. The tour is in English. SHARDS=4: Discord lets the bot connect
with four shards.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time

from sandbox.page import show_page
from sandbox.stage import ENGLISH, NotReadyError, open_stage
from sandbox.terminal import Terminal, takes_colour
from sandbox.tour import Tour

CHOICES = ("", "only", "off")
MOST_SHARDS = 64
PACE = 0.03  # real seconds a line, where somebody watches
INTERRUPTED = 130  # what shells report for a program that was ended by a signal


async def play_tour(pace: float, shards: int) -> bool:
    """Start the stage, play the tour on it and remove it; return True if every step succeeded."""
    print("Starting a local Discord, a local Stripe, a local PayPal, and the bot between them …", flush=True)
    started = time.monotonic()
    async with open_stage(shards=shards) as stage:
        tour = Tour(stage, Terminal(stage.guild, stage.people, colour=takes_colour(), pace=pace))
        right = await tour.play()
    if right:
        seconds = time.monotonic() - started
        print(f"\nAll {tour.checks} checks came out right, in {seconds:.0f} seconds.", flush=True)
    else:
        print("\nA step came out wrong: the last one above.", file=sys.stderr)
    return right


async def run(choice: str, shards: int) -> int:
    """Play the tour and open the page, as chosen; return the process's exit code."""
    _end_on_sigterm()
    watched = choice != "only" and sys.stdout.isatty()
    if choice != "off" and not await play_tour(PACE if watched else 0.0, shards):
        return 1
    if choice != "only":
        await show_page(os.environ.get("LOCALE") or ENGLISH, shards)
    return 0


def _end_on_sigterm() -> None:
    """Treat SIGTERM as Ctrl-C, so that nothing is left behind."""
    if (task := asyncio.current_task()) is not None:
        with contextlib.suppress(NotImplementedError):  # Windows has no such signal
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def main() -> int:
    """Run the sandbox and return the process's exit code."""
    choice = os.environ.get("TOUR", "")
    if choice not in CHOICES:
        print("TOUR is 'only' (the tour alone), 'off' (the page alone), or left out.", file=sys.stderr)
        return 2
    shards = os.environ.get("SHARDS") or "1"
    if not shards.isdecimal() or not 1 <= int(shards) <= MOST_SHARDS:
        print(f"SHARDS is a number from 1 to {MOST_SHARDS}, or left out.", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # discord.py warns at every start of what text commands and voice would need.
    logging.getLogger("discord").setLevel(logging.ERROR)
    # The stage makes a new ledger each time, and means to.
    logging.getLogger("db.sqlite.lock").setLevel(logging.ERROR)
    try:
        return asyncio.run(run(choice, int(shards)))
    except NotReadyError as error:
        print(f"The sandbox could not go on: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
