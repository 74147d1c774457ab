"""Finds the owner of a subscription.

The owner is known by the payment page that led to the subscription, or by what Dues wrote to it at the
provider.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from billing.errors import ProviderError
from billing.model import Binding, BoundBy, Checkout, Notice, PayerProposed, Status, Subscription
from billing.ports import Ports, Provider
from billing.rules.access import plans_of
from billing.use_cases.selling_servers import is_sold, load_sellers

log = logging.getLogger(__name__)


def confirm(known: Subscription, snapshot: Subscription) -> Subscription:
    """Return the snapshot with the known owner.

    If an admin named that owner and Dues' own data at the provider agrees, the provider counts as proof.
    """
    claim, bound_by = snapshot.claim, known.bound_by
    if bound_by is BoundBy.ADMIN and claim is not None and claim.proven:
        same = Binding(claim.guild_id or 0, claim.member_id) == known.binding
        bound_by = BoundBy.PROVIDER if same else bound_by
    return replace(snapshot, binding=known.binding, bound_by=bound_by)


async def find_payer(ports: Ports, provider: Provider, snapshot: Subscription) -> Subscription:
    """Return the snapshot with its owner if that is certain, otherwise unchanged.

    The owner is known by the payment page that led to the subscription. If this ledger does not know the page
    (because the ledger is new, or older than the sale), the owner is known by data at the provider that only
    Dues can have written. Servers that the bot is not in do not count.
    """
    checkout = await ports.ledger.load_checkout(snapshot.checkout_id) if snapshot.checkout_id else None
    if checkout is None and is_proven(ports, snapshot):
        claim = snapshot.claim
        assert claim is not None
        assert claim.guild_id is not None
        return replace(snapshot, binding=Binding(claim.guild_id, claim.member_id), bound_by=BoundBy.PROVIDER)
    checkout = await _find_checkout(ports, provider, snapshot, checkout)
    if checkout is None:
        return snapshot
    return replace(snapshot, binding=Binding(checkout.guild_id, checkout.member_id), checkout_id=checkout.id)


def is_proven(ports: Ports, snapshot: Subscription) -> bool:
    """Return True if the provider's object carries Dues' own proof of an owner in a server the bot is in.

    While it is not known whether the bot is in the server, the proof has to wait for the next sweep.
    """
    claim = snapshot.claim
    return claim is not None and claim.proven and bool(ports.roles.is_in(claim.guild_id or 0))


async def propose(ports: Ports, snapshot: Subscription) -> tuple[Notice, ...]:
    """Return a question to the admins about a subscription that names its member but has no owner.

    It is asked if somebody other than Dues may have written the name. It goes to the server that the
    subscription names, or to the only server that sells it.
    """
    claim = snapshot.claim
    if claim is None or snapshot.status in (Status.ENDED, Status.PENDING):
        return ()
    sellers = await load_sellers(ports.ledger, *snapshot.key.at) if claim.guild_id is None else []
    guild_id = sellers[0] if len(sellers) == 1 else claim.guild_id
    if guild_id is None or not ports.roles.is_in(guild_id):
        return ()
    plans = plans_of(snapshot, await ports.ledger.load_plans(guild_id, removed=True))
    name = " + ".join(plan.name for plan in plans)
    key = f"proposed:{snapshot.key}:{guild_id}:{claim.member_id}"
    body = PayerProposed(claim.member_id, name, snapshot.key)
    return (Notice(key, guild_id, None, body, ports.now()),) if plans else ()


async def is_to_propose(ports: Ports, snapshot: Subscription) -> bool:
    """Return True if there is an owner to propose and the admins have not been asked yet."""
    found = [await ports.ledger.load_notice(notice.key) for notice in await propose(ports, snapshot)]
    return None in found


async def _find_checkout(
    ports: Ports, provider: Provider, snapshot: Subscription, checkout: Checkout | None
) -> Checkout | None:
    """Return the checkout by which the subscription was bought; None if there is none.

    The checkout's opaque id is either in the subscription's metadata, which only the account's owner can
    write (`checkout`), or on the provider's checkout, which must then be the very page that Dues created.
    """
    if checkout is None and await is_sold(ports.ledger, snapshot):
        found = await provider.fetch_checkout(snapshot.key.id)
        if found is not None and found.checkout_id is not None:
            checkout = await ports.ledger.load_checkout(found.checkout_id)
            if checkout is not None and checkout.session_id not in (None, found.session_id):
                return None
    if checkout is None or (checkout.provider, checkout.account) != (provider.name, provider.account):
        return None
    if checkout.subscription_id is None:
        await ports.ledger.record_checkout(replace(checkout, subscription_id=snapshot.key.id))
    elif checkout.subscription_id != snapshot.key.id:
        return None
    return checkout


async def write_payer(ports: Ports, subscription: Subscription) -> None:
    """Write the owner to the provider if it can store the owner and does not yet.

    If that fails, the next sweep tries again.
    """
    provider, whose = ports.providers[subscription.key.provider], subscription.binding
    if whose is None or not provider.lacks_payer(subscription, whose, subscription.bound_by):
        return
    try:
        await provider.write_payer(subscription.key.id, whose)
    except ProviderError as error:
        log.warning("whose %s is could not be written to it: %s", subscription.key, error)
