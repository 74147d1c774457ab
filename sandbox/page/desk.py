"""Stripe's dashboard for one subscription at a time: what can be done with it, and doing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.stage import Stage
from sandbox.stripe import StripeRefusal, words
from sandbox.stripe.billing import period_end
from sandbox.stripe.cancel import OVER

Json = dict[str, Any]
# A renewal leaves its invoice a draft for an hour (docs.stripe.com/billing/invoices/subscription): a jump
# to the end of a period goes on until the payment was tried.
AFTER_RENEWAL = 3600 + 120
AFTER_END = 60


@dataclass(frozen=True)
class Wish:
    """A button, the subscription it is for, and the price for a switch."""

    do: str
    subscription: str
    price: str = ""


def rows(stage: Stage) -> list[Json]:
    """Every subscription as the page lists it, oldest first."""
    return [_row(stage, subscription) for subscription in stage.stripe.world.all("subscription")]


def _row(stage: Stage, subscription: Json) -> Json:
    world = stage.stripe.world
    person_id = subscription["metadata"].get("discord_user_id", "")
    badge, sentence = words.state(subscription)
    return {
        "id": subscription["id"],
        "person": next((p.name for p in stage.people if str(p.id) == person_id), "somebody"),
        "person_id": person_id,
        "product": words.plan_name(world, subscription),
        "status": subscription["status"].replace("_", " "),
        "alive": subscription["status"] not in OVER,
        "price_id": subscription["items"]["data"][0]["price"],
        "line": " · ".join(filter(None, (badge, words.cost(world, subscription), sentence)))
        if subscription["status"] not in OVER
        else "Ended",
        "next_at": next_moment(stage, subscription["id"]),
        "can": [name for name, fits in _FITS.items() if fits(stage, subscription)],
    }


def prices(stage: Stage) -> list[Json]:
    """What a subscription can be switched to."""
    world = stage.stripe.world
    found = [price for price in world.all("price", active=True) if price["recurring"]]
    return [{"id": price["id"], "label": price_words(stage, price)} for price in found]


def price_words(stage: Stage, price: Json) -> str:
    """Product, amount and interval: Gold, €5.00 per month."""
    product = stage.stripe.world.get("product", price["product"])["name"]
    return f"{product}, {words.money(price['unit_amount'], price['currency'])} {words.every(price)}"


def next_moment(stage: Stage, subscription_id: str) -> int | None:
    """When the running period has ended and its payment was tried, unix seconds; None when nothing runs."""
    subscription = stage.stripe.world.tables.get("subscription", {}).get(subscription_id)
    if subscription is None or subscription["status"] in OVER:
        return None
    if subscription["cancel_at"]:
        return int(subscription["cancel_at"]) + AFTER_END
    return period_end(subscription) + AFTER_RENEWAL


def carry_out(stage: Stage, wish: Wish) -> bool:
    """Do it; False when that subscription has no such button now. StripeRefusal as Stripe refuses."""
    subscription = stage.stripe.world.tables.get("subscription", {}).get(wish.subscription)
    if subscription is None or wish.do not in _DO or not _FITS[wish.do](stage, subscription):
        return False
    _DO[wish.do](stage, wish)
    return True


def _alive(stage: Stage, subscription: Json) -> bool:
    return subscription["status"] not in OVER


def _charge(stage: Stage, subscription: Json) -> Json | None:
    try:
        return stage.stripe.dashboard.last_charge(subscription["id"])
    except StripeRefusal:
        return None


def _can_dispute(stage: Stage, subscription: Json) -> bool:
    charge = _charge(stage, subscription)
    return charge is not None and not charge["disputed"] and not charge["refunded"]


def _dispute(stage: Stage, subscription_id: str) -> Json | None:
    charge = _charge(stage, {"id": subscription_id})
    found = stage.stripe.world.all("dispute", charge=charge["id"]) if charge else []
    return next((one for one in found if one["status"] not in ("won", "lost")), None)


def _disputed(stage: Stage, subscription: Json) -> bool:
    return _dispute(stage, subscription["id"]) is not None


def _close(stage: Stage, wish: Wish) -> None:
    dispute = _dispute(stage, wish.subscription)
    if dispute is not None:
        close = stage.stripe.dashboard.win if wish.do == "win" else stage.stripe.dashboard.lose
        close(dispute["id"])


_FITS: dict[str, Callable[[Stage, Json], bool]] = {
    "fail": _alive,
    "dispute": _can_dispute,
    "win": _disputed,
    "lose": _disputed,
    "refund": _can_dispute,
    "cancel": _alive,
    "pause": lambda stage, s: _alive(stage, s) and not s["pause_collection"],
    "unpause": lambda stage, s: _alive(stage, s) and bool(s["pause_collection"]),
    "switch": _alive,
}
_DO: dict[str, Callable[[Stage, Wish], object]] = {
    "fail": lambda stage, wish: stage.stripe.dashboard.fail_next_payment(_toggled(stage)),
    "dispute": lambda stage, wish: stage.stripe.dashboard.dispute(_last(stage, wish)),
    "win": _close,
    "lose": _close,
    "refund": lambda stage, wish: stage.stripe.dashboard.refund(_last(stage, wish)),
    "cancel": lambda stage, wish: stage.stripe.dashboard.cancel_now(wish.subscription),
    "pause": lambda stage, wish: stage.stripe.dashboard.pause(wish.subscription),
    "unpause": lambda stage, wish: stage.stripe.dashboard.unpause(wish.subscription),
    "switch": lambda stage, wish: stage.stripe.dashboard.change_price(wish.subscription, wish.price),
}


def _toggled(stage: Stage) -> int:
    return 0 if stage.stripe.world.settings.decline_next else 1


def _last(stage: Stage, wish: Wish) -> str:
    return str(stage.stripe.dashboard.last_charge(wish.subscription)["id"])
