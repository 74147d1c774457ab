"""Notices about money that somebody should look at."""

from __future__ import annotations

from billing.model import (
    ChargedLate,
    Disputed,
    DisputeState,
    Lifted,
    Money,
    Notice,
    PaidTwice,
    PaidWhileBlocked,
    RefundedByHand,
    RoleWaits,
    Status,
    SubscriptionKey,
    TakenBack,
    Unreadable,
    Vanished,
)
from billing.provider_names import display_name
from cogs.views.audience import Audience
from cogs.views.charges import sums_words
from cogs.views.subscription import SubscriptionView
from cogs.views.text import day, escaped, moment
from i18n.money import format_money

SLACK = 900  # seconds: the longest rest between two tries


def _sold(key: SubscriptionKey, shown: SubscriptionView | None, place: Audience) -> str:
    if shown is None:
        return f"subscription `{key.id}`"
    return (
        f"**{escaped(shown.name)}** ({sums_words(shown.subscription, place.locale)}, through {shown.title})"
    )


_DISPUTES = {
    DisputeState.OPEN: "disputes a payment through {}. Access is on hold until that is decided.",
    DisputeState.WON: "had disputed a payment; it was decided in your favour, and holds up access no longer.",
    DisputeState.LOST: "got a payment back through {}, so it gives no access.",
}


def disputed(body: Disputed) -> str:
    """For the admins: where a dispute stands."""
    said = _DISPUTES.get(body.state, "has a dispute about a payment.").format(through(body.subscription))
    answer = " Answer it in the provider's dashboard." if body.state is DisputeState.OPEN else ""
    if body.stops:
        answer = " Its billing is ended now, so that nothing more is charged for it."
    if body.decision:
        answer += " They can't subscribe here again unless you allow it."
    return f"### Dispute\n<@{body.member}> {said}{answer}\nSubscription `{body.subscription.id}`"


def through(key: SubscriptionKey) -> str:
    """Who decides a dispute: the bank behind a card; PayPal itself, whatever the payment was made with."""
    return "their bank" if key.provider == "stripe" else display_name(key.provider)


def taken_back(body: TakenBack) -> str:
    """For the admins: a payment was taken back that could not be matched."""
    provider = display_name(body.provider)
    return (
        f"### A payment was taken back\n{provider} took a payment back (`{body.reference}`) and does not say "
        "which subscription it was for, so nobody has lost a role for it. Find it in your account there by "
        "that number. If it was for a subscription sold here, /revoke ends the access of whoever paid it."
    )


def paid_while_blocked(
    notice: Notice, body: PaidWhileBlocked, shown: SubscriptionView | None, place: Audience
) -> str:
    """For the member or the admins: somebody paid for what is revoked."""
    trial = shown is not None and shown.subscription.status is Status.TRIALING
    if notice.member_id is not None:
        return _paid_in_vain(notice, body, shown, place)
    gives = f"gives its roles until {day(body.starts_at)} only" if body.starts_at else "gives no role"
    return (
        "### A member has paid for what is revoked\n"
        f"<@{body.member}> has {'begun a free trial of' if trial else 'paid for'} "
        f"{_sold(body.subscription, shown, place)}, on a payment page opened before. It {gives}, and the "
        "bot stops its renewal.\nLift the revocation, and they have what they paid for; or give the money "
        "back: /revoke with `refund: the last payment`."
    )


def _paid_in_vain(
    notice: Notice, body: PaidWhileBlocked, shown: SubscriptionView | None, place: Audience
) -> str:
    gives = f"gives its roles until {day(body.starts_at)} only" if body.starts_at else "gives you no role"
    return (
        f"### This is revoked for you\nYou signed up for {_sold(body.subscription, shown, place)} in "
        f"**{escaped(place.server(notice.guild_id))}**, on a payment page opened before its admins revoked "
        f"it. It {gives}, and the bot stops its renewal. The admins have been told: they can lift the "
        "revocation, or give back what you paid."
    )


def paid_twice(notice: Notice, body: PaidTwice, place: Audience) -> str:
    """For the member or the admins: two subscriptions renew for one plan."""
    plan, server = escaped(body.plan), escaped(place.server(notice.guild_id))
    first, second = (display_name(key.provider) for key in (body.other, body.subscription))
    ways = f"both through {first}" if first == second else f"one through {first}, one through {second}"
    if notice.member_id is not None:
        return (
            f"### You would pay twice for {plan}\nYou have two subscriptions for it in **{server}**, {ways}, "
            "and both renew. Cancel one of them: the newer one with the button, either with /cancel. For "
            "what was paid twice, ask the server's admins for a refund."
        )
    return (
        f"### A member pays twice for {plan}\n<@{body.member}> has two subscriptions that renew, "
        f"{ways}: `{body.other.id}` and `{body.subscription.id}`. They have been told to "
        "cancel one; what was paid twice you can give back in the provider's dashboard."
    )


def charged_late(body: ChargedLate, shown: SubscriptionView | None, place: Audience) -> str:
    """For the admins: a renewal that could not be stopped in time."""
    key = body.subscription
    return (
        f"### A renewal was charged after a revocation\n<@{body.member}> was charged"
        f"{amount_words(body.amount, place)} for {_sold(key, shown, place)}: {display_name(key.provider)} "
        "did not answer when the paid period ended, so that the renewal could not be stopped in time. The "
        "billing has ended now. Give the money back in the provider's dashboard: subscription "
        f"`{key.id}`."
    )


def amount_words(amount: Money | None, place: Audience) -> str:
    """The money that a notice is about, with a blank before it; empty where it names none."""
    return "" if amount is None else f" {format_money(amount, place.locale)}"


def refunded_by_hand(body: RefundedByHand, shown: SubscriptionView | None, place: Audience) -> str:
    """For the admins: a refund in the dashboard, after which the subscription goes on."""
    key = body.subscription
    return (
        f"### A payment was given back\n<@{body.member}> was refunded{amount_words(body.amount, place)} "
        f"for {_sold(key, shown, place)}, in {display_name(key.provider)}'s dashboard. That alone "
        "ends nothing: the subscription renews, and the roles stay. To end it, use /revoke."
    )


def unreadable(body: Unreadable, shown: SubscriptionView | None, place: Audience) -> str:
    """For the admins: the provider's answer lacks what the bot needs."""
    key = body.subscription
    provider = display_name(key.provider)
    return (
        f"### A subscription cannot be read\n{provider}'s answer about <@{body.member}>'s "
        f"{_sold(key, shown, place)} lacks what the bot needs, so it changes no roles for it until it can "
        f"be read. Look at `{key.id}` in the provider's dashboard; if it looks right "
        "there, update the bot, or tell those who make it."
    )


def vanished(body: Vanished, shown: SubscriptionView | None, place: Audience) -> str:
    """For the admins: the provider does not know a subscription."""
    key = body.subscription
    provider = display_name(key.provider)
    return (
        f"### {provider} does not know a subscription any more\nIt is <@{body.member}>'s "
        f"{_sold(key, shown, place)}, `{key.id}`; there may be others. The roles "
        "stay, as the bot cannot tell whether it is paid. If the bot was connected to another account at "
        f"{provider} meanwhile, connect it to the former one again. If it is gone for good, /revoke with "
        "`when: now` ends the access."
    )


def lifted(notice: Notice, body: Lifted, shown: SubscriptionView | None, place: Audience) -> str:
    """For the member: a revocation was taken back."""
    plans = escaped(body.plans, 300)
    said = [
        f"### Revocation lifted{f': {plans}' if plans else ''}",
        f"The admins of **{escaped(place.server(notice.guild_id))}** took it back.",
    ]
    if body.still:
        said.append("Another revocation of theirs still stands; /subscriptions shows what you have.")
    if shown is not None:
        end = shown.subscription.period_end
        when = f" on {day(end)}" if end else " again"
        said.append(f"**{escaped(shown.name)}** will renew{when}. If you don't want that, cancel it.")
    elif body.until is not None:
        said.append(
            f"You have what you paid for until {day(body.until)}. The old subscription stays ended, so "
            "you won't be charged for it again. You can subscribe again, starting then."
        )
    elif body.kept:
        said.append("You cancelled it yourself, so it does not renew and you won't be charged again.")
    elif not body.still:
        said.append("You can subscribe again.")
    return "\n".join(said)


def role_waits(body: RoleWaits) -> str:
    """For the admins: roles stay while the provider does not answer."""
    return (
        f"### Roles stay a little longer\nThose of <@{body.member}>, and perhaps of others, are "
        "to go, as what paid for them has ended. The bot asks the provider first, for it may have been paid "
        "meanwhile, and gets no answer. Unless it hears that they are paid, they go by "
        f"{moment(body.until + SLACK)}. To take them now: /revoke with `when: now`."
    )
