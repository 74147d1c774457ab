"""Actions of people, providers and networks. An act takes three small numbers and does what it can with them.

Nothing here knows the right result; that is the model's part.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from billing.errors import DuesError
from billing.model import SubscriptionKey
from billing.use_cases.cancel import Receipt, cancel, resume
from billing.use_cases.lift import lift
from billing.use_cases.manage import manage_link
from billing.use_cases.plans import PlanUpdate, edit_plan, remove_plan
from billing.use_cases.revoke import RevokeRequest, revoke
from billing.use_cases.subscribe import offer
from standins.discord import Person
from standins.paypal import PayPalRefusal, buyers
from standins.stripe.cards import DECLINES_LATER, GOOD
from standins.stripe.errors import StripeRefusal
from standins.stripe.state import Obj
from tests.simulation import paypal_rules
from tests.simulation.stage import Page, Stage

T = TypeVar("T")
Act = Callable[[Stage, int, int, int], Awaitable[None]]
ACTS: dict[str, Act] = {}
WEIGHTS: dict[str, int] = {}
HOUR, DAY = 3600, 86_400
OVER = ("canceled", "incomplete_expired", *paypal_rules.OVER)
SPANS = (60, 600, HOUR, HOUR + 60, 8 * HOUR, DAY, 3 * DAY, 7 * DAY, 12 * DAY, 31 * DAY, 40 * DAY)


def act(weight: int) -> Callable[[Act], Act]:
    """Enter the decorated function into the table; how often it is drawn."""

    def enter(function: Act) -> Act:
        ACTS[function.__name__] = function
        WEIGHTS[function.__name__] = weight
        return function

    return enter


def pick(things: Sequence[T], n: int) -> T | None:
    return things[n % len(things)] if things else None


def member_of(stage: Stage, n: int) -> Person:
    return stage.members[n % len(stage.members)]


def subscription(stage: Stage, n: int) -> Obj | None:
    """One at Stripe, the newest first, so that small numbers name what was just bought."""
    return pick([*stage.model.at_stripe().values()][::-1], n)


def living(stage: Stage, n: int) -> Obj | None:
    return pick([s for s in stage.model.at_stripe().values() if s["status"] not in OVER][::-1], n)


def bought(stage: Stage, n: int) -> Obj | None:
    """One of either provider's that lives."""
    truth = stage.model.truth()
    return pick([truth[name] for name in stage.model.owners if truth[name]["status"] not in OVER][::-1], n)


def key_of(sub: Obj) -> SubscriptionKey:
    if "provider" in sub:
        return SubscriptionKey("paypal", "sandbox", sub["id"])
    return SubscriptionKey("stripe", "test", sub["id"])


async def run(name: str, stage: Stage, a: int, b: int, c: int) -> None:
    """One act; what a person could be told is no fault of the program."""
    with suppress(DuesError, StripeRefusal, PayPalRefusal):
        await ACTS[name](stage, a, b, c)


# -- members ----------------------------------------------------------------------------------------------


@act(14)
async def subscribe(stage: Stage, a: int, b: int, c: int) -> None:
    """Ask for pages, and pay at Stripe or at PayPal unless c says to leave them open."""
    who, plan = member_of(stage, a), stage.plans[b % len(stage.plans)]
    latest = await stage.ports.ledger.load_plan(plan.id)
    if latest is None or latest.removed_at is not None:
        return
    made = await offer(stage.ports, plan.guild_id, who.id, latest)
    chosen = "paypal" if c // 6 % 4 == 3 else "stripe"
    for way in made.ways:
        if way.url is not None:
            stage.pages.append(Page(way.provider, way.url, plan.guild_id, who.id))
            if c % 6 != 5 and way.provider == chosen:
                await pay(stage, len(stage.pages) - 1, 0, c)


@act(2)
async def pay(stage: Stage, a: int, b: int, c: int) -> None:
    """On a page that was asked for some time; with a good card, or one that fails at the renewal."""
    page = pick(stage.pages, a)
    if page is not None and page.provider == "paypal":
        agree(stage, page, fails_later=c % 6 == 4)
    elif page is not None:
        card = DECLINES_LATER if c % 6 == 4 else GOOD
        session = stage.server.pay_checkout(page.url, card)
        stage.model.owners[session["subscription"]] = (page.guild, page.member)


def agree(stage: Stage, page: Page, *, fails_later: bool) -> None:
    """As the member whose page it is, with their own account at PayPal."""
    found, _ = buyers.asked(stage.paypal.world, page.url)
    stage.paypal.approve(page.url, mail_of(page.member))
    stage.model.owners[found.id] = (page.guild, page.member)
    stage.paypal.dashboard.fund(mail_of(page.member), good=not fails_later)


def mail_of(member: int) -> str:
    return f"{member}@example.com"


@act(8)
async def cancel_own(stage: Stage, a: int, b: int, c: int) -> None:
    sub = bought(stage, a)
    if sub is not None:
        stage.model.requested.add(sub["id"])
        confirmed = stage.heard.confirmed[sub["id"]]
        receipt = await cancel(stage.ports, stage.model.owners[sub["id"]][1], key_of(sub))
        _check_receipt(stage, receipt, confirmed)


def _check_receipt(stage: Stage, receipt: Receipt, confirmed: int) -> None:
    sub_id = receipt.intent.key.id
    if receipt.intent.state == "done" and stage.heard.confirmed[sub_id] == confirmed:
        stage.problems.append(f"the receipt says that {sub_id} is cancelled, and its provider never did")


@act(5)
async def resume_own(stage: Stage, a: int, b: int, c: int) -> None:
    sub = bought(stage, a)
    if sub is not None:
        stage.model.requested.add(sub["id"])
        await resume(stage.ports, stage.model.owners[sub["id"]][1], key_of(sub))


@act(2)
async def cancel_anothers(stage: Stage, a: int, b: int, c: int) -> None:
    """With an id that was seen somewhere."""
    sub = bought(stage, a)
    if sub is not None:
        others = [m.id for m in stage.members if m.id != stage.model.owners[sub["id"]][1]]
        commands: list[Callable[..., Awaitable[Any]]] = [cancel, resume, manage_link]
        await commands[b % 3](stage.ports, others[c % len(others)], key_of(sub))
        stage.problems.append(f"{sub['id']} was open to another member")


@act(7)
async def portal(stage: Stage, a: int, b: int, c: int) -> None:
    """Cancel, renew, switch or change the card on the provider's own page."""
    sub = living(stage, a)
    if sub is None:
        return
    url = stage.server.portal_link(sub["customer"])
    match b % 5:
        case 0 | 1:
            stage.server.portal_cancel(url, sub["id"])
        case 2:
            stage.server.portal_renew(url, sub["id"])
        case 3:
            stage.server.portal_card(url, DECLINES_LATER)
        case _:
            stage.server.portal_card(url, GOOD)


@act(4)
async def leave(stage: Stage, a: int, b: int, c: int) -> None:
    who, guild = member_of(stage, a), stage.guilds[b % 2]
    if who.id in guild.members:
        stage.world.remove_member(guild, who)


@act(5)
async def rejoin(stage: Stage, a: int, b: int, c: int) -> None:
    for who in stage.members:
        guild = stage.guilds[b % 2]
        if who.id not in guild.members:
            stage.world.rejoin(guild, who)
            await stage.joined(guild, who)


# -- admins -----------------------------------------------------------------------------------------------


@act(8)
async def revoke_member(stage: Stage, a: int, b: int, c: int) -> None:
    """At once or at the period's end, one plan or all, with or without a refund."""
    plan = stage.plans[b % len(stage.plans)]
    who, now = member_of(stage, a), stage.ports.now()
    one = plan.id if b % 2 else None
    order = RevokeRequest(plan.guild_id, who.id, one, c % 2 == 0, c % 3 == 0, "because", stage.owner.id)
    own = [s for s, o in stage.model.owners.items() if o == (plan.guild_id, who.id)]
    stage.model.requested |= {*own}
    stage.model.refunds_ordered += len(own) if order.refund else 0
    before = {row[0] for row in _decisions(stage, order)}
    calm = _is_calm(stage)
    paid = stage.model.paid_days(plan.guild_id, who.id, one, now) if order.at_once and calm else {}
    gone = stage.model.ended(plan.guild_id, who.id) if calm else frozenset[str]()
    known = {row[0] for row in stage.rows("SELECT id FROM subscriptions WHERE member_id = ?", who.id)}
    stage.revoking += 1
    try:
        await revoke(stage.ports, order)
    finally:
        stage.revoking -= 1
        for (decision,) in _decisions(stage, order):
            if decision not in before and decision not in stage.model.decisions:
                stage.model.revoked(decision, plan.guild_id, who.id, one, order.at_once, now)
                made = stage.model.decisions[decision]
                made.paid, made.gone = paid if _is_calm(stage) else {}, gone
                bought = {s for s, o in stage.model.owners.items() if o == (plan.guild_id, who.id)}
                made.beside = frozenset(bought - known)


def _decisions(stage: Stage, order: RevokeRequest) -> list[Any]:
    """Those about that member which stand: another revocation may run beside this one."""
    return stage.rows(
        "SELECT DISTINCT decision_id FROM overrides WHERE guild_id = ? AND member_id = ?"
        " AND kind = 'block' AND lifted_at IS NULL AND decision_id NOT LIKE 'lost-%'",
        order.guild_id,
        order.member_id,
    )


def _is_calm(stage: Stage) -> bool:
    """Nothing is on its way, and nothing has failed: what is recorded is the truth."""
    return not stage.unsure and not stage.mail.busy() and stage.is_up


@act(5)
async def lift_decision(stage: Stage, a: int, b: int, c: int) -> None:
    decision = pick(sorted(stage.model.decisions.items(), key=lambda d: -d[1].blocks[0].starts_at), a)
    if decision is None:
        return
    name, made = decision
    stage.model.requested |= {s for s, o in stage.model.owners.items() if o == (made.guild, made.member)}
    stage.model.lifting.add(name)
    stage.model.lifted(name, stage.now, sure=_is_calm(stage))
    try:
        await lift(stage.ports, made.guild, name, stage.owner.id)
    finally:
        stage.model.lifting.discard(name)
        if not stage.rows("SELECT 1 FROM overrides WHERE decision_id = ? AND lifted_at IS NULL", name):
            stage.model.decisions.pop(name, None)


@act(3)
async def change_plan(stage: Stage, a: int, b: int, c: int) -> None:
    """A role more or less, or off sale."""
    plan = stage.plans[a % len(stage.plans)]
    guild = plan.guild_id
    role = stage.roles[0 if guild == stage.guilds[0].id else 1][b % 4].id
    facts = stage.model.plans[plan.id]
    if c % 4 == 3:
        await remove_plan(stage.ports, guild, plan.id, stage.owner.id)
        return
    more = role not in facts.roles
    edit = PlanUpdate(add_role=role) if more else PlanUpdate(remove_role=role)
    try:
        await edit_plan(stage.ports, guild, plan.id, edit, stage.owner.id)
    finally:
        ((roles,),) = stage.rows("SELECT role_ids FROM plans WHERE id = ?", plan.id)
        stage.model.add_plan(replace(facts, roles=set(json.loads(roles))))


@act(4)
async def give_by_hand(stage: Stage, a: int, b: int, c: int) -> None:
    who, guild = member_of(stage, a), stage.guilds[c % 2]
    role = stage.roles[c % 2][b % 4]
    if who.id in guild.members and role.id in guild.roles:
        stage.world.give_role(guild, who, role, by=stage.owner)


@act(3)
async def take_by_hand(stage: Stage, a: int, b: int, c: int) -> None:
    who, guild = member_of(stage, a), stage.guilds[c % 2]
    held = guild.members[who.id].roles if who.id in guild.members else []
    role = pick(held, b)
    if role is not None:
        stage.world.take_role(guild, who, guild.roles[role], by=stage.owner)


@act(4)
async def change_role(stage: Stage, a: int, b: int, c: int) -> None:
    """Renamed, moved above the bot's or below it, deleted; or the bot's permission taken away or given."""
    guild, role = stage.guilds[a % 2], stage.roles[a % 2][b % 4]
    if role.id not in guild.roles:
        return
    match c % 8:
        case 0 | 1:
            stage.world.rename_role(role, f"{role.name.split('!')[0]}!{c}")
        case 2 | 3:
            stage.world.set_role_position(role, 95)
        case 4 | 5:
            stage.world.set_role_position(stage.bot_roles[a % 2], 95)
        case 6:
            bits = stage.bot_roles[a % 2].permissions
            stage.world.edit_role(stage.bot_roles[a % 2], bits=bits ^ (1 << 28))
        case _:
            stage.world.delete_role(role)
    stage.roles_changed(guild)


# -- the owner at Stripe, and payers' banks ---------------------------------------------------------------


@act(8)
async def dashboard(stage: Stage, a: int, b: int, c: int) -> None:
    sub, board = living(stage, a), stage.server.dashboard
    if sub is None:
        return
    match b % 10:
        case 0:
            board.cancel_now(sub["id"])
        case 1:
            board.cancel_at_period_end(sub["id"])
        case 2:
            board.change(sub["id"], {"cancel_at": stage.now + SPANS[c % len(SPANS)]})
        case 3:
            board.change(sub["id"], {"cancel_at_period_end": False, "cancel_at": ""})
        case 4 | 5:
            _switch(stage, sub, [*stage.prices, stage.yearly][c % 5])
        case 6:
            board.refund(board.last_charge(sub["id"])["id"])
            stage.model.refunds_by_owner += 1
        case 7:
            board.delete_customer(sub["customer"])
        case 8:
            board.move_renewal(sub["id"], stage.now + SPANS[c % len(SPANS)])
        case _:
            board.renew_from_now(sub["id"])


def _switch(stage: Stage, sub: Obj, price: str) -> None:
    stage.server.dashboard.change_price(sub["id"], price)


@act(4)
async def pause(stage: Stage, a: int, b: int, c: int) -> None:
    sub = living(stage, a)
    if sub is not None:
        behavior = ("void", "void", "keep_as_draft", "mark_uncollectible")[b % 4]
        stage.server.dashboard.pause(sub["id"], behavior)


@act(3)
async def unpause(stage: Stage, a: int, b: int, c: int) -> None:
    paused = [s for s in stage.model.at_stripe().values() if s["pause_collection"]]
    sub = pick(paused, a)
    if sub is not None:
        stage.server.dashboard.unpause(sub["id"])


@act(4)
async def fail_payments(stage: Stage, a: int, b: int, c: int) -> None:
    stage.server.dashboard.fail_next_payment(1 + b % 6)
    stage.server.world.settings.after_retries = ("cancel", "unpaid", "past_due")[c % 3]


@act(4)
async def dispute(stage: Stage, a: int, b: int, c: int) -> None:
    sub = subscription(stage, a)
    if sub is not None and sub["id"] not in stage.model.disputes:
        stage.server.dashboard.dispute(stage.server.dashboard.last_charge(sub["id"])["id"])
        stage.model.disputes[sub["id"]] = "open"


@act(3)
async def close_dispute(stage: Stage, a: int, b: int, c: int) -> None:
    open_ = pick(stage.server.world.all("dispute", status="needs_response"), a)
    if open_ is not None:
        won = b % 2 == 0
        (stage.server.dashboard.win if won else stage.server.dashboard.lose)(open_["id"])
        for link in stage.server.world.all("invoice_payment"):
            if link["payment"]["payment_intent"] == open_["payment_intent"]:
                invoice = stage.server.world.by_id[link["invoice"]]
                sub_id = invoice["parent"]["subscription_details"]["subscription"]
                stage.model.disputes[sub_id] = "won" if won else "lost"
                stage.model.requested.add(sub_id)  # one that was lost is billed no longer


@act(16)
async def time_passes(stage: Stage, a: int, b: int, c: int) -> None:
    await stage.pass_time(SPANS[a % len(SPANS)] + (b % 3 - 1))
