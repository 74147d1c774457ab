"""PayPal behind the Provider port."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from billing.errors import ProviderMisread, ProviderNotFound, ProviderRefused
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
from billing.ports import CheckoutFound, CheckoutOrder, Clock, Failure, Meter, PaymentPage, PortalOptions
from billing.ports.values import Values
from billing.signing import Signer
from providers.base import Answer, bounded, describe_member, describe_server, maybe, need, return_address
from providers.paypal import payments, transaction_search
from providers.paypal.api import Api, Limited, Refused, path
from providers.paypal.certs import LIVE, SANDBOX, Certificates, source_of
from providers.paypal.dates import stamp
from providers.paypal.event_list import list_events, unheard
from providers.paypal.failures import map_failure
from providers.paypal.mapping import lacks_payment, map_checkout, map_subscription
from providers.paypal.periods import created_of, with_payment
from providers.paypal.plans import DAY, NAME, ends_with_trial, is_whole, map_price, product_of, with_own
from providers.paypal.postback import PostbackVerifier
from providers.paypal.setup import Setup
from providers.paypal.webhook import read_event, read_headers, verify_offline

log = logging.getLogger(__name__)

_SITES = {LIVE: "https://www.paypal.com", SANDBOX: "https://www.sandbox.paypal.com"}
_AUTOPAY = "/myaccount/autopay/"
# PayPal names no end of an approval page for subscriptions; those of its other agreements live three hours.
_PAGE_LIVES = 3 * 3600
# Between two looks at subscriptions one by one: PayPal publishes no limit, only that there is one
# (developer.paypal.com/api/rest/responses, RATE_LIMIT_REACHED, 2026-11).
PACE = 0.2
# So often PayPal may ask for quiet before one subscription is told.
_QUIETS = 3
# A start that is nearer may lie in the past by the time PayPal reads it.
_SOONEST = 300
# The second is what PayPal's newer answers call the same link.
_APPROVE = ("approve", "payer-action")
_SUBSCRIPTIONS = ("v1", "billing", "subscriptions")
# developer.paypal.com/docs/api/subscriptions/v1, 'Update subscription', 2026-11.
_PATCHED = ("ACTIVE", "SUSPENDED")


def account_of(api_url: str) -> str:
    """'live' at PayPal's live API, 'sandbox' everywhere else."""
    return "live" if urlsplit(api_url).hostname == LIVE else "sandbox"


class PayPalProvider:
    """One application's account at PayPal. `close` when done."""

    name = NAME
    title = "PayPal"
    keeps_period = False
    closes_pages = False
    lists_all = False

    def __init__(  # noqa: PLR0913 - an account takes so many settings
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
        self.webhook_print = ",".join(webhook_ids)  # which is no secret
        self._clock = clock
        self._api = Api(client_id, client_secret, url, clock, meter)
        self._certificates = Certificates(source_of(url), ca_file, kept)
        self._setup = Setup(
            self._api, self._certificates, webhook_ids, self.account, clock, search=bool(signer)
        )
        self._products: dict[str, str] = {}
        self._looked_at = ""
        self._settled: dict[str, tuple[str, DisputeState]] = {}
        self._postback = PostbackVerifier(self._api, self._certificates, webhook_ids) if postback else None
        self._signer = signer or Signer()

    @property
    def clock_skew(self) -> float | None:
        """By PayPal's last answer."""
        return self._api.clock_skew

    def judge(self, headers: Mapping[str, str], now: float) -> None:
        """By the five headers and the certificate's address."""
        self._certificates.admit(read_headers(headers, now).cert_url)

    @bounded
    async def authenticate(self, body: bytes, headers: Mapping[str, str], now: float) -> list[Event]:
        """See providers/paypal/webhook.py. ProviderUnavailable where it cannot be told just now."""
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
        """One call; another where a plan is met for the first time, or where no payment is shown."""
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
        """A plan never changes its product, which a subscription does not name."""
        plan = await self._api.get(path("v1", "billing", "plans", plan_id))
        self._products[plan_id] = product_of(plan, plan_id)
        return plan

    @bounded
    async def locate(self, subject: Subject) -> list[str]:
        """By the payment's own words on what it was for."""
        return await payments.locate(self._api, subject)

    @bounded
    async def fetch_checkout(self, subscription_id: str) -> CheckoutFound | None:
        """The page to agree on, which is the subscription itself. Its `custom_id` may also be set by whoever
        makes a subscription in a browser with the public client id, at a price of their own: it counts only
        where this very subscription was made by the bot."""
        try:
            return map_checkout(await self._api.get(path(*_SUBSCRIPTIONS, subscription_id)))
        except ProviderNotFound:
            return None

    @bounded
    async def was_charged_back(self, dispute_id: str) -> bool:
        """Not while PayPal had no part in it: buyer and owner agreed by themselves (stage INQUIRY)."""
        return await payments.was_charged_back(self._api, dispute_id)

    async def fetch_dispute(self, dispute_id: str) -> tuple[str | None, DisputeState]:
        """By the id of a dispute, or of a payment that was taken back."""
        return await payments.fetch_dispute(self._api, dispute_id)

    async def list_disputes(self) -> AsyncIterator[tuple[str, DisputeState]]:
        """See providers/paypal/payments.py."""
        async for found in payments.list_disputes(self._api, self._settled):
            yield found

    async def list_subscriptions(self, known: Sequence[str] = ()) -> AsyncIterator[Subscription]:
        """PayPal has no list, so each that is known is looked up, a few a second. One that cannot be read,
        or that PayPal has forgotten, is left out. A round that was cut short goes on there next time."""
        ids = sorted(set(known))
        later = [one for one in ids if one > self._looked_at]
        for number, subscription_id in enumerate((*later, *ids[: len(ids) - len(later)])):
            if number:
                await self._clock.sleep(PACE)
            try:
                found = await self._fetch_patiently(subscription_id)
            except ProviderNotFound:
                log.info("PayPal knows no subscription %s any more", subscription_id)
            except ProviderMisread as error:
                log.warning("Left out subscription %s: %s", subscription_id, error)
            else:
                yield found
            self._looked_at = subscription_id

    async def _fetch_patiently(self, subscription_id: str) -> Subscription:
        """A round takes its time anyway, so the quiet that PayPal asks for is kept, and the round goes on."""
        for _ in range(_QUIETS):
            try:
                return await self.fetch_subscription(subscription_id)
            except Limited as limited:
                if not limited.wait:
                    raise
                await self._clock.sleep(limited.wait)
        return await self.fetch_subscription(subscription_id)

    def list_events(self, since: int, webhook_url: str) -> AsyncIterator[Event]:
        """See providers/paypal/event_list.py."""
        return list_events(self._api, since, self._clock.now(), self._webhook_ids, self.account)

    def unheard(self, *, refused: bool) -> Finding:
        """See providers/paypal/event_list.py."""
        return unheard(refused=refused)

    @bounded
    async def fetch_price(self, price_id: str) -> Price:
        """A billing plan. ProviderRefused where it costs nothing, or nothing after its trial."""
        try:
            plan = await self._fetch_plan(price_id)
        except ProviderNotFound as error:
            raise ProviderNotFound(
                f"PayPal knows no plan `{price_id[:80]}` in this account ({self.account}). In PayPal open "
                "Pay & Get Paid > Subscriptions > Subscription plans and copy the plan's id, `P-...`.",
                detail=str(error),
            ) from None
        if ends_with_trial(plan):
            raise ProviderRefused(
                "This PayPal plan ends with its trial. Make one at PayPal that goes on with a regular price.",
                detail="plan.billing_cycles has no regular one",
            )
        price = map_price(plan, self.account, price_id, self._products[price_id])
        if price.amount == 0:
            raise ProviderRefused(
                "This PayPal plan costs nothing, so there is nothing to sell. Choose one with a price, or "
                "give the role in Discord itself.",
                detail="pricing_scheme.fixed_price is 0",
            )
        return price

    @bounded
    async def start_checkout(self, order: CheckoutOrder) -> PaymentPage:
        """A subscription that waits for its payer's consent."""
        key, now = order.checkout.id, self._clock.now()
        made = await self._api.post(path(*_SUBSCRIPTIONS), _subscription(order, now), key=key)
        links = (one for one in need(made, "links", list) if maybe(one, "rel", str) in _APPROVE)
        url = need(next(links, {}), "href", str)
        return PaymentPage(need(made, "id", str), url, int(now) + _PAGE_LIVES)

    async def list_paid(self, since: int) -> AsyncIterator[str]:
        """See providers/paypal/transaction_search.py. Without SECRET_KEY what it finds would be nobody's."""
        if self._signer:
            async for found in transaction_search.list_paid(self._api, since, int(self._clock.now())):
                yield found

    def lacks_payer(self, subscription: Subscription) -> bool:
        """Whether the signature of the subscription's own id, by today's key, is missing in `custom_id`.

        The id of its page alone could be put on another subscription by the member who was given that page.
        PayPal takes changes only once it is active.
        """
        whose, claim = subscription.binding, subscription.claim
        shown = subscription.bound_by in (BoundBy.PAGE, BoundBy.PROVIDER)
        if not self._signer or whose is None or not shown or subscription.provider_status not in _PATCHED:
            return False
        return claim != Claim(whose.member_id, whose.guild_id, proven=True, current=True)

    @bounded
    async def write_payer(self, subscription_id: str, whose: Binding) -> None:
        """Replace `custom_id`, which has had the page's id until now."""
        signed = self._signer.of_subscription(whose, subscription_id)
        change = {"op": "replace", "path": "/custom_id", "value": signed}
        await self._api.patch(path(*_SUBSCRIPTIONS, subscription_id), [change])

    async def fetch_page(self, page_id: str) -> str | None:
        """At PayPal the page is the subscription, agreed to or not."""
        return page_id

    async def close_page(self, page_id: str) -> None:
        """PayPal takes back no page: it lapses, or the payer agrees on it."""

    async def manage_link(self, subscription: Subscription, options: PortalOptions) -> str:
        """The payer's automatic payments, after they have signed in; there is no address for one of them."""
        return f"{self._site}{_AUTOPAY}"

    @bounded
    async def cancel_at_period_end(self, subscription: Subscription, key: str) -> Subscription:
        """PayPal ends it at once, which stops the billing; the answer's `paid_through` tells what is paid."""
        return await self._end(subscription, "Cancelled by the member")

    @bounded
    async def cancel_now(self, subscription: Subscription, key: str) -> Subscription:
        """The same; PayPal knows only this way."""
        return await self._end(subscription, "Ended at once")

    async def _end(self, subscription: Subscription, reason: str) -> Subscription:
        """One whose payer has not agreed yet cannot be cancelled, and costs nobody anything."""
        now = await self._fetch(subscription.key.id)
        if now.status is Status.ENDED or now.provider_status == "APPROVAL_PENDING":
            return now
        where = path(*_SUBSCRIPTIONS, subscription.key.id, "cancel")
        try:
            await self._api.post(where, {"reason": reason})
        except Refused:
            # Somebody else may have been quicker.
            after = await self._fetch(subscription.key.id)
            if after.status is not Status.ENDED:
                raise
            return after
        return await self._fetch(subscription.key.id)

    @bounded
    async def resume(self, subscription: Subscription, key: str) -> Subscription:
        """What runs, runs; what has ended or is suspended is not the bot's to bring back."""
        now = await self._fetch(subscription.key.id)
        if now.status is Status.ENDED:
            raise ProviderRefused(
                "This subscription has ended, and PayPal brings none back. Subscribe anew with /subscribe.",
                detail="ended",
            )
        if now.terms.complete:
            raise ProviderRefused("All payments of this subscription are made, so it does not renew.")
        if not now.renews:
            raise ProviderRefused("This subscription is paused at PayPal by the seller; please ask them.")
        return now

    @bounded
    async def fetch_failure(self, subscription: Subscription) -> Failure | None:
        """One call."""
        where = path(*_SUBSCRIPTIONS, subscription.key.id)
        return map_failure(await self._api.get(where, fields="last_failed_payment"))

    @bounded
    async def fetch_last_payment(self, subscription: Subscription) -> Payment | None:
        """One call, rarely two."""
        return await payments.fetch_last_payment(self._api, subscription, self._clock.now())

    async def preview_charge(self, subscription: Subscription) -> Money | None:
        """PayPal makes none; its plans say all that it charges."""
        return None

    async def fetch_payment_link(self, subscription: Subscription) -> str | None:
        """PayPal has no page for one payment."""
        return None

    @bounded
    async def refund(self, payment: Payment, key: str) -> Payment:
        """See providers/paypal/payments.py."""
        return await payments.refund(self._api, payment, key)

    async def check(self, plans: Sequence[Plan], webhook_url: str) -> list[Finding]:
        """See providers/paypal/setup.py."""
        return await self._setup.check(plans, webhook_url)

    @bounded
    async def fix(self, what: str, plans: Sequence[Plan], webhook_url: str) -> None:
        """See providers/paypal/setup.py."""
        await self._setup.fix(what, webhook_url)

    async def close(self) -> None:
        """Let go of connections."""
        await self._api.close()
        await self._certificates.close()


def _subscription(order: CheckoutOrder, now: float) -> dict[str, Any]:
    """What PayPal is to make. A later start leaves the time until then free: what is paid for already, or a
    trial that the plan at PayPal does not have itself."""
    wanted: dict[str, Any] = {
        "plan_id": order.price.id,
        "custom_id": order.checkout.id,
        "application_context": {
            # Shown in place of the owner's name, of which PayPal takes 127 characters.
            "brand_name": f"{describe_server(order, 45)}, for {describe_member(order, 38)}",
            "user_action": "SUBSCRIBE_NOW",
            "shipping_preference": "NO_SHIPPING",
            "return_url": return_address(order, "paid"),
            "cancel_url": return_address(order, "cancelled"),
        },
    }
    start, more = order.starts_at, order.trial_days - order.price.trial_days
    if more < 0:
        raise ProviderRefused(
            "PayPal's plan begins with free days, which are for those who come for the first time. Choose "
            "another way to pay, or ask the server's admins for a plan without them.",
            detail=f"the plan's trial is {-more} days too long",
        )
    if start is None and more > 0:
        start = int(now) + more * DAY
    if start is not None and start >= now + _SOONEST:
        wanted["start_time"] = stamp(start)
    return wanted
