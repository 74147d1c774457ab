"""The texts of notices about payments that somebody should look into."""

from __future__ import annotations

from billing.model import (
    ChargedLate,
    Disputed,
    DisputeState,
    Lifted,
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
from cogs.views.charges import sums_words
from cogs.views.layout import titled
from cogs.views.reader import Audience
from cogs.views.subscription import SubscriptionView
from cogs.views.text import day, escaped, moment
from i18n import tr
from i18n.money import format_money

SLACK = 900  # seconds: the longest pause between two attempts


def _server(notice: Notice, audience: Audience) -> str:
    return f"**{escaped(audience.server(notice.guild_id))}**"


def _sold(key: SubscriptionKey, shown: SubscriptionView | None, audience: Audience) -> str:
    if shown is None:
        return tr("notice.sold_unseen", id=f"`{key.id}`")
    price = sums_words(shown.subscription, audience.locale)
    return tr("notice.sold", plan=f"**{escaped(shown.name)}**", price=price, provider=shown.title)


_DISPUTES = {
    DisputeState.OPEN: "notice.dispute_open",
    DisputeState.WON: "notice.dispute_won",
    DisputeState.LOST: "notice.dispute_lost",
}


def disputed(body: Disputed) -> str:
    """Return the notice to the admins about the state of a dispute."""
    code = _DISPUTES.get(body.state, "notice.dispute_other")
    said = [tr(code, member=f"<@{body.member}>", through=through(body.subscription))]
    if body.stops:
        said.append(tr("notice.dispute_stops"))
    elif body.state is DisputeState.OPEN:
        said.append(tr("notice.dispute_answer"))
    if body.decision:
        said.append(tr("notice.dispute_barred"))
    which = tr("notice.subscription_id", id=f"`{body.subscription.id}`")
    return titled(tr("notice.dispute_title"), " ".join(said), which)


def through(key: SubscriptionKey) -> str:
    """Return the party that decides a dispute: the payer's bank at Stripe, PayPal itself at PayPal."""
    return tr("notice.their_bank") if key.provider == "stripe" else display_name(key.provider)


def taken_back(body: TakenBack) -> str:
    """Return the notice to the admins that a payment was reversed that belongs to no known subscription."""
    provider, reference = display_name(body.provider), f"`{body.reference}`"
    return titled(
        tr("notice.taken_back_title"), tr("notice.taken_back", provider=provider, reference=reference)
    )


def paid_while_blocked(
    notice: Notice, body: PaidWhileBlocked, shown: SubscriptionView | None, audience: Audience
) -> str:
    """Return the notice, to the member or the admins, that a payment was made for a revoked plan."""
    if notice.member_id is not None:
        return _own_paid_while_blocked(notice, body, shown, audience)
    trial = shown is not None and shown.subscription.status is Status.TRIALING
    paid = tr(
        "notice.trial_blocked" if trial else "notice.paid_blocked",
        member=f"<@{body.member}>",
        sold=_sold(body.subscription, shown, audience),
    )
    gives = tr("notice.blocked_gives_none")
    if body.starts_at:
        gives = tr("notice.blocked_gives_until", day=day(body.starts_at))
    todo = tr("notice.paid_blocked_todo")
    return titled(tr("notice.paid_blocked_title"), f"{paid} {gives}", todo)


def _own_paid_while_blocked(
    notice: Notice, body: PaidWhileBlocked, shown: SubscriptionView | None, audience: Audience
) -> str:
    sold, server = _sold(body.subscription, shown, audience), _server(notice, audience)
    gives = tr("notice.own_blocked_none")
    if body.starts_at:
        gives = tr("notice.own_blocked_until", day=day(body.starts_at))
    said = [tr("notice.own_blocked", sold=sold, server=server), gives, tr("notice.own_blocked_todo")]
    return titled(tr("notice.own_blocked_title"), " ".join(said))


def paid_twice(notice: Notice, body: PaidTwice, audience: Audience) -> str:
    """Return the notice, to the member or the admins, that two subscriptions renew for one plan."""
    plan = escaped(body.plan)
    first, second = (display_name(key.provider) for key in (body.other, body.subscription))
    ways = tr("notice.twice_each", first=first, second=second)
    if first == second:
        ways = tr("notice.twice_both", provider=first)
    if notice.member_id is not None:
        twice = tr("notice.own_twice", server=_server(notice, audience))
        return titled(
            tr("notice.own_twice_title", plan=plan), f"{twice} {ways} {tr('notice.own_twice_todo')}"
        )
    twice = tr(
        "notice.twice",
        member=f"<@{body.member}>",
        other=f"`{body.other.id}`",
        newer=f"`{body.subscription.id}`",
    )
    return titled(tr("notice.twice_title", plan=plan), f"{twice} {ways} {tr('notice.twice_todo')}")


def charged_late(body: ChargedLate, shown: SubscriptionView | None, audience: Audience) -> str:
    """Return the notice to the admins that a renewal was charged because it was stopped too late."""
    key, member = body.subscription, f"<@{body.member}>"
    sold = _sold(key, shown, audience)
    charged = tr("notice.charged_late", member=member, sold=sold)
    if body.amount is not None:
        amount = format_money(body.amount, audience.locale)
        charged = tr("notice.charged_late_of", member=member, sold=sold, amount=amount)
    why = tr("notice.charged_late_why", provider=display_name(key.provider), id=f"`{key.id}`")
    return titled(tr("notice.charged_late_title"), f"{charged} {why}")


def refunded_by_hand(body: RefundedByHand, shown: SubscriptionView | None, audience: Audience) -> str:
    """Return the notice to the admins that somebody refunded a payment at the provider.

    The subscription continues.
    """
    key, member = body.subscription, f"<@{body.member}>"
    sold, provider = _sold(key, shown, audience), display_name(key.provider)
    refunded = tr("notice.refunded_by_hand", member=member, sold=sold, provider=provider)
    if body.amount is not None:
        amount = format_money(body.amount, audience.locale)
        refunded = tr(
            "notice.refunded_by_hand_of", member=member, sold=sold, provider=provider, amount=amount
        )
    todo = tr("notice.refunded_by_hand_todo")
    return titled(tr("notice.refunded_by_hand_title"), f"{refunded} {todo}")


def unreadable(body: Unreadable, shown: SubscriptionView | None, audience: Audience) -> str:
    """Return the notice to the admins that the provider's answer about a subscription is incomplete."""
    key = body.subscription
    said = tr(
        "notice.unreadable",
        member=f"<@{body.member}>",
        sold=_sold(key, shown, audience),
        provider=display_name(key.provider),
        id=f"`{key.id}`",
    )
    return titled(tr("notice.unreadable_title"), said)


def vanished(body: Vanished, shown: SubscriptionView | None, audience: Audience) -> str:
    """Return the notice to the admins that the provider no longer knows a subscription."""
    key, provider = body.subscription, display_name(body.subscription.provider)
    said = tr(
        "notice.vanished",
        member=f"<@{body.member}>",
        sold=_sold(key, shown, audience),
        provider=provider,
        id=f"`{key.id}`",
    )
    return titled(tr("notice.vanished_title", provider=provider), said)


def lifted(notice: Notice, body: Lifted, shown: SubscriptionView | None, audience: Audience) -> str:
    """Return the notice to the member that the admins lifted a revocation."""
    plans = escaped(body.plans, 300)
    title = tr("notice.lifted_title_of", plans=plans) if plans else tr("notice.lifted_title")
    said = [tr("notice.lifted", server=_server(notice, audience))]
    if body.still:
        said.append(tr("notice.lifted_still"))
    if shown is not None:
        plan, end = f"**{escaped(shown.name)}**", shown.subscription.period_end
        renews = tr("notice.lifted_renews", plan=plan)
        said.append(tr("notice.lifted_renews_on", plan=plan, day=day(end)) if end else renews)
    elif body.until is not None:
        said.append(tr("notice.lifted_until", day=day(body.until)))
    elif body.kept:
        said.append(tr("notice.lifted_kept"))
    elif not body.still:
        said.append(tr("notice.lifted_again"))
    return titled(title, *said)


def role_waits(body: RoleWaits) -> str:
    """Return the notice to the admins that roles stay as they are while the provider does not answer."""
    last = moment(body.until + SLACK)
    said = tr("notice.role_waits", member=f"<@{body.member}>", moment=last)
    return titled(tr("notice.role_waits_title"), said)
