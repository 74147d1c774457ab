"""Lists the events that PayPal sent, so that the bot notices when notifications do not arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from billing.errors import ProviderNotFound
from billing.model import Event, Finding
from billing.model.translatable_text import Text
from providers.base import in_time, maybe, need
from providers.paypal.api import Api, Refused, path
from providers.paypal.dates import stamp
from providers.paypal.setup import EVENTS
from providers.paypal.webhook import read_listed

# PayPal documents no further pages for this list (developer.paypal.com/docs/api/webhooks/v1,
# webhooks-events.list, 2026-11). The newest events come first.
_MOST = "300"


async def list_events(
    api: Api, since: int, now: float, webhook_ids: Sequence[str], account: str
) -> AsyncIterator[Event]:
    """Yield the relevant events since `since` (unix seconds), newest first.

    PayPal lists only the newest 300 events of all types. Types that the webhooks do not send are left out.
    """
    async with in_time("list_events"):
        kinds = set[str]().union(*[await _kinds(api, webhook_id) for webhook_id in webhook_ids])
        found = await api.get(
            path("v1", "notifications", "webhooks-events"),
            start_time=stamp(since),
            end_time=stamp(now + 1),
            page_size=_MOST,
        )
    for data in need(found, "events", list):
        event = read_listed(data, account)
        if event is not None and event.kind in kinds and event.subject is not None:
            yield event


async def _kinds(api: Api, webhook_id: str) -> set[str]:
    """Return the needed event types that the webhook sends, so that no others are reported as missing.

    Returns all needed types if PayPal has no webhook with that id.
    """
    try:
        webhook = await api.get(path("v1", "notifications", "webhooks", webhook_id))
    except (Refused, ProviderNotFound):
        return set(EVENTS)
    sent = {need(one, "name", str) for one in maybe(webhook, "event_types", list) or []}
    return set(EVENTS) if "*" in sent else sent & set(EVENTS)


def unheard(*, refused: bool) -> Finding:
    """Return the finding that notifications do not arrive, with its fix.

    `refused`: True if some notifications arrived but the bot rejected their signature.
    """
    code = "finding.paypal.notifications_refused" if refused else "finding.paypal.no_notifications"
    cure = "finding.paypal.notifications_refused_cure" if refused else "finding.paypal.no_notifications_cure"
    return Finding(Text("finding.paypal.notifications"), False, Text(code), Text(cure))
