"""Tax rates (docs.stripe.com/tax/tax-rates), and a Stripe Tax that applies one rate to every customer."""

from __future__ import annotations

from standins.stripe.routes import Route, list_of, post, retrieve
from standins.stripe.state import Obj, World, blank, merge_metadata, new_id


def create_rate(world: World, given: Obj) -> Obj:
    rate = world.add(
        {
            **blank("country description effective_percentage flat_amount jurisdiction jurisdiction_level"),
            **blank("state tax_type"),
            "id": new_id("txr"),
            "object": "tax_rate",
            "active": True,
            "created": world.now(),
            "display_name": given["display_name"],
            "inclusive": given["inclusive"],
            "livemode": world.livemode,
            "metadata": {},
            "percentage": given["percentage"],
            "rate_type": "percentage",
        }
    )
    merge_metadata(rate, given.get("metadata"))
    world.emit("tax_rate.created", rate)
    return rate


def rates_of(world: World, subscription: Obj, line: Obj) -> list[tuple[str | None, float, bool]]:
    """Return (id, percent, inclusive) for each tax rate on a line. The rate of Stripe Tax has no id."""
    if subscription["automatic_tax"]["enabled"]:
        behavior = world.by_id[line["pricing"]["price_details"]["price"]]["tax_behavior"]
        return [(None, world.settings.tax_percent, behavior == "inclusive")]
    details = (line["parent"] or {}).get("subscription_item_details") or {}
    items = {item["id"]: item for item in subscription["items"]["data"]}
    own = items.get(details.get("subscription_item", ""), {}).get("tax_rates") or []
    rates = [world.by_id[name] for name in own or subscription["default_tax_rates"]]
    return [(rate["id"], rate["percentage"], rate["inclusive"]) for rate in rates]


ROUTES: list[Route] = [
    post("/v1/tax_rates", "TaxRateCreateParams", create_rate, "display_name inclusive metadata percentage"),
    retrieve("tax_rate", "/v1/tax_rates/{id}", "TaxRateRetrieveParams"),
    list_of("tax_rate", "/v1/tax_rates", "TaxRateListParams", "active inclusive"),
]
