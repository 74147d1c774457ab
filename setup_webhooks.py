"""The webhooks that `python bot.py setup` creates, saves and cleans up at Stripe and PayPal."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

from billing.errors import DuesError, ProviderError, ProviderRefused
from billing.model.translatable_text import Text, Verbatim
from billing.ports import Clock
from config import DEFAULTS
from config_addresses import is_loopback
from providers.paypal.new_webhook import PayPalWebhook, WebhookPlan, paypal_webhook
from providers.stripe.new_webhook import CreatedEndpoint, EndpointPlan, StripeWebhook, stripe_webhook

# A provider with half its settings is refused at start, so without a webhook these stand for one. Nobody
# knows the secret, so no notification is authentic.
NO_SECRET = "whsec_without_notifications_"  # noqa: S105 - it begins so
NO_WEBHOOK = "none"
_OFTEN = "1"  # minutes between two sweeps where no notification arrives


class WebhookSetup:
    """Sets up the webhooks for these answers. `current`: the settings before the setup."""

    def __init__(self, answers: Mapping[str, str], current: Mapping[str, str], clock: Clock) -> None:
        self._answers, self._current, self._clock = answers, current, clock
        self._url = answers.get("PUBLIC_URL", "")
        self._stripe: EndpointPlan | None = None
        self._paypal: WebhookPlan | None = None

    def _at_stripe(self) -> AbstractAsyncContextManager[StripeWebhook]:
        key, api_url = self._answers["STRIPE_API_KEY"], self._answers["STRIPE_API_URL"]
        return stripe_webhook(key, api_url, f"{self._url}/webhooks/stripe", self._clock)

    def _at_paypal(self, api_url: str | None = None) -> AbstractAsyncContextManager[PayPalWebhook]:
        login = (self._answers["PAYPAL_CLIENT_ID"], self._answers["PAYPAL_CLIENT_SECRET"])
        url = f"{self._url}/webhooks/paypal"
        return paypal_webhook(*login, api_url or self._answers["PAYPAL_API_URL"], url, self._clock)

    # Trying the credentials

    async def check_stripe(self) -> None:
        """Raise ProviderError if Stripe refuses the key, or if the key may not list webhook endpoints."""
        async with self._at_stripe() as stripe:
            await stripe.check_key()

    async def find_paypal(self, addresses: Sequence[str]) -> str:
        """Return the first of these URLs, live or sandbox, at which PayPal accepts the credentials.

        Raises ProviderError if none does.
        """
        for number, address in enumerate(addresses, start=1):
            async with self._at_paypal(address) as paypal:
                try:
                    await paypal.check_credentials()
                except ProviderRefused:
                    if number == len(addresses):
                        raise
                else:
                    return address
        raise ProviderRefused(Text("setup.paypal_refused"))

    # Deciding, and carrying out

    def _reachable(self, api_url: str) -> bool:
        """Return True if a provider at this API URL can reach PUBLIC_URL.

        A loopback address can be reached only by a provider, such as a stand-in, on the same machine.
        """
        return not _is_local(self._url) or _is_local(api_url)

    async def plan(self) -> list[Text]:
        """Compare the existing webhooks with those needed; return a text for each thing that will be done."""
        says = []
        for provider, key, api in (
            ("Stripe", "STRIPE_API_KEY", "STRIPE_API_URL"),
            ("PayPal", "PAYPAL_CLIENT_ID", "PAYPAL_API_URL"),
        ):
            if key not in self._answers:
                continue
            if not self._reachable(self._answers[api]):
                says.append(Text("setup.no_webhook", provider=Verbatim(provider)))
            else:
                plan = await (self._plan_stripe() if provider == "Stripe" else self._plan_paypal())
                says.append(Text("setup.at_provider", provider=Verbatim(provider), does=plan.says))
        return says

    async def _plan_stripe(self) -> EndpointPlan:
        same_key = self._current.get("STRIPE_API_KEY") == self._answers["STRIPE_API_KEY"]
        async with self._at_stripe() as stripe:
            self._stripe = await stripe.plan(self._secrets(), same_key=same_key)
        return self._stripe

    async def _plan_paypal(self) -> WebhookPlan:
        async with self._at_paypal() as paypal:
            saved = self._current.get("PAYPAL_WEBHOOK_ID", "").split(",")
            self._paypal = await paypal.plan([one.strip() for one in saved])
        return self._paypal

    def _secrets(self) -> list[str]:
        """Return the current signing secrets, without placeholders."""
        found = self._current.get("STRIPE_WEBHOOK_SECRET", "").split(",")
        return [one.strip() for one in found if one.strip() and not one.strip().startswith(NO_SECRET)]

    async def carry_out(self, save: Callable[[Mapping[str, str]], None]) -> list[Text]:
        """Create missing webhooks, `save` the resulting settings, then repair and delete others as planned.

        Returns a text for each repair or deletion that failed. Raises DuesError if nothing was saved; a new
        endpoint at Stripe is then deleted again.
        """
        created: CreatedEndpoint | None = None
        try:
            values: dict[str, str] = {}
            if "STRIPE_API_KEY" in self._answers:
                created, values["STRIPE_WEBHOOK_SECRET"] = await self._make_stripe()
            if "PAYPAL_CLIENT_ID" in self._answers:
                values["PAYPAL_WEBHOOK_ID"] = await self._make_paypal()
            save({**values, **self._interval(values)})
        except DuesError:
            await self._undo(created)
            raise
        return await self._clean_up()

    async def _make_stripe(self) -> tuple[CreatedEndpoint | None, str]:
        before = self._current.get("STRIPE_WEBHOOK_SECRET", "")
        if self._stripe is not None and self._stripe.kept:
            return None, before
        if self._stripe is None:
            return None, before or NO_SECRET + secrets.token_hex(32)
        async with self._at_stripe() as stripe:
            created = await stripe.create()
        # An organisation's destination, which a key cannot list, may sign with one of the others.
        return created, ",".join([created.secret, *self._secrets()])

    async def _make_paypal(self) -> str:
        if self._paypal is None:
            return self._current.get("PAYPAL_WEBHOOK_ID", "") or NO_WEBHOOK
        if self._paypal.kept is not None:
            return self._paypal.kept
        async with self._at_paypal() as paypal:
            return await paypal.create()

    def _interval(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return the sweep interval as a changed setting; empty if it stays the same.

        While a provider has no webhook, the default becomes _OFTEN (minutes); once each has one, _OFTEN
        becomes the default again.
        """
        name, usual = "SYNC_INTERVAL_MINUTES", DEFAULTS["SYNC_INTERVAL_MINUTES"]
        now, silent = self._current.get(name) or usual, _is_silent(values)
        if silent and now == usual:
            return {name: _OFTEN}
        return {name: usual} if not silent and _is_silent(self._current) and now == _OFTEN else {}

    async def _undo(self, created: CreatedEndpoint | None) -> None:
        if created is not None:
            async with self._at_stripe() as stripe:
                await stripe.delete(created.id)

    async def _clean_up(self) -> list[Text]:
        """Repair the webhooks to keep and delete the superfluous ones; return a text for each failure.

        The settings are already saved, so a ProviderError is reported and not raised.
        """
        left = []
        try:
            if self._stripe is not None:
                left = await self._clean_up_stripe(self._stripe)
            if self._paypal is not None and self._paypal.kept is not None:
                async with self._at_paypal() as paypal:
                    await paypal.repair(self._paypal.kept)
        except ProviderError as error:
            left.append(Text("setup.not_repaired", error=Verbatim(str(error))))
        return left

    async def _clean_up_stripe(self, plan: EndpointPlan) -> list[Text]:
        async with self._at_stripe() as stripe:
            left = [Verbatim(one) for one in plan.surplus if not await stripe.delete(one)]
            for endpoint_id in plan.kept:
                await stripe.repair(endpoint_id)
        return [Text("setup.stripe_left", ids=left)] if left else []


def _is_local(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


def _is_silent(values: Mapping[str, str]) -> bool:
    """Return True if a provider has no webhook and so sends no notifications."""
    secret, webhook = values.get("STRIPE_WEBHOOK_SECRET", ""), values.get("PAYPAL_WEBHOOK_ID", "")
    return secret.startswith(NO_SECRET) or webhook == NO_WEBHOOK
