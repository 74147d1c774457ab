"""Implements `python bot.py check`: tests every setting and connection, and says how to fix each fault."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from textwrap import TextWrapper
from urllib.parse import urlsplit

import aiohttp

from billing.errors import LedgerError, LedgerHeld, ProviderError
from billing.model import Finding, Plan
from billing.model.translatable_text import Text, Verbatim
from billing.ports import Clock, Provider
from billing.use_cases.doctor import find_backup, find_key, find_no_provider, find_strays, find_wrong_clock
from billing.use_cases.selling_servers import every_seller
from billing.use_cases.webhook_health import find_kept
from cogs.core.startup import check_discord, use_discord
from config import Settings
from config_addresses import is_loopback
from db.sqlite.backup import last_backup
from db.sqlite.inspection import InspectedLedger, looking
from i18n.plain import plain_words
from logs import visible
from providers.registry import make_providers
from terminal_texts import terminal_language
from web.reachability import check_port, check_public

LATE_BACKUP = 2 * 86_400  # seconds, if a daily backup is configured
_SETTINGS, _LEDGER = Text("check.label.settings"), Text("check.label.ledger")
_RUNNING = Text("check.label.running")
_WIDTH = 100
_PATIENCE = aiohttp.ClientTimeout(total=10)
_SELF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens everywhere, it is asked here


async def check(settings: Settings, clock: Clock) -> int:
    """Check everything and print the results as a table. Nothing is created or changed.

    Returns exit code 0 if everything is fine, otherwise 1.
    """
    use_discord(settings.discord_api_url, settings.discord_gateway_url)
    providers = make_providers(settings, clock)
    seen = await _look_at_ledger(settings, providers.values(), int(clock.now()))
    findings = [
        *_settings(settings),
        *seen.findings,
        find_key(providers, signed=bool(settings.secret_keys)),
        _backups(settings, int(clock.now())),
        *await _reach(settings, running=seen.running),
        *await check_discord(settings.discord_token, {plan.guild_id for plan in seen.plans}),
        *await _check_providers(providers, seen.plans, settings.public_url),
    ]
    return _tell(findings)


def _settings(settings: Settings) -> list[Finding]:
    wrong = [Finding(_SETTINGS, False, says, Text("check.misspelt_cure")) for says in settings.misspelt]
    if not wrong and settings.secret_files:
        names = [Verbatim(name) for name in settings.secret_files]
        return [Finding(_SETTINGS, True, Text("setting.read_with_files", names=names))]
    return wrong or [Finding(_SETTINGS, True, Text("setting.read"))]


async def _reach(settings: Settings, *, running: bool) -> list[Finding]:
    host = urlsplit(settings.public_url).hostname or ""
    public = await check_public(settings.public_url, loopback=is_loopback(host), running=running)
    return [public] if running else [await check_port(settings.http_host, settings.http_port), public]


def tell_refused(faults: Iterable[Text]) -> int:
    """Print the table for settings that are so wrong that nothing else can be checked; return code 1."""
    with terminal_language():
        return _tell([Finding(_SETTINGS, False, fault) for fault in faults])


def _tell(findings: list[Finding]) -> int:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a plan's name may not fit this terminal
    print(table(findings))  # noqa: T201 - it is what a terminal asked for
    return 0 if all(finding.ok for finding in findings) else 1


@dataclass(frozen=True)
class _Seen:
    """The findings about the ledger, and the plans in it.

    `running`: a bot is using the ledger, so its plans could not be read.
    """

    findings: list[Finding]
    plans: list[Plan] = field(default_factory=list)
    running: bool = False


async def _look_at_ledger(settings: Settings, providers: Collection[Provider], now: int) -> _Seen:
    path = settings.ledger_path
    try:
        if not path.exists():
            return _Seen([_no_ledger(path)])
        async with looking(path) as ledger:
            return await _look_inside(ledger, providers, now)
    except LedgerHeld:
        in_use = Finding(_LEDGER, True, Text("check.ledger_in_use"))
        return _Seen([in_use, *await _ask_running(settings)], running=True)
    except LedgerError as error:
        return _Seen([Finding(_LEDGER, False, error.user_message, Text("check.see_operations"))])


def _no_ledger(path: Path) -> Finding:
    where = Verbatim(str(path.absolute()))
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        says = Text("check.ledger_forbidden", path=where, folder=Verbatim(str(folder)))
        return Finding(_LEDGER, False, says, Text("check.ledger_forbidden_cure"))
    return Finding(_LEDGER, True, Text("check.ledger_absent", path=where), note=True)


async def _look_inside(ledger: InspectedLedger, providers: Collection[Provider], now: int) -> _Seen:
    if ledger.schema < ledger.newest:
        says = Text("check.ledger_old", old=ledger.schema, new=ledger.newest)
        return _Seen([Finding(_LEDGER, True, says, note=True)])
    sellers = [guild_id async for guild_id in every_seller(ledger)]
    plans = [plan for guild_id in sellers for plan in await ledger.load_plans(guild_id)]
    found = [Finding(_LEDGER, True, Text("check.ledger_ok", n=len(plans)))]
    for provider in providers:
        found += await find_kept(ledger, provider)
    return _Seen([*found, *await find_strays(ledger, providers, sellers, now)], plans)


async def _ask_running(settings: Settings) -> list[Finding]:
    """Fetch the findings of the running bot, which alone knows the notifications that it refused."""
    host = _SELF.get(settings.http_host, settings.http_host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}/readyz"
    if settings.http_port == 0:
        return [Finding(_RUNNING, True, Text("check.running_any_port"))]
    try:
        async with aiohttp.ClientSession(timeout=_PATIENCE) as session, session.get(url) as answer:
            told = await answer.json()
            faults = {str(name): str(says) for name, says in told.items() if name != "ready" and says != "ok"}
    except (aiohttp.ClientError, OSError, ValueError, AttributeError):
        cure = Text("check.running_silent_cure")
        return [Finding(_RUNNING, False, Text("check.running_silent", url=Verbatim(url)), cure)]
    if not faults:
        return [Finding(_RUNNING, True, Text("check.running_ok", url=Verbatim(url)))]
    parts = {name: Text("check.label.running_part", part=name) for name in faults}
    return [Finding(parts[name], False, says) for name, says in faults.items()]


def _backups(settings: Settings, now: int) -> Finding:
    at = last_backup(settings.ledger_path)
    age = None if at is None else max(now - at, 0)
    found = find_backup(age)
    if settings.backup_dir and age is not None and age > LATE_BACKUP:
        return Finding(found.what, False, found.message, Text("check.backup_late_cure"))
    return found


async def _check_providers(
    providers: Mapping[str, Provider], plans: list[Plan], public_url: str
) -> list[Finding]:
    if not providers:
        return [find_no_provider()]
    findings = []
    for provider in providers.values():
        try:
            findings += await _check_provider(provider, plans, public_url)
        finally:
            await provider.close()
    return findings


async def _check_provider(provider: Provider, plans: list[Plan], public_url: str) -> list[Finding]:
    try:
        findings = await provider.check(plans, f"{public_url}/webhooks/{provider.name}")
        return findings + find_wrong_clock(provider.clock_skew or 0.0)
    except ProviderError as error:
        cure = Text("finding.provider_failed_cure", provider=provider.title)
        return [Finding(provider.title, False, error.user_message, cure)]


def table(findings: list[Finding]) -> str:
    """Format the findings as text: one line each, followed by how to fix it if something is wrong."""
    wide = max(len(visible(plain_words(finding.what))) for finding in findings)
    lines = []
    for finding in findings:
        start = f"{_mark(finding)}  {visible(plain_words(finding.what)):<{wide}}  "
        said = [finding.message] if finding.ok else [finding.message, finding.cure]
        text = visible(" ".join(map(plain_words, said)))
        # Paths and addresses are not wrapped, so that they can be copied.
        whole = TextWrapper(width=_WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
        whole.break_long_words = whole.break_on_hyphens = False
        lines += whole.wrap(text)
    return "\n".join(lines)


def _mark(finding: Finding) -> str:
    if not finding.ok:
        return "FAIL"
    return "note" if finding.note else "ok  "
