"""The Transaction Search API: the account's payments by date, for applications that have permission.

A subscription's payments carry its id as their reference. The document's pattern for references does not
allow the id's hyphen; standins/paypal/conformance.py takes that into account.
"""

from __future__ import annotations

from math import ceil

from standins.paypal import request_checks
from standins.paypal.errors import PayPalRefusal, bad
from standins.paypal.money import money_exact
from standins.paypal.payments import Sale
from standins.paypal.request_checks import one_of, text
from standins.paypal.routes import Answer, Call, Route
from standins.paypal.state import DAY, Obj, World
from standins.paypal.times import stamp

LONGEST = 31 * DAY
STATUS = {"COMPLETED": "S", "PARTIALLY_REFUNDED": "S", "REFUNDED": "V", "DECLINED": "D"}


def _search(world: World, call: Call) -> Answer:
    if not world.settings.search_allowed:
        raise PayPalRefusal(403)
    first, last = call.query["start_date"], call.query["end_date"]
    if not first <= last <= first + LONGEST:
        raise PayPalRefusal(400)
    found = [
        sale
        for sale in world.all("sale")
        if first <= sale.created <= min(last, world.now() - world.settings.search_lag_seconds)
    ]
    size, page = call.query.get("page_size", 100), call.query.get("page", 1)
    path = f"/v1/reporting/transactions?start_date={stamp(first)}&end_date={stamp(last)}"
    body: Obj = {
        "account_number": world.settings.merchant_id,
        "start_date": stamp(first),
        "end_date": stamp(last),
        "last_refreshed_datetime": stamp(world.now()),
        "page": page,
        "total_items": len(found),
        "total_pages": ceil(len(found) / size),
        "links": [world.link(f"{path}&page_size={size}&page={page}")],
    }
    shown = [{"transaction_info": _info(one)} for one in found[(page - 1) * size : page * size]]
    return 200, {"transaction_details": shown, **body}


def _info(sale: Sale) -> Obj:
    buyer = sale.subscription.buyer
    shown: Obj = {
        "transaction_id": sale.id,
        "paypal_reference_id": sale.subscription.id,
        "paypal_reference_id_type": "SUB",
        "transaction_event_code": "T0002",  # a payment of a subscription
        "transaction_initiation_date": stamp(sale.created),
        "transaction_updated_date": stamp(sale.updated),
        "transaction_amount": money_exact(sale.amount, sale.currency),
        "transaction_status": STATUS[sale.status],
    }
    if buyer is not None:
        shown["paypal_account_id"] = buyer.payer_id
    if sale.subscription.custom_id:
        shown["custom_field"] = sale.subscription.custom_id
    return shown


def _count(most: int) -> request_checks.Check:
    def check(value: str, where: str) -> int:
        if not (value.isascii() and value.isdigit() and 1 <= int(value) <= most):
            raise bad("INVALID_PARAMETER_VALUE", where, "query")
        return int(value)

    return check


QUERY = {
    "start_date": request_checks.query_time,
    "end_date": request_checks.query_time,
    "fields": text(1, 200),
    "balance_affecting_records_only": one_of("Y N"),
    "page_size": _count(500),
    "page": _count(2_147_483_647),
}
ROUTES = [
    Route(
        "GET",
        "/v1/reporting/transactions",
        _search,
        query=QUERY,
        needed="start_date end_date",
        spec="transactions",
    )
]
