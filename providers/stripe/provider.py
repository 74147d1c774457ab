"""Implements the Provider port for Stripe: subscriptions, checkouts, payments, disputes and set-up checks."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from billing.errors import ProviderMisread, ProviderNotFound, ProviderRefused
from billing.model import (
    Binding,
    BoundBy,
    DisputeState,
    Event,
    Finding,
    Money,
    Payment,
    Plan,
    Price,
    Status,
    Subject,
    Subscription,
)
from billing.model.translatable_text import Text
from billing.ports import (
    ALL,
    CheckoutFound,
    CheckoutOrder,
    Clock,
    Failure,
    ListPart,
    Meter,
    NamedPrice,
    PaceState,
    PaymentPage,
    PortalOptions,
    Values,
)
from providers.base import Answer, bounded, id_for_log, maybe, need
from providers.kept_ids import KeptIds
from providers.pace import Pace
from providers.stripe import payments
from providers.stripe.api import Api, NotKnown, Refused, path
from providers.stripe.checkout import checkout_params
from providers.stripe.complete_subscription import SubscriptionLoader
from providers.stripe.event_list import list_events, unheard
from providers.stripe.invoice_previews import InvoicePreviews
from providers.stripe.mapping import NAME, map_checkout, map_dispute, map_subscription, maybe_id
from providers.stripe.own_account import OwnAccount, account_of
from providers.stripe.payment_failures import fetch_failure
from providers.stripe.portal import Portals
from providers.stripe.price_list import fetch_price, list_prices
from providers.stripe.setup import Setup
from providers.stripe.webhook import HEADER, authenticate, read_header

log = logging.getLogger(__name__)

_INVOICE = ["latest_invoice"]


class StripeProvider:
    """One Stripe account, in the mode of its key. Call `close` when done."""

    name, title = NAME, "Stripe"
    keeps_period = closes_pages = lists_all = True

    def __init__(
        self,
        api_key: str,
        webhook_secrets: tuple[str, ...],
        api_url: str | None,
        clock: Clock,
        meter: Meter | None = None,
        kept: Values | None = None,
    ) -> None:
        self.account = account_of(api_key)
        self.webhook_print = hashlib.sha256(",".join(sorted(webhook_secrets)).encode()).hexdigest()[:16]
        self._webhook_secrets = webhook_secrets
        self._pace = Pace(f"{NAME}:{self.account}", clock, meter)
        self._api = Api(api_key, api_url, clock, self._pace)
        ids = KeptIds(kept, f"{NAME}:{self.account}")
        self._portals, self._loader = Portals(self._api, clock, ids), SubscriptionLoader(self._api, clock)
        self._previews = InvoicePreviews(self._api, clock)
        self._own_account = OwnAccount(self._api, clock, ids)
        self._setup = Setup(self._api, self._portals, self.account, self._own_account)

    @property
    def clock_skew(self) -> float | None:
        """Return the seconds by which this machine's clock is ahead of Stripe's; None before any answer."""
        return self._api.clock_skew

    @property
    def pace(self) -> PaceState:
        """Return the current pace of calls under Stripe's rate limits."""
        return self._pace.state

    def judge(self, headers: Mapping[str, str], now: float) -> None:
        """Raise NotAuthentic if `Stripe-Signature` is unreadable or too old, without reading the body."""
        read_header(headers.get(HEADER, ""), now)

    async def authenticate(self, body: bytes, headers: Mapping[str, str], now: float) -> list[Event]:
        """Return the events in a notification; none if they belong to another mode or another account.

        Raises NotAuthentic and Malformed as `webhook.authenticate` does.
        """
        signed = authenticate(body, headers, now, self._webhook_secrets, self.account)
        return [
            one.event
            for one in signed
            if not one.origin or await self._own_account.owns(one.origin, connected=one.connected)
        ]

    @bounded
    async def fetch_subscription(self, subscription_id: str) -> Subscription:
        """Fetch a subscription, usually in one call.

        Further items, a coupon that was not seen before and an unpaid invoice cost further calls.
        """
        data = await self._loader.fetch(subscription_id)
        needs_action = await payments.needs_action(self._api, data)
        return replace(self._map(data), needs_action=needs_action)

    @bounded
    async def locate(self, subject: Subject) -> list[str]:
        """Return the ids of the subscriptions that the event's object is about.

        None for prices and products, whose subscriptions the ledger knows.
        """
        return await payments.locate(self._api, subject)

    @bounded
    async def fetch_checkout(self, subscription_id: str) -> CheckoutFound | None:
        """Return the Checkout Session that created a subscription; None if there was no session.

        Each listed session is checked again for this subscription, because it decides who gets the roles.
        """
        listed = await self._api.first("checkout/sessions", subscription=subscription_id)
        found = (map_checkout(one) for one in listed)
        return next((one for one in found if one.subscription_id == subscription_id), None)

    async def was_charged_back(self, dispute_id: str) -> bool:
        """Return True: at Stripe a dispute that is only an inquiry never becomes `lost`."""
        return True

    @bounded
    async def fetch_dispute(self, dispute_id: str) -> tuple[str | None, DisputeState]:
        """Return the first subscription that the disputed payment was for, and the dispute's state."""
        dispute = await self._api.get(path("disputes", dispute_id))
        found = await payments.locate_payment(self._api, dispute)
        if not found and maybe_id(dispute, "payment_intent") is None:
            found = await payments.locate(self._api, Subject("charge", maybe_id(dispute, "charge") or ""))
        return (found[0] if found else None), map_dispute(dispute)

    async def list_disputes(self) -> AsyncIterator[tuple[str, DisputeState]]:
        """Yield every dispute, a hundred per call. Unreadable ones are logged and left out."""
        async for page in self._api.pages("disputes"):
            for data in page:
                try:
                    yield need(data, "id", str), map_dispute(data)
                except ProviderMisread as error:
                    log.warning("Left out dispute %s: %s", id_for_log(data), error)

    async def list_subscriptions(
        self, known: Sequence[str] = (), part: ListPart = ALL
    ) -> AsyncIterator[Subscription]:
        """Yield every subscription, a hundred per call. Unreadable ones are logged and left out."""
        async for page in self._loader.pages(part):
            for data in page:
                try:
                    yield self._map(await self._loader.complete(data))
                except ProviderMisread as error:
                    log.warning("Left out subscription %s: %s", id_for_log(data), error)

    def list_events(self, since: int, webhook_url: str) -> AsyncIterator[Event]:
        """Yield the account's relevant events since `since` (unix seconds), newest first."""
        return list_events(self._api, since, webhook_url, self.account)

    def unheard(self, *, refused: bool) -> Finding:
        """Return the finding that notifications do not arrive, with its fix."""
        return unheard(refused=refused)

    @bounded
    async def fetch_price(self, price_id: str) -> Price:
        """Fetch a price. Raises ProviderRefused for a one-time price, ProviderNotFound for an unknown id."""
        return await fetch_price(self._api, self.account, price_id)

    @bounded
    async def list_prices(self) -> list[NamedPrice]:
        """List the newest prices that can be sold, with the names of their products."""
        return await list_prices(self._api, self.account)

    @bounded
    async def start_checkout(self, order: CheckoutOrder) -> PaymentPage:
        """Create a Checkout Session.

        Stripe refuses a customer that is deleted or tied to another currency by a running subscription. The
        session is then created without a customer.
        """
        params, key = checkout_params(order), order.checkout.id
        if order.customer_id is not None:
            try:
                return await self._open_page(key, {"customer": order.customer_id, **params})
            except Refused as refused:
                if refused.status not in (400, 404):
                    raise
                log.info("Creating the checkout without the known customer: %s", refused)
                key = f"{key}-anew"
        return await self._open_page(key, params)

    async def _open_page(self, key: str, params: Mapping[str, Any]) -> PaymentPage:
        session = await self._api.post("checkout/sessions", key, **params)
        return PaymentPage(
            need(session, "id", str), need(session, "url", str), maybe(session, "expires_at", int)
        )

    async def list_paid(self, since: int) -> AsyncIterator[str]:
        """Yield nothing: Stripe lists every subscription, so payments need not be searched."""
        for found in list[str]():
            yield found

    def lacks_payer(self, subscription: Subscription, whose: Binding, bound_by: BoundBy) -> bool:
        """Return False: the metadata names the member from the purchase on."""
        return False

    async def write_payer(self, subscription_id: str, whose: Binding) -> None:
        """Do nothing: the metadata already names the member."""

    @bounded
    async def fetch_page(self, page_id: str) -> str | None:
        """Return the subscription that a Checkout Session led to; None if there is none yet."""
        return maybe_id(await self._api.get(path("checkout", "sessions", page_id)), "subscription")

    @bounded
    async def close_page(self, page_id: str) -> None:
        """Expire the Checkout Session; do nothing if it is already complete or expired."""
        try:
            await self._api.post(path("checkout", "sessions", page_id, "expire"), f"close-{page_id}")
        except Refused as refused:
            if refused.status not in (400, 404):
                raise

    @bounded
    async def manage_link(self, subscription: Subscription, options: PortalOptions) -> str:
        """Return a link to the billing portal's home page, which lists all of the customer's subscriptions.

        Stripe's deep links lead to a single action of one subscription and hide everything else
        (docs.stripe.com/customer-management/portal-deep-links, 2026-11). If Stripe refuses the server's own
        settings, the page opens with the account's default ones, so that members can always cancel.
        """
        try:
            return await self._portal_link(subscription, options)
        except Refused as refused:
            if refused.param == "customer":
                raise ProviderNotFound(Text("error.stripe.customer_gone"), detail=str(refused)) from None
            if refused.status not in (400, 403, 404):
                raise
        self._portals.forget(options.settings.guild_id)  # somebody may have deactivated its configuration
        try:
            return await self._portal_link(subscription, options)
        except Refused as refused:
            log.warning(
                "Opening the portal of server %s with Stripe's default settings: %s",
                options.settings.guild_id,
                refused,
            )
            return await self._portal_session(subscription, options)

    async def _portal_link(self, subscription: Subscription, options: PortalOptions) -> str:
        configuration = await self._portals.ensure(options)
        return await self._portal_session(subscription, options, configuration=configuration)

    async def _portal_session(self, subscription: Subscription, options: PortalOptions, **more: str) -> str:
        customer, back = subscription.customer_id, options.return_url
        session = await self._api.post("billing_portal/sessions", customer=customer, return_url=back, **more)
        return need(session, "url", str)

    @bounded
    async def cancel_at_period_end(self, subscription: Subscription, key: str) -> Subscription:
        """Stop the renewal. A subscription that was never paid has no period to keep, so it ends now."""
        data, now = await self._look(subscription)
        if now.status is Status.ENDED or now.ends_with_period:
            return now
        if now.status is Status.PENDING:
            return await self._end(data)
        await self._release_schedule(data, key)
        return await self._change(data, key, cancel_at_period_end=True)

    @bounded
    async def cancel_now(self, subscription: Subscription, key: str) -> Subscription:
        """End the subscription at once, without a final invoice or a credit for the rest of the period."""
        data, now = await self._look(subscription)
        if now.status is Status.ENDED:
            return now
        await self._release_schedule(data, key)
        return await self._end(data)

    @bounded
    async def resume(self, subscription: Subscription, key: str) -> Subscription:
        """Let the subscription renew again. Raises ProviderRefused if it has already ended."""
        data, now = await self._look(subscription)
        if now.status is Status.ENDED:
            raise ProviderRefused(
                Text("error.stripe.subscription_ended"), detail=f"resume: {now.provider_status}"
            )
        if now.ends_at is None:
            return now
        if await self._release_schedule(data, key):  # the schedule alone may have set the end
            data, now = await self._look(subscription)
            if now.ends_at is None:
                return now
        if maybe(data, "cancel_at_period_end", bool):
            return await self._change(data, key, cancel_at_period_end=False)
        return await self._change(data, key, cancel_at="")

    @bounded
    async def fetch_failure(self, subscription: Subscription) -> Failure | None:
        """Return why the newest open invoice was not paid; None if no invoice is open."""
        return await fetch_failure(self._api, subscription.key.id)

    @bounded
    async def fetch_last_payment(self, subscription: Subscription) -> Payment | None:
        """Return the last payment; None if there is none, or if it was made outside of Stripe."""
        return await payments.fetch_last_payment(self._api, subscription.key.id)

    @bounded
    async def preview_charge(self, subscription: Subscription) -> Money | None:
        """Return the next invoice's amount, as Stripe previews it; None if the key may not make previews."""
        return await self._previews.ask(subscription)

    @bounded
    async def fetch_payment_link(self, subscription: Subscription) -> str | None:
        """Return Stripe's page for paying the last invoice; None unless that invoice is open."""
        data = await self._api.get(path("subscriptions", subscription.key.id), expand=_INVOICE)
        invoice = maybe(data, "latest_invoice", dict) or {}
        return maybe(invoice, "hosted_invoice_url", str) if maybe(invoice, "status", str) == "open" else None

    @bounded
    async def refund(self, payment: Payment, key: str) -> Payment:
        """Refund whatever is left of the payment to the original payment method."""
        return await payments.refund(self._api, payment, key)

    async def check(self, plans: Sequence[Plan], webhook_url: str) -> list[Finding]:
        """Check the key, its permissions, the webhook endpoint, the prices and the portal."""
        return await self._setup.check(plans, webhook_url)

    @bounded
    async def fix(self, what: str, plans: Sequence[Plan], webhook_url: str) -> None:
        """Repair the problem that a finding named: the webhook endpoint or a portal configuration."""
        await self._setup.fix(what)

    async def close(self) -> None:
        """Close the connections to Stripe."""
        await self._api.close()

    async def _look(self, subscription: Subscription) -> tuple[Answer, Subscription]:
        data = await self._loader.fetch(subscription.key.id)
        return data, self._map(data)

    def _map(self, data: Answer) -> Subscription:
        return map_subscription(data, self.account, self._loader.coupons)

    async def _change(self, before: Answer, key: str, **params: Any) -> Subscription:
        where = path("subscriptions", need(before, "id", str))
        return await self._after(before, await self._api.post(where, key, expand=_INVOICE, **params))

    async def _after(self, before: Answer, data: Answer) -> Subscription:
        """Map the answer to a change, with the expanded fields of `before` that stay as they were."""
        kept = {name: before[name] for name in ("customer", "discounts", "items") if name in before}
        return self._map(await self._loader.complete({**data, **kept}))

    async def _end(self, before: Answer) -> Subscription:
        name = need(before, "id", str)
        try:
            return await self._after(
                before, await self._api.delete(path("subscriptions", name), expand=_INVOICE)
            )
        except NotKnown:
            # Stripe also answers like this for a subscription that has already ended.
            now = self._map(await self._loader.fetch(name))
            if now.status is not Status.ENDED:
                raise
            return now

    async def _release_schedule(self, data: Answer, key: str) -> bool:
        """Detach the subscription's schedule; False if it has none.

        Stripe refuses to change the end of a subscription that a schedule manages
        (docs.stripe.com/billing/subscriptions/subscription-schedules, 2026-11).
        """
        schedule = maybe_id(data, "schedule")
        if schedule is None:
            return False
        await self._api.post(path("subscription_schedules", schedule, "release"), f"{key}-release")
        return True
