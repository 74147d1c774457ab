"""What members are told about their subscriptions and roles, and the button below it."""

from __future__ import annotations

from typing import Any, TypeAlias, assert_never

from discord import ui

from billing.model import (
    Cause,
    DisputeState,
    Ended,
    GraceReminder,
    Notice,
    PaymentDisputed,
    PaymentFailed,
    PaymentRecovered,
    PaymentWaits,
    Refunded,
    RenewalResumed,
    RenewalStopped,
    RoleNews,
    RolesChanged,
    Started,
    Status,
    Switched,
)
from billing.ports import Ports
from billing.provider_names import display_name
from billing.rules.access import decide
from billing.rules.roles import roles_of
from cogs.core.keys import key_text
from cogs.views import layout
from cogs.views.audience import Audience
from cogs.views.charges import sums_words
from cogs.views.receipt import others
from cogs.views.subscription import SubscriptionView, ask_button, back_button, buttons, describe
from cogs.views.text import day, escaped, moment
from i18n import tr
from i18n.money import format_money

MemberBody: TypeAlias = (
    RolesChanged
    | Started
    | PaymentFailed
    | PaymentWaits
    | GraceReminder
    | PaymentRecovered
    | Switched
    | RenewalStopped
    | RenewalResumed
    | PaymentDisputed
    | Refunded
    | Ended
)


def member_text(  # noqa: C901, PLR0911, PLR0912 - one case a kind
    notice: Notice, body: MemberBody, shown: SubscriptionView | None, place: Audience
) -> str:
    """What happened, without the roles that came or went (`roles_text`)."""
    plan, server = escaped(body.plan, 300) or "your plan", escaped(place.server(notice.guild_id))
    sub = f"{plan} subscription" if body.plan else "subscription"
    match body:
        case RolesChanged():
            return _roles_changed(notice, body, plan, place)
        case Started():
            what = describe(shown, place) if shown else f"You bought it in **{server}**."
            return f"### Thank you!\nYour {sub} is active.\n{what}"
        case PaymentFailed():
            return _payment_failed(notice, body, plan, shown, place)
        case PaymentWaits():
            return _payment_waits(notice, body, plan, shown, place)
        case GraceReminder():
            return (
                f"### Your payment for {plan} is still open\nUnless it is paid by {moment(body.until)}, "
                f"you lose {_its_roles(notice, shown, place)} in **{server}**."
            )
        case PaymentRecovered():
            return f"### Your payment for {plan} went through\nThank you! Your subscription continues."
        case Switched():
            return _switched(body, plan, server, shown, place)
        case RenewalStopped():
            return _stopped(notice, body, sub, shown, place)
        case RenewalResumed():
            when = f" on {day(body.until)}" if body.until else ""
            return (
                f"### {plan} will renew\nYour subscription in **{server}** was resumed at {_title(body)} and "
                f"renews{when}. If you don't want that, cancel it."
            )
        case PaymentDisputed():
            return _DISPUTES[body.state].format(plan=plan)
        case Refunded():
            return _refunded(body, plan, server, shown)
        case Ended():
            why = f" {_title(body)} cancelled it because its payments kept failing." if body.unpaid else ""
            return f"### Your {sub} in {server} has ended\n{_not_again(shown, place)}{why}"
        case other:
            assert_never(other)


def _title(body: PaymentFailed | RenewalStopped | RenewalResumed | Refunded | Ended) -> str:
    return display_name(body.subscription.provider)


def _its_roles(notice: Notice, shown: SubscriptionView | None, place: Audience) -> str:
    return place.roles(notice.guild_id, shown.role_ids) if shown and shown.role_ids else "your access"


_CAUSES = {
    Cause.PAID: "Your {sub} in **{server}** includes this.",
    Cause.GRANTED: "The admins of **{server}** gave you {plan}.",
    Cause.RESTORED: "It was missing in **{server}**. The bot has put it back.",
    Cause.PAST_GRACE: (
        "Your payment for {plan} in **{server}** is still open, and the time to pay it is over. Once it "
        "is paid, you get this back."
    ),
    Cause.UNPAID: (
        "Your payment for {plan} in **{server}** failed and is not tried again. Pay the open invoice to "
        "get this back."
    ),
    Cause.PAUSED: "Your {sub} in **{server}** is paused. You get this back when it continues.",
    Cause.DISPUTE_OPEN: (
        "You (or your bank) disputed a payment for {plan} in **{server}**. Your access is on hold until "
        "that is decided."
    ),
    Cause.DISPUTE_LOST: "Your payment for {plan} in **{server}** went back to you after a dispute.",
    Cause.ENDED: "Your {sub} in **{server}** has ended. You won't be charged for it again.",
    Cause.SWITCHED: "Your subscription in **{server}** no longer includes {plan}.",
    Cause.REVOKED: "The admins of **{server}** revoked your access to {plan}.",
    Cause.GRANT_ENDED: "The admins of **{server}** had given you {plan} for a time, and it is over.",
    Cause.PLAN_EDITED: "The admins of **{server}** changed what your plan includes.",
    Cause.OTHER: "Nothing you pay for in **{server}** includes this.",
}


def _roles_changed(notice: Notice, body: RolesChanged, plan: str, place: Audience) -> str:
    """The heading names the roles."""
    if body.given:
        back = "back" if body.cause is Cause.RESTORED else "now"
        heading = f"### You have {place.roles(notice.guild_id, body.given)} {back}"
    else:
        heading = f"### You no longer have {place.roles(notice.guild_id, body.taken)}"
    server = escaped(place.server(notice.guild_id))
    sub = f"{plan} subscription" if body.plan else "subscription"
    return f"{heading}\n{_CAUSES[body.cause].format(plan=plan, sub=sub, server=server)}"


def _payment_failed(
    notice: Notice, body: PaymentFailed, plan: str, shown: SubscriptionView | None, place: Audience
) -> str:
    server, title = escaped(place.server(notice.guild_id)), _title(body)
    amount = f" of {format_money(body.amount, place.locale)}" if body.amount else ""
    reason = f" {escaped(body.reason, 200)}" if body.reason else ""
    again = f"{title} tries again on {day(body.next_try_at)}. " if body.next_try_at else ""
    stay = (
        f"You keep {_its_roles(notice, shown, place)} until {moment(body.until)}. "
        if body.until and not body.taken
        else ""
    )
    return (
        f"### A payment for {plan} failed\n{title} could not take your payment{amount} in **{server}**."
        f"{reason}\n{stay}{again}Check your payment method to keep your subscription."
    )


def _payment_waits(
    notice: Notice, body: PaymentWaits, plan: str, shown: SubscriptionView | None, place: Audience
) -> str:
    roles, server = _its_roles(notice, shown, place), escaped(place.server(notice.guild_id))
    how = "Press Update payment and pay the open invoice there."
    if shown is not None and shown.sums.pay_url is not None:
        how = f"[Confirm the payment]({shown.sums.pay_url})"
    stay = (
        f"You keep {roles} until {moment(body.until)}." if body.until else f"You get {roles} once it is paid."
    )
    return f"### Your bank wants you to confirm a payment\nIt is for {plan} in **{server}**. {stay}\n{how}"


def _switched(body: Switched, plan: str, server: str, shown: SubscriptionView | None, place: Audience) -> str:
    before = escaped(body.before, 300)
    sums = f" It costs {sums_words(shown.subscription, place.locale)}." if shown else ""
    if not body.plan:
        return f"### You no longer have {before}\nYour subscription in **{server}** does not include it."
    if plan == before:
        return f"### Your {plan} subscription has changed\nThe change was made in **{server}**.{sums}"
    return f"### You switched from {before} to {plan}\nThis is your plan in **{server}** now.{sums}"


def _not_again(shown: SubscriptionView | None, place: Audience) -> str:
    """Of this one; another one for the same roles may go on."""
    goes_on = others(shown, place) if shown else []
    return " ".join([tr("sum.not_again"), *goes_on]) if goes_on else "You won't be charged again."


def _stopped(
    notice: Notice, body: RenewalStopped, sub: str, shown: SubscriptionView | None, place: Audience
) -> str:
    """A receipt like that of /cancel."""
    server = escaped(place.server(notice.guild_id))
    renews = shown is not None and shown.subscription.renews
    charged = "" if renews else f" {_not_again(shown, place)}"
    until = f" until {day(body.until)}" if body.until else ""
    what = f"### Your {sub} was cancelled\nIt was cancelled at {_title(body)}."
    if body.complete:
        what = f"### Your {sub} does not renew\nIt was for a set number of payments, and all are made."
    return (
        f"{what} You keep {_its_roles(notice, shown, place)} in **{server}**{until}.{charged}\n"
        f"Receipt: subscription `{body.subscription.id}`, {moment(notice.created_at)}"
    )


_DISPUTES = {
    DisputeState.NONE: "### Your payment for {plan} was disputed\nThe dispute came to nothing.",
    DisputeState.OPEN: (
        "### Your payment for {plan} is disputed\nYou (or your bank) disputed a payment. Your access is on "
        "hold until that is decided."
    ),
    DisputeState.WON: (
        "### The dispute about {plan} is settled\nIt was decided in the server's favour, so the payment "
        "stands."
    ),
    DisputeState.LOST: (
        "### The dispute about {plan} is settled\nYour money went back to you, so the payment gives you no "
        "access. You won't be charged again."
    ),
}


def _refunded(body: Refunded, plan: str, server: str, shown: SubscriptionView | None) -> str:
    amount = f" of {format_money(body.amount)} in all" if body.amount else ""
    stands = ""
    if shown is not None and shown.subscription.renews:
        at = shown.subscription.period_end
        when = f" on {day(at)}" if at else ""
        stands = f" Your subscription continues and renews{when}. If you don't want that, cancel it."
    elif shown is not None and shown.right is not None:
        stands = f" You keep your access{f' until {day(shown.right.until)}' if shown.right.until else ''}."
    return (
        f"### Your payment for {plan} was refunded\nYou get a refund{amount} for your subscription in "
        f"**{server}**.{stands}"
    )


async def roles_text(ports: Ports, notice: Notice, place: Audience) -> str:
    """Which roles came and went with it, and which are left."""
    body = notice.body
    if not isinstance(body, RoleNews):
        return ""
    lines = []
    if body.given and not isinstance(body, Started | RolesChanged):
        lines.append(f"You have {place.roles(notice.guild_id, body.given)}.")
    if body.taken and not (isinstance(body, RolesChanged) and not body.given):
        lines.append(f"You no longer have {place.roles(notice.guild_id, body.taken)}.")
    if body.taken:
        left = await _left(ports, notice)
        left -= {*body.taken, *body.given}
        if left:
            lines.append(f"You still have {place.roles(notice.guild_id, sorted(left))}.")
    return "\n".join(lines)


async def _left(ports: Ports, notice: Notice) -> set[int]:
    state = await ports.ledger.load_member_state(notice.guild_id, notice.member_id or 0)
    rights = decide(state.subscriptions, state.overrides, state.plans, ports.now(), ports.grace)
    entitled = roles_of(rights, state.plans, held=False) | roles_of(rights, state.plans, held=True)
    return set(entitled & state.granted)


async def member_button(  # noqa: PLR0911 - one case a kind
    ports: Ports, notice: Notice, body: MemberBody, shown: SubscriptionView | None
) -> layout.Row | None:
    """What the member can do about it, with one button; below the thanks for a new one, all of its own."""
    if isinstance(body, Started):
        return buttons(shown) if shown else None
    if shown is not None and shown.block is not None:
        return layout.row(ask_button(shown.block, shown.binding.member_id))
    if shown is None:
        return layout.row(await _again(ports, notice, body))
    match body:
        case RenewalStopped():
            return layout.row(back_button(shown))
        case RenewalResumed() | Refunded() if shown.can_cancel:
            return layout.row(_own_button("Cancel", "cancel", shown))
        case Ended() | PaymentDisputed(state=DisputeState.LOST):
            return layout.row(None if shown.elsewhere.charging else await _again(ports, notice, body))
        case RolesChanged() if shown.subscription.status is Status.ENDED:
            return layout.row(await _again(ports, notice, body))
        case (
            PaymentFailed()
            | PaymentWaits()
            | GraceReminder()
            | RolesChanged(cause=Cause.PAST_GRACE | Cause.UNPAID)
        ):
            return layout.row(_own_button("Update payment", "manage", shown))
        case Switched() | RolesChanged(cause=Cause.PAUSED | Cause.SWITCHED):
            return layout.row(_own_button("Manage", "manage", shown))
        case _:
            return None


def _own_button(label: str, action: str, shown: SubscriptionView) -> ui.Item[Any]:
    return layout.button(label, action, shown.binding.member_id, key_text(shown.subscription.key))


async def _again(ports: Ports, notice: Notice, body: MemberBody) -> ui.Item[Any] | None:
    """The way to buy it, where it is on sale; or to the admins, whose decision it was."""
    who, names = notice.member_id or 0, set(body.plan.split(", "))
    if isinstance(body, RolesChanged) and body.cause is Cause.REVOKED:
        return layout.button("Ask the admins", "ask", who, f"{notice.guild_id}:{body.decision}")
    if isinstance(body, RolesChanged) and body.given:
        return None
    plans = await ports.ledger.load_plans(notice.guild_id)
    plan = next((p for p in plans if p.name in names and p.prices and not p.hidden), None)
    if plan is None:
        return None
    label = "Subscribe" if isinstance(body, RolesChanged) and body.subscription is None else "Subscribe again"
    return layout.button(label, "buy", who, f"{plan.guild_id}:{plan.id}")
