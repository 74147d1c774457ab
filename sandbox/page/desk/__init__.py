"""The dashboards on the page: manual actions of members, banks and providers for a single subscription."""

from __future__ import annotations

from typing import Any

from sandbox.page.desk.base import Desk, Row
from sandbox.page.desk.paypal import PayPalDesk
from sandbox.page.desk.stripe import StripeDesk
from sandbox.stage import Stage

__all__ = ["Row", "carry_out", "next_moment", "rows"]


def rows(stage: Stage) -> list[Row]:
    """Return every subscription as a row for the page, oldest first."""
    return sorted((row for desk in _desks(stage) for row in desk.rows()), key=lambda row: int(row["created"]))


def next_moment(stage: Stage, subscription_id: str) -> int | None:
    """Return when the current period has ended and its payment was tried, in unix seconds.

    None if the subscription is not running.
    """
    return next((row["next_at"] for row in rows(stage) if row["id"] == subscription_id), None)


def carry_out(stage: Stage, do: str, subscription_id: str, price_id: str) -> bool:
    """Press a button of a dashboard; return False if the subscription has no such button now.

    `do`: the button's name. `price_id`: the price to switch to. Raises StripeRefusal or PayPalRefusal if the
    provider refuses.
    """
    return any(desk.carry_out(do, subscription_id, price_id) for desk in _desks(stage))


def _desks(stage: Stage) -> tuple[Desk[Any], ...]:
    return StripeDesk(stage), PayPalDesk(stage)
