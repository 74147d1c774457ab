"""Shows members the plans on sale and gives them payment pages."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Collection, Hashable
from dataclasses import dataclass, replace

from billing.errors import ProviderError
from billing.model import (
    Binding,
    Checkout,
    IntentKind,
    MemberState,
    Money,
    Override,
    OverrideKind,
    Plan,
    Price,
    Status,
    Step,
    Subscription,
)
from billing.model.translatable_text import Text
from billing.ports import CheckoutOrder, Ports, Provider
from billing.rules.access import block_on, decide, decide_right, paid_plans, plans_of
from billing.rules.names import NAMELESS, Names
from billing.rules.upcoming_charges import decide_sale

log = logging.getLogger(__name__)

STALE_BEFORE_EXPIRY = 1_800
# The first payment waits if at least this many seconds are already paid. Stripe ('Checkout Session:
# trial_end') accepts nothing earlier than 48 hours ahead.
WORTH_WAITING = 49 * 3_600
FURTHEST_START = 729 * 86_400  # seconds; Stripe implements a later start as a trial, which must not be longer
NOT_RUNNING = (Status.ENDED, Status.PENDING)
MEMBERS_REQUESTS = (IntentKind.CANCEL_AT_PERIOD_END, IntentKind.RESUME)
RUNNING = tuple(status for status in Status if status not in NOT_RUNNING)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to pay for a plan.

    `url` None: no page was asked for, or none could be created (`fault`). `starts_at`: when the first payment
    is due, in unix seconds, because the time until then is already paid; None: now or after the trial.
    `due_today`: the amount due at once; None: not known. `then`: the charges that follow, in the price's
    interval.
    """

    provider: str
    title: str
    price: Price
    trial_days: int
    url: str | None
    fault: Text | str = ""
    starts_at: int | None = None
    due_today: Money | None = None
    then: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """The options that a member has for a plan.

    Nothing can be paid if `has` (a subscription to the plan), `entitled` (a grant without an end) or `block`
    (an admin revoked the plan) is set, or while the first payment of `pending` is on its way. `beside`: a
    subscription that already gives all the plan's roles, by the plan `beside_plan`; the member would pay for
    both. `granted_until`: when a grant ends, in unix seconds; a subscription may start after it.
    `gives_back`: that grant returns paid days that a revocation had taken.
    """

    plan: Plan
    ways: tuple[Way, ...] = ()
    has: Subscription | None = None
    entitled: bool = False
    block: Override | None = None
    pending: Subscription | None = None
    beside: Subscription | None = None
    beside_plan: Plan | None = None
    granted_until: int | None = None
    gives_back: bool = False


def is_on_sale(plan: Plan) -> bool:
    """Return True if at least one price can be paid; False if the provider has archived them all."""
    return plan.removed_at is None and any(price.active for price in plan.prices)


async def load_sale(ports: Ports, guild_id: int) -> list[Plan]:
    """Return the plans of a server that members can choose from."""
    return [p for p in await ports.ledger.load_plans(guild_id) if not p.hidden and is_on_sale(p)]


async def offer(
    ports: Ports,
    guild_id: int,
    member_id: int,
    plan: Plan,
    *,
    pages: bool = True,
    names: Names = NAMELESS,
) -> Offer:
    """Find out how this member can get a plan.

    A plan that the member has, or that was revoked, comes without pages, so that nobody pays twice or in
    vain. `pages` False: create no payment pages; `names`: the names to show on the pages.
    """
    state = await ports.ledger.load_member_state(guild_id, member_id)
    overrides = await ports.ledger.load_overrides(guild_id, member_id, ports.now())
    block = block_on([plan.id], overrides)
    if block is not None:
        return Offer(plan, block=block)
    holding = _subscribed(state.subscriptions, state.plans, plan, RUNNING)
    grants = [o for o in overrides if o.kind is OverrideKind.GRANT]
    granted = [e for e in decide([], grants, state.plans, ports.now(), ports.grace) if e.plan_id == plan.id]
    entitled = any(e.until is None for e in granted)
    if holding is not None or entitled:
        return Offer(plan, has=holding, entitled=entitled)
    granted_until = next((e.until for e in granted), None)
    first_time = await _is_first_time(ports, member_id, state, plan)
    ends = (_paid_until(state.subscriptions, state.plans, plan, ports), granted_until)
    starts = max((end for end in ends if end is not None), default=None)
    ways = [
        _way(ports, plan, price, starts, first_time=first_time)
        for price in plan.prices
        if price.active and _reachable(ports, price) and (starts or 0) <= ports.now() + FURTHEST_START
    ]
    pending = _subscribed(state.subscriptions, state.plans, plan, (Status.PENDING,))
    if pages and pending is None:
        ways = await asyncio.gather(*(_with_page(ports, member_id, plan, way, names) for way in ways))
    beside, beside_plan = _beside(state.subscriptions, state.plans, plan)
    return Offer(
        plan,
        ways=tuple(ways),
        pending=pending,
        beside=beside,
        beside_plan=beside_plan,
        granted_until=granted_until,
        gives_back=any(o.is_paid and o.until == granted_until and o.plan_id == plan.id for o in grants),
    )


def _subscribed(
    subscriptions: tuple[Subscription, ...],
    plans: tuple[Plan, ...],
    plan: Plan,
    statuses: Collection[Status],
) -> Subscription | None:
    """Return a subscription to this plan with one of these statuses, or None.

    Buying the plan again would bill the member twice.
    """
    found = (s for s in subscriptions if s.status in statuses)
    return next((s for s in found if plan.id in {p.id for p in paid_plans(s, plans)}), None)


def _beside(
    subscriptions: tuple[Subscription, ...], plans: tuple[Plan, ...], plan: Plan
) -> tuple[Subscription, Plan] | tuple[None, None]:
    """Return a running subscription to another plan that has every role of this one, and that plan.

    The member should know about it before paying, but may want both for a while, for example to change from
    monthly to yearly. Returns (None, None) if there is none.
    """
    for subscription in subscriptions:
        if subscription.status not in NOT_RUNNING:
            for other in paid_plans(subscription, plans):
                if set(plan.role_ids) <= set(other.role_ids):
                    return subscription, other
    return None, None


async def _is_first_time(ports: Ports, member_id: int, state: MemberState, plan: Plan) -> bool:
    """Return True if the member may have the plan's free days.

    They must never have had the plan, nor free days for any plan that shares a role with it, at any provider.
    """
    had = {*await ports.ledger.load_free_days(plan.guild_id, member_id)}
    for subscription in state.subscriptions:
        was_for = await _was_for(ports, subscription, state.plans)
        if plan.id in {p.id for p in was_for}:
            return False
        if subscription.trial_end is not None:
            had |= {role for p in was_for for role in p.role_ids}
    return not had & {*plan.role_ids}


async def _was_for(ports: Ports, subscription: Subscription, plans: tuple[Plan, ...]) -> list[Plan]:
    """Return the plans that the subscription pays for, and the plan that it was originally bought as."""
    begun = await ports.ledger.load_checkout(subscription.checkout_id or "")
    first = [p for p in plans if begun is not None and p.id == begun.plan_id]
    return [*plans_of(subscription, plans), *first]


def _paid_until(
    subscriptions: tuple[Subscription, ...], plans: tuple[Plan, ...], plan: Plan, ports: Ports
) -> int | None:
    """Return when the paid time of an ended subscription to the plan is over, in unix seconds.

    This is for providers that keep no period. Returns None if there is no such subscription.
    """
    rights = (
        decide_right(s, ports.now(), ports.grace)
        for s in subscriptions
        if s.status is Status.ENDED and plan.id in {p.id for p in plans_of(s, plans)}
    )
    return max((right.until for right in rights if right is not None and right.until), default=None)


def _reachable(ports: Ports, price: Price) -> bool:
    provider = ports.providers.get(price.provider)
    return provider is not None and provider.account == price.account


def _way(ports: Ports, plan: Plan, price: Price, starts: int | None, *, first_time: bool) -> Way:
    provider = ports.providers[price.provider]
    trial = (price.trial_days if plan.trial_days is None else plan.trial_days) if first_time else 0
    if starts is not None and provider.keeps_period and starts < ports.now() + WORTH_WAITING:
        starts = None
    if starts is not None:
        trial = 0  # the provider supports only one date for the first payment
    due, then = decide_sale(price, trial, starts)
    return Way(provider.name, provider.title, price, trial, None, "", starts, due, then)


async def _with_page(ports: Ports, member_id: int, plan: Plan, way: Way, names: Names) -> Way:
    try:
        # two requests at the same time get the same page
        async with ports.locks.lock((member_id, plan.id, way.provider)):
            url = await _page(ports, ports.providers[way.provider], member_id, plan, way, names)
            return replace(way, url=url)
    except ProviderError as error:
        log.warning("no page to pay on for plan %s: %s", plan.id, error)
        return replace(way, fault=error.user_message)


async def _page(ports: Ports, provider: Provider, member_id: int, plan: Plan, way: Way, names: Names) -> str:
    """Return the address of a payment page: an earlier one while it is valid, otherwise a new one.

    The checkout is recorded before the provider is called, so that a payment finds its member even if the
    provider's answer is lost.
    """
    now = ports.now()
    purpose = (
        member_id,
        plan.id,
        provider.name,
        provider.account,
        way.price.id,
        way.trial_days,
        way.starts_at,
    )
    known = await _open_page(ports, purpose, now + STALE_BEFORE_EXPIRY)
    if known is not None:
        return known
    checkout = Checkout(
        ports.signer.new_page(Binding(plan.guild_id, member_id)),
        provider.name,
        provider.account,
        plan.guild_id,
        member_id,
        plan.id,
        way.price.id,
        now,
        return_id=secrets.token_urlsafe(24),
    )
    await ports.ledger.record_checkout(checkout)
    customer = await _customer(ports, provider, plan.guild_id, member_id)
    back = f"{ports.public_url}/return"
    order = CheckoutOrder(
        checkout, plan.name, way.price, way.trial_days, customer, back, way.starts_at, names
    )
    page = await provider.start_checkout(order)
    await ports.ledger.record_checkout(replace(checkout, session_id=page.id, expires_at=page.expires_at))
    ports.pages.keep(purpose, checkout.id, page)
    return page.url


async def _open_page(ports: Ports, purpose: Hashable, at: int) -> str | None:
    """Return the address of an earlier, unpaid page for the same purpose that is valid until `at`.

    Returns None if there is none.
    """
    found = ports.pages.find(purpose, at)
    if found is None:
        return None
    checkout_id, page = found
    checkout = await ports.ledger.load_checkout(checkout_id)
    return None if checkout is None or checkout.subscription_id is not None else page.url


async def _customer(ports: Ports, provider: Provider, guild_id: int, member_id: int) -> str | None:
    """Return the id of the provider's customer with which this member pays this server; None: create one.

    With a single customer, one portal shows all of the member's subscriptions. A customer who also pays
    another server is never used: the portal lets a customer switch between the prices of the server from
    which it was opened, and that server must not sell what another one sells. Neither is a customer that may
    be somebody else: a friend may have paid on the member's page, and the next page would offer the friend's
    cards. A member who managed or cancelled a subscription in Discord counts as its customer.
    """
    here = (provider.name, provider.account)
    own = [s for s in await ports.ledger.load_subscriptions_of(member_id) if s.is_payers]
    paid = [(s, s.binding.guild_id) for s in own if s.binding and s.key.at == here]
    elsewhere = {s.customer_id for s, guild in paid if guild != guild_id}
    managed = await ports.ledger.load_managed(guild_id, member_id)
    for subscription, guild in paid:
        if guild == guild_id and subscription.customer_id not in elsewhere:
            intents = await ports.ledger.load_intents_of(subscription.key)
            asked = any(i.by == member_id and i.kind in MEMBERS_REQUESTS for i in intents)
            if asked or subscription.key in managed:
                return subscription.customer_id
    return None
