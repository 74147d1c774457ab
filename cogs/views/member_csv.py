"""A list of subscriptions as a CSV file that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime

from billing.rules.subscription_changes import recurring_charges
from billing.use_cases.member_list import ListedSubscription
from i18n.money import to_decimal

COLUMNS = (
    "discord_id",
    "plans",
    "state",
    "amount",
    "currency",
    "interval",
    "started",
    "period_end",
    "ends_at",
    "paid_through",
    "provider",
    "subscription_id",
)
# A spreadsheet may run a cell that begins with one of these (owasp.org, 'CSV Injection').
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cell(text: str) -> str:
    """Return the text, with an apostrophe in front if a spreadsheet might run it."""
    return f"'{text}" if text.lstrip(" ").startswith(_RUNS) or text.startswith(_RUNS) else text


def members_csv(listed: Iterable[ListedSubscription]) -> str:
    """Return a header and a line for each subscription. Dates are UTC in ISO 8601."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([safe_cell(cell) for cell in _cells(one)] for one in listed)
    return out.getvalue()


def _cells(one: ListedSubscription) -> tuple[str, ...]:
    sub, charges = one.subscription, recurring_charges(one.subscription)
    amounts = [charge.amount for charge in charges]
    return (
        str(one.member_id),
        " + ".join(plan.name for plan in one.plans),
        one.state,
        " + ".join("" if amount is None else str(to_decimal(amount)) for amount in amounts),
        sub.price.currency.upper(),
        " + ".join(f"{charge.interval_count} {charge.interval}" for charge in charges),
        _date(sub.created_at),
        _date(sub.period_end),
        _date(sub.ends_at),
        _date(sub.paid_through),
        sub.key.provider,
        sub.key.id,
    )


def _date(at: int | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
