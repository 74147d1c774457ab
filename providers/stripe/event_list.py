"""Lists the events that Stripe sent, so that the bot notices when notifications do not arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator

from billing.model import Event, Finding
from providers.base import maybe
from providers.stripe.api import Api, Refused
from providers.stripe.setup import HOOKS_PAGE
from providers.stripe.webhook import read_listed

# The types that affect access or money. Stripe takes at most twenty in one call
# (docs.stripe.com/api/events/list, `types`, 2026-11).
RELEVANT_EVENTS = frozenset(
    {
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.refunded",
        "checkout.session.completed",
        "customer.deleted",
        "customer.subscription.created",
        "customer.subscription.deleted",
        "customer.subscription.paused",
        "customer.subscription.resumed",
        "customer.subscription.updated",
        "invoice.marked_uncollectible",
        "invoice.paid",
        "invoice.payment_failed",
        "invoice.voided",
    }
)


async def list_events(api: Api, since: int, webhook_url: str, account: str) -> AsyncIterator[Event]:
    """Yield the relevant events since `since` (unix seconds), newest first, a hundred per call.

    Types that the endpoint at `webhook_url` does not send are left out.
    """
    kinds = sorted(await _kinds(api, webhook_url))
    if not kinds:
        return
    async for page in api.pages("events", types=kinds, created={"gte": since}):
        for data in page:
            event = read_listed(data, account)
            if event is not None and event.subject is not None:
                yield event


async def _kinds(api: Api, webhook_url: str) -> set[str]:
    """The relevant types that the endpoint sends, so that its owner is not warned about types it does not
    send.

    All of them where no endpoint has this address or the key may not list endpoints: a proxy may give it
    another address.
    """
    try:
        known = await api.every("webhook_endpoints")
    except Refused:
        return set(RELEVANT_EVENTS)
    ours = [
        maybe(one, "enabled_events", list) or [] for one in known if maybe(one, "url", str) == webhook_url
    ]
    sent = {kind for kinds in ours for kind in kinds}
    return set(RELEVANT_EVENTS) if not ours or "*" in sent else sent & RELEVANT_EVENTS


def unheard(*, refused: bool) -> Finding:
    """The finding that notifications do not arrive, with its cure.

    `refused`: some arrived and the bot refused their signature.
    """
    if refused:
        says = (
            "Stripe sends notifications here and the bot refuses them: STRIPE_WEBHOOK_SECRET is not the "
            "signing secret of the endpoint that sends them. Payments are noticed only by the sweep."
        )
        cure = (
            f"In {HOOKS_PAGE} open the endpoint that leads here, copy its signing secret (whsec_) into "
            "STRIPE_WEBHOOK_SECRET and start the bot again. If it is the right one, a proxy changes the "
            "messages on their way, or this machine's clock is more than five minutes off."
        )
    else:
        says = "No notification of Stripe's arrives here, so payments are noticed only by the sweep."
        cure = (
            f"In {HOOKS_PAGE} look at the endpoint and its latest deliveries: its address must be PUBLIC_URL "
            "followed by /webhooks/stripe and lead to this bot, through every proxy and firewall."
        )
    return Finding("Stripe notifications", False, says, cure)
