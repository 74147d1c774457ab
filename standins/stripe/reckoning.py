"""Computes an invoice's total: discounts in order, then taxes, each rounded half up per line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from standins.stripe.discounts import coupon_of, drop, in_force, reduces
from standins.stripe.state import Obj, World
from standins.stripe.taxes import rates_of


def reckon(world: World, subscription: Obj, lines: Sequence[Obj]) -> Obj:
    """Return the totals of an invoice with these lines, and fill in each line's discounts and taxes."""
    left = _discount(world, subscription, lines)
    taxes: Counter[tuple[str | None, bool]] = Counter()
    taxable: Counter[tuple[str | None, bool]] = Counter()
    for line, amount in zip(lines, left, strict=True):
        for name, percent, inclusive in rates_of(world, subscription, line):
            share = Decimal(str(percent))
            tax = _round(Decimal(amount) * share / ((100 + share) if inclusive else 100))
            line["taxes"].append(_tax(tax, name, amount - tax if inclusive else amount, inclusive=inclusive))
            taxes[name, inclusive] += tax
            taxable[name, inclusive] += amount - tax if inclusive else amount
    discounts: Counter[str] = Counter()
    for line in lines:
        for one in line["discount_amounts"]:
            discounts[one["discount"]] += one["amount"]
    total = sum(left) + sum(tax for (_, inclusive), tax in taxes.items() if not inclusive)
    return {
        "amount_due": max(total, 0),
        "amount_remaining": max(total, 0),
        "subtotal": sum(line["amount"] for line in lines),
        "subtotal_excluding_tax": sum(line["amount"] for line in lines),
        "total": total,
        "total_excluding_tax": total - sum(taxes.values()),
        "total_discount_amounts": [{"amount": n, "discount": name} for name, n in discounts.items()],
        "total_taxes": [
            _tax(tax, name, taxable[name, inclusive], inclusive=inclusive)
            for (name, inclusive), tax in taxes.items()
        ],
    }


def _tax(amount: int, name: str | None, taxable: int, *, inclusive: bool) -> Obj:
    return {
        "amount": amount,
        "tax_behavior": "inclusive" if inclusive else "exclusive",
        "tax_rate_details": {"tax_rate": name} if name else None,
        "taxability_reason": "not_available" if name else "standard_rated",
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }


def _round(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), ROUND_HALF_UP))


def _discount(world: World, subscription: Obj, lines: Sequence[Obj]) -> list[int]:
    """Apply the discounts to the lines, and return the remaining amount of each, in minor units."""
    left = [int(line["amount"]) for line in lines]
    open_lines = [n for n, line in enumerate(lines) if line["discountable"]]
    by_line = {n: list(in_force(world, subscription, lines[n], world.now())) for n in open_lines}
    ranked = {one["id"]: one for own in by_line.values() for one in own}
    for name in sorted(ranked, key=lambda name: ranked[name]["subscription_item"] is None):
        discount = ranked[name]
        here = [n for n in open_lines if discount in by_line[n] and reduces(world, discount, lines[n])]
        for n, off in zip(here, _shares(world, discount, [left[n] for n in here]), strict=True):
            left[n] -= off
            lines[n]["discount_amounts"].append({"amount": off, "discount": name})
            lines[n]["discounts"].append(name)
    return left


def _shares(world: World, discount: Obj, amounts: list[int]) -> list[int]:
    """Return how much the discount reduces each amount, in minor units.

    A fixed sum is split in proportion; the last amount gets the rounding remainder.
    """
    coupon = coupon_of(world, discount)
    if coupon["percent_off"] is not None:
        percent = Decimal(str(coupon["percent_off"]))
        return [_round(Decimal(max(amount, 0)) * percent / 100) for amount in amounts]
    whole = min(coupon["amount_off"], sum(amounts))
    shares = [whole * amount // (sum(amounts) or 1) for amount in amounts]
    if shares:
        shares[-1] += whole - sum(shares)
    return shares


def use_up(world: World, subscription: Obj, invoice: Obj) -> None:
    """Remove discounts that are used up.

    That is a one-time discount after its first use, and any other when its time is over.
    """
    holders = [world.by_id[subscription["customer"]], subscription, *subscription["items"]["data"]]
    names = {name for one in holders for name in (*(one.get("discounts") or []), one.get("discount")) if name}
    used = {one["discount"] for one in invoice["total_discount_amounts"] if one["amount"]}
    for name in sorted(names):
        discount = world.by_id[name]
        once = coupon_of(world, discount)["duration"] == "once" and name in used
        if once or (discount["end"] is not None and discount["end"] <= world.now()):
            drop(world, holders, name)
