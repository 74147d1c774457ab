"""Stripe behind the Provider port."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from billing.errors import ProviderMisread, ProviderNotFound, ProviderRefused
from billing.model import (
    Binding,
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
from billing.ports import CheckoutFound, CheckoutOrder, Clock, Failure, Meter, PaymentPage, PortalOptions
from billing.rules.names import plain_name
from providers.base import Answer, bounded, called, maybe, member_of, need, returning, server_of
from providers.stripe import payments
from providers.stripe.account import Home, account_of
from providers.stripe.api import Api, Missing, Refused, path
from providers.stripe.complete_subscription import Whole
from providers.stripe.event_list import list_events, unheard
from providers.stripe.failures import fetch_failure
from providers.stripe.invoice_previews import Previews
from providers.stripe.mapping import (
    NAME,
    map_checkout,
    map_dispute,
    map_price,
    map_subscription,
    maybe_id,
)
from providers.stripe.portal import Portals
from providers.stripe.setup import Setup
from providers.stripe.webhook import HEADER, authenticate, read_header

log = logging.getLogger(__name__)

_INVOICE = ["latest_invoice"]


class StripeProvider:
    """One account at Stripe, in the mode of its key. `close` when done."""

    name = NAME
    title = "Stripe"
    keeps_period = True
    closes_pages = True
    lists_all = True

    def __init__(
        self,
        api_key: str,
        webhook_secrets: tuple[str, ...],
        api_url: str | None,
        clock: Clock,
        meter: Meter | None = None,
    ) -> None:
        self.account = account_of(api_key)
        self.webhook_print = hashlib.sha256(",".join(sorted(webhook_secrets)).encode()).hexdigest()[:16]
        self._webhook_secrets = webhook_secrets
        self._api = Api(api_key, api_url, clock, meter)
        self._portals, self._whole = Portals(self._api, clock), Whole(self._api, clock)
        self._previews, self._home = Previews(self._api, clock), Home(self._api, clock)
        self._setup = Setup(self._api, self._portals, self.account, self._home)

    @property
    def clock_skew(self) -> float | None:
        """By Stripe's last answer."""
        return self._api.clock_skew

    def judge(self, headers: Mapping[str, str], now: float) -> None:
        """By `Stripe-Signature` alone."""
        read_header(headers.get(HEADER, ""), now)

    async def authenticate(self, body: bytes, headers: Mapping[str, str], now: float) -> list[Event]:
        """See providers/stripe/webhook.py. None where it is of another account than the key's."""
        signed = authenticate(body, headers, now, self._webhook_secrets, self.account)
        return [
            one.event
            for one in signed
            if not one.origin or await self._home.owns(one.origin, connected=one.connected)
        ]

    @bounded
    async def fetch_subscription(self, subscription_id: str) -> Subscription:
        """One call; a second where the subscription has more than one page of items, a coupon that was not
        seen before, or a payment that is owed."""
        data = await self._whole.fetch(subscription_id)
        needs_action = await payments.needs_action(self._api, data)
        return replace(self._map(data), needs_action=needs_action)

    @bounded
    async def locate(self, subject: Subject) -> list[str]:
        """By the object's own links. Prices and products are found in the ledger, not here."""
        return await payments.locate(self._api, subject)

    @bounded
    async def fetch_checkout(self, subscription_id: str) -> CheckoutFound | None:
        """The Checkout Session that made it; None for one made by hand or through the API.

        What the list holds is looked at again: it decides who gets the roles."""
        listed = await self._api.first("checkout/sessions", subscription=subscription_id)
        found = (map_checkout(one) for one in listed)
        return next((one for one in found if one.subscription_id == subscription_id), None)

    async def was_charged_back(self, dispute_id: str) -> bool:
        """Always: an inquiry is never `lost` at Stripe."""
        return True

    @bounded
    async def fetch_dispute(self, dispute_id: str) -> tuple[str | None, DisputeState]:
        """The first subscription that the disputed payment was for, and where the dispute stands."""
        dispute = await self._api.get(path("disputes", dispute_id))
        found = await payments.locate_payment(self._api, dispute)
        if not found and maybe_id(dispute, "payment_intent") is None:
            found = await payments.locate(self._api, Subject("charge", maybe_id(dispute, "charge") or ""))
        return (found[0] if found else None), map_dispute(dispute)

    async def list_disputes(self) -> AsyncIterator[tuple[str, DisputeState]]:
        """A hundred a call."""
        async for page in self._api.pages("disputes"):
            for data in page:
                try:
                    yield need(data, "id", str), map_dispute(data)
                except ProviderMisread as error:
                    log.warning("Left out dispute %s: %s", called(data), error)

    async def list_subscriptions(self, known: Sequence[str] = ()) -> AsyncIterator[Subscription]:
        """A hundred a call. One that cannot be read is left out, and said so in the log."""
        async for page in self._whole.pages():
            for data in page:
                try:
                    yield self._map(await self._whole.complete(data))
                except ProviderMisread as error:
                    log.warning("Left out subscription %s: %s", called(data), error)

    def list_events(self, since: int, webhook_url: str) -> AsyncIterator[Event]:
        """See providers/stripe/event_list.py."""
        return list_events(self._api, since, webhook_url, self.account)

    def unheard(self, *, refused: bool) -> Finding:
        """See providers/stripe/event_list.py."""
        return unheard(refused=refused)

    @bounded
    async def fetch_price(self, price_id: str) -> Price:
        """ProviderRefused where the price is paid only once."""
        try:
            found = await self._api.get(path("prices", price_id), expand=["product"])
            return map_price(found, self.account)
        except ProviderNotFound as error:
            raise ProviderNotFound(
                f"Stripe knows no price `{price_id[:80]}` in {self.account} mode. In the Dashboard open the "
                "product and copy the id of its price; it begins with `price_`.",
                detail=str(error),
            ) from None

    @bounded
    async def start_checkout(self, order: CheckoutOrder) -> PaymentPage:
        """A Checkout Session. A customer whom Stripe does not take for it is left out: deleted, or tied to
        another currency by a running subscription."""
        params, key = _checkout_params(order), order.checkout.id
        if order.customer_id is not None:
            try:
                return await self._open_page(key, {"customer": order.customer_id, **params})
            except Refused as refused:
                if refused.status not in (400, 404):
                    raise
                log.info("Checkout without the known customer: %s", refused)
                key = f"{key}-anew"
        return await self._open_page(key, params)

    async def _open_page(self, key: str, params: Mapping[str, Any]) -> PaymentPage:
        session = await self._api.post("checkout/sessions", key, **params)
        return PaymentPage(
            need(session, "id", str), need(session, "url", str), maybe(session, "expires_at", int)
        )

    async def list_paid(self, since: int) -> AsyncIterator[str]:
        """Its list has all."""
        for found in list[str]():
            yield found

    def lacks_payer(self, subscription: Subscription) -> bool:
        """The metadata shows it from the purchase on."""
        return False

    async def write_payer(self, subscription_id: str, whose: Binding) -> None:
        """Nothing is left to write."""

    @bounded
    async def fetch_page(self, page_id: str) -> str | None:
        """The Checkout Session's own word."""
        return maybe_id(await self._api.get(path("checkout", "sessions", page_id)), "subscription")

    @bounded
    async def close_page(self, page_id: str) -> None:
        """Expire the Checkout Session; Stripe refuses it for one that is complete or expired."""
        try:
            await self._api.post(path("checkout", "sessions", page_id, "expire"), f"close-{page_id}")
        except Refused as refused:
            if refused.status not in (400, 404):
                raise

    @bounded
    async def manage_link(self, subscription: Subscription, wish: PortalOptions) -> str:
        """A session of the billing portal, on its home page: it lists the customer's subscriptions, each with
        its own buttons. Stripe's deep links lead to one subscription, but to one action of it only, and hide
        the rest (docs.stripe.com/customer-management/portal-deep-links, 2026-11). Where Stripe refuses the
        server's own settings, the page comes with the account's: a way to cancel all the same."""
        try:
            return await self._portal_link(subscription, wish)
        except Refused as refused:
            if refused.param == "customer":
                raise ProviderNotFound(
                    "This customer no longer exists at Stripe, so there is nothing left to manage there.",
                    detail=str(refused),
                ) from None
            if refused.status not in (400, 403, 404):
                raise
        self._portals.forget(wish.settings.guild_id)  # its configuration may have been switched off meanwhile
        try:
            return await self._portal_link(subscription, wish)
        except Refused as refused:
            log.warning(
                "Portal of server %s with Stripe's default settings: %s", wish.settings.guild_id, refused
            )
            return await self._portal_session(subscription, wish)

    async def _portal_link(self, subscription: Subscription, wish: PortalOptions) -> str:
        configuration = await self._portals.ensure(wish)
        return await self._portal_session(subscription, wish, configuration=configuration)

    async def _portal_session(self, subscription: Subscription, wish: PortalOptions, **more: str) -> str:
        customer, back = subscription.customer_id, wish.return_url
        session = await self._api.post("billing_portal/sessions", customer=customer, return_url=back, **more)
        return need(session, "url", str)

    @bounded
    async def cancel_at_period_end(self, subscription: Subscription, key: str) -> Subscription:
        """One that was never paid has no period to keep, and Stripe takes no schedule for it: it ends now."""
        data, now = await self._look(subscription)
        if now.status is Status.ENDED or now.ends_with_period:
            return now
        if now.status is Status.PENDING:
            return await self._end(data)
        await self._release_schedule(data, key)
        return await self._change(data, key, cancel_at_period_end=True)

    @bounded
    async def cancel_now(self, subscription: Subscription, key: str) -> Subscription:
        """Neither a final invoice nor a credit for the rest of the period."""
        data, now = await self._look(subscription)
        if now.status is Status.ENDED:
            return now
        await self._release_schedule(data, key)
        return await self._end(data)

    @bounded
    async def resume(self, subscription: Subscription, key: str) -> Subscription:
        """ProviderRefused where it has ended: Stripe brings none back."""
        data, now = await self._look(subscription)
        if now.status is Status.ENDED:
            raise ProviderRefused(
                "This subscription has ended and cannot be taken up again. Subscribe anew with /subscribe.",
                detail=f"resume: {now.provider_status}",
            )
        if now.ends_at is None:
            return now
        if await self._release_schedule(data, key):  # which may have been all that set an end
            data, now = await self._look(subscription)
            if now.ends_at is None:
                return now
        if maybe(data, "cancel_at_period_end", bool):
            return await self._change(data, key, cancel_at_period_end=False)
        return await self._change(data, key, cancel_at="")

    @bounded
    async def fetch_failure(self, subscription: Subscription) -> Failure | None:
        """See providers/stripe/failures.py."""
        return await fetch_failure(self._api, subscription.key.id)

    @bounded
    async def fetch_last_payment(self, subscription: Subscription) -> Payment | None:
        """None where nothing was paid yet, or the last invoice was paid outside of Stripe."""
        return await payments.fetch_last_payment(self._api, subscription.key.id)

    @bounded
    async def preview_charge(self, subscription: Subscription) -> Money | None:
        """See providers/stripe/invoice_previews.py."""
        return await self._previews.ask(subscription)

    @bounded
    async def fetch_payment_link(self, subscription: Subscription) -> str | None:
        """Stripe's page of the last invoice, while that is open."""
        data = await self._api.get(path("subscriptions", subscription.key.id), expand=_INVOICE)
        invoice = maybe(data, "latest_invoice", dict) or {}
        return maybe(invoice, "hosted_invoice_url", str) if maybe(invoice, "status", str) == "open" else None

    @bounded
    async def refund(self, payment: Payment, key: str) -> Payment:
        """The whole rest, to where it came from."""
        return await payments.refund(self._api, payment, key)

    async def check(self, plans: Sequence[Plan], webhook_url: str) -> list[Finding]:
        """Key, permissions, webhook endpoint, prices, portal."""
        return await self._setup.check(plans, webhook_url)

    @bounded
    async def fix(self, what: str, plans: Sequence[Plan], webhook_url: str) -> None:
        """Endpoint's events, a switched-off endpoint, portal configurations."""
        await self._setup.fix(what)

    async def close(self) -> None:
        """Let go of connections."""
        await self._api.close()

    async def _look(self, subscription: Subscription) -> tuple[Answer, Subscription]:
        data = await self._whole.fetch(subscription.key.id)
        return data, self._map(data)

    def _map(self, data: Answer) -> Subscription:
        return map_subscription(data, self.account, self._whole.coupons)

    async def _change(self, before: Answer, key: str, **params: Any) -> Subscription:
        where = path("subscriptions", need(before, "id", str))
        return await self._after(before, await self._api.post(where, key, expand=_INVOICE, **params))

    async def _after(self, before: Answer, data: Answer) -> Subscription:
        """After a change, with what it leaves as it was."""
        kept = {name: before[name] for name in ("customer", "discounts", "items") if name in before}
        return self._map(await self._whole.complete({**data, **kept}))

    async def _end(self, before: Answer) -> Subscription:
        name = need(before, "id", str)
        try:
            return await self._after(
                before, await self._api.delete(path("subscriptions", name), expand=_INVOICE)
            )
        except Missing:
            # Stripe says so of one that has ended already, too.
            now = self._map(await self._whole.fetch(name))
            if now.status is not Status.ENDED:
                raise
            return now

    async def _release_schedule(self, data: Answer, key: str) -> bool:
        """A schedule owns its subscription's end, and Stripe refuses to change it past the schedule
        (docs.stripe.com/billing/subscriptions/subscription-schedules, 2026-11)."""
        schedule = maybe_id(data, "schedule")
        if schedule is None:
            return False
        await self._api.post(path("subscription_schedules", schedule, "release"), f"{key}-release")
        return True


def _checkout_params(order: CheckoutOrder) -> dict[str, Any]:
    checkout = order.checkout
    metadata = {
        "discord_user_id": str(checkout.member_id),
        "discord_guild_id": str(checkout.guild_id),
        "plan": order.plan_name,
        "dues_checkout": checkout.id,
    }
    member, server = member_of(order), server_of(order)
    about: dict[str, Any] = {
        "metadata": metadata,
        "description": f"{plain_name(order.plan_name, 100)} for {member} in {server}",
    }
    if order.starts_at is not None:
        about["trial_end"] = order.starts_at
    elif order.trial_days > 0:
        about["trial_period_days"] = order.trial_days
    return {
        "mode": "subscription",
        "client_reference_id": checkout.id,
        "line_items": [{"price": order.price.id, "quantity": 1}],
        "subscription_data": about,
        "metadata": metadata,
        "custom_text": {"submit": {"message": f"You pay for {member} in {server} on Discord."}},
        "allow_promotion_codes": True,
        # Else the Dashboard decides whether somebody pays in another currency than is shown here.
        "adaptive_pricing": {"enabled": False},
        "success_url": returning(order, "paid"),
        "cancel_url": returning(order, "cancelled"),
    }
