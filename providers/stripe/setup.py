"""What is right and wrong with an account's set-up, and the cures that need no person."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from billing.errors import ProviderError, ProviderNotFound, ProviderRefused, ProviderUnavailable
from billing.model import Finding, Plan, Price
from providers.base import Answer, in_time, maybe, need, of_server
from providers.stripe.api import Api, Refused, path
from providers.stripe.mapping import NAME
from providers.stripe.portal import Portals

T = TypeVar("T")

# The events that lead to a subscription, and no others: each further kind costs the owner look-ups.
EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.refunded",
    "checkout.session.completed",
    "customer.deleted",
    "customer.discount.created",
    "customer.discount.deleted",
    "customer.discount.updated",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.resumed",
    "customer.subscription.updated",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.voided",
    "price.deleted",
    "price.updated",
    "product.deleted",
    "product.updated",
)
_KEYS_PAGE = "Stripe Dashboard > Developers > API keys"
HOOKS_PAGE = "Stripe Dashboard > Developers > Webhooks"

# What a restricted key must be allowed, by the list that shows whether it is.
PERMISSIONS = (
    ("subscriptions", "Subscriptions: write"),
    ("customers", "Customers: read"),
    ("prices", "Prices: read"),
    ("invoices", "Invoices: read"),
    ("checkout/sessions", "Checkout Sessions: write"),
    ("billing_portal/configurations", "Customer portal: write"),
    ("coupons", "Coupons: read"),
    ("charges", "Charges and Refunds: write"),
    ("payment_intents", "PaymentIntents: read"),
    ("disputes", "Disputes: read"),
    ("events", "Events: read"),
)


class Setup:
    """Looks at one account."""

    def __init__(self, api: Api, portals: Portals, account: str) -> None:
        self._api = api
        self._portals = portals
        self._account = account

    async def check(self, plans: Sequence[Plan], webhook_url: str) -> list[Finding]:
        """A fault of Stripe itself is a finding too: whoever asks for a check wants to read, not to fail."""
        try:
            async with in_time("check"):
                key = await self._check_key()
                if not key[0].ok:
                    return key
                endpoints = await self._check_endpoints(webhook_url)
                guilds = sorted({plan.guild_id for plan in plans})
                on_sale = [(p, price) for p in plans if not p.removed_at and (price := p.price_at(NAME))]
                looks = [of_server(plan.guild_id, self._check_price(plan, price)) for plan, price in on_sale]
                looks += [of_server(guild, self._check_portal(guild)) for guild in guilds]
                return [*key, *endpoints, *await _together(looks)]
        except ProviderError as error:
            return [Finding("Stripe", False, f"The check could not be finished: {error.tell}", _again(error))]

    async def fix(self, what: str) -> None:
        """Carry out a cure by the name that `check` gave it."""
        kind, _, of = what.rpartition(":")
        match kind:
            case "stripe:portal" if of.isdigit():
                await self._portals.repair(int(of))
            case "stripe:events":
                endpoint = await self._api.get(path("webhook_endpoints", of))
                both = sorted({*_events_of(endpoint), *EVENTS})
                await self._api.post(path("webhook_endpoints", of), enabled_events=both)
            case "stripe:enable":
                await self._api.post(path("webhook_endpoints", of), disabled=False)
            case _:
                raise ProviderRefused("There is nothing of that name to put right.")

    async def _check_key(self) -> list[Finding]:
        probes = await _together([self._probe(where) for where, _ in PERMISSIONS])
        if 401 in probes:
            return [_bad_key()]
        missing = [name for (_, name), status in zip(PERMISSIONS, probes, strict=True) if status == 403]
        mode = "live mode: payments are real" if self._account == "live" else "test mode: no money moves"
        found = [Finding("Stripe key", True, f"Stripe accepts the key, in {mode}.")]
        if missing:
            cure = f"In {_KEYS_PAGE} edit the key and allow {', '.join(missing)}."
            found.append(Finding("Stripe permissions", False, "The key may not do all that is needed.", cure))
        return found

    async def _probe(self, where: str) -> int:
        """The status of looking at a list: 403 says that the key may not."""
        try:
            await self._api.first(where, limit=1)
        except Refused as refused:
            return refused.status
        return 200

    async def _check_endpoints(self, webhook_url: str) -> list[Finding]:
        try:
            known = await self._api.every("webhook_endpoints")
        except Refused:
            cure = f"In {_KEYS_PAGE} allow Webhook Endpoints: read, or look there yourself for {webhook_url}."
            return [Finding("Stripe webhook", False, "The key may not look at the webhook endpoints.", cure)]
        ours = [one for one in known if maybe(one, "url", str) == webhook_url]
        if not ours:
            cure = (
                f"In {HOOKS_PAGE} add an endpoint with this URL and the events {', '.join(EVENTS)}; "
                "then put its signing secret into STRIPE_WEBHOOK_SECRET and start the bot again."
            )
            says = f"No webhook endpoint leads to {webhook_url}, so payments are noticed only by the sweep."
            return [Finding("Stripe webhook", False, says, cure)]
        return [_judge_endpoint(one) for one in ours]

    async def _check_price(self, plan: Plan, known: Price) -> Finding:
        what, cure = f"Price of {plan.name}", "Choose another price with /plans edit."
        if known.account != self._account:
            says = f"The price belongs to {known.account} mode, the key to {self._account} mode."
            return Finding(what, False, says, cure)
        try:
            price = await self._api.get(path("prices", known.id), expand=["product"])
        except ProviderNotFound:
            return Finding(what, False, f"Stripe knows no price {known.id}.", cure)
        if not need(price, "active", bool):
            return Finding(what, False, "The price is archived at Stripe, nobody can subscribe.", cure)
        product = maybe(price, "product", object)
        if isinstance(product, dict) and maybe(product, "active", bool) is False:
            cure = "Take the product out of the archive in Stripe, or choose another price with /plans edit."
            return Finding(what, False, "The product is archived at Stripe, nobody can subscribe.", cure)
        return Finding(what, True, "The price is on sale at Stripe.")

    async def _check_portal(self, guild_id: int) -> Finding:
        what = "Stripe portal"
        wrong = await self._portals.wrong(guild_id)
        if wrong is None:
            return Finding(what, True, "Its settings are made by the bot when somebody first needs them.")
        if not wrong:
            return Finding(what, True, "Members can manage everything that they should.")
        says = f"Its settings were changed in {', '.join(wrong)}."
        return Finding(what, False, says, "Let the bot put them right.", f"stripe:portal:{guild_id}")


async def _together(calls: Sequence[Awaitable[T]]) -> list[T]:
    """All answers, or the first fault once every call is over."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]


def _bad_key() -> Finding:
    cure = f"Copy the secret key from {_KEYS_PAGE} into STRIPE_API_KEY and start the bot again."
    return Finding("Stripe key", False, "Stripe does not accept STRIPE_API_KEY.", cure)


def _again(error: ProviderError) -> str:
    if isinstance(error, ProviderUnavailable):
        return "Try again in a few minutes; status.stripe.com tells of outages."
    return "Look at the log, which names what Stripe refused."


def _judge_endpoint(endpoint: Answer) -> Finding:
    what, id_ = "Stripe webhook", need(endpoint, "id", str)
    cure = f"Change it in {HOOKS_PAGE}, or let the bot do it."
    if need(endpoint, "status", str) != "enabled":
        return Finding(what, False, "The webhook endpoint is switched off.", cure, f"stripe:enable:{id_}")
    events = _events_of(endpoint)
    missing = [] if "*" in events else sorted(set(EVENTS) - set(events))
    if missing:
        says = f"The webhook endpoint does not send {', '.join(missing)}."
        return Finding(what, False, says, cure, f"stripe:events:{id_}")
    named = maybe(endpoint, "api_version", str)
    version = f"API version {named}" if named else "your account's API version"
    return Finding(what, True, f"The webhook endpoint sends all that is needed, in {version}.")


def _events_of(endpoint: Answer) -> list[Any]:
    found: list[Any] = need(endpoint, "enabled_events", list)
    return found
