"""The providers' notifications and the bot's answers to them, as JSON for the page."""

from __future__ import annotations

import heapq
from itertools import islice
from typing import Any

from sandbox.stage import Stage
from standins.delivery import Delivery
from standins.paypal.times import parse

ROWS = 60


def sent(stage: Stage) -> list[dict[str, Any]]:
    """Return the newest deliveries of both providers, newest first.

    Deliveries of a single provider stay in the order in which they were sent.
    """
    rows = heapq.merge(
        (_of_stripe(one) for one in reversed(stage.stripe.deliveries)),
        (_of_paypal(one) for one in reversed(stage.paypal.deliveries)),
        key=lambda row: int(row["at"]),
        reverse=True,
    )
    return list(islice(rows, ROWS))


def _of_stripe(delivery: Delivery) -> dict[str, Any]:
    event = delivery.event
    return {"provider": "Stripe", "type": event["type"], "at": event["created"], **_fate(delivery)}


def _of_paypal(delivery: Delivery) -> dict[str, Any]:
    event = delivery.event
    return {
        "provider": "PayPal",
        "type": event["event_type"],
        "at": parse(event["create_time"]),
        **_fate(delivery),
    }


def _fate(delivery: Delivery) -> dict[str, Any]:
    statuses = [str(attempt.status or "no answer") for attempt in delivery.attempts]
    faults = [attempt.error for attempt in delivery.attempts if attempt.error]
    return {
        "id": delivery.event["id"],
        "state": delivery.state,
        "label": " ".join(["✓" if delivery.state == "delivered" else delivery.state, *statuses]),
        "note": "; ".join(faults),
    }
