"""Finds a payment's subscriptions and a subscription's last payment, and refunds that payment.

A subscription's payment has one id in both versions of the API: in version 1 it is a sale, which names its
subscription, and in version 2 a capture (developer.paypal.com/docs/api/payments, 2026-11).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from billing.errors import ProviderMisread, ProviderNotFound, ProviderRefused
from billing.model import DisputeState, Payment, Subject, Subscription
from billing.model.translatable_text import Text
from providers.base import Answer, in_time, maybe, need
from providers.paypal.amounts import amount_of_either_version
from providers.paypal.api import Api, Refused, path
from providers.paypal.billing_plans import DAY
from providers.paypal.dates import stamp
from providers.paypal.mapping import map_capture, map_dispute, map_sale, map_transaction
from providers.paypal.webhook import PAYMENT_LINK

log = logging.getLogger(__name__)

_DISPUTES = ("v1", "customer", "disputes")
# PayPal's dispute ids begin like this. A payment's id in place of one stands for that payment's disputes.
_DISPUTE_PREFIX = "PP-"
_FAILED_STATES = ("FAILED", "CANCELLED")
# The fields for the sum of all refunds of a payment, in API version 2 and in version 1.
_REFUND_TOTALS = ("seller_payable_breakdown.total_refunded_amount", "total_refunded_amount")
_ALREADY_REFUNDED = {"CAPTURE_FULLY_REFUNDED", "TRANSACTION_ALREADY_REFUNDED"}


async def locate(api: Api, subject: Subject) -> list[str]:
    """Return the ids of the subscriptions that the object in an event belongs to.

    The list is empty for a customer, whose subscriptions the ledger knows.
    """
    match subject.kind:
        case "subscription":
            return [subject.id]
        case "sale":
            return await _locate_sale(api, subject.id)
        case "dispute":
            found, _ = await fetch_dispute(api, subject.id)
            return [] if found is None else [found]
        case _:
            return []


async def _locate_sale(api: Api, payment_id: str) -> list[str]:
    try:
        sale = await _fetch_sale(api, payment_id)
    except ProviderNotFound:
        return []  # the payment was not for a subscription
    return _agreement_of(sale)


def _agreement_of(sale: Answer) -> list[str]:
    found = maybe(sale, "billing_agreement_id", str)
    return [found] if found else []


async def _fetch_sale(api: Api, payment_id: str) -> Answer:
    """Fetch a payment by its own id or by the id of its refund or reversal.

    Raises ProviderNotFound for any other id.
    """
    try:
        return await api.get(path("v1", "payments", "sale", payment_id))
    except ProviderNotFound:
        paid = payment_of(await _fetch_refund(api, payment_id))
        if paid is None:
            raise
        return await api.get(path("v1", "payments", "sale", paid))


async def _fetch_refund(api: Api, refund_id: str) -> Answer:
    try:
        return await api.get(path("v1", "payments", "refund", refund_id))
    except ProviderNotFound:
        return await api.get(path("v2", "payments", "refunds", refund_id))


async def fetch_dispute(api: Api, dispute_id: str) -> tuple[str | None, DisputeState]:
    """Return the id of the subscription that a dispute is about, or None, and the dispute's state.

    If `dispute_id` is a payment's id, that payment was reversed and the state is LOST, unless PayPal lists
    a dispute about it: that dispute is handled on its own and may end differently.
    """
    try:
        dispute = await api.get(path(*_DISPUTES, dispute_id))
    except Refused:
        if dispute_id.startswith(_DISPUTE_PREFIX):
            raise
        return await _fetch_reversal(api, dispute_id)
    for transaction in need(dispute, "disputed_transactions", list):
        sale_id = maybe(transaction, "seller_transaction_id", str)
        found = await _locate_sale(api, sale_id) if sale_id else []
        if found:
            return found[0], map_dispute(dispute)
    return None, map_dispute(dispute)


async def was_charged_back(api: Api, dispute_id: str) -> bool:
    """Return False if the buyer and the owner settled the dispute without PayPal (stage INQUIRY).

    If `dispute_id` is a payment's id, the result is True, because that payment was reversed.
    """
    try:
        dispute = await api.get(path(*_DISPUTES, dispute_id))
    except Refused:
        if dispute_id.startswith(_DISPUTE_PREFIX):
            raise
        return True
    return maybe(dispute, "dispute_life_cycle_stage", str) != "INQUIRY"


async def _fetch_reversal(api: Api, payment_id: str) -> tuple[str | None, DisputeState]:
    """Return the subscription and the state of a reversed payment.

    Raises ProviderNotFound if the id is neither a payment's nor a refund's.
    """
    sale = await _fetch_sale(api, payment_id)
    found = _agreement_of(sale)
    if not found:
        return None, DisputeState.NONE
    return found[0], await _state_of_payment(api, need(sale, "id", str))


async def _state_of_payment(api: Api, sale_id: str) -> DisputeState:
    try:
        listed = await api.get(path(*_DISPUTES), disputed_transaction_id=sale_id)
    except Refused:
        return DisputeState.LOST  # the application may not read disputes
    for one in maybe(listed, "items", list) or []:
        state = map_dispute(await api.get(path(*_DISPUTES, need(one, "dispute_id", str))))
        if state is not DisputeState.NONE:
            return DisputeState.NONE
    return DisputeState.LOST


async def list_disputes(
    api: Api, settled: dict[str, tuple[str, DisputeState]]
) -> AsyncIterator[tuple[str, DisputeState]]:
    """Yield the disputes of the last 180 days with their state, fetching fifty per call.

    The list lacks the outcome of a resolved dispute, so each resolved one costs one further call, once:
    `settled` keeps the outcome by dispute id and time of change. Yields nothing if the application may not
    read disputes.
    """
    query = {"page_size": "50"}
    while True:
        try:
            async with in_time("GET disputes"):
                page = await api.get(path(*_DISPUTES), **query)
        except Refused as refused:
            if refused.status != 403:
                raise
            log.info("PayPal does not let the application read disputes: %s", refused)
            return
        for one in maybe(page, "items", list) or []:
            try:
                yield need(one, "dispute_id", str), await _state_of(api, one, settled)
            except ProviderMisread as error:
                log.warning("Left out a dispute: %s", error)
        token = _next_page(page)
        if token is None:
            return
        query["next_page_token"] = token


async def _state_of(api: Api, brief: Answer, settled: dict[str, tuple[str, DisputeState]]) -> DisputeState:
    if need(brief, "status", str) != "RESOLVED":
        return map_dispute(brief)
    dispute_id, changed = need(brief, "dispute_id", str), need(brief, "update_time", str)
    known = settled.get(dispute_id)
    if known is None or known[0] != changed:
        async with in_time("GET dispute"):
            known = (changed, map_dispute(await api.get(path(*_DISPUTES, dispute_id))))
        settled[dispute_id] = known
    return known[1]


def _next_page(page: Answer) -> str | None:
    links = [one for one in maybe(page, "links", list) or [] if maybe(one, "rel", str) == "next"]
    query = parse_qs(urlsplit(need(links[0], "href", str)).query) if links else {}
    return next(iter(query.get("next_page_token", [])), None)


async def fetch_last_payment(api: Api, subscription: Subscription, now: float) -> Payment | None:
    """Return the newest payment above zero, or None.

    The current period is searched first, then everything since the subscription's start.
    """
    lately = min(subscription.period_start or subscription.created_at, int(now))
    total = subscription.total
    regular = [step.amount for step in subscription.terms.steps] or ([total.amount] if total else [])
    for first in sorted({lately, subscription.created_at}, reverse=True):
        newest = await _fetch_newest(api, subscription.key.id, first, now, regular)
        if newest is not None:
            return await _with_refunded(api, *newest)
    return None


async def fetch_newest(api: Api, subscription_id: str, since: int, now: float) -> Payment | None:
    """Return the newest payment since `since` as the list of transactions shows it; None if there is none."""
    try:
        newest = await _fetch_newest(api, subscription_id, since, now)
    except ProviderNotFound:
        return None  # PayPal has no list of transactions for this subscription
    return None if newest is None else newest[0]


async def _fetch_newest(
    api: Api, subscription_id: str, first: int, now: float, regular: Sequence[int] = ()
) -> tuple[Payment, bool] | None:
    """Return the newest payment since `first`, and whether it was partly refunded.

    `regular`: the prices of a period in minor units. Among payments made at the same moment, one of these
    amounts is preferred to a set-up fee.
    """
    listed = await api.get(
        path("v1", "billing", "subscriptions", subscription_id, "transactions"),
        start_time=stamp(min(first, now) - DAY),
        end_time=stamp(now + DAY),
    )
    made = [map_transaction(one) for one in maybe(listed, "transactions", list) or []]
    paid = [one for one in made if one is not None]
    return max(paid, key=lambda one: (one[0].paid_at, one[0].amount in regular), default=None)


async def fetch_payment(api: Api, payment_id: str) -> Payment:
    """Fetch the current state of a payment, including the refunded amount."""
    try:
        found = map_capture(await api.get(path("v2", "payments", "captures", payment_id)))
    except ProviderNotFound:
        found = map_sale(await api.get(path("v1", "payments", "sale", payment_id)))
    return await _with_refunded(api, *found)


async def _with_refunded(api: Api, payment: Payment, partly: bool) -> Payment:
    """Return the payment with the amount refunded so far.

    Only refunds show that amount, and PayPal lists refunds only among the notifications that it sent. If
    those cannot be read, `partly` stays True; a refund still returns whatever is left.
    """
    if not partly:
        return payment
    try:
        sent = await api.get(
            path("v1", "notifications", "webhooks-events"),
            transaction_id=payment.id,
            start_time=stamp(payment.paid_at - DAY),
            page_size="100",
        )
    except Refused as refused:
        log.info("Cannot tell how much of payment %s was refunded: %s", payment.id, refused)
        return replace(payment, partly=True)
    given = sum_refunds(maybe(sent, "events", list) or [], payment)
    return replace(payment, refunded=min(given, payment.amount), partly=not given)


def sum_refunds(events: Sequence[Answer], payment: Payment) -> int:
    """Return how much of a payment was refunded, in minor units, by the notifications of its refunds.

    This is the largest total that a notification names, or the sum of the single refunds if that is more.
    """
    total, each = 0, dict[str, int]()
    for event in events:
        refund = maybe(event, "resource", dict) or {}
        ended = (maybe(refund, "state", str) or maybe(refund, "status", str) or "").upper()
        kind = (maybe(event, "event_type", str) or "").rpartition(".")[2]
        if (
            kind in ("REFUNDED", "REVERSED")
            and ended not in _FAILED_STATES
            and payment_of(refund) == payment.id
        ):
            total = max(total, _first_amount(refund, _REFUND_TOTALS, payment.currency) or 0)
            each[need(refund, "id", str)] = _first_amount(refund, ("amount",), payment.currency) or 0
    return max(total, sum(each.values()))


def _is_refund(event: Answer) -> bool:
    return (maybe(event, "event_type", str) or "").endswith((".REFUNDED", ".REVERSED"))


def _state_of_refund(refund: Answer) -> str:
    return (maybe(refund, "status", str) or maybe(refund, "state", str) or "").upper()


def payment_of(refund: Answer) -> str | None:
    """Return the id of the payment that a refund or reversal is about.

    API version 1 names the payment; version 2 links to it.
    """
    named = maybe(refund, "sale_id", str)
    links = (one for one in maybe(refund, "links", list) or [] if isinstance(one, dict))
    linked = (PAYMENT_LINK.fullmatch(maybe(one, "href", str) or "") for one in links)
    return named or next((found[1] for found in linked if found), None)


def _first_amount(refund: Answer, fields: Sequence[str], currency: str) -> int | None:
    """Return the first amount found in these fields, in minor units; None if there is none.

    The result is never negative.
    """
    for field in fields:
        money = maybe(refund, field, dict)
        found = None if money is None else amount_of_either_version(money, currency)
        if found is not None:
            return found
    return None


async def refund(api: Api, payment: Payment, key: str) -> Payment:
    """Refund whatever is left of a payment and return the payment in its new state.

    The request names no amount: PayPal then refunds the rest, and a repeated request stays the same
    whatever was refunded in between. Raises ProviderRefused if PayPal cannot refund.
    """
    answer: Answer = {}
    try:
        answer = await _refund(api, payment.id, key)
    except Refused as refused:
        if not refused.issues & _ALREADY_REFUNDED:
            raise
    if _state_of_refund(answer) in _FAILED_STATES:
        raise ProviderRefused(Text("error.paypal.refund_failed"))
    try:
        after = await fetch_payment(api, payment.id)
    except ProviderNotFound:  # refunded, and PayPal no longer shows it
        told = _refunded_sum(answer, payment)
        return replace(payment, amount=max(payment.amount, told), refunded=told)
    told = _refunded_sum(answer, after)
    return replace(after, refunded=min(max(after.refunded, told), after.amount), partly=False)


def _refunded_sum(answer: Answer, payment: Payment) -> int:
    """Return the refunded amount, including this refund; the full amount if PayPal had already refunded it.

    The payment itself may not show the refund yet, right afterwards or while it waits for the buyer's bank.
    """
    found = _first_amount(answer, (*_REFUND_TOTALS, "amount"), payment.currency)
    return payment.amount if found is None else found


async def _refund(api: Api, payment_id: str, key: str) -> Answer:
    try:
        return await api.post(path("v2", "payments", "captures", payment_id, "refund"), {}, key=key)
    except ProviderNotFound:
        return await api.post(path("v1", "payments", "sale", payment_id, "refund"), {}, key=key)
