"""Measures the program as owners run it: its start time and its memory."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import aiohttp

from bench.large_ledger import GUILD, ROLES, Size, make, member_id
from bench.machine import ROOT, folder
from bench.server import API_KEY, NOBODY, SECRET
from bench.table import Figure
from standins.clock import MovableClock
from standins.discord import DiscordServer, DiscordWorld, Guild, Member, Role, User

MEMBERS, SUBSCRIPTIONS = 100_000, 1_000_000
TOKENS = {"small": "small.token", "large": "large.token"}
BOT = str(ROOT / "bot.py")
SETTLED = 8.0  # seconds after "ready"; by then the first sweep's comparison is done
PATIENCE = 60

# Nothing answers at this address, because nothing here has a million subscriptions to list.
STRIPE = {"STRIPE_API_KEY": API_KEY, "STRIPE_WEBHOOK_SECRET": SECRET, "STRIPE_API_URL": NOBODY}
PAYPAL = {
    "PAYPAL_CLIENT_ID": "bench",
    "PAYPAL_CLIENT_SECRET": "bench",
    "PAYPAL_WEBHOOK_ID": "bench",
    "PAYPAL_API_URL": NOBODY,
}

EMPTY = """
import os, discord, uvloop, yarl
discord.http.Route.BASE = os.environ["DISCORD_API_URL"]
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_GATEWAY_URL"])
client = discord.Client(intents=discord.Intents(guilds=True), guild_ready_timeout=0.5)
@client.event
async def on_ready():
    print("ready", flush=True)
async def run():
    await client.start(os.environ["DISCORD_TOKEN"])
uvloop.run(run())
"""


def measure(rounds: int) -> list[Figure]:
    """Measure the memory in MB and the start times in seconds of the program and of an empty bot.

    Memory is counted as Linux counts it (VmRSS). Start times are measured in turns.
    """
    with folder() as path:
        return asyncio.run(_measure(path, rounds))


async def _measure(path: Path, rounds: int) -> list[Figure]:
    make(path / "small.db", Size(1, 1), int(time.time()))
    make(path / "large.db", Size(SUBSCRIPTIONS, MEMBERS), int(time.time()))
    idle, both, full, starts = list[float](), list[float](), list[float](), list[float]()
    async with _discord(path / "large.db") as discord:
        for number in range(rounds + 1):  # the first warms up
            empty, _ = await _life(path, _settings(path, discord, "large"), "-c", EMPTY)
            took, large = await _life(path, _settings(path, discord, "large", STRIPE), BOT)
            _, small = await _life(path, _settings(path, discord, "small", STRIPE), BOT)
            _, more = await _life(path, _settings(path, discord, "small", STRIPE, PAYPAL), BOT)
            if number:
                idle.append(small)
                both.append(more)
                full.append(large)
                starts.append(took / empty)
    size = "100,000 members and 1,000,000 subscriptions"
    return [
        Figure(
            "resident memory, idle",
            tuple(idle),
            90,
            70,
            False,
            "MB",
            note=f"these three with Stripe; with PayPal, too: {median(both):.0f} MB",
        ),
        Figure(f"resident memory, {size}", tuple(full), 150, 120, False, "MB"),
        Figure("start to ready at 1,000,000, to an empty bot", tuple(starts), 2, 1.3, False),
    ]


@asynccontextmanager
async def _discord(ledger: Path) -> AsyncIterator[DiscordServer]:
    """Serve a local Discord with a small guild and the large guild of the ledger.

    Every member of the large one has the roles that the ledger granted.
    """
    world = DiscordWorld(MovableClock())
    owner = world.add_user("owner")
    large = Guild(GUILD, "Large", owner.id)
    large.roles[GUILD] = Role(GUILD, GUILD, "@everyone", 0, 0)
    for role in sorted({role for roles in ROLES for role in roles}):
        large.roles[role] = Role(role, GUILD, f"Role {role}", 1, 0)
    world.guilds[GUILD] = large
    granted = defaultdict[int, list[int]](list)
    db = sqlite3.connect(ledger)
    for member, role in db.execute("SELECT member_id, role_id FROM role_grants"):
        granted[member].append(role)
    db.close()
    for number in range(MEMBERS):
        user = User(member_id(number), f"m{number}")
        world.users[user.id] = user
        large.members[user.id] = Member(user.id, 0.0, granted[user.id])
    for name, guild in (("small", world.add_guild("Small", owner)), ("large", large)):
        world.install(world.add_application(TOKENS[name], name=name, owner=owner), guild)
    server = DiscordServer(world, requests_a_window=None)
    await server.start(0)
    try:
        yield server
    finally:
        await server.stop()


async def _life(path: Path, settings: Mapping[str, str], *arguments: str) -> tuple[float, float]:
    """Run a process once; return the seconds until it is ready, and its MB after SETTLED seconds."""
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=path,  # a .env of the owner's lies elsewhere
        env={**_kept(), **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            if "-c" in arguments:
                assert process.stdout is not None  # noqa: S101 - it is a pipe
                if await process.stdout.readline() != b"ready\n":
                    raise RuntimeError("the empty bot did not become ready")
                return time.perf_counter() - begun, 0.0
            await _ready()
        took = time.perf_counter() - begun
        await asyncio.sleep(SETTLED)
        return took, _resident(process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


PORT = 18_080


async def _ready() -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{PORT}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.01)


def _kept() -> Mapping[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def _settings(
    path: Path, discord: DiscordServer, name: str, *providers: Mapping[str, str]
) -> Mapping[str, str]:
    return {
        "DISCORD_TOKEN": TOKENS[name],
        "DISCORD_API_URL": discord.rest_url,
        "DISCORD_GATEWAY_URL": discord.gateway_url,
        "DATABASE_URL": f"sqlite:///{path / name}.db",
        "HTTP_PORT": str(PORT),
        "LOG_LEVEL": "warning",
        **{setting: value for provider in providers for setting, value in provider.items()},
    }


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1000
