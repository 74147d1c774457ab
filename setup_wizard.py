"""Implements `python bot.py setup`: turns a few answers into a working .env, and creates the webhooks."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from backups import stamp_of
from billing.errors import Conflict, DuesError
from billing.model.translatable_text import Text, Verbatim
from billing.ports import Clock
from check import check
from cogs.core.startup import (
    ApplicationInfo,
    check_client_secret,
    fetch_application,
    invite_link,
    use_discord,
)
from config import DEFAULTS, Settings, SettingsError, environment, load, read_env_file
from config_addresses import is_loopback
from config_secrets import read_secret_files
from db.sqlite.private_files import keep_private
from env_file import change_values, save_env
from i18n import tr
from i18n.plain import plain_words
from setup_answers import YES, Field, Interview, Screen, Terminal, has_person, read_options, text_of
from setup_webhooks import WebhookSetup
from terminal_texts import refuse_texts, show_usage

ENV = Path(".env")
EXAMPLE = Path(__file__).with_name("config.example.env")
# The settings that an answer or a webhook decides. In the environment they would win over .env.
WRITTEN = (
    "DISCORD_TOKEN",
    "DISCORD_CLIENT_SECRET",
    "SECRET_KEY",
    "PUBLIC_URL",
    "STRIPE_API_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "PAYPAL_CLIENT_ID",
    "PAYPAL_CLIENT_SECRET",
    "PAYPAL_WEBHOOK_ID",
)
PAYPAL_URLS = (DEFAULTS["PAYPAL_API_URL"], "https://api-m.sandbox.paypal.com")
_NO = ("n", "no", "nein")


def set_up(arguments: list[str], clock: Clock, terminal: Terminal | None = None) -> int:
    """Run the command; returns the exit code of `check`, or 2 or 75 if nothing was written."""
    screen = terminal or Screen()
    try:
        if (given := read_options(arguments)) is None:
            return show_usage()
        typing = given.pop(YES, None) is None
        if typing and terminal is None and not has_person():
            raise Conflict(Text("setup.no_terminal", yes=Verbatim(YES)))
        wizard = _Wizard(clock, screen, typing=typing)
        refused = wizard.collect(given)
        if refused is not None:
            return refused
        wizard.carry_out()
        return wizard.finish()
    except (EOFError, KeyboardInterrupt):
        return refuse_texts(2, Text("setup.stopped"))
    except SettingsError as error:
        return refuse_texts(2, *error.faults)
    except DuesError as error:
        return refuse_texts(75 if error.retry else 2, text_of(error))


@dataclass
class _Wizard:
    clock: Clock
    screen: Terminal
    typing: bool
    answers: dict[str, str] = field(default_factory=dict)
    application: ApplicationInfo | None = None

    def __post_init__(self) -> None:
        """Read the current settings.

        Raises SettingsError if a setting that the setup does not ask for is wrong, or if one that it would
        write is set in the environment.
        """
        self.file = read_env_file(ENV)
        env = environment()
        if winning := [name for name in env if name.removesuffix("_FILE") in WRITTEN]:
            raise SettingsError([Text("setup.environment_wins", names=[Verbatim(name) for name in winning])])
        found, faults = read_secret_files({**self.file, **env})
        if faults:
            raise SettingsError([*faults.values()])
        self.current = {name: value.strip() for name, value in found.items() if name in DEFAULTS}
        self.fixed = {name: value for name, value in self.current.items() if name not in WRITTEN}
        settings = self._settings({})
        use_discord(settings.discord_api_url, settings.discord_gateway_url)
        self.discord_url = settings.discord_api_url

    def _settings(self, values: Mapping[str, str]) -> Settings:
        """Check these answers together with the other settings. Raises SettingsError with all faults."""
        return Settings.from_env({"DISCORD_TOKEN": "unknown", **self.fixed, **values})

    def _address(self, name: str) -> str:
        return (self.fixed.get(name) or DEFAULTS[name]).rstrip("/")

    # Answers

    def collect(self, given: Mapping[str, str]) -> int | None:
        """Ask for all answers. Returns an exit code if some are missing or wrong and nobody can type."""
        interview = Interview(given, self.current, self.screen if self.typing else None)
        if self.typing:
            self.screen.say(tr("setup.welcome"))
        self.answers |= interview.ask(Field("DISCORD_TOKEN", "setup.ask_token"), accept=self._try_token)
        self._ask_providers(interview)
        address = Field("PUBLIC_URL", "setup.ask_public_url", "setup.enter_no_address", secret=False)
        self.answers |= interview.ask(address, accept=self._try_address)
        secret = Field("DISCORD_CLIENT_SECRET", "setup.ask_client_secret", "setup.enter_without")
        self.answers |= interview.ask(secret, accept=self._try_client_secret, optional=True)
        if interview.faults:
            return refuse_texts(75 if interview.may_pass else 2, *interview.faults)
        self.answers["SECRET_KEY"] = self.current.get("SECRET_KEY") or secrets.token_hex(32)
        return None

    def _ask_providers(self, interview: Interview) -> None:
        key = Field("STRIPE_API_KEY", "setup.ask_stripe_key", "setup.enter_without_provider")
        paypal = (
            Field("PAYPAL_CLIENT_ID", "setup.ask_paypal_id", "setup.enter_without_provider", secret=False),
            Field("PAYPAL_CLIENT_SECRET", "setup.ask_paypal_secret"),
        )
        while True:
            before = len(interview.faults)
            found = interview.ask(key, accept=self._try_stripe, optional=True)
            found |= interview.ask(*paypal, accept=self._try_paypal, optional=True)
            self.answers |= found
            if found or len(interview.faults) > before:
                return
            if not self.typing:
                interview.faults.append(Text("setup.no_provider"))
                return
            self.screen.say(tr("setup.no_provider"))

    def _try_token(self, answers: dict[str, str]) -> None:
        self._settings(answers)
        self.application = asyncio.run(fetch_application(answers["DISCORD_TOKEN"]))
        self.screen.say(tr("setup.token_fine", name=self.application.name))

    def _try_stripe(self, answers: dict[str, str]) -> None:
        self._settings({**answers, "STRIPE_WEBHOOK_SECRET": "whsec_unknown"})
        asyncio.run(self._webhooks(answers).check_stripe())
        self.screen.say(tr("setup.stripe_fine"))

    def _try_paypal(self, answers: dict[str, str]) -> None:
        self._settings({**answers, "PAYPAL_WEBHOOK_ID": "unknown"})
        configured = self._address("PAYPAL_API_URL")
        fixed = configured not in PAYPAL_URLS or "PAYPAL_API_URL" in environment()
        tried = [configured] if fixed else sorted(PAYPAL_URLS, key=lambda url: url != configured)
        url = asyncio.run(self._webhooks(answers).find_paypal(tried))
        self.answers["PAYPAL_API_URL"] = url
        self.screen.say(tr("setup.paypal_fine" if url == PAYPAL_URLS[0] else "setup.paypal_fine_sandbox"))

    def _try_address(self, answers: dict[str, str]) -> None:
        if not answers["PUBLIC_URL"] and not self.typing:
            raise Conflict(Text("setup.no_public_url"))
        answers["PUBLIC_URL"] = self._settings(answers).public_url
        parts = urlsplit(answers["PUBLIC_URL"])
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise Conflict(Text("setup.public_url_http"))

    def _try_client_secret(self, answers: dict[str, str]) -> None:
        self._settings(answers)
        if self.application is not None:
            secret = answers["DISCORD_CLIENT_SECRET"]
            asyncio.run(check_client_secret(self.discord_url, self.application.id, secret))

    def _webhooks(self, answers: Mapping[str, str]) -> WebhookSetup:
        addresses = {"STRIPE_API_URL": self._address("STRIPE_API_URL")}
        paypal = {"PAYPAL_API_URL": self._address("PAYPAL_API_URL")}
        return WebhookSetup({**addresses, **paypal, **answers}, self.current, self.clock)

    # Changes

    def carry_out(self) -> None:
        """Ask for confirmation, create the webhooks and save .env.

        Raises EOFError if the person declines, and DuesError if nothing was saved.
        """
        webhooks = self._webhooks(self.answers)
        plans = asyncio.run(webhooks.plan())
        self.screen.say("\n".join([tr("setup.will_do"), *(f"- {plain_words(says)}" for says in plans)]))
        if self.typing and self.screen.ask(tr("setup.confirm"), secret=False).strip().lower() in _NO:
            raise EOFError
        for says in asyncio.run(webhooks.carry_out(self._save)):
            self.screen.say(plain_words(says))

    def _save(self, made: Mapping[str, str]) -> None:
        wanted = dict.fromkeys(WRITTEN, "") | self.answers | dict(made)
        # A name that has no line yet gets one if it is an answer, and keeps its default otherwise.
        before = {name: "" if name in WRITTEN else DEFAULTS[name] for name in wanted} | self.current
        changed = {name: value for name, value in wanted.items() if value != before[name]}
        text = self._text()
        if not changed and ENV.exists():
            keep_private(ENV)
            self.screen.say(tr("setup.env_unchanged", path=ENV.resolve()))
            return
        after = change_values(text, {**{f"{name}_FILE": None for name in changed}, **changed})
        read = dotenv_values(stream=StringIO(after), interpolate=False)
        if unfit := [name for name, value in changed.items() if (read.get(name) or "") != value]:
            raise Conflict(Text("setting.unfit", name=unfit[0]))
        try:
            kept = save_env(ENV, after, stamp_of(self.clock.now()))
        except OSError as error:
            reason = Verbatim(error.strerror or type(error).__name__)
            raise Conflict(
                Text("setup.cannot_write", path=Verbatim(str(ENV.resolve())), reason=reason)
            ) from None
        self.screen.say(tr("setup.env_written", path=ENV.resolve()))
        if kept is not None:
            self.screen.say(tr("setup.env_kept", kept=kept))

    def _text(self) -> str:
        """Return the text of the current settings file, or of the example if there is none yet."""
        source = ENV if ENV.exists() else EXAMPLE
        return source.read_text("utf-8-sig") if source.exists() else ""

    # The end

    def finish(self) -> int:
        """Print the steps that are left for the owner, and check everything; returns the exit code."""
        steps = enumerate(self._by_hand(), start=1)
        said = [f"{number}. {plain_words(says)}" for number, says in steps]
        self.screen.say("\n\n".join([tr("setup.by_hand"), *said]))
        if self.typing:
            self.screen.ask(tr("setup.then_check"), secret=False)
        code = asyncio.run(check(load(ENV), self.clock))
        self.screen.say("\n" + tr("setup.done" if code == 0 else "setup.done_but"))
        return code

    def _by_hand(self) -> Iterator[Text]:
        application = self.application
        assert application is not None  # noqa: S101 - no answer is complete without it
        invite, wider = (Verbatim(invite_link(application.id, notices=wide)) for wide in (False, True))
        yield Text("setup.hand_invite", url=invite)
        yield Text("setup.hand_order")
        yield Text("setup.hand_notices", url=wider)
        yield Text("setup.hand_public" if application.public else "setup.hand_private")
        if not application.members_intent:
            yield Text("setup.hand_intent")
        url = self.answers["PUBLIC_URL"]
        if "DISCORD_CLIENT_SECRET" in self.answers:
            yield Text("setup.hand_redirect", url=Verbatim(f"{url}/login/callback"))
        if is_loopback(urlsplit(url).hostname or ""):
            yield Text("setup.hand_no_address")
        else:
            where = f"{self.fixed.get('HTTP_HOST') or DEFAULTS['HTTP_HOST']}"
            port = self.fixed.get("HTTP_PORT") or DEFAULTS["HTTP_PORT"]
            yield Text("setup.hand_proxy", url=Verbatim(url), where=Verbatim(f"{where}:{port}"))
        yield Text("setup.hand_start")
