"""Actions at PayPal by payers, by the owner, and by PayPal itself."""

from __future__ import annotations

from typing import Any

from standins.paypal import Subscription, buyers, subscriptions
from tests.simulation.acts import act, mail_of, pick
from tests.simulation.paypal_rules import OVER
from tests.simulation.stage import Stage

NAMES = ("autopay", "merchant", "paypal_dispute", "settle_dispute", "other_account", "copied_id")


def agreement(stage: Stage, n: int, *, living: bool = True) -> Subscription | None:
    """One that somebody agreed to, the newest first."""
    agreed = [one for one in stage.paypal.world.all("subscription") if one.buyer is not None]
    return pick([one for one in agreed if not (living and one.status in OVER)][::-1], n)


@act(10)
async def autopay(stage: Stage, a: int, b: int, c: int) -> None:
    """Stop it on PayPal's own page, or let the account run empty, or fill it."""
    found = agreement(stage, a)
    if found is None or found.buyer is None:
        return
    match b % 4:
        case 0 | 1:
            stage.paypal.cancel_automatic_payment(found.id, found.buyer.email)
        case way:
            stage.paypal.dashboard.fund(found.buyer.email, good=way == 3)


@act(14)
async def merchant(stage: Stage, a: int, b: int, c: int) -> None:
    """The owner, in their account at PayPal."""
    found, board = agreement(stage, a), stage.paypal.dashboard
    if found is None:
        return
    match b % 8:
        case 0 | 1:
            board.suspend(found.id)
        case 2 | 3:
            board.activate(found.id)
        case 4:
            board.cancel(found.id)
        case 5:
            if board.last_sale(found.id).status == "COMPLETED":
                board.refund(board.last_sale(found.id).id)
                stage.model.refunds_by_owner += 1
        case 6:
            board.fail_next_payment(1 + c % 3)
        case _:
            _revise(stage, found)


def _revise(stage: Stage, found: Subscription) -> None:
    """To the yearly plan of the same product or back, as agreed with the payer."""
    gold = (stage.paypal_plans[0], stage.paypal_yearly)
    if found.plan_id in gold and found.status == "ACTIVE":
        stage.model.paypal.moved[found.id] = stage.now
        subscriptions.accept_revision(stage.paypal.world, found, {"plan_id": gold[found.plan_id == gold[0]]})
        stage.paypal.acted()


@act(8)
async def paypal_dispute(stage: Stage, a: int, b: int, c: int) -> None:
    """The payer asks for the last payment back, or PayPal takes it back unasked."""
    found, board = agreement(stage, a, living=False), stage.paypal.dashboard
    if found is None or found.id in stage.model.disputes:
        return
    sale = board.last_sale(found.id)
    if sale.status != "COMPLETED":
        return
    if b % 4 == 3 and not stage.is_vague:
        stage.model.disputes[found.id] = "lost"
        stage.model.requested.add(found.id)
        board.reverse(sale.id)
    else:
        stage.model.disputes[found.id] = "open"
        board.dispute(sale.id)


@act(6)
async def settle_dispute(stage: Stage, a: int, b: int, c: int) -> None:
    """Escalated, won or lost."""
    world, board = stage.paypal.world, stage.paypal.dashboard
    open_: Any = pick([one for one in world.all("dispute") if one["status"] != "RESOLVED"], a)
    if open_ is None:
        return
    sale = world.get("sale", open_["disputed_transactions"][0]["seller_transaction_id"])
    match b % 3:
        case 0:
            board.escalate(open_["dispute_id"])
        case 1:
            stage.model.disputes[sale.subscription.id] = "won"
            board.win(open_["dispute_id"])
        case _:
            stage.model.disputes[sale.subscription.id] = "lost"
            stage.model.requested.add(sale.subscription.id)  # one that was lost is billed no longer
            board.lose(open_["dispute_id"])


@act(2)
async def other_account(stage: Stage, a: int, b: int, c: int) -> None:
    """Somebody else pays on a member's page: the page says whose it is, not the payer."""
    page = pick([p for p in stage.pages if p.provider == "paypal"], a)
    if page is not None:
        found, _ = buyers.asked(stage.paypal.world, page.url)
        stage.paypal.approve(page.url, mail_of(stage.owner.id))
        stage.model.owners[found.id] = (page.guild, page.member)


@act(4)
async def copied_id(stage: Stage, a: int, b: int, c: int) -> None:
    """A stranger makes an agreement of their own with the id of a member's page, and pays for it."""
    page = pick([p for p in stage.pages if p.provider == "paypal"], a)
    if page is not None:
        seen, _ = buyers.asked(stage.paypal.world, page.url)
        wanted = {"plan_id": seen.plan_id, "custom_id": seen.custom_id}
        made = subscriptions.create(stage.paypal.world, wanted)
        stage.paypal.approve(made.ba_token, "stranger@example.com")
