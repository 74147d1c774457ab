"""No statement reads a whole table that grows, however many subscriptions there are."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable

from billing.model import Binding, BoundBy, IntentKind, OverrideKind
from billing.model.imports import ImportRow, RowState
from billing.ports import Ledger
from db import SqliteLedger
from tests.contract.ledger.nouns import (
    ADMIN,
    ANNA,
    GUILD,
    KEY,
    checkout,
    dispute,
    event,
    intent,
    marks,
    notice,
    override,
    plan,
    price,
    reconcile,
    ring,
    subscription,
    sync,
    the_stale,
)

# Indexes that hold nothing but what waits, and the JSON of one row.
SHORT = re.compile(
    r"INDEX (inbox_undone|members_(marked|braked|parked)|intents_next|notices_(next|untold)|stale_next)\b"
    r"|INDEX subscriptions_unbound\b|VIRTUAL TABLE"
)


def scans(db: sqlite3.Connection, statement: str) -> list[str]:
    steps = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")]
    return [s for s in steps if re.match("SCAN (?!CONSTANT)", s) and not SHORT.search(s)]


def sorts(db: sqlite3.Connection, statement: str) -> bool:
    return any("TEMP B-TREE FOR ORDER BY" in row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}"))


async def everything(ledger: Ledger) -> None:
    """Every method of the port, so that each statement of it runs."""
    await ledger.record_plan(plan(former_prices=(price("old"),)), "1", 10)
    await ledger.record_checkout(checkout())
    await ring(ledger, event(), [KEY], 10)
    await ledger.record_events([event("failing")], 10)
    await ledger.record_event_failed(event("failing"), "down", 20)
    await ledger.record_stale([KEY], "sweep", 11)
    await ledger.record_fetch_failed(await the_stale(ledger), "down", 12)
    await sync(ledger, subscription(), version=(await the_stale(ledger)).version, notices=(notice(),))
    await sync(ledger, None, version=99)
    await ledger.record_binding(KEY, ANNA, "1", "cmd", 20, BoundBy.ADMIN, [notice("linked")])
    await ledger.record_unbound(KEY, GUILD, "1", 20, [71])
    await ledger.record_binding(KEY, ANNA, "1", "cmd", 20)
    await sync(ledger, subscription(ends_at=99), dispute=dispute())
    await ledger.record_managed(KEY, ANNA.member_id, 20)
    await ledger.record_intent(intent())
    await ledger.record_intent(intent("back", IntentKind.RESUME))
    await ledger.record_intent_outcome(intent("back", IntentKind.RESUME, attempts=1), None, [notice("2")])
    grant = override(kind=OverrideKind.GRANT)
    await ledger.record_overrides([grant], [intent("now", IntentKind.CANCEL_NOW)], [], 10)
    await ledger.record_granting(GUILD, ANNA.member_id, 71, 10)
    mark = (await marks(ledger))[ANNA]
    await ledger.record_reconcile_failed(mark, "down", 40)
    await reconcile(ledger, mark, gone=(71,), due_at=50, parked=("Gone.",))
    await ledger.record_retry(13, 13)
    await ledger.record_due(60)
    await ledger.record_queued_members([ANNA], "sweep", 60)
    await ledger.record_checked([ANNA], 60)
    for member in range(1, 8):  # some go, some are braked
        await ledger.record_queued_members([Binding(GUILD, member)], "sweep", 60)
        await ledger.record_taking(GUILD, member, 60)
    await ledger.record_kept(GUILD, 60, ADMIN, 61)
    await ledger.record_released(GUILD, 60, ADMIN, 61)
    await ledger.record_lifted("dec_1", ADMIN, "", 61)
    await ledger.record_price(price())
    await ledger.record_notice(notice("3"))
    await ledger.record_notice_failed("told_1", 20)
    await ledger.record_told("told_1", 20, delivered=False)
    await ledger.record_value("name", "value")
    await ledger.record_locale(7, "de")
    await ledger.record_guild_settings(await ledger.load_guild_settings(GUILD), "1", 20)
    await ledger.record_started([("stripe", "acct")], 20, older=True, copied=True)
    await ledger.record_waiting([KEY])
    await ledger.record_looked([KEY], 20)
    await ledger.record_disputes_listed("stripe", "acct", 20)
    await ledger.record_swept("stripe", "acct")
    await load_everything(ledger)
    await show_panels(ledger)
    await import_rows(ledger)


async def load_plans(ledger: Ledger) -> None:
    await ledger.load_plan(1)
    await ledger.load_plans_of([price(), price("price_2")], 0, 9)
    await ledger.load_sold([price()])
    await ledger.load_sellers(0, 9)
    await ledger.load_sellers(0, 9, ("stripe", "acct"), removed=False)
    await ledger.load_price(price().key)
    await ledger.load_price_conflicts(GUILD, 9)
    await ledger.load_product_prices("stripe", "acct", "prod_1", "", 9)
    await ledger.load_prices_on_sale("stripe", "acct", "", 9)
    await ledger.load_plans(GUILD, removed=True)


async def load_outbox(ledger: Ledger) -> None:
    await ledger.load_outbox(0, 9)
    await ledger.load_outbox(0, 9, GUILD)
    await ledger.load_outbox(0, 9, GUILD, ANNA.member_id)
    await ledger.load_newest_events(GUILD, ANNA.member_id, 9)
    await ledger.load_sequence_before(GUILD, 99)


async def load_accounts(ledger: Ledger) -> None:
    await ledger.load_drifted_members(Binding(0, 0), 20, 9, 9)
    await ledger.load_member_states([ANNA])
    await ledger.load_unbound("stripe", "acct", [1], 0, 9)
    await ledger.load_unbound_sales("stripe", "acct", 0, 9)
    await ledger.load_homes(("", ""), 9)


async def load_everything(ledger: Ledger) -> None:
    who = (GUILD, ANNA.member_id)
    await ledger.load_returned(["a"])
    await ledger.load_unfinished(7, 5, 9)
    await ledger.load_known_events("stripe", "test", ["evt_1"])
    await ledger.load_pending_events(20, 9)
    await asyncio.gather(ledger.load_stale(20, 9), ledger.load_stale_members("stripe", "acct", 20, 9))
    await ledger.load_subscription(KEY)
    await ledger.load_subscriptions_of(ANNA.member_id)
    await ledger.load_customer_subscriptions("stripe", "acct", "cus_sub_1")
    await ledger.load_dispute("stripe", "acct", "dp_1")
    await ledger.load_with_member(KEY)
    await ledger.load_known("stripe", "acct", [KEY.id])
    await ledger.load_living("stripe", "acct", 0, 9)
    await ledger.load_to_look_up("stripe", "acct", 0, "", 9)
    await ledger.load_retried(GUILD, 99, 0, 9)
    await ledger.load_open_checkouts("stripe", "acct", GUILD, 1, 0, "", 9)
    for load in (ledger.load_free_days, ledger.load_managed, ledger.load_member_state):
        await load(*who)
    await ledger.load_paying(GUILD, ("stripe", "acct", "price_1"), 9)
    await ledger.load_running(GUILD, ("stripe", "acct"), 0, 9)
    await ledger.load_members_subscriptions(GUILD, 0, 9)
    await ledger.load_checkout("co_1")
    await ledger.load_queued_members(20, 9)
    await ledger.load_next_due(20)
    await ledger.load_members_to_check(20, 9)
    await ledger.load_parked(GUILD, 0, 999)
    await ledger.load_brake(GUILD)
    await ledger.load_overrides(*who, 20)
    await ledger.load_granting(ANNA.member_id)
    await ledger.load_decision("dec_1")
    await ledger.load_intents(20, 9)
    await ledger.load_intents_of(KEY)
    await ledger.load_intent("intent_1")
    await load_plans(ledger)
    await load_accounts(ledger)
    await ledger.load_notices(20, 9)
    await ledger.load_waiting_news(GUILD, ANNA.member_id)
    await ledger.load_notice("told_1")
    await ledger.load_untold(ANNA.member_id, 30)
    await ledger.record_notice(notice("admins", member_id=None))
    await ledger.record_told("admins", 20, delivered=False)
    await ledger.load_untold_to_admins(GUILD, 30, 9)
    await ledger.load_history(*who, 9)
    await load_outbox(ledger)
    await ledger.load_value("name")
    await ledger.load_locale(7)
    await ledger.load_unswept("stripe", "acct")
    await ledger.load_sold_before(99, 9)
    await ledger.load_unasked_intent("intent_1")
    await ledger.load_health(20)


async def show_panels(ledger: Ledger) -> None:
    await ledger.record_panel(GUILD, 1, 2, 10)
    panel = await ledger.load_panel(GUILD)
    assert panel is not None
    await ledger.load_outdated_panels(20, 9)
    await ledger.record_panel_failed(panel, 30)
    await ledger.record_panel_shown(panel)
    await ledger.record_panel_removed(panel)


async def import_rows(ledger: Ledger) -> None:
    row = ImportRow(1, ANNA.member_id, KEY)
    made = await ledger.record_import(GUILD, 1, [row], 20)
    await ledger.load_import(made)
    await ledger.record_import_applied(made, 20)
    await ledger.load_last_import(GUILD)
    await ledger.load_import_rows(made, list(RowState), 0, 9)
    await ledger.record_import_row(made, row, 20)


METHODS = {name for name in dir(Ledger) if name.startswith(("record_", "load_"))}


def tracing(into: list[str]) -> Callable[[sqlite3.Connection], None]:
    return lambda db: db.set_trace_callback(into.append)


async def test_every_statement_uses_an_index(ledger: SqliteLedger, beside: sqlite3.Connection) -> None:
    seen: list[str] = []
    called: set[str] = set()
    await ledger._writer.run(tracing(seen))
    await ledger._reader.run(tracing(seen))
    await everything(Noting(ledger, called))  # type: ignore[arg-type]  # it passes every method on
    statements = {s for s in seen if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)", s)}
    assert called == METHODS
    assert len(statements) > 80
    assert {s: found for s in statements if (found := scans(beside, s))} == {}


async def test_queues_are_read_in_order_without_sorting(
    ledger: SqliteLedger, beside: sqlite3.Connection
) -> None:
    seen: list[str] = []
    await ledger._reader.run(tracing(seen))
    await ledger.load_stale(20, 9)
    await ledger.load_queued_members(20, 9)
    await ledger.load_notices(20, 9)
    await ledger.load_intents(20, 9)
    await ledger.load_pending_events(20, 9)
    await ledger.load_members_to_check(20, 9)
    await ledger.load_outdated_panels(20, 9)
    await ledger.load_history(GUILD, ANNA.member_id, 9)
    await load_outbox(ledger)
    statements = [s for s in seen if s.lstrip().startswith("SELECT")]
    assert len(statements) == 15  # one for each urgency of those to be fetched
    assert [s for s in statements if sorts(beside, s)] == []


class Noting:
    """A ledger that notes what is called."""

    def __init__(self, ledger: SqliteLedger, called: set[str]) -> None:
        self._ledger = ledger
        self._called = called

    def __getattr__(self, name: str) -> object:
        self._called.add(name)
        return getattr(self._ledger, name)
