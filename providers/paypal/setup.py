"""Checks the set-up of the PayPal application, and repairs what the bot can repair itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from billing.errors import ProviderError, ProviderNotFound, ProviderRefused, ProviderUnavailable
from billing.model import Finding, Plan, Price
from billing.ports import Clock
from providers.base import Answer, call_deadline, for_guild, in_time, maybe, need
from providers.paypal.api import Api, Refused, path
from providers.paypal.certs import Certificates
from providers.paypal.plans import DAY, NAME, map_price, product_of
from providers.paypal.transaction_search import ask

# The events that can change a subscription. Any other type would cost requests for nothing.
EVENTS = (
    "BILLING.PLAN.ACTIVATED",
    "BILLING.PLAN.DEACTIVATED",
    "BILLING.PLAN.PRICING-CHANGE.ACTIVATED",
    "BILLING.PLAN.UPDATED",
    "BILLING.SUBSCRIPTION.ACTIVATED",
    "BILLING.SUBSCRIPTION.CANCELLED",
    "BILLING.SUBSCRIPTION.EXPIRED",
    "BILLING.SUBSCRIPTION.PAYMENT.FAILED",
    "BILLING.SUBSCRIPTION.RE-ACTIVATED",
    "BILLING.SUBSCRIPTION.SUSPENDED",
    "BILLING.SUBSCRIPTION.UPDATED",
    "CUSTOMER.DISPUTE.CREATED",
    "CUSTOMER.DISPUTE.RESOLVED",
    "CUSTOMER.DISPUTE.UPDATED",
    "PAYMENT.SALE.COMPLETED",
    "PAYMENT.SALE.REFUNDED",
    "PAYMENT.SALE.REVERSED",
)
APPS = "developer.paypal.com > Apps & Credentials"
_CALLS = "developer.paypal.com > Event Logs > API Calls"
_FIX_WEBHOOK = "paypal:webhook:"


class Setup:
    """Checks and repairs the set-up of one account."""

    def __init__(
        self,
        api: Api,
        certificates: Certificates,
        webhook_ids: Sequence[str],
        account: str,
        clock: Clock,
        *,
        search: bool,
    ) -> None:
        self._api = api
        self._certificates = certificates
        self._webhook_ids = webhook_ids
        self._account = account
        self._clock = clock
        self._search = search

    async def check(self, plans: Sequence[Plan], webhook_url: str) -> list[Finding]:
        """Check everything. The checks run side by side, and one that fails does not stop the others."""
        ends = call_deadline()
        credentials = await self._check_credentials(ends)
        if not credentials.ok:
            return [credentials]
        on_sale = [(p, price) for p in plans if not p.removed_at and (price := p.price_at(NAME))]
        found = await asyncio.gather(
            *(
                _findings_of("PayPal webhook", self._check_webhook(one, webhook_url), ends)
                for one in self._webhook_ids
            ),
            _findings_of("PayPal disputes", self._check_disputes(), ends),
            _findings_of("PayPal transaction search", self._check_search(), ends),
            *(
                for_guild(
                    p.guild_id, _findings_of(f"PayPal plan of {p.name}", self._check_plan(p, price), ends)
                )
                for p, price in on_sale
            ),
        )
        seen = (finding for findings in found for finding in findings)
        return [credentials, *self._check_authorities(), *seen]

    async def fix(self, what: str, webhook_url: str) -> None:
        """Carry out the cure that a finding named in `fix`. Raises ProviderRefused for an unknown name."""
        webhook_id = what.removeprefix(_FIX_WEBHOOK)
        if webhook_id not in self._webhook_ids:
            raise ProviderRefused("There is nothing of that name to put right.")
        where = path("v1", "notifications", "webhooks", webhook_id)
        names = sorted({*_names(await self._api.get(where)), *EVENTS})
        types = [{"name": "*"}] if "*" in names else [{"name": name} for name in names]
        changes: list[dict[str, Any]] = [
            {"op": "replace", "path": "/url", "value": webhook_url},
            {"op": "replace", "path": "/event_types", "value": types},
        ]
        try:
            await self._api.patch(where, changes)
        except Refused as refused:
            raise ProviderRefused(
                f"PayPal does not take the address {webhook_url}: it must begin with https:// and be in use "
                "by no other webhook of the application.",
                detail=str(refused),
            ) from None

    async def _check_credentials(self, ends: float) -> Finding:
        what = "PayPal credentials"
        try:
            async with in_time("sign in", ends):
                await self._api.sign_in()
        except Refused as refused:
            if refused.status not in (400, 401, 403):
                return _unreachable(what, refused)
            cure = f"Copy client id and secret from {APPS} once more; the mode there must be {self._account}."
            says = f"PayPal does not accept them ({self._account})."
            return Finding(what, False, says, cure)
        except ProviderError as error:
            return _unreachable(what, error)
        mode = "live: payments are real" if self._account == "live" else "sandbox: no money moves"
        return Finding(what, True, f"PayPal accepts them, in {mode}.")

    def _check_authorities(self) -> list[Finding]:
        try:
            self._certificates.trusted()
        except ProviderUnavailable:
            cure = "Leave PAYPAL_CA_FILE empty, or name a PEM file of certificates."
            return [Finding("PayPal certificates", False, "PAYPAL_CA_FILE cannot be read.", cure)]
        return []

    async def _check_webhook(self, webhook_id: str, webhook_url: str) -> list[Finding]:
        what = "PayPal webhook"
        try:
            webhook = await self._api.get(path("v1", "notifications", "webhooks", webhook_id))
        except ProviderNotFound:
            cure = (
                f"In {APPS} open the application and add a webhook with the address {webhook_url} and the "
                f"events {', '.join(EVENTS)}; then put its id into PAYPAL_WEBHOOK_ID and start the bot again."
            )
            says = (
                f"The application has no webhook with the id `{webhook_id}`, which PAYPAL_WEBHOOK_ID names."
            )
            return [Finding(what, False, says, cure)]
        cure, fix = f"Change it in {APPS}, or let the bot do it.", f"{_FIX_WEBHOOK}{webhook_id}"
        if maybe(webhook, "url", str) != webhook_url:
            says = (
                f"The webhook leads elsewhere, not to {webhook_url}: payments are noticed only by the sweep."
            )
            return [Finding(what, False, says, cure, fix)]
        names = _names(webhook)
        missing = [] if "*" in names else sorted(set(EVENTS) - names)
        if missing:
            return [Finding(what, False, f"The webhook does not send {', '.join(missing)}.", cure, fix)]
        return [Finding(what, True, "The webhook sends all that is needed.")]

    async def _check_search(self) -> list[Finding]:
        """Check Transaction Search. Lacking it is a note and not a fault: it only matters after losing the
        ledger."""
        if not self._search:
            return []
        what, now = "PayPal transaction search", int(self._clock.now())
        try:
            await ask(self._api, now - DAY, now)
        except Refused as refused:
            if refused.status != 403:
                raise
            says = (
                "The application may not search transactions. Should the ledger be lost, each of PayPal's "
                "payers is found with the next notification about them; to find them at once, open it in "
                f"{APPS} and switch on Transaction Search."
            )
            return [Finding(what, True, says, note=True)]
        return [Finding(what, True, "Should the ledger be lost, PayPal's payers are found by one sweep.")]

    async def _check_disputes(self) -> list[Finding]:
        try:
            await self._api.get(path("v1", "customer", "disputes"), page_size="1")
        except Refused as refused:
            if refused.status != 403:
                raise
            says = "The application may not look at disputes, so a payment that is disputed keeps its roles."
            cure = f"In {APPS} open the application and switch on Disputes; it takes up to nine hours."
            return [Finding("PayPal disputes", False, says, cure)]
        return []

    async def _check_plan(self, plan: Plan, known: Price) -> list[Finding]:
        what, cure = f"PayPal plan of {plan.name}", "Choose another plan of PayPal's with /plans edit."
        if known.account != self._account:
            says = f"It belongs to the {known.account} account, the credentials to {self._account}."
            return [Finding(what, False, says, cure)]
        try:
            data = await self._api.get(path("v1", "billing", "plans", known.id))
        except ProviderNotFound:
            return [Finding(what, False, f"PayPal knows no plan {known.id}.", cure)]
        now = map_price(data, self._account, known.id, product_of(data, known.id))
        if not now.active:
            cure = "Activate it at PayPal, or choose another one with /plans edit."
            return [Finding(what, False, "The plan is switched off at PayPal, nobody can subscribe.", cure)]
        if _shown_price(now) != _shown_price(known):
            says = "It costs something else at PayPal than shown here."
            return [Finding(what, False, says, "Set the same plan again with /plans edit.")]
        if now.trial_days and plan.trial_days not in (None, now.trial_days):
            says = (
                f"PayPal's plan begins with {now.trial_days} free days; it cannot be sold with another trial."
            )
            return [Finding(what, False, says, "Choose one without a trial of its own with /plans edit.")]
        return [Finding(what, True, "The plan is on sale at PayPal.")]


def _shown_price(price: Price) -> tuple[object, ...]:
    """The parts of a price that members see before they pay."""
    period = (price.interval, price.interval_count)
    return price.amount, price.currency, period, price.setup_fee, price.steps


def _names(webhook: Answer) -> set[str]:
    found = maybe(webhook, "event_types", list) or []
    return {need(one, "name", str) for one in found}


async def _findings_of(what: str, look: Awaitable[list[Finding]], ends: float) -> list[Finding]:
    """The findings of `look`, or one that says why it failed."""
    try:
        async with in_time(what, ends):
            return await look
    except ProviderError as error:
        return [_unreachable(what, error)]


def _unreachable(what: str, error: ProviderError) -> Finding:
    says = f"This could not be looked at: {error}."
    cure = f"Check PAYPAL_API_URL; if it is right, {_CALLS} shows the call and PayPal's reason."
    if isinstance(error, ProviderUnavailable):
        cure = "Try again in a few minutes; www.paypal-status.com tells of outages."
    elif isinstance(error, Refused) and error.status == 403:
        says = "The application may not look at this."
        cure = f"In {APPS} open the application and switch on what docs/setup-paypal.md names."
    return Finding(what, False, says, cure)
