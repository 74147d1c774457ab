"""Payments, refunds and reversals: /v1/payments/sale, /v2/payments/captures and /v2/payments/refunds.

A payment has one id in both versions of the API. Shapes: notifications that merchants have published, and
developer.paypal.com/api/payments/v2 (read 2026-11).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from standins.paypal import money as amounts
from standins.paypal import request_checks
from standins.paypal.errors import PayPalRefusal, bad, unfit
from standins.paypal.money import exact, money_exact
from standins.paypal.request_checks import fields, text
from standins.paypal.routes import Answer, Call, Route
from standins.paypal.state import Obj, Subscription, World, new_id
from standins.paypal.subscription_terms import currency
from standins.paypal.times import stamp


@dataclass
class Sale:
    id: str
    subscription: Subscription
    amount: Decimal
    currency: str
    created: int
    updated: int
    status: str = "COMPLETED"  # as in transactions: also DECLINED, PARTIALLY_REFUNDED, REFUNDED
    refunded: Decimal = Decimal(0)
    reversed: bool = False

    @property
    def fee(self) -> Decimal:
        return amounts.round_to(self.amount * Decimal("0.0349") + Decimal("0.49"), self.currency)


@dataclass
class Refund:
    id: str
    sale: Sale
    amount: Decimal
    created: int
    note: str = ""
    total: Decimal = field(default=Decimal(0))  # refunded of the sale so far, this refund included


@dataclass(frozen=True)
class Payment:
    sale: Sale
    good: bool


def charge(world: World, subscription: Subscription, amount: Decimal) -> Payment:
    """Charge the buyer; a failed charge is stored as a declined transaction."""
    good = subscription.buyer is not None and subscription.buyer.funded
    if world.settings.decline_next > 0:
        world.settings.decline_next -= 1
        good = False
    now = world.now()
    sale = Sale(new_id(), subscription, amount, currency(world, subscription), now, now)
    sale.status = "COMPLETED" if good else "DECLINED"
    world.add("sale", sale.id, sale)
    return Payment(sale, good)


def sales_of(world: World, subscription_id: str) -> list[Sale]:
    return [one for one in world.all("sale") if one.subscription.id == subscription_id]


def show_sale(world: World, sale: Sale) -> Obj:
    """Return the payment as API v1 shows it: a sale."""
    path = f"/v1/payments/sale/{sale.id}"
    shown: Obj = {
        "id": sale.id,
        "state": "denied" if sale.status == "DECLINED" else sale.status.lower(),
        "amount": _total(sale.amount, sale.currency, details=True),
        "payment_mode": "INSTANT_TRANSFER",
        "protection_eligibility": "ELIGIBLE",
        "protection_eligibility_type": "ITEM_NOT_RECEIVED_ELIGIBLE,UNAUTHORIZED_PAYMENT_ELIGIBLE",
        "transaction_fee": {"currency": sale.currency, "value": exact(sale.fee, sale.currency)},
        "invoice_number": "",
        "billing_agreement_id": sale.subscription.id,
        "create_time": stamp(sale.created),
        "update_time": stamp(sale.updated),
        "links": [world.link(path), world.link(f"{path}/refund", "refund", "POST")],
    }
    if sale.subscription.custom_id:
        shown["custom"] = sale.subscription.custom_id
    return shown


def _total(amount: Decimal, code: str, *, details: bool = False) -> Obj:
    shown: Obj = {"total": exact(amount, code), "currency": code}
    return {**shown, "details": {"subtotal": exact(amount, code)}} if details else shown


def show_capture(world: World, sale: Sale) -> Obj:
    """Return the payment as API v2 shows it: a capture."""
    path, code = f"/v2/payments/captures/{sale.id}", sale.currency
    breakdown = {
        "gross_amount": money_exact(sale.amount, code),
        "paypal_fee": money_exact(sale.fee, code),
        "net_amount": money_exact(sale.amount - sale.fee, code),
    }
    return {
        "id": sale.id,
        "status": sale.status,
        "amount": money_exact(sale.amount, code),
        "final_capture": True,
        "seller_receivable_breakdown": breakdown,
        "create_time": stamp(sale.created),
        "update_time": stamp(sale.updated),
        "links": [world.link(path), world.link(f"{path}/refund", "refund", "POST")],
    }


def show_transaction(sale: Sale) -> Obj:
    """Return the sale as the subscription's list of transactions shows it."""
    buyer = sale.subscription.buyer
    breakdown = {"gross_amount": money_exact(sale.amount, sale.currency)}
    if sale.status != "DECLINED":
        breakdown["fee_amount"] = money_exact(sale.fee, sale.currency)
        breakdown["net_amount"] = money_exact(sale.amount - sale.fee, sale.currency)
    shown: Obj = {"id": sale.id, "status": sale.status, "amount_with_breakdown": breakdown}
    if buyer:
        name = {"given_name": buyer.given_name, "surname": buyer.surname}
        shown |= {"payer_name": name, "payer_email": buyer.email}
    return {**shown, "time": stamp(sale.created)}


def tell_sale(world: World, sale: Sale) -> None:
    paid = f"{exact(sale.amount, sale.currency)} {sale.currency}"
    world.emit("PAYMENT.SALE.COMPLETED", "sale", f"Payment completed for {paid}", show_sale(world, sale))


def show_refund(world: World, refund: Refund) -> Obj:
    """Return the refund as API v1 shows it: with the sale's id, never the subscription's."""
    sale, path = refund.sale, f"/v1/payments/refund/{refund.id}"
    return {
        "id": refund.id,
        "sale_id": sale.id,
        "state": "completed",
        "amount": _total(refund.amount, sale.currency),
        "refund_to_payer": {"value": exact(refund.amount, sale.currency), "currency": sale.currency},
        "total_refunded_amount": {"value": exact(refund.total, sale.currency), "currency": sale.currency},
        "refund_reason_code": "REFUND",
        "create_time": stamp(refund.created),
        "update_time": stamp(refund.created),
        "links": [world.link(path), world.link(f"/v1/payments/sale/{sale.id}", "sale")],
    }


def show_refund_v2(world: World, refund: Refund) -> Obj:
    code = refund.sale.currency
    breakdown = {
        "gross_amount": money_exact(refund.amount, code),
        "paypal_fee": money_exact(Decimal(0), code),
        "net_amount": money_exact(refund.amount, code),
        "total_refunded_amount": money_exact(refund.total, code),
    }
    path = f"/v2/payments/refunds/{refund.id}"
    shown: Obj = {
        "id": refund.id,
        "status": "COMPLETED",
        "amount": money_exact(refund.amount, code),
        "seller_payable_breakdown": breakdown,
        "create_time": stamp(refund.created),
        "update_time": stamp(refund.created),
        "links": [world.link(path), world.link(f"/v2/payments/captures/{refund.sale.id}", "up")],
    }
    return {**shown, "note_to_payer": refund.note} if refund.note else shown


def give_back(world: World, sale: Sale, amount: Decimal | None = None, note: str = "") -> Refund:
    """Refund `amount`, or all that is left of the sale.

    Raises ValueError if the amount exceeds what is left.
    """
    left = sale.amount - sale.refunded
    amount = left if amount is None else amount
    if not 0 < amount <= left:
        raise ValueError(amount)
    sale.refunded += amount
    sale.status = "REFUNDED" if sale.refunded == sale.amount else "PARTIALLY_REFUNDED"
    sale.updated = world.now()
    refund = Refund(new_id(), sale, amount, world.now(), note, sale.refunded)
    world.add("refund", refund.id, refund)
    given = f"{exact(amount, sale.currency)} {sale.currency}"
    summary = f"A {given} sale payment was refunded"
    world.emit("PAYMENT.SALE.REFUNDED", "refund", summary, show_refund(world, refund))
    return refund


def reverse(world: World, sale: Sale) -> None:
    """Reverse a payment, as PayPal does for a chargeback or a lost dispute."""
    sale.reversed, sale.refunded, sale.status, sale.updated = True, sale.amount, "REFUNDED", world.now()
    refund = world.add(
        "refund", (key := new_id()), Refund(key, sale, sale.amount, world.now(), total=sale.amount)
    )
    shown = _bare_reversal(world, refund) if world.settings.bare_reversals else show_sale(world, sale)
    # The amount in a reversal's notification is negative, and its state is still "completed".
    shown |= {"amount": _total(-sale.amount, sale.currency, details=True), "state": "completed"}
    taken = f"{exact(sale.amount, sale.currency)} {sale.currency}"
    world.emit("PAYMENT.SALE.REVERSED", "sale", f"A {taken} sale payment was reversed", shown)


def _bare_reversal(world: World, refund: Refund) -> Obj:
    links = [world.link(f"/v1/payments/refund/{refund.id}")]
    return {"id": refund.id, "create_time": stamp(refund.created), "links": links}


def _get_sale(world: World, _call: Call, sale_id: str) -> Answer:
    return 200, show_sale(world, _sale(world, sale_id))


def _sale(world: World, sale_id: str) -> Sale:
    found: Sale | None = world.find("sale", sale_id)
    if found is None:
        raise PayPalRefusal(404, "INVALID_RESOURCE_ID", "The requested resource ID was not found.")
    return found


def _refund_sale(world: World, call: Call, sale_id: str) -> Answer:
    """Refund a sale by API v1, which refuses with status 400 and error names of its own."""
    sale = _sale(world, sale_id)
    if sale.status == "DECLINED":
        raise PayPalRefusal(400, "TRANSACTION_REFUSED", "The request was refused.")
    if sale.refunded == sale.amount:
        raise PayPalRefusal(
            400, "TRANSACTION_ALREADY_REFUNDED", "This transaction has already been refunded."
        )
    given = (call.body or {}).get("amount")
    try:
        amount = amounts.read(given["total"], given["currency"]) if given else None
        if given and given["currency"] != sale.currency:
            raise ValueError(given)  # noqa: TRY301 - one message for every fault of the amount
        refund = give_back(world, sale, amount, (call.body or {}).get("description", ""))
    except ValueError:
        raise PayPalRefusal(
            400, "REFUND_EXCEEDED_TRANSACTION_AMOUNT", "The refund amount does not fit the transaction."
        ) from None
    return 201, show_refund(world, refund)


def _get_refund(world: World, _call: Call, refund_id: str) -> Answer:
    return 200, show_refund(world, world.get("refund", refund_id))


def _get_capture(world: World, _call: Call, sale_id: str) -> Answer:
    return 200, show_capture(world, world.get("sale", sale_id))


def _get_refund_v2(world: World, _call: Call, refund_id: str) -> Answer:
    return 200, show_refund_v2(world, world.get("refund", refund_id))


def _refund_capture(world: World, call: Call, sale_id: str) -> Answer:
    sale: Sale = world.get("sale", sale_id)
    given = (call.body or {}).get("amount")
    if sale.status == "DECLINED":
        raise unfit("REFUND_NOT_ALLOWED", "The capture was not completed.")
    if sale.refunded == sale.amount:
        raise unfit("CAPTURE_FULLY_REFUNDED", "The capture has already been fully refunded.")
    if given and given["currency_code"] != sale.currency:
        text = "The refund must be in the same currency as the capture."
        raise unfit("REFUND_CAPTURE_CURRENCY_MISMATCH", text)
    amount = Decimal(given["value"]) if given else None
    if amount == 0:
        raise bad("INVALID_PARAMETER_VALUE", "/amount/value")
    try:
        refund = give_back(world, sale, amount, (call.body or {}).get("note_to_payer", ""))
    except ValueError:
        text = (
            "The refund amount must be less than or equal to the capture amount that has not been refunded."
        )
        raise unfit("REFUND_AMOUNT_EXCEEDED", text) from None
    shown = show_refund_v2(world, refund)
    return 201, shown if call.full else {name: shown[name] for name in ("id", "status", "links")}


REFUND_V1 = fields(
    amount=fields("total currency", total=text(1, 10), currency=text(3, 3)),
    description=text(1, 255),
    reason=text(1, 30),
    invoice_number=text(),
)
REFUND_V2 = fields(
    amount=request_checks.money, note_to_payer=text(1, 255), invoice_id=text(), custom_id=text()
)
ROUTES = [
    Route("GET", "/v1/payments/sale/{id}", _get_sale),
    Route("POST", "/v1/payments/sale/{id}/refund", _refund_sale, REFUND_V1, keyed=True, bodyless=True),
    Route("GET", "/v1/payments/refund/{id}", _get_refund),
    Route("GET", "/v2/payments/captures/{id}", _get_capture),
    Route("POST", "/v2/payments/captures/{id}/refund", _refund_capture, REFUND_V2, keyed=True, bodyless=True),
    Route("GET", "/v2/payments/refunds/{id}", _get_refund_v2),
]
