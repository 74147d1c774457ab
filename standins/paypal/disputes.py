"""PayPal's API for customer disputes, and the functions that open and close them.

Buyers and PayPal open and close disputes through dashboard.py. Shapes:
developer.paypal.com/api/customer-disputes/v1 (read 2026-11).
"""

from __future__ import annotations

from standins.paypal.money import money_exact
from standins.paypal.payments import Sale, reverse
from standins.paypal.request_checks import query_number, query_time, text
from standins.paypal.routes import Answer, Call, Route
from standins.paypal.state import Obj, World, pick
from standins.paypal.times import parse, stamp

BRIEF = (
    "dispute_id",
    "create_time",
    "update_time",
    "reason",
    "status",
    "dispute_state",
    "dispute_amount",
    "links",
)


def open_dispute(world: World, sale: Sale, reason: str) -> Obj:
    now, buyer = stamp(world.now()), sale.subscription.buyer
    dispute_id = f"PP-D-{pick('0123456789', 5)}"
    dispute: Obj = {
        "dispute_id": dispute_id,
        "create_time": now,
        "update_time": now,
        "disputed_transactions": [
            {
                "buyer_transaction_id": sale.id,
                "seller_transaction_id": sale.id,
                "create_time": stamp(sale.created),
                "transaction_status": "COMPLETED",
                "gross_amount": money_exact(sale.amount, sale.currency),
                "buyer": {"name": f"{buyer.given_name} {buyer.surname}"} if buyer else {},
                "seller": {
                    "merchant_id": world.settings.merchant_id,
                    "name": world.settings.business_name,
                    "email": world.settings.business_email,
                },
                "items": [],
                "seller_protection_eligible": True,
            }
        ],
        "reason": reason,
        "status": "OPEN",
        "dispute_state": "REQUIRED_ACTION",
        "dispute_amount": money_exact(sale.amount, sale.currency),
        "dispute_life_cycle_stage": "INQUIRY",
        "dispute_channel": "INTERNAL",
        "links": [world.link(f"/v1/customer/disputes/{dispute_id}")],
    }
    world.add("dispute", dispute_id, dispute)
    _tell(world, dispute, "CREATED", f"A new dispute opened with Case # {dispute_id}")
    return dispute


def update_dispute(world: World, dispute: Obj, status: str = "UNDER_REVIEW") -> None:
    """Move an open dispute to another status, as when evidence is sent or it becomes a claim."""
    dispute |= {
        "status": status,
        "dispute_state": "UNDER_PAYPAL_REVIEW",
        "dispute_life_cycle_stage": "CHARGEBACK",
    }
    dispute["update_time"] = stamp(world.now())
    _tell(world, dispute, "UPDATED", f"A dispute was updated with case # {dispute['dispute_id']}")


def resolve(world: World, dispute: Obj, *, won: bool) -> None:
    """Resolve a dispute. If the merchant lost (`won` is False), the payment is reversed."""
    code = "RESOLVED_SELLER_FAVOUR" if won else "RESOLVED_BUYER_FAVOUR"
    dispute["dispute_outcome"] = {"outcome_code": code}
    if not won:
        dispute["dispute_outcome"]["amount_refunded"] = dispute["dispute_amount"]
    dispute |= {"status": "RESOLVED", "dispute_state": "RESOLVED", "update_time": stamp(world.now())}
    _tell(world, dispute, "RESOLVED", f"A dispute was resolved with case # {dispute['dispute_id']}")
    if not won:
        reverse(world, world.get("sale", dispute["disputed_transactions"][0]["seller_transaction_id"]))


def _tell(world: World, dispute: Obj, kind: str, summary: str) -> None:
    world.emit(f"CUSTOMER.DISPUTE.{kind}", "dispute", summary, dict(dispute))


def _list(world: World, call: Call) -> Answer:
    """List disputes, newest first.

    `next_page_token` is the number of disputes on the previous pages.
    """
    query, path = call.query, "/v1/customer/disputes"
    found = [one for one in reversed(world.all("dispute")) if _fits(one, query)]
    size, before = query.get("page_size", 10), query.get("next_page_token", 0)
    shown = [{name: one[name] for name in BRIEF} for one in found[before : before + size]]
    links = [world.link(path), world.link(path, "first")]
    if len(found) > before + size:
        links.append(world.link(f"{path}?page_size={size}&next_page_token={before + size}", "next"))
    return 200, {"items": shown, "links": links}


def _fits(dispute: Obj, query: Obj) -> bool:
    sales = {one["seller_transaction_id"] for one in dispute["disputed_transactions"]}
    if query.get("disputed_transaction_id", next(iter(sales))) not in sales:
        return False
    if query.get("dispute_state", dispute["dispute_state"]) != dispute["dispute_state"]:
        return False
    return bool(query.get("start_time", 0) <= parse(dispute["create_time"]))


def _get(world: World, _call: Call, dispute_id: str) -> Answer:
    return 200, world.get("dispute", dispute_id)


FILTERS = {
    "start_time": query_time,
    "disputed_transaction_id": text(1, 255),
    "dispute_state": text(1, 255),
    "page_size": query_number(1, 50),
    "next_page_token": query_number(0, 10_000_000),
}
ROUTES = [
    Route("GET", "/v1/customer/disputes", _list, query=FILTERS),
    Route("GET", "/v1/customer/disputes/{id}", _get),
]
