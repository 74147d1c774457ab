"""Lists the events that Stripe sent, so that the bot notices when notifications do not arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator

from billing.model import Event, Finding
from billing.model.translatable_text import Text
from providers.base import maybe
from providers.stripe.api import Api, Refused
from providers.stripe.webhook import read_listed

# The types that affect access or money. Stripe accepts at most twenty in one call
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
    """Return the relevant event types that the endpoint sends, so that no others are reported as missing.

    Returns all relevant types if no endpoint has this address, since a proxy may give it another one, or if
    the key may not list endpoints.
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
    """Return the finding that notifications do not arrive, with its fix.

    `refused`: True if some notifications arrived but the bot rejected their signature.
    """
    code = "finding.stripe.notifications_refused" if refused else "finding.stripe.no_notifications"
    cure = "finding.stripe.notifications_refused_cure" if refused else "finding.stripe.no_notifications_cure"
    return Finding(Text("finding.stripe.notifications"), False, Text(code), Text(cure))
