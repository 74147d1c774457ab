"""Implements the Provider port for PayPal: subscriptions, checkouts, payments, disputes and set-up checks."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from billing.errors import ProviderLimited, ProviderMisread, ProviderNotFound, ProviderRefused
from billing.model import (
    Binding,
    BoundBy,
    Claim,
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
from billing.model.translatable_text import Text, Verbatim
from billing.ports import (
    ALL,
    CheckoutFound,
    CheckoutOrder,
    Clock,
    Failure,
    ListPart,
    Meter,
    PaceState,
    PaymentPage,
    PortalOptions,
)
from billing.ports.saved_values import Values
from billing.signing import Signer
from providers.base import Answer, bounded, maybe, need
from providers.pace import Pace
from providers.paypal import payments, transaction_search
from providers.paypal.api import Api, Refused, path
from providers.paypal.billing_plans import NAME, ends_with_trial, is_whole, map_price, product_of, with_own
from providers.paypal.certs import LIVE, SANDBOX, Certificates, source_of
from providers.paypal.checkout import checkout_body
from providers.paypal.event_list import list_events, unheard
from providers.paypal.mapping import lacks_payment, map_checkout, map_subscription
from providers.paypal.payment_failures import map_failure
from providers.paypal.periods import created_of, with_payment
from providers.paypal.postback import PostbackVerifier
from providers.paypal.setup import Setup
from providers.paypal.webhook import read_event, read_headers, verify_offline

log = logging.getLogger(__name__)

_SITES = {LIVE: "https://www.paypal.com", SANDBOX: "https://www.sandbox.paypal.com"}
_AUTOPAY = "/myaccount/autopay/"
# Seconds. PayPal documents no expiry for a subscription's approval page; the approval pages of other
# agreements last three hours.
_PAGE_LIVES = 3 * 3600
# How often a sweep retries one subscription when PayPal asks for a longer pause than a call may wait.
_RESTS = 3
# PayPal's newer answers call the same link 'payer-action'.
_APPROVE = ("approve", "payer-action")
_SUBSCRIPTIONS = ("v1", "billing", "subscriptions")
# developer.paypal.com/docs/api/subscriptions/v1, 'Update subscription', 2026-11.
_PATCHED = ("ACTIVE", "SUSPENDED")


def account_of(api_url: str) -> str:
    """Return 'live' for PayPal's live API and 'sandbox' for any other address."""
    return "live" if urlsplit(api_url).hostname == LIVE else "sandbox"


class PayPalProvider:
    """One application's PayPal account. Call `close` when done."""

    name = NAME
    title = "PayPal"
    keeps_period = False
    closes_pages = False
    lists_all = False

    def __init__(  # noqa: PLR0913 - an account has this many settings
        self,
        client_id: str,
        client_secret: str,
        webhook_ids: tuple[str, ...],
        url: str,
        clock: Clock,
        *,
        ca_file: Path,
        postback: bool = False,
        signer: Signer | None = None,
        kept: Values | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.account = account_of(url)
        self._site = _SITES.get(urlsplit(url).hostname or "", url)
        self._webhook_ids = webhook_ids
        self.webhook_print = ",".join(webhook_ids)  # not a secret
        self._clock = clock
        self._pace = Pace(f"{NAME}:{self.account}", clock, meter)
        self._api = Api(client_id, client_secret, url, clock, self._pace)
        self._certificates = Certificates(source_of(url), ca_file, kept)
        self._setup = Setup(
            self._api, self._certificates, webhook_ids, self.account, clock, search=bool(signer)
        )
        self._products: dict[str, str] = {}
        self._settled: dict[str, tuple[str, DisputeState]] = {}
        self._postback = PostbackVerifier(self._api, self._certificates, webhook_ids) if postback else None
        self._signer = signer or Signer()

    @property
    def clock_skew(self) -> float | None:
        """Return the seconds by which this machine's clock is ahead of PayPal's; None before any answer."""
        return self._api.clock_skew

    @property
    def pace(self) -> PaceState:
        """Return the current pace of calls under PayPal's rate limits."""
        return self._pace.state

    def judge(self, headers: Mapping[str, str], now: float) -> None:
        """Raise NotAuthentic if the headers or the certificate's address are wrong.

        Does not read the body.
        """
        self._certificates.admit(read_headers(headers, now).cert_url)

    @bounded
    async def authenticate(self, body: bytes, headers: Mapping[str, str], now: float) -> list[Event]:
        """Return the event in a notification.

        Raises NotAuthentic, Malformed, or ProviderUnavailable if the notification cannot be verified now.
        """
        sent = read_headers(headers, now)
        if self._postback is None:
            await verify_offline(body, sent, self._webhook_ids, now, self._certificates)
            return [read_event(body, self.account, sent)]
        self._certificates.admit(sent.cert_url)
        event = read_event(body, self.account, sent)
        await self._postback.verify(body, sent, now)
        return [event]

    @bounded
    async def fetch_subscription(self, subscription_id: str) -> Subscription:
        """Fetch a subscription, usually in one call.

        A plan that is not cached costs a second call, and so does an answer that lacks the last payment.
        """
        return await self._fetch(subscription_id)

    async def _fetch(self, subscription_id: str) -> Subscription:
        data = await self._api.get(path(*_SUBSCRIPTIONS, subscription_id), fields="last_failed_payment,plan")
        plan_id, now = need(data, "plan_id", str), self._clock.now()
        plan: Answer = maybe(data, "plan", dict) or {}
        if plan_id not in self._products or not is_whole(plan):
            plan = with_own(await self._fetch_plan(plan_id), plan)
        if lacks_payment(data, plan, now):
            paid = await payments.fetch_newest(self._api, subscription_id, created_of(data), now)
            data = data if paid is None else with_payment(data, paid)
        found = map_subscription(data, plan, self.account, self._products[plan_id], now)
        return replace(found, claim=self._signer.read(maybe(data, "custom_id", str) or "", found.key.id))

    async def _fetch_plan(self, plan_id: str) -> Answer:
        """Fetch a plan and cache its product, which never changes and which subscriptions do not name."""
        plan = await self._api.get(path("v1", "billing", "plans", plan_id))
        self._products[plan_id] = product_of(plan, plan_id)
        return plan

    @bounded
    async def locate(self, subject: Subject) -> list[str]:
        """Return the ids of the subscriptions that a payment, dispute or refund is about."""
        return await payments.locate(self._api, subject)

    @bounded
    async def fetch_checkout(self, subscription_id: str) -> CheckoutFound | None:
        """Fetch the approval page, which is the subscription itself; None if PayPal does not know it.

        With the public client id, anybody can create a subscription in a browser, at a price of their own and
        with any `custom_id`. The rules therefore accept a `custom_id` only if the bot created this very
        subscription.
        """
        try:
            return map_checkout(await self._api.get(path(*_SUBSCRIPTIONS, subscription_id)))
        except ProviderNotFound:
            return None

    @bounded
    async def was_charged_back(self, dispute_id: str) -> bool:
        """Return False if the buyer and the owner settled the dispute without PayPal (stage INQUIRY)."""
        return await payments.was_charged_back(self._api, dispute_id)

    async def fetch_dispute(self, dispute_id: str) -> tuple[str | None, DisputeState]:
        """Return the subscription and the state of a dispute, by its id or that of a reversed payment."""
        return await payments.fetch_dispute(self._api, dispute_id)

    async def list_disputes(self) -> AsyncIterator[tuple[str, DisputeState]]:
        """Yield the disputes of the last 180 days with their state, as `payments.list_disputes` does."""
        async for found in payments.list_disputes(self._api, self._settled):
            yield found

    async def list_subscriptions(
        self, known: Sequence[str] = (), part: ListPart = ALL
    ) -> AsyncIterator[Subscription]:
        """Yield the known subscriptions one by one, because PayPal cannot list them.

        Subscriptions that cannot be read, or that PayPal no longer knows, are logged and left out.
        """
        for subscription_id in sorted(one for one in set(known) if one > part.after):
            try:
                found = await self._fetch_patiently(subscription_id)
            except ProviderNotFound:
                log.info("PayPal no longer knows subscription %s", subscription_id)
            except ProviderMisread as error:
                log.warning("Left out subscription %s: %s", subscription_id, error)
            else:
                yield found

    async def _fetch_patiently(self, subscription_id: str) -> Subscription:
        """Fetch a subscription. If PayPal limits the rate of calls, wait as long as it asks and try again."""
        for _ in range(_RESTS):
            try:
                return await self.fetch_subscription(subscription_id)
            except ProviderLimited as limited:
                if not limited.wait:
                    raise
                await self._clock.sleep(limited.wait)
        return await self.fetch_subscription(subscription_id)

    def list_events(self, since: int, webhook_url: str) -> AsyncIterator[Event]:
        """Yield the account's relevant events since `since` (unix seconds), newest first."""
        return list_events(self._api, since, self._clock.now(), self._webhook_ids, self.account)

    def unheard(self, *, refused: bool) -> Finding:
        """Return the finding that notifications do not arrive, with its fix."""
        return unheard(refused=refused)

    @bounded
    async def fetch_price(self, price_id: str) -> Price:
        """Fetch a plan's price. Raises ProviderRefused if it is free or ends with its trial."""
        try:
            plan = await self._fetch_plan(price_id)
        except ProviderNotFound as error:
            message = Text(
                "error.paypal.no_plan", plan=Verbatim(price_id[:80]), account=Verbatim(self.account)
            )
            raise ProviderNotFound(message, detail=str(error)) from None
        if ends_with_trial(plan):
            raise ProviderRefused(
                Text("error.paypal.plan_ends_with_trial"),
                detail="plan.billing_cycles has no regular one",
            )
        price = map_price(plan, self.account, price_id, self._products[price_id])
        if price.amount == 0:
            raise ProviderRefused(
                Text("error.paypal.plan_is_free"),
                detail="pricing_scheme.fixed_price is 0",
            )
        return price

    @bounded
    async def start_checkout(self, order: CheckoutOrder) -> PaymentPage:
        """Create a subscription that waits for the buyer's approval, and return its approval page."""
        key, now = order.checkout.id, self._clock.now()
        made = await self._api.post(path(*_SUBSCRIPTIONS), checkout_body(order, now), key=key)
        links = (one for one in need(made, "links", list) if maybe(one, "rel", str) in _APPROVE)
        url = need(next(links, {}), "href", str)
        return PaymentPage(need(made, "id", str), url, int(now) + _PAGE_LIVES)

    async def list_paid(self, since: int) -> AsyncIterator[str]:
        """Yield the ids of paid subscriptions.

        Yields nothing without SECRET_KEY, because the subscriptions could not be matched to members then.
        """
        if self._signer:
            async for found in transaction_search.list_paid(self._api, since, int(self._clock.now())):
                yield found

    def lacks_payer(self, subscription: Subscription, whose: Binding, bound_by: BoundBy) -> bool:
        """Return True if `custom_id` still lacks the subscription's own id, signed with the current key.

        The page's id alone proves nothing: the member who received the page could put it on another
        subscription. PayPal accepts changes only once a subscription is active, so the result is False before
        that.
        """
        shown = bound_by in (BoundBy.PAGE, BoundBy.PROVIDER)
        if not self._signer or not shown or subscription.provider_status not in _PATCHED:
            return False
        return subscription.claim != Claim(whose.member_id, whose.guild_id, proven=True, current=True)

    @bounded
    async def write_payer(self, subscription_id: str, whose: Binding) -> None:
        """Replace the page's id in `custom_id` with the signed id of the subscription and its member."""
        signed = self._signer.of_subscription(whose, subscription_id)
        change = {"op": "replace", "path": "/custom_id", "value": signed}
        await self._api.patch(path(*_SUBSCRIPTIONS, subscription_id), [change])

    async def fetch_page(self, page_id: str) -> str | None:
        """Return the page's own id, because at PayPal the page is the subscription, approved or not."""
        return page_id

    async def close_page(self, page_id: str) -> None:
        """Do nothing, because PayPal cannot close a page: it expires unless the buyer approves it."""

    async def manage_link(self, subscription: Subscription, options: PortalOptions) -> str:
        """Return the URL of PayPal's list of automatic payments, which has no page for a single one."""
        return f"{self._site}{_AUTOPAY}"

    @bounded
    async def cancel_at_period_end(self, subscription: Subscription, key: str) -> Subscription:
        """End the subscription, and its billing, at once; return it in its new state.

        PayPal cannot cancel at the end of a period, but `paid_through` tells until when the subscription is
        paid.
        """
        return await self._end(subscription, provider_note="Cancelled by the member")

    @bounded
    async def cancel_now(self, subscription: Subscription, key: str) -> Subscription:
        """End the subscription at once, which is the only way in which PayPal can cancel."""
        return await self._end(subscription, provider_note="Ended at once")

    async def _end(self, subscription: Subscription, *, provider_note: str) -> Subscription:
        """Cancel a subscription.

        One that was never approved cannot be cancelled and costs nothing, so it is left alone.
        """
        now = await self._fetch(subscription.key.id)
        if now.status is Status.ENDED or now.provider_status == "APPROVAL_PENDING":
            return now
        where = path(*_SUBSCRIPTIONS, subscription.key.id, "cancel")
        try:
            await self._api.post(where, {"reason": provider_note})
        except Refused:
            # Somebody else may have ended the subscription in the meantime.
            after = await self._fetch(subscription.key.id)
            if after.status is not Status.ENDED:
                raise
            return after
        return await self._fetch(subscription.key.id)

    @bounded
    async def resume(self, subscription: Subscription, key: str) -> Subscription:
        """Return a running subscription unchanged. Raises ProviderRefused if it has ended or is suspended."""
        now = await self._fetch(subscription.key.id)
        if now.status is Status.ENDED:
            raise ProviderRefused(Text("error.paypal.subscription_ended"), detail="ended")
        if now.terms.complete:
            raise ProviderRefused(Text("error.paypal.all_paid"))
        if not now.renews:
            raise ProviderRefused(Text("error.paypal.suspended"))
        return now

    @bounded
    async def fetch_failure(self, subscription: Subscription) -> Failure | None:
        """Return why the last payment failed, or None if none failed. Takes one call."""
        where = path(*_SUBSCRIPTIONS, subscription.key.id)
        return map_failure(await self._api.get(where, fields="last_failed_payment"))

    @bounded
    async def fetch_last_payment(self, subscription: Subscription) -> Payment | None:
        """Return the last payment above zero, or None. Takes one call, rarely two."""
        return await payments.fetch_last_payment(self._api, subscription, self._clock.now())

    async def preview_charge(self, subscription: Subscription) -> Money | None:
        """Return None: PayPal has no previews, because its plans determine every charge."""
        return None

    async def fetch_payment_link(self, subscription: Subscription) -> str | None:
        """Return None: PayPal has no page for a single payment."""
        return None

    @bounded
    async def refund(self, payment: Payment, key: str) -> Payment:
        """Refund whatever is left of a payment, and return the payment in its new state."""
        return await payments.refund(self._api, payment, key)

    async def check(self, plans: Sequence[Plan], webhook_url: str) -> list[Finding]:
        """Check credentials, webhooks, disputes, Transaction Search and plans."""
        return await self._setup.check(plans, webhook_url)

    @bounded
    async def fix(self, what: str, plans: Sequence[Plan], webhook_url: str) -> None:
        """Repair the webhook's address and its events, as named by a finding."""
        await self._setup.fix(what, webhook_url)

    async def close(self) -> None:
        """Close the connections to PayPal."""
        await self._api.close()
        await self._certificates.close()
