"""A shop that sells through both providers, and what its ledger holds."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing

from billing.use_cases.plans import PlanUpdate, edit_plan
from standins.discord import Person
from standins.paypal import PayPalServer
from tests.app.harness import AppHarness


def paypal_of(app: AppHarness) -> PayPalServer:
    assert app.paypal is not None
    return app.paypal


async def open_shop(app: AppHarness, name: str = "Gold") -> None:
    """Gold for €5 and for $5 a month."""
    paypal = paypal_of(app)
    sold = paypal.add_plan(paypal.add_product(name), "5.00")["id"]
    plan = await app.sell(name)
    await edit_plan(app.ports, plan.guild_id, plan.id, PlanUpdate(price_ids={"paypal": sold}), app.ada.id)


async def buy(app: AppHarness, provider: str, who: Person | None = None) -> str:
    """Pay for Gold, and wait for the role; the subscription's id."""
    who = who or app.bob
    reply = await who.run(app.guild, "subscribe", {"plan": "Gold"})
    (link,) = [b.url for b in reply.buttons if b.url and provider in b.label.casefold()]
    if provider == "stripe":
        paid = str(app.stripe.pay_checkout(link)["subscription"])
    else:
        found = re.search(r"subscription_id=(I-\w+)", paypal_of(app).approve(link))
        assert found
        paid = found.group(1)
    await app.settled()
    assert "Gold" in app.roles(who)
    return paid


def rows(app: AppHarness, leave_out: Iterable[str] = ()) -> list[str]:
    """Every row of the ledger, as SQL, without `leave_out` and without what changes by itself: how often and
    when the ledger was written, what the sweeps noted, and the language that somebody last used."""
    with closing(sqlite3.connect(f"file:{app.path}?mode=ro", uri=True)) as db:
        dump = list(db.iterdump())
    left_out = (*leave_out, "locales", *(f"named_values\" VALUES('{name}" for name in BY_ITSELF))
    kept = [line for line in dump if not any(f'INSERT INTO "{begin}' in line for begin in left_out)]
    return [_CHECKED_AT.sub(r"\1 checked \2", line) for line in kept]


# When a sweep last checked a member, followed by two more columns.
_CHECKED_AT = re.compile(r'(INSERT INTO "members" VALUES\(.*,)\d+(,[^,]+,[^,]+\);)$')


# Names in the ledger, or how they begin. The bot's own clock and sweeps write them, whatever a test does.
BY_ITSELF = (
    "count'", "written'", "made'", "lacks'", "drifted_up_to'", "sweep ", "swept ", "searched ", "round ",
    "took ", "took_whole ", "ended_listed ", "sales_news'",
)  # fmt: skip
ARRIVING = ("inbox", "rings", "stale", "sqlite_sequence", "named_values")
