"""The program as owners run it: `python bot.py`, told where everything is by settings alone.

Most programs are forks of a process that has imported bot.py's modules already, since imports are most of a
start's work. With `fresh=True` a test starts `python bot.py` itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast

import aiohttp

from tests.app.harness import TOKEN, AppHarness
from tests.forks import ROOT, fork_bot

PATIENCE = 30


class Fork:
    """A fork that runs bot.py, with the part of asyncio.subprocess.Process that `Program` uses."""

    def __init__(self, folder: Path, environ: Mapping[str, str], arguments: tuple[str, ...]) -> None:
        self._process = fork_bot(folder, environ, arguments)
        self.pid = cast("int", self._process.pid)

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal's number; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    async def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
        return cast("int", self.returncode)


# The programs whose end no test has awaited yet.
STARTED: set[asyncio.subprocess.Process | Fork] = set()


def kill_started() -> None:
    """Kill the programs that a failed test has left running."""
    while STARTED:
        left = STARTED.pop()
        if left.returncode is None:
            with suppress(ProcessLookupError):
                left.send_signal(signal.SIGKILL)


class Program:
    """One process; its output goes to a file, so that nothing ever waits for a reader.

    `fresh`: start `python bot.py` itself. So does a setting for Python, which a fork would read too late.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str], *, fresh: bool = False) -> None:
        self._folder, self._settings = folder, settings
        self._fresh = fresh or any(name.startswith("PYTHON") for name in settings)
        self._process: asyncio.subprocess.Process | Fork | None = None

    async def start(self, *arguments: str) -> None:
        """Without anything of this machine's environment but what Python needs."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
        environ = {**kept, **self._settings}
        if not self._fresh:
            self._process = Fork(self._folder, environ, arguments)
            STARTED.add(self._process)
            return
        with (self._folder / "output.txt").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(ROOT / "bot.py"),
                *arguments,
                cwd=self._folder,
                env=environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        STARTED.add(self._process)

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def output(self) -> str:
        """All that it printed and logged so far."""
        return (self._folder / "output.txt").read_text()

    async def exit_code(self) -> int:
        """Wait for its end."""
        assert self._process is not None
        async with asyncio.timeout(PATIENCE):
            code = await self._process.wait()
        STARTED.discard(self._process)
        return code

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and wait for its end; a process that has ended already keeps its code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        return await self.exit_code()


async def run(folder: Path, settings: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Exit code and output of a program that ends by itself."""
    program = Program(folder, settings)
    await program.start(*arguments)
    return await program.exit_code(), program.output


def settings_of(app: AppHarness, **more: str) -> dict[str, str]:
    """Those that lead to the app, and no others."""
    if (paypal := app.paypal) is not None:
        more = {
            "PAYPAL_CLIENT_ID": paypal.client_id,
            "PAYPAL_CLIENT_SECRET": paypal.client_secret,
            "PAYPAL_WEBHOOK_ID": app.hook,
            "PAYPAL_API_URL": paypal.url,
            "PAYPAL_CA_FILE": str(paypal.ca_file),
            **more,
        }
    return {
        "DISCORD_TOKEN": TOKEN,
        "DISCORD_API_URL": app.discord.rest_url,
        "DATABASE_URL": f"sqlite:///{app.path}",
        "HTTP_PORT": str(app.port),
        "PUBLIC_URL": f"http://127.0.0.1:{app.port}",
        "STRIPE_API_KEY": app.stripe.api_key,
        "STRIPE_WEBHOOK_SECRET": app.secret,
        "STRIPE_API_URL": app.stripe.url,
        **more,
    }


async def until(app: AppHarness, holds: Callable[[], bool]) -> None:
    """Wait for something in Discord; looked at after everything that happens there."""
    feed = app.world.subscribe()
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await feed.get()


async def is_ready(app: AppHarness) -> None:
    """Wait until /readyz says so."""
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{app.port}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)  # a process that starts tells nobody but those who ask
