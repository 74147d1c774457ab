"""Compares everything with the providers and with Discord, so that missed changes are repaired."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence, Set
from functools import partial

from billing.errors import LedgerError, ProviderError, ProviderRefused, ProviderUnavailable
from billing.model import DisputeState, Status, Subscription, SubscriptionKey, SweepFailing
from billing.paging import every
from billing.ports import ListPart, Ports, Provider, RecordedSubscription
from billing.priority import Priority
from billing.sweep_state import SweepState, load_sweep, record_sweep
from billing.use_cases.audit_members import audit_members
from billing.use_cases.bind import is_proven, is_to_propose
from billing.use_cases.find_block import load_block
from billing.use_cases.missing_subscription import NOT_LISTED
from billing.use_cases.new_ledger import look_for_lacks
from billing.use_cases.operators import tell_backup_failed, tell_operators, tell_wrong_clock
from billing.use_cases.selling_servers import load_sellers
from billing.use_cases.sweep_round import Numbers, begin_round, finish_round, forget_round
from billing.use_cases.sync import record_dispute, record_snapshot
from billing.use_cases.unowned_subscriptions import tell_nobodys

log = logging.getLogger(__name__)

# A checkout's own event may be lost; for this many seconds each sweep asks the provider which checkout it
# was.
FINDS_ITS_PAYER = 3 * 86_400
TOGETHER = 100  # subscriptions; as many as fit on a page of Stripe's list
LIVING_AT_ONCE = 1_000


async def sweep(ports: Ports) -> list[str]:
    """Compare the ledger with every provider and all members' roles once; return the errors as sentences.

    A subscription that a provider does not list stays as it is: an error or an empty list ends nobody's
    access. If nothing changed, a sweep costs the providers' list calls and no call to Discord.
    """
    faults = []
    for provider in ports.providers.values():
        why, whole = await _try_at(ports, provider)
        faults += [f"{provider.title}: {why}"] if why else []
        await _note(ports, provider, why, whole=whole)
    await tell_wrong_clock(ports)
    await tell_backup_failed(ports)
    await look_for_lacks(ports)
    await audit_members(ports)
    return faults


async def _try_at(ports: Ports, provider: Provider) -> tuple[str, bool]:
    """Sweep one provider; return why it failed, and whether a round is complete.

    The reason is empty if the sweep succeeded. Raises LedgerError, but no other error.
    """
    try:
        return "", await _sweep_at(ports, provider)
    except LedgerError:
        raise
    except ProviderError as error:
        return str(error), False
    except Exception as error:
        log.exception("sweep: fault with %s", provider.title)
        return type(error).__name__, False


async def _note(ports: Ports, provider: Provider, why: str, *, whole: bool) -> None:
    """Record the result for /readyz and /metrics.

    If sweeps have been failing for long, report it once to whoever runs the bot.
    """
    before, now = await load_sweep(ports.ledger, provider), ports.now()
    state = SweepState(good_at=now if whole else before.good_at)
    if why:
        state = SweepState(before.good_at, before.failing_since or now, why)
    await record_sweep(ports.ledger, provider, state)
    if state.failing_since is not None and state.too_long(now, ports.sync_interval):
        body = SweepFailing(provider.name, state.failing_since)
        sellers = await load_sellers(ports.ledger, provider.name, provider.account)
        name = f"sweep:{provider.name}:{provider.account}:{state.failing_since}"
        await tell_operators(ports, name, body, sellers)


async def _sweep_at(ports: Ports, provider: Provider) -> bool:
    """Sweep one provider; return True if a round over its subscriptions is complete.

    If a restored ledger has subscriptions on hold, disputes come first: a member who has disputed a payment
    since the backup must not get the roles back before the dispute is known.
    """
    home = (provider.name, provider.account)
    if not await ports.ledger.load_unswept(*home):
        whole = await sweep_provider(ports, provider)
        await tell_nobodys(ports, provider)
        await sweep_disputes(ports, provider)
        return whole
    try:
        await sweep_disputes(ports, provider)
    except ProviderUnavailable:
        raise
    except ProviderError as error:
        log.warning("The disputes of %s cannot be listed: %s", provider.title, error)
    await ports.ledger.record_disputes_listed(*home, ports.now())
    whole = await sweep_provider(ports, provider, unasked=True)
    await tell_nobodys(ports, provider)
    if whole:
        await ports.ledger.record_swept(*home)
    return whole


async def sweep_provider(ports: Ports, provider: Provider, *, unasked: bool = False) -> bool:
    """Check every subscription of the provider that belongs to Dues or pays for a plan sold here.

    Returns False if that takes longer than the interval between two sweeps; the next sweep continues there.
    By the time a list has been read to its end, it is outdated, so subscriptions that differ from it are
    fetched again; only unknown ones are recorded from the list itself. `unasked`: subscriptions that the list
    shows as unchanged are no longer on hold.
    """
    begun, where = ports.now(), f"{provider.name}:{provider.account}"
    ids: list[str] = []
    paid: list[str] | None = None
    if not provider.lists_all:
        paid = await _find_paid(ports, provider, f"searched {where}")
        ids = [*await _load_to_look_up(ports, provider, f"swept {where}"), *(paid or ())]
    this = await begin_round(ports, provider, whole=unasked)
    listing = provider.list_subscriptions(ids, ListPart(after=this.after, ended=this.ended))
    over = False
    try:
        async for listed in _together(listing):
            if over:
                await this.save(ports.ledger, provider)
                return False
            same = await _compare(ports, provider, listed, this.seen, unasked=unasked)
            if unasked and same:
                await ports.ledger.record_looked(same, ports.now())
            this.after = listed[-1].key.id
            over = this.is_over_budget(ports.sync_interval)
            if this.is_to_save():
                await this.save(ports.ledger, provider)
    except ProviderRefused:
        await forget_round(ports.ledger, provider)  # it may not know the last one any more
        raise
    await _look_for_missing(ports, provider, this.seen)
    await finish_round(ports, provider, this)
    if not provider.lists_all:
        await ports.ledger.record_value(f"swept {where}", str(begun))
    if paid is not None:
        await ports.ledger.record_value(f"searched {where}", str(begun))
    return True


async def _find_paid(ports: Ports, provider: Provider, name: str) -> list[str] | None:
    """Return the ids of unknown subscriptions that were paid since the last full sweep.

    In a new ledger, the search goes back as far as the provider reports. Returns None if the provider does
    not report payments; in that case the next notification about a subscription reveals it.
    """
    since = int(await ports.ledger.load_value(name) or 0)
    try:
        found = [one async for one in provider.list_paid(since)]
    except ProviderError as error:
        log.info("%s does not tell what was paid: %s", provider.title, error)
        return None
    known = await ports.ledger.load_known(provider.name, provider.account, found) if found else []
    return sorted(set(found) - {one.subscription.key.id for one in known})


async def _together(listing: AsyncIterator[Subscription]) -> AsyncIterator[list[Subscription]]:
    """Yield groups of listed subscriptions, including those listed before an error."""
    held: list[Subscription] = []
    try:
        async for subscription in listing:
            held.append(subscription)
            if len(held) == TOGETHER:
                yield held
                held = []
    except ProviderError:
        if held:
            yield held
        raise
    if held:
        yield held


async def _compare(
    ports: Ports,
    provider: Provider,
    listed: Sequence[Subscription],
    seen: Numbers,
    *,
    unasked: bool,
) -> list[SubscriptionKey]:
    """Compare listed subscriptions with the ledger; return the keys of the unchanged ones.

    New subscriptions are recorded, and changed ones are queued to be fetched. An overdue subscription in a
    restored ledger never counts as unchanged, because a list does not show whether it is the same debt.
    """
    found = await ports.ledger.load_known(provider.name, provider.account, [one.key.id for one in listed])
    known = {one.subscription.key: one for one in found}
    prices = [item.price for one in listed if one.key not in known for item in one.items]
    sold = await ports.ledger.load_sold(prices) if prices else set()
    differ, new = [], []
    for one in listed:
        if one.key in known:
            seen.add(known[one.key].number)
            owes = unasked and one.status is Status.PAST_DUE
            if owes or await _needs_look(ports, provider, known[one.key], one):
                differ.append(one.key)
        elif one.customer_id and (one.checkout_id or _pays_for(one, sold) or is_proven(ports, one)):
            await _record_new(ports, provider, one)  # without a customer, nobody has agreed to it
            new.append(one.key.id)
    for recorded in await ports.ledger.load_known(provider.name, provider.account, new) if new else ():
        seen.add(recorded.number)
    if differ:
        await ports.ledger.record_stale(differ, "sweep", ports.now(), Priority.ROUTINE)
    return [key for key in known if key not in differ]


def _pays_for(subscription: Subscription, sold: Set[tuple[str, str, str]]) -> bool:
    return any(item.price.key in sold for item in subscription.items)


async def _look_for_missing(ports: Ports, provider: Provider, seen: Numbers) -> None:
    """Queue recorded subscriptions that a complete list lacked, to be fetched by id.

    Being absent from the list ends nothing by itself.
    """
    after: int | None = 0
    while after is not None:
        living = await ports.ledger.load_living(provider.name, provider.account, after, LIVING_AT_ONCE)
        missing = [key for number, key in living if number not in seen]
        if missing:
            await ports.ledger.record_stale(missing, NOT_LISTED, ports.now(), Priority.ROUTINE)
        after = living[-1][0] if len(living) == LIVING_AT_ONCE else None


async def sweep_disputes(ports: Ports, provider: Provider) -> None:
    """Fetch every dispute whose state differs from the one in the ledger.

    Disputes that cannot be fetched are skipped. Raises ProviderUnavailable if the provider does not answer.
    """
    async for dispute_id, state in provider.list_disputes():
        known = await ports.ledger.load_dispute(provider.name, provider.account, dispute_id)
        came_to_nothing = state is DisputeState.NONE and known is not DisputeState.OPEN
        if state is known or came_to_nothing:
            continue
        try:
            await record_dispute(ports, provider, dispute_id, "sweep")
        except ProviderUnavailable:
            raise
        except ProviderError as error:
            log.warning("Left out dispute %s of %s: %s", dispute_id, provider.title, error)


async def _load_to_look_up(ports: Ports, provider: Provider, name: str) -> list[str]:
    """Load the ids to look up at a provider that does not list all subscriptions.

    They include pages on which somebody may have agreed since the last full sweep or shortly before.
    """
    last = int(await ports.ledger.load_value(name) or 0)
    home = (provider.name, provider.account)
    load = partial(ports.ledger.load_to_look_up, *home, last - FINDS_ITS_PAYER)
    return [one async for one in every(load, "", str)]


async def _record_new(ports: Ports, provider: Provider, listed: Subscription) -> None:
    async with ports.locks.lock(listed.key):
        if await ports.ledger.load_subscription(listed.key) is None:
            try:
                await record_snapshot(ports, provider, listed, "sweep", "compared", "sweep")
            except ProviderError:
                await ports.ledger.record_stale([listed.key], "sweep", ports.now(), Priority.ROUTINE)


async def _needs_look(
    ports: Ports, provider: Provider, known: RecordedSubscription, listed: Subscription
) -> bool:
    """Return True if the subscription has to be fetched.

    It has changed, its owner may now be found or written to the provider, or its renewal should have been
    stopped.
    """
    ours = known.subscription
    if _facts(ours) != _facts(listed):
        return True
    if ours.binding is None:
        young = ours.created_at > ports.now() - FINDS_ITS_PAYER
        return young or is_proven(ports, listed) or await is_to_propose(ports, listed)
    if provider.lacks_payer(listed, ours.binding, ours.bound_by):
        return True
    return known.overruled and ours.renews and await load_block(ports, ours) is not None


def _facts(sub: Subscription) -> tuple[object, ...]:
    """Return the facts that only the provider decides.

    The ledger completes the others with what it saw before.
    """
    times = (sub.period_start, sub.period_end, sub.ends_at, sub.ended_at, sub.trial_end, sub.paid_through)
    return (sub.customer_id, sub.status, sub.provider_status, sub.items, sub.terms, *times)
