"""A shop that sells through both providers, and what its ledger holds."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing

from billing.use_cases.plans import PlanUpdate, edit_plan
from standins.discord import Person
from standins.paypal import PayPalServer
from tests.cogs.town import Town


def paypal_of(town: Town) -> PayPalServer:
    assert town.paypal is not None
    return town.paypal


async def open_shop(town: Town, name: str = "Gold") -> None:
    """Gold for €5 and for $5 a month."""
    paypal = paypal_of(town)
    sold = paypal.add_plan(paypal.add_product(name), "5.00")["id"]
    plan = await town.sell(name)
    await edit_plan(town.ports, plan.guild_id, plan.id, PlanUpdate(price_ids={"paypal": sold}), town.ada.id)


async def buy(town: Town, provider: str, who: Person | None = None) -> str:
    """Pay for Gold, and wait for the role; the subscription's id."""
    who = who or town.bob
    reply = await who.run(town.guild, "subscribe", {"plan": "Gold"})
    (link,) = [b.url for b in reply.buttons if b.url and provider in b.label.casefold()]
    if provider == "stripe":
        paid = str(town.stripe.pay_checkout(link)["subscription"])
    else:
        found = re.search(r"subscription_id=(I-\w+)", paypal_of(town).approve(link))
        assert found
        paid = found.group(1)
    await town.settled()
    assert "Gold" in town.roles(who)
    return paid


def rows(town: Town, leave_out: Iterable[str] = ()) -> list[str]:
    """Every row of the ledger, as SQL, but for how often and when it was last written."""
    with closing(sqlite3.connect(f"file:{town.path}?mode=ro", uri=True)) as db:
        dump = list(db.iterdump())
    left_out = (*leave_out, *(f"named_values\" VALUES('{name}'" for name in ("count", "written")))
    return [line for line in dump if not any(f'INSERT INTO "{begin}' in line for begin in left_out)]


ARRIVING = ("inbox", "rings", "stale", "sqlite_sequence", "named_values")
