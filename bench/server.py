"""The measured servers, one process each: `python -m bench.server MODE FOLDER` prints its port to stdout.

- `bare`: an aiohttp handler that reads the body and answers 200, the floor for ingest
- `dues`: the program, as bot.py composes it, without its pace towards providers and Discord
- `rush`: the program with that pace
- `calls`: one fetch from Stripe and one PUT to Discord for each line on stdin, the floor for a role
"""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import IO, cast

import discord
import uvloop
from aiohttp import web

import bot
from bench.machine import ROOT, SERVER, pin
from clock import SystemClock
from cogs.core import discord_rate_limits
from cogs.core.startup import use_discord
from config import Settings
from logs import set_up_logging
from providers import pace
from providers.registry import make_providers

SECRET = "whsec_bench"  # noqa: S105 - made up
API_KEY, LIVE_KEY = "sk_test_bench", "sk_live_bench"
NOBODY = "http://127.0.0.1:9"  # the port to discard to; nothing listens there


def settings(folder: Path, discord: str, stripe: str) -> Settings:
    """Return settings with which the program reaches its providers and Discord at these addresses."""
    read = Settings.from_env(
        {
            "DISCORD_TOKEN": "bench.token",
            "DISCORD_API_URL": f"{discord}/api/v10",
            "DATABASE_URL": f"sqlite:///{folder / 'ledger.db'}",
            "STRIPE_API_KEY": API_KEY,
            "STRIPE_WEBHOOK_SECRET": SECRET,
            "STRIPE_API_URL": stripe,
        }
    )
    return replace(read, http_port=0)  # any that is free


async def bare(folder: Path, neighbours: str, started: Callable[[int], None]) -> None:
    async def receive(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_post("/webhooks/stripe", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    started(int(runner.addresses[0][1]))
    await asyncio.Event().wait()


async def dues(folder: Path, neighbours: str, started: Callable[[int], None]) -> None:
    watching = asyncio.ensure_future(watch_lag())
    try:
        await bot.serve(settings(folder, neighbours, neighbours), SystemClock(), started)
    finally:
        watching.cancel()


async def rush(folder: Path, neighbours: str, started: Callable[[int], None]) -> None:
    """Run the program with its pace. `neighbours`: the base URLs of Discord and Stripe."""
    told = settings(folder, *neighbours.split())
    assert told.stripe is not None  # noqa: S101 - the settings name a key
    live = replace(told, stripe=replace(told.stripe, api_key=LIVE_KEY))
    await bot.serve(live, SystemClock(), started)


def unpace() -> None:
    """Remove the program's limits on its own calls.

    The stand-ins need no protection, and the pace costs no CPU time.
    """
    pace.LIMITS = dict.fromkeys(pace.LIMITS, pace.UNPACED)
    discord_rate_limits.CALLS_PER_SECOND = 1e9


async def watch_lag() -> None:
    """Print how late every 1 ms timer was since the last line, in seconds, for each line on stdin.

    The timers start with the first line, so that they cost nothing in servers that are never asked.
    """
    lags: list[float] = []
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def answer() -> None:
        if sys.stdin.readline():
            asked.set()
            print(json.dumps(lags), flush=True)
            lags.clear()
        else:
            loop.remove_reader(sys.stdin.fileno())

    loop.add_reader(sys.stdin.fileno(), answer)
    await asked.wait()
    while True:
        due = perf_counter() + 0.001
        await asyncio.sleep(0.001)
        lags.append(perf_counter() - due)


async def calls(folder: Path, neighbours: str, started: Callable[[int], None]) -> None:
    told = settings(folder, neighbours, neighbours)
    provider = make_providers(told, SystemClock())["stripe"]
    use_discord(told.discord_api_url, None)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), cast("IO[bytes]", sys.stdin)
    )
    async with discord.Client(intents=discord.Intents.none()) as client:
        await client.login(told.discord_token)
        started(0)
        while line := await lines.readline():
            subscription, *role = json.loads(line)
            await provider.fetch_subscription(subscription)
            await client.http.add_role(*role)


MODES = {"bare": bare, "dues": dues, "rush": rush, "calls": calls}


@dataclass(frozen=True)
class Server:
    """A running server process, with its port and its standard input and output."""

    port: int
    _process: subprocess.Popen[str]

    def lags(self) -> list[float]:
        """Return how late the event loop's 1 ms timers were since the last call, in seconds."""
        self.say("")
        found: list[float] = json.loads(cast("IO[str]", self._process.stdout).readline())
        return found

    def say(self, line: str) -> None:
        """Write a line to the server's stdin."""
        stdin = cast("IO[str]", self._process.stdin)
        stdin.write(f"{line}\n")
        stdin.flush()


@contextmanager
def serving(mode: str, folder: Path, neighbours: str = NOBODY) -> Iterator[Server]:
    """Run a server in its own process until the context is left. It logs to `folder`."""
    command = [sys.executable, "-m", "bench.server", mode, str(folder), neighbours]
    with running(command, folder, mode) as server:
        yield server


@contextmanager
def running(command: Sequence[str], folder: Path, mode: str) -> Iterator[Server]:
    """Run any command that prints its port and ends when it is terminated, until the context is left."""
    with (folder / f"{mode}.log").open("wb") as log:
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=log, text=True)
    try:
        said = process.stdout.readline() if process.stdout else ""
        if not said:
            raise RuntimeError(f"{mode} did not start:\n{(folder / f'{mode}.log').read_text()[-2000:]}")
        yield Server(int(said), process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


async def _main(mode: str, folder: Path, neighbours: str) -> None:
    gc.freeze()  # as bot.py does: what is imported is scanned in none of them
    if mode != "rush":
        unpace()
    running = asyncio.ensure_future(MODES[mode](folder, neighbours, lambda port: print(port, flush=True)))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    await asyncio.wait([running])
    if not running.cancelled():
        running.result()


if __name__ == "__main__":
    pin(SERVER)
    set_up_logging("info", "text")
    uvloop.run(_main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
