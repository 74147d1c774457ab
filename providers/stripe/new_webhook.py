"""Creates the webhook endpoint of a Stripe account for `python bot.py setup`, or finds one that fits.

Stripe shows an endpoint's signing secret only in the answer that creates it. So each endpoint that Dues
creates carries a print of its secret in its metadata, before the secret is saved. By this print a later run
tells the endpoint whose secret was saved from one whose secret was lost when the program was killed.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import stripe

from billing.errors import ProviderError, ProviderRefused
from billing.model.translatable_text import Text, Verbatim
from billing.ports import Clock
from providers.base import Answer, bounded, maybe, need
from providers.pace import Pace
from providers.stripe.api import Api, Refused, path
from providers.stripe.mapping import NAME
from providers.stripe.own_account import account_of
from providers.stripe.setup import EVENTS, events_of

PRINT = "dues_secret"  # the key in an endpoint's metadata
_NOT_KNOWN = "unknown"  # its value until the secret is known


@dataclass(frozen=True)
class EndpointPlan:
    """Decisions about the endpoints of one address, and the text that says them.

    `kept`: ids of endpoints whose secret is saved, which are repaired. Without any, a new one is created.
    `surplus`: ids of endpoints whose secret nobody has; they are deleted once the new secret is saved.
    """

    says: Text
    kept: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True)
class CreatedEndpoint:
    """A new endpoint. `secret` is in no other answer of Stripe's."""

    id: str
    secret: str


class StripeWebhook:
    """The endpoints of one account that send to `url`."""

    def __init__(self, api: Api, url: str) -> None:
        self._api, self._url = api, url

    @bounded
    async def check_key(self) -> None:
        """Raise ProviderRefused with a text for the owner if the key is wrong or may not list endpoints."""
        try:
            await self._api.first("webhook_endpoints", limit=1)
        except Refused as refused:
            codes = {401: "setup.stripe_key_refused", 403: "setup.stripe_key_not_allowed"}
            if refused.status not in codes:
                raise
            raise ProviderRefused(Text(codes[refused.status]), detail=str(refused)) from None

    async def plan(self, secrets: Sequence[str], *, same_key: bool) -> EndpointPlan:
        """Decide which endpoints stay.

        `secrets`: the ones saved so far. `same_key`: they were saved together with this key, so an endpoint
        that the owner made by hand may have one of them; Stripe does not show which.
        """
        listed = await self._api.every("webhook_endpoints")
        ours = [one for one in listed if maybe(one, "url", str) == self._url]
        prints = {print_of(secret) for secret in secrets}
        kept = [one for one in ours if _print_on(one) in prints]
        moved = [] if kept else [one for one in listed if _print_on(one) in prints][:1]
        by_hand = [one for one in ours if _print_on(one) is None]
        trusted = by_hand if same_key and len(secrets) > len([*kept, *moved]) else []
        surplus = [one for one in ours if one not in [*kept, *trusted]]
        says = self._say(kept, moved, trusted, surplus)
        return EndpointPlan(says, _ids([*kept, *moved, *trusted]), _ids(surplus))

    def _say(
        self, kept: list[Answer], moved: list[Answer], trusted: list[Answer], surplus: list[Answer]
    ) -> Text:
        url, ids = Verbatim(self._url), [Verbatim(one) for one in _ids(surplus)]
        if moved:
            return Text("setup.moves", former=Verbatim(need(moved[0], "url", str)), url=url)
        if not kept and not trusted:
            return Text("setup.stripe_replaces", url=url, ids=ids) if ids else Text("setup.creates", url=url)
        if trusted:
            return Text("setup.stripe_trusts", url=url, ids=[Verbatim(one) for one in _ids(trusted)])
        return Text("setup.stripe_keeps_one", url=url, ids=ids) if ids else Text("setup.keeps", url=url)

    @bounded
    async def repair(self, endpoint_id: str) -> None:
        """Turn an endpoint on, and let it send every event that the bot needs to `url`."""
        endpoint = await self._api.get(path("webhook_endpoints", endpoint_id))
        events = events_of(endpoint)
        if "*" not in events and set(EVENTS) - set(events):
            both = sorted({*events, *EVENTS})
            await self._api.post(path("webhook_endpoints", endpoint_id), enabled_events=both)
        if need(endpoint, "status", str) != "enabled":
            await self._api.post(path("webhook_endpoints", endpoint_id), disabled=False)
        if need(endpoint, "url", str) != self._url:
            await self._api.post(path("webhook_endpoints", endpoint_id), url=self._url)

    @bounded
    async def create(self) -> CreatedEndpoint:
        """Create an endpoint and mark it with the print of its secret.

        Raises ProviderError; the endpoint may exist all the same, and the next `plan` finds it as surplus.
        """
        try:
            made = await self._api.post(
                "webhook_endpoints",
                url=self._url,
                enabled_events=list(EVENTS),
                api_version=stripe.api_version,
                description="Dues",
                metadata={PRINT: _NOT_KNOWN},
            )
        except Refused as refused:
            raise self._explained(refused) from None
        created = CreatedEndpoint(need(made, "id", str), need(made, "secret", str))
        where = path("webhook_endpoints", created.id)
        await self._api.post(where, metadata={PRINT: print_of(created.secret)})
        return created

    def _explained(self, refused: Refused) -> ProviderRefused:
        if refused.status == 403:
            return ProviderRefused(Text("setup.stripe_key_not_allowed"), detail=str(refused))
        if refused.param == "url":
            return ProviderRefused(Text("setup.url_refused", url=Verbatim(self._url)), detail=str(refused))
        return refused

    @bounded
    async def delete(self, endpoint_id: str) -> bool:
        """Delete an endpoint; False if Stripe did not confirm it."""
        try:
            await self._api.delete(path("webhook_endpoints", endpoint_id))
        except ProviderError:
            return False
        return True


def print_of(secret: str) -> str:
    """A short hash that recognises a signing secret and does not reveal it."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def _print_on(endpoint: Answer) -> str | None:
    return maybe(endpoint, f"metadata.{PRINT}", str)


def _ids(endpoints: Sequence[Answer]) -> tuple[str, ...]:
    return tuple(need(one, "id", str) for one in endpoints)


@asynccontextmanager
async def stripe_webhook(api_key: str, api_url: str, url: str, clock: Clock) -> AsyncIterator[StripeWebhook]:
    """The endpoints that send to `url`, over a connection that is closed at the end."""
    api = Api(api_key, api_url, clock, Pace(f"{NAME}:{account_of(api_key)}", clock))
    try:
        yield StripeWebhook(api, url)
    finally:
        await api.close()
