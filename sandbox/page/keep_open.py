"""Serves the sandbox's page and keeps it open until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import webbrowser

from sandbox.page.server import PageServer
from sandbox.stage import ENGLISH, open_stage


async def show_page(locale: str = ENGLISH, shards: int = 1) -> None:
    """Open the shop on a new stage, serve its page and open it in the browser; return after Ctrl-C.

    `locale`: the language that the people of the stage have chosen in Discord. `shards`: the number of
    connections that Discord recommends to the bot.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows raises KeyboardInterrupt instead
            loop.add_signal_handler(number, stop.set)
    async with open_stage(locale=locale, shards=shards) as stage:
        await stage.open_shop()
        async with PageServer(stage) as page:
            print(f"\nNow it is your turn: {page.url}")
            print("Be Mia, type /subscribe, pay, look around; be Ada: /plans add, /grant, /revoke.")
            print("Ctrl-C ends it.", flush=True)
            if _has_screen():
                await asyncio.to_thread(webbrowser.open, page.url)
            await stop.wait()
    print("\nEverything is stopped, and nothing is left behind.")


def _has_screen() -> bool:
    """Return True if a graphical browser can open.

    Without a screen, webbrowser would use a text browser in this terminal.
    """
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY")
    )
