"""Somebody who sets up, with stand-ins for the services."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from clock import SystemClock
from setup_wizard import set_up
from standins.discord import Application, DiscordServer
from standins.paypal import PayPalServer
from standins.stripe import StripeServer
from tests.app.harness import TOKEN

URL = "http://127.0.0.1:8080"
KEY = "rk_test_local"


@dataclass
class Typist:
    """Types these answers one after the other; after the last one nobody is there."""

    answers: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    secret: list[str] = field(default_factory=list)

    def ask(self, question: str, *, secret: bool) -> str:
        self.said.append(question)
        if not self.answers:
            raise EOFError
        if secret:
            self.secret.append(self.answers[0])
        return self.answers.pop(0)

    def say(self, words: str) -> None:
        self.said.append(words)


@dataclass
class Owner:
    """Somebody who sets up in a folder, with stand-ins for the services."""

    folder: Path
    application: Application
    discord: DiscordServer
    stripe: StripeServer
    paypal: PayPalServer
    typist: Typist = field(default_factory=Typist)

    @property
    def env(self) -> dict[str, str | None]:
        return dict(dotenv_values(self.folder / ".env", interpolate=False))

    @property
    def endpoints(self) -> list[dict[str, Any]]:
        return self.stripe.world.all("webhook_endpoint")

    @property
    def copies(self) -> list[Path]:
        return list(self.folder.glob(".env.*"))

    def settings(self, **more: str) -> None:
        """Write a settings file that leads to the stand-ins."""
        lines = {
            "DISCORD_API_URL": self.discord.rest_url,
            "STRIPE_API_URL": self.stripe.url,
            "PAYPAL_API_URL": self.paypal.url,
            "PAYPAL_CA_FILE": str(self.paypal.ca_file),
            **more,
        }
        self.folder.joinpath(".env").write_text("".join(f"{name}={one}\n" for name, one in lines.items()))

    def options(self, **changed: str | None) -> list[str]:
        """The options of a complete set-up with Stripe; None leaves an answer out."""
        found = ["--yes"]
        for name, value in {"token": TOKEN, "stripe_key": KEY, "public_url": URL, **changed}.items():
            option = f"--{name.replace('_', '-')}"
            if value is not None and name in {"public_url", "paypal_id"}:
                found.append(f"{option}={value}")
            elif value is not None:
                self.folder.joinpath(name).write_text(value)
                found += [f"{option}-file", str(self.folder / name)]
        return found

    async def set_up(self, *arguments: str, typist: Typist | None = None) -> int:
        # The wizard runs loops of its own, as it waits for somebody who types.
        return await asyncio.to_thread(set_up, [*arguments], SystemClock(), typist or self.typist)

    async def by_options(self, **changed: str | None) -> int:
        return await self.set_up(*self.options(**changed))
