"""Composition root: builds the program from its parts and closes them again.

Exit codes: 0 after SIGTERM or SIGINT; 2 if settings or arguments are wrong; 3 if another process uses the
ledger; 4 if the ledger is damaged or too new; 75 for a fault that may pass, such as a full disk. `check` and
`verify` return 0 or 1; `setup` returns the code of `check`, or 2 or 75; `--version` returns 0.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from terminal import MISSING, OLD, refuse

if sys.version_info < (3, 11):  # noqa: UP036 - somebody will try with one
    sys.exit(refuse(2, OLD))
try:
    import backups
    from billing.errors import Conflict, LedgerError
    from billing.ports import Clock, Ports, Signer
    from billing.worker.runner import Worker
    from check import check, tell_refused
    from clock import SystemClock
    from cogs.bot import DuesBot
    from cogs.core.startup import TokenRefused, use_discord, use_gateway, wait_for_discord
    from cogs.gateways.messenger import DiscordMessenger
    from cogs.gateways.roles import DiscordRoles
    from config import Settings, SettingsError
    from db import SqliteLedger
    from file_commands import FILE_COMMANDS, run_on_file
    from providers.registry import make_providers
    from runtime import Runtime, build_info, load_settings, log_start, receipt_signing, tell_version
    from terminal_texts import refuse_texts, show_usage, terminal_language
    from web.app import CannotListen, Listener, listening
    from web.metrics import Metrics

    if sys.platform == "win32":
        from asyncio import run as run_loop
    else:
        from uvloop import run as run_loop
except ModuleNotFoundError as missing:
    sys.exit(refuse(2, MISSING.format(missing.name)))

log = logging.getLogger("dues")

DRAIN_SECONDS = 7.0  # of the ten that service managers allow; closing takes the rest


async def serve(settings: Settings, clock: Clock, started: Callable[[int], None] = lambda port: None) -> None:
    """Run the bot until cancelled, then finish the work in progress.

    `started` receives the HTTP server's port. Notifications are accepted immediately; the work that they
    cause begins once Discord is ready. Raises TokenRefused, CannotListen or LedgerError if the bot cannot
    start.
    """
    use_discord(settings.discord_api_url, settings.discord_gateway_url)
    parts = Runtime()
    async with AsyncExitStack() as stack:
        ledger = await SqliteLedger.open(settings.ledger_path, parts.wake)
        stack.push_async_callback(ledger.close)
        await stack.enter_async_context(backups.keeping(ledger, settings, clock))
        metrics = Metrics(build_info())
        providers = make_providers(settings, clock, ledger, metrics)
        gc.freeze()  # imported modules are never garbage; scanning them paused everything for 60 ms (bench/)
        for provider in providers.values():
            stack.push_async_callback(provider.close)
        listener = Listener(
            ledger,
            providers,
            clock,
            parts.discord_fault,
            sync_interval=settings.sync_interval_seconds,
            metrics=metrics,
            discord_readings=parts.discord_readings,
        )
        where = (settings.http_host, settings.http_port)
        started(await stack.enter_async_context(listening(listener.application(), *where, DRAIN_SECONDS)))
        found = await wait_for_discord(settings.discord_token, clock)
        use_gateway(found.gateway_url)
        bot = DuesBot(members_intent=found.members_intent)
        stack.push_async_callback(bot.close)
        ports = Ports(
            ledger=ledger,
            providers=providers,
            roles=DiscordRoles(bot),
            messenger=DiscordMessenger(bot, ledger),
            clock=clock,
            grace=settings.grace_seconds,
            public_url=settings.public_url,
            signer=Signer(settings.secret_keys),
            sign_receipt=receipt_signing(settings.secret_keys),
            arrivals=listener.arrivals,
            meter=metrics,
            pace=listener.webhooks.pace,
            sync_interval=settings.sync_interval_seconds,
        )
        worker = Worker(ports, settings.sync_interval_seconds)
        stack.push_async_callback(worker.close, DRAIN_SECONDS)
        parts.worker, parts.bot = worker, bot
        await bot.serve(settings.discord_token, ports, worker.start)


async def _serve_until_signal(settings: Settings) -> int:
    log_start(settings)
    serving = asyncio.ensure_future(serve(settings, SystemClock()))
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError, AttributeError):  # Windows raises KeyboardInterrupt instead
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, serving.cancel)
        loop.add_signal_handler(signal.SIGHUP, lambda: log.info("SIGHUP is ignored: restart instead"))
    try:
        await serving
    except asyncio.CancelledError:
        log.info("Stopped")
    return 0


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit code of the process."""
    try:
        if not arguments:
            return run_loop(_serve_until_signal(load_settings()))
        with terminal_language():
            if arguments == ["--version"]:
                return tell_version()
            if arguments[0] == "setup":
                from setup_wizard import set_up  # noqa: PLC0415 - it loads both providers

                return set_up(arguments[1:], SystemClock())
            if arguments == ["check"]:
                return run_loop(check(load_settings(), SystemClock()))
            command, file = arguments if len(arguments) == 2 else ("", "")
            if command in FILE_COMMANDS and not file.startswith("-"):
                return run_on_file(command, Path(file), SystemClock())
    except SettingsError as error:
        return tell_refused(error.faults) if arguments == ["check"] else refuse_texts(2, *error.faults)
    except (LedgerError, CannotListen, TokenRefused, Conflict) as error:
        return refuse_texts(getattr(error, "exit_code", 2), error.user_message)
    return show_usage()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
