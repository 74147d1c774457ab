"""Whose a subscription is, and the checkouts that lead there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import Conflict, NotFound
from billing.model import Binding, Item, Status, SubscriptionKey
from billing.ports import Ledger
from tests.contract.ledger.nouns import (
    ADMIN,
    ANNA,
    BERT,
    GUILD,
    KEY,
    OTHER_GUILD,
    checkout,
    marks,
    plan,
    price,
    settle,
    subscription,
    sync,
)

ELSEWHERE = Binding(OTHER_GUILD, ANNA.member_id)


async def bind(ledger: Ledger, binding: Binding, key: SubscriptionKey = KEY, at: int = 40) -> None:
    await ledger.record_binding(key, binding, str(ADMIN), "cmd_1", at)


async def test_a_binding_queues_the_member_and_is_recorded_in_history(ledger: Ledger) -> None:
    await sync(ledger, subscription())
    await bind(ledger, ANNA)
    found = await ledger.load_subscription(KEY)
    assert found == subscription(binding=ANNA)
    assert set(await marks(ledger)) == {ANNA}
    (change,) = await ledger.load_history(GUILD, ANNA.member_id, 9)
    assert (change.at, change.who, change.evidence) == (40, str(ADMIN), "cmd_1")


async def test_binding_a_subscription_again_to_its_member_changes_nothing(ledger: Ledger) -> None:
    await sync(ledger, subscription())
    await bind(ledger, ANNA)
    await settle(ledger)
    await bind(ledger, ANNA, at=50)
    assert await marks(ledger) == {}
    assert len(await ledger.load_history(GUILD, ANNA.member_id, 9)) == 1


@pytest.mark.parametrize("other", [BERT, ELSEWHERE])
async def test_a_bound_subscription_cannot_be_bound_to_another_member(ledger: Ledger, other: Binding) -> None:
    await sync(ledger, subscription(binding=ANNA))
    with pytest.raises(Conflict):
        await bind(ledger, other)
    found = await ledger.load_subscription(KEY)
    assert found is not None
    assert found.binding == ANNA


async def test_two_members_cannot_share_a_customer(ledger: Ledger) -> None:
    await sync(ledger, subscription("a", customer_id="cus", binding=ANNA))
    second = subscription("b", customer_id="cus")
    await sync(ledger, second)
    with pytest.raises(Conflict):
        await bind(ledger, BERT, second.key)
    await bind(ledger, ELSEWHERE, second.key)


async def test_an_unknown_subscription_cannot_be_bound(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        await bind(ledger, ANNA)


async def test_a_persons_subscriptions_come_from_every_server_newest_first(ledger: Ledger) -> None:
    old, new = (
        subscription("a", created_at=1, binding=ANNA),
        subscription("b", created_at=2, binding=ELSEWHERE),
    )
    for one in (new, old, subscription("c", binding=BERT), subscription("d")):
        await sync(ledger, one)
    assert await ledger.load_subscriptions_of(ANNA.member_id) == [new, old]


async def test_the_subscriptions_of_a_customer_are_found(ledger: Ledger) -> None:
    mine = [subscription(i, customer_id="cus") for i in ("a", "b")]
    elsewhere = subscription("c", key=SubscriptionKey("stripe", "other", "c"), customer_id="cus")
    for one in (*mine, elsewhere, subscription("d")):
        await sync(ledger, one)
    assert await ledger.load_customer_subscriptions("stripe", "acct", "cus") == [s.key for s in mine]


async def test_unbound_subscriptions_are_those_without_an_owner_that_still_run(ledger: Ledger) -> None:
    nobodys = subscription("a")
    others = [
        subscription("b", binding=ANNA),
        subscription("c", status=Status.ENDED),
        subscription("d", key=SubscriptionKey("stripe", "other", "d")),
    ]
    for one in (nobodys, *others):
        await sync(ledger, one)
    (sale,) = await ledger.load_unbound_sales("stripe", "acct", 0, 9)
    assert ([p.key for p in sale.prices], sale.many) == ([price().key], 1)
    ((_, found),) = await ledger.load_unbound("stripe", "acct", [sale.id], 0, 9)
    assert found == nobodys
    assert await ledger.load_unbound("stripe", "acct", [sale.id + 1], 0, 9) == []
    assert await ledger.load_unbound_sales("stripe", "another", 0, 9) == []
    await bind(ledger, ANNA, nobodys.key)
    assert await ledger.load_unbound("stripe", "acct", [sale.id], 0, 9) == []


async def test_unbound_subscriptions_and_their_sales_are_listed_in_parts(ledger: Ledger) -> None:
    for id_ in ("a", "b", "c"):
        item = Item(price("price_2" if id_ == "b" else "price_1"))
        await sync(ledger, subscription(id_, items=(item,)))
    await sync(ledger, subscription("d", status=Status.PENDING))
    one, other = await ledger.load_unbound_sales("stripe", "acct", 0, 9)
    assert (one.many, other.many) == (2, 1)
    assert await ledger.load_unbound_sales("stripe", "acct", 0, 1) == [one]
    assert await ledger.load_unbound_sales("stripe", "acct", one.id, 9) == [other]
    sales = (one.id, other.id)
    ((first, _),) = await ledger.load_unbound("stripe", "acct", sales, 0, 1)
    rest = await ledger.load_unbound("stripe", "acct", sales, first, 9)
    assert [found.key.id for _, found in rest] == ["b", "c"]


PAGE = checkout(session_id="cs_1", expires_at=90)


async def test_a_checkout_is_recorded_by_its_id_and_can_be_replaced(ledger: Ledger) -> None:
    assert await ledger.load_checkout("co_1") is None
    await ledger.record_checkout(checkout())
    assert await ledger.load_checkout("co_1") == checkout()
    await ledger.record_checkout(PAGE)
    assert await ledger.load_checkout("co_1") == PAGE


async def test_the_running_subscriptions_of_a_server_are_listed_with_their_payers(ledger: Ledger) -> None:
    for id_, whose, status in (
        ("a", ANNA, Status.ACTIVE),
        ("b", BERT, Status.PAST_DUE),
        ("c", ANNA, Status.ENDED),
        ("d", Binding(OTHER_GUILD, ANNA.member_id), Status.ACTIVE),
        ("e", None, Status.ACTIVE),
    ):
        await sync(ledger, subscription(id_, binding=whose, status=status))
    at = ("stripe", "acct")
    anna, *rest = await ledger.load_running(GUILD, at, 0, 9)
    assert [(key.id, member) for _, key, member in (anna, *rest)] == [
        ("a", ANNA.member_id),
        ("b", BERT.member_id),
    ]
    assert await ledger.load_running(GUILD, at, 0, 1) == [anna]
    assert await ledger.load_running(GUILD, at, anna[0], 9) == rest
    assert await ledger.load_running(GUILD, ("stripe", "other"), 0, 9) == []


async def test_the_accounts_of_recorded_subscriptions_are_listed_in_parts(ledger: Ledger) -> None:
    assert await ledger.load_homes(("", ""), 9) == []
    homes = [("paypal", "m"), ("stripe", "live"), ("stripe", "test")]
    for number, (provider, account) in enumerate([*homes, *homes]):
        key = SubscriptionKey(provider, account, f"sub_{number}")
        await sync(ledger, subscription(key.id, key=key))
    assert await ledger.load_homes(("", ""), 9) == homes
    assert await ledger.load_homes(("", ""), 2) == homes[:2]
    assert await ledger.load_homes(homes[1], 9) == homes[2:]


async def test_running_subscriptions_and_open_checkouts_are_to_be_looked_up(ledger: Ledger) -> None:
    await sync(ledger, subscription())
    await sync(ledger, subscription("sub_2", status=Status.ENDED, ended_at=15))
    await ledger.record_checkout(checkout("young", session_id="page_1", created_at=50))
    await ledger.record_checkout(checkout("old", session_id="page_2", created_at=10))
    await ledger.record_checkout(
        checkout("done", session_id="page_3", created_at=50, subscription_id="sub_1")
    )
    await ledger.record_checkout(checkout("bare", created_at=50))
    assert sorted(await ledger.load_to_look_up("stripe", "acct", 10, "", 9)) == ["page_1", "sub_1"]
    assert await ledger.load_to_look_up("stripe", "other", 10, "", 9) == []


async def test_the_open_checkouts_of_a_member_in_a_server_are_found(ledger: Ledger) -> None:
    open_page = checkout("open", session_id="page_1", created_at=50)
    for one in (
        open_page,
        checkout("old", session_id="page_2", created_at=10),
        checkout("done", session_id="page_3", created_at=50, subscription_id="sub_1"),
        checkout("bare", created_at=50),
        replace(open_page, id="berts", member_id=BERT.member_id),
        replace(open_page, id="elsewhere", guild_id=OTHER_GUILD),
        replace(open_page, id="live", account="other"),
    ):
        await ledger.record_checkout(one)
    asked = ("stripe", "acct", open_page.guild_id, open_page.member_id, 10)
    assert await ledger.load_open_checkouts(*asked, "", 9) == [open_page]


async def test_the_subscriptions_that_pay_a_price_are_found(ledger: Ledger) -> None:
    await ledger.record_plan(plan(), str(ADMIN), 10)
    await sync(ledger, subscription(binding=ANNA))
    await sync(ledger, subscription("sub_2"))
    await sync(ledger, subscription("sub_3", binding=ANNA, status=Status.ENDED))
    await sync(ledger, subscription("sub_4", binding=ANNA, items=(Item(price("price_other")),)))
    assert await ledger.load_paying(GUILD, price().key, 9) == [KEY]
    assert await ledger.load_paying(GUILD, price().key, 0) == []
    assert await ledger.load_paying(GUILD, ("paypal", "acct", "price_1"), 9) == []
    assert await ledger.load_paying(OTHER_GUILD, price().key, 9) == []


async def test_the_first_opening_of_the_providers_page_is_recorded_in_history(ledger: Ledger) -> None:
    await sync(ledger, subscription(binding=ANNA))
    before = len(await ledger.load_history(GUILD, ANNA.member_id, 9))
    await ledger.record_managed(KEY, BERT.member_id, 50)
    assert await ledger.load_managed(GUILD, ANNA.member_id) == []
    for at in (51, 52):
        await ledger.record_managed(KEY, ANNA.member_id, at)
    assert await ledger.load_managed(GUILD, ANNA.member_id) == [KEY]
    assert await ledger.load_managed(OTHER_GUILD, ANNA.member_id) == []
    assert await ledger.load_managed(GUILD, BERT.member_id) == []
    newest, *older = await ledger.load_history(GUILD, ANNA.member_id, 9)
    assert (newest.at, newest.who, newest.why) == (51, str(ANNA.member_id), "given the provider's page")
    assert len(older) == before
