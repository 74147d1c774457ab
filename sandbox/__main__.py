"""`python -m sandbox`: the tour, then the page. TOUR=only: the tour alone. TOUR=off: the page alone."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time

from sandbox.page import show_page
from sandbox.stage import NotReadyError, open_stage
from sandbox.teller import Teller
from sandbox.tour import Tour

INTERRUPTED = 130  # what shells report for a program ended by Ctrl-C


async def play_tour() -> bool:
    """Set the stage, play the tour on it, and take it down; whether every step came out right."""
    print("Starting a local Discord, a local Stripe, and the bot between them …")
    started = time.monotonic()
    async with open_stage() as stage:
        teller = Teller(stage.guild, stage.people)
        tour = Tour(stage, teller)
        right = await tour.play()
        seconds = time.monotonic() - started
    if right:
        print(f"\nAll {tour.checks} checks came out right, in {seconds:.0f} seconds.")
    else:
        print("\nA step came out wrong; it is the last one above.", file=sys.stderr)
    return right


async def run(choice: str) -> int:
    """Tour and page, as chosen; the exit code."""
    if choice != "off" and not await play_tour():
        return 1
    if choice != "only":
        await show_page()
    return 0


def main() -> int:
    """What the process exits with."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # discord.py warns at every start of what text commands and voice would need.
    logging.getLogger("discord").setLevel(logging.ERROR)
    try:
        return asyncio.run(run(os.environ.get("TOUR", "")))
    except NotReadyError as error:
        print(f"The sandbox could not start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
