"""Creates the webhook of a PayPal application for `python bot.py setup`, or repairs the one of that address.

A webhook has no secret, and PayPal allows one of each address. So a run that was killed leaves nothing behind
that the next run could not use.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from billing.errors import ProviderRefused
from billing.model.translatable_text import Text, Verbatim
from billing.ports import Clock
from providers.base import bounded, maybe, need
from providers.pace import Pace
from providers.paypal.api import Api, Refused, path
from providers.paypal.billing_plans import NAME
from providers.paypal.provider import account_of
from providers.paypal.setup import EVENTS, names_of

_WEBHOOKS = "/v1/notifications/webhooks"


@dataclass(frozen=True)
class WebhookPlan:
    """The webhook of the address, if it exists, and the text that says what setup will do."""

    says: Text
    kept: str | None = None


class PayPalWebhook:
    """The webhook of one application that sends to `url`."""

    def __init__(self, api: Api, url: str) -> None:
        self._api, self._url = api, url

    @bounded
    async def check_credentials(self) -> None:
        """Raise ProviderRefused with a text for the owner if PayPal does not know the application."""
        try:
            await self._api.sign_in()
        except Refused as refused:
            if refused.status not in (400, 401, 403):
                raise
            raise ProviderRefused(Text("setup.paypal_refused"), detail=str(refused)) from None

    @bounded
    async def plan(self, saved: Sequence[str]) -> WebhookPlan:
        """Decide whether the webhook must be created, or one of these saved ids moved to the address."""
        listed = maybe(await self._api.get(_WEBHOOKS), "webhooks", list) or []
        urls = {need(one, "id", str): need(one, "url", str) for one in listed}
        url = Verbatim(self._url)
        if kept := next((one for one, there in urls.items() if there == self._url), None):
            return WebhookPlan(Text("setup.keeps", url=url), kept)
        if moved := next((one for one in saved if one in urls), None):
            return WebhookPlan(Text("setup.moves", former=Verbatim(urls[moved]), url=url), moved)
        return WebhookPlan(Text("setup.creates", url=url))

    @bounded
    async def repair(self, webhook_id: str) -> None:
        """Let a webhook send every event that the bot needs to `url`."""
        where = path("v1", "notifications", "webhooks", webhook_id)
        found = await self._api.get(where)
        names, changes = names_of(found), list[dict[str, Any]]()
        if maybe(found, "url", str) != self._url:
            changes.append({"op": "replace", "path": "/url", "value": self._url})
        if "*" not in names and set(EVENTS) - names:
            types = _types(sorted({*names, *EVENTS}))
            changes.append({"op": "replace", "path": "/event_types", "value": types})
        if changes:
            await self._api.patch(where, changes)

    @bounded
    async def create(self) -> str:
        """Create the webhook and return its id. After an unclear failure the next `plan` finds it."""
        try:
            made = await self._api.post(_WEBHOOKS, {"url": self._url, "event_types": _types(EVENTS)})
        except Refused as refused:
            if refused.status in (401, 403):
                raise
            text = Text("setup.url_refused", url=Verbatim(self._url))
            raise ProviderRefused(text, detail=str(refused)) from None
        return need(made, "id", str)


def _types(names: list[str] | tuple[str, ...]) -> list[Mapping[str, str]]:
    return [{"name": name} for name in names]


@asynccontextmanager
async def paypal_webhook(
    client_id: str, client_secret: str, api_url: str, url: str, clock: Clock
) -> AsyncIterator[PayPalWebhook]:
    """The webhook that sends to `url`, over a connection that is closed at the end."""
    api = Api(client_id, client_secret, api_url, clock, Pace(f"{NAME}:{account_of(api_url)}", clock))
    try:
        yield PayPalWebhook(api, url)
    finally:
        await api.close()
