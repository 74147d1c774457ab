"""Checks the set-up of the Stripe account, and repairs what the bot can repair itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from billing.errors import ProviderError, ProviderNotFound, ProviderRefused, ProviderUnavailable
from billing.model import Finding, Plan, Price
from providers.base import Answer, call_deadline, for_guild, in_time, maybe, need
from providers.stripe.account import OwnAccount
from providers.stripe.api import Api, Refused, path
from providers.stripe.mapping import NAME
from providers.stripe.portal import Portals

# The events that can change a subscription. Any other type would cost requests for nothing.
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
_LOGS_PAGE = "Stripe Dashboard > Developers > Logs"

# The permissions that a restricted key needs, each with the list that the bot requests to test it.
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
    """Checks and repairs the set-up of one account."""

    def __init__(self, api: Api, portals: Portals, account: str, own_account: OwnAccount) -> None:
        self._api = api
        self._portals = portals
        self._account = account
        self._own_account = own_account

    async def check(self, plans: Sequence[Plan], webhook_url: str) -> list[Finding]:
        """Check everything. The checks run side by side, and one that fails does not stop the others."""
        ends = call_deadline()
        key = await self._check_key(ends)
        if not key[0].ok:
            return key
        guilds = sorted({plan.guild_id for plan in plans})
        on_sale = [(p, price) for p in plans if not p.removed_at and (price := p.price_at(NAME))]
        found = await asyncio.gather(
            _findings_of(
                "Stripe webhook", "Webhook Endpoints: read", self._check_endpoints(webhook_url), ends
            ),
            *(
                for_guild(
                    plan.guild_id,
                    _findings_of(
                        f"Price of {plan.name}", "Prices: read", self._check_price(plan, price), ends
                    ),
                )
                for plan, price in on_sale
            ),
            *(
                for_guild(
                    guild,
                    _findings_of("Stripe portal", "Customer portal: write", self._check_portal(guild), ends),
                )
                for guild in guilds
            ),
        )
        return [*key, *self._own_account.findings(), *(finding for findings in found for finding in findings)]

    async def fix(self, what: str) -> None:
        """Carry out the cure that a finding named in `fix`. Raises ProviderRefused for an unknown name."""
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

    async def _check_key(self, ends: float) -> list[Finding]:
        met = await asyncio.gather(*(self._probe(where, ends) for where, _ in PERMISSIONS))
        statuses = [error.status if isinstance(error, Refused) else 0 for error in met]
        if 401 in statuses:
            return [_bad_key()]
        if None not in met and 403 not in statuses:
            return [_unreachable("Stripe key", "", met[0])]
        mode = "live mode: payments are real" if self._account == "live" else "test mode: no money moves"
        found = [Finding("Stripe key", True, f"Stripe accepts the key, in {mode}.")]
        missing = [name for (_, name), status in zip(PERMISSIONS, statuses, strict=True) if status == 403]
        if missing:
            found.append(_not_allowed("Stripe permissions", ", ".join(missing)))
        others = [(name, error) for (_, name), error in zip(PERMISSIONS, met, strict=True) if error]
        unclear = [(name, error) for name, error in others if name not in missing]
        if unclear:
            name, error = unclear[0]
            more = f" and {len(unclear) - 1} more" if len(unclear) > 1 else ""
            found.append(_unreachable("Stripe permissions", f"{name}{more}", error))
        return found

    async def _probe(self, where: str, ends: float) -> ProviderError | None:
        """The error that requesting a list raised, if any. A refusal with 403 means that the key may not read
        it."""
        try:
            async with in_time(f"GET {where}", ends):
                await self._api.first(where, limit=1)
        except ProviderError as error:
            return error
        return None

    async def _check_endpoints(self, webhook_url: str) -> list[Finding]:
        known = await self._api.every("webhook_endpoints")
        ours = [one for one in known if maybe(one, "url", str) == webhook_url]
        if not ours and self._own_account.heard:
            return [
                Finding("Stripe webhook", True, "An organisation's destination sends this account's events.")
            ]
        if not ours:
            cure = (
                f"In {HOOKS_PAGE} add an endpoint with this URL and the events {', '.join(EVENTS)}; "
                "then put its signing secret into STRIPE_WEBHOOK_SECRET and start the bot again."
            )
            says = f"No webhook endpoint leads to {webhook_url}, so payments are noticed only by the sweep."
            return [Finding("Stripe webhook", False, says, cure)]
        return [_endpoint_finding(one) for one in ours]

    async def _check_price(self, plan: Plan, known: Price) -> list[Finding]:
        what, cure = f"Price of {plan.name}", "Choose another price with /plans edit."
        if known.account != self._account:
            says = f"The price belongs to {known.account} mode, the key to {self._account} mode."
            return [Finding(what, False, says, cure)]
        try:
            price = await self._api.get(path("prices", known.id), expand=["product"])
        except ProviderNotFound:
            return [Finding(what, False, f"Stripe knows no price {known.id}.", cure)]
        if not need(price, "active", bool):
            return [Finding(what, False, "The price is archived at Stripe, nobody can subscribe.", cure)]
        product = maybe(price, "product", object)
        if isinstance(product, dict) and maybe(product, "active", bool) is False:
            cure = "Take the product out of the archive in Stripe, or choose another price with /plans edit."
            return [Finding(what, False, "The product is archived at Stripe, nobody can subscribe.", cure)]
        return [Finding(what, True, "The price is on sale at Stripe.")]

    async def _check_portal(self, guild_id: int) -> list[Finding]:
        what = "Stripe portal"
        wrong = await self._portals.wrong(guild_id)
        if wrong is None:
            return [Finding(what, True, "Its settings are made by the bot when somebody first needs them.")]
        if not wrong:
            return [Finding(what, True, "Members can manage everything that they should.")]
        says = f"Its settings were changed in {', '.join(wrong)}."
        return [Finding(what, False, says, "Let the bot put them right.", f"stripe:portal:{guild_id}")]


async def _findings_of(what: str, needed: str, look: Awaitable[list[Finding]], ends: float) -> list[Finding]:
    """The findings of `look`, or one that says why it failed. `needed`: the permission that it takes."""
    try:
        async with in_time(what, ends):
            return await look
    except Refused as refused:
        if refused.status == 403:
            return [_not_allowed(what, needed)]
        return [_unreachable(what, "", refused)]
    except ProviderError as error:
        return [_unreachable(what, "", error)]


def _bad_key() -> Finding:
    cure = f"Copy the secret key from {_KEYS_PAGE} into STRIPE_API_KEY and start the bot again."
    return Finding("Stripe key", False, "Stripe does not accept STRIPE_API_KEY.", cure)


def _not_allowed(what: str, needed: str) -> Finding:
    cure = f"In {_KEYS_PAGE} edit the key and allow {needed}."
    return Finding(what, False, "The key may not do all that is needed.", cure)


def _unreachable(what: str, of: str, error: ProviderError | None) -> Finding:
    """The finding that a check failed. `of`: the part that failed; '' for all of it."""
    says = f"This could not be looked at{f' ({of})' if of else ''}: {error}."
    cure = f"Check STRIPE_API_URL; if it is right, {_LOGS_PAGE} shows the request and Stripe's reason."
    if isinstance(error, ProviderUnavailable):
        cure = "Try again in a few minutes; status.stripe.com tells of outages."
    return Finding(what, False, says, cure)


def _endpoint_finding(endpoint: Answer) -> Finding:
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
