"""Notices about money that somebody should look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from billing.model import Money, Notice, Status
from billing.titles import title_of
from cogs.facts import fact, number
from cogs.replies import day, escaped, moment, money, total_words
from cogs.shown import Place, Shown

SLACK = 900  # seconds: the longest rest between two tries


def _sold(notice: Notice, shown: Shown | None, place: Place) -> str:
    if shown is None:
        return f"subscription `{fact(notice, 'subscription')}`"
    return (
        f"**{escaped(shown.name)}** ({total_words(shown.subscription, place.locale)}, through {shown.title})"
    )


_DISPUTES = {
    "open": "disputes a payment through their bank. Access is on hold until the bank has decided.",
    "won": "had disputed a payment; it was decided in your favour, and holds up access no longer.",
    "lost": "disputed a payment and got the money back through their bank, so it gives no access.",
}


def _dispute(notice: Notice, _: Shown | None, __: Place) -> str:
    state = fact(notice, "state")
    said = _DISPUTES.get(state, "has a dispute about a payment.")
    answer = " Answer it in the provider's dashboard." if state == "open" else ""
    if number(notice, "stops"):
        answer = " Its billing is ended now, so that nothing more is charged for it."
    which = f"Subscription `{fact(notice, 'subscription')}`"
    return f"### Dispute\n<@{fact(notice, 'member')}> {said}{answer}\n{which}"


def _paid_while_blocked(notice: Notice, shown: Shown | None, place: Place) -> str:
    trial = shown is not None and shown.subscription.status is Status.TRIALING
    starts_at = number(notice, "starts_at")
    if notice.member_id is not None:
        return _paid_in_vain(notice, shown, place)
    gives = f"gives its roles until {day(starts_at)} only" if starts_at else "gives no role"
    return (
        "### A member has paid for what is revoked\n"
        f"<@{fact(notice, 'member')}> has {'begun a free trial of' if trial else 'paid for'} "
        f"{_sold(notice, shown, place)}, on a payment page opened before. It {gives}, and the bot stops its "
        "renewal.\nLift the revocation, and they have what they paid for; or give the money back: /revoke "
        "with `refund: the last payment`."
    )


def _paid_in_vain(notice: Notice, shown: Shown | None, place: Place) -> str:
    starts_at = number(notice, "starts_at")
    gives = f"gives its roles until {day(starts_at)} only" if starts_at else "gives you no role"
    return (
        f"### This is revoked for you\nYou signed up for {_sold(notice, shown, place)} in "
        f"**{escaped(place.server(notice.guild_id))}**, on a payment page opened before its admins revoked "
        f"it. It {gives}, and the bot stops its renewal. The admins have been told: they can lift the "
        "revocation, or give back what you paid."
    )


def _paid_twice(notice: Notice, _: Shown | None, place: Place) -> str:
    plan, server = escaped(fact(notice, "plan")), escaped(place.server(notice.guild_id))
    first, second = (title_of(fact(notice, name)) for name in ("other_provider", "provider"))
    ways = f"both through {first}" if first == second else f"one through {first}, one through {second}"
    if notice.member_id is not None:
        return (
            f"### You would pay twice for {plan}\nYou have two subscriptions for it in **{server}**, {ways}, "
            "and both renew. Cancel one of them: the newer one with the button, either with /cancel. For "
            "what was paid twice, ask the server's admins for a refund."
        )
    return (
        f"### A member pays twice for {plan}\n<@{fact(notice, 'member')}> has two subscriptions that renew, "
        f"{ways}: `{fact(notice, 'other')}` and `{fact(notice, 'subscription')}`. They have been told to "
        "cancel one; what was paid twice you can give back in the provider's dashboard."
    )


def _charged_late(notice: Notice, shown: Shown | None, place: Place) -> str:
    return (
        f"### A renewal was charged after a revocation\n<@{fact(notice, 'member')}> was charged"
        f"{amount_of(notice, place)} for {_sold(notice, shown, place)}: {title_of(fact(notice, 'provider'))} "
        "did not answer when the paid period ended, so that the renewal could not be stopped in time. The "
        "billing has ended now. Give the money back in the provider's dashboard: subscription "
        f"`{fact(notice, 'subscription')}`."
    )


def amount_of(notice: Notice, place: Place) -> str:
    """The money that a notice is about, with a blank before it; empty where it names none."""
    amount = number(notice, "amount")
    return "" if amount is None else f" {money(Money(amount, fact(notice, 'currency')), place.locale)}"


def _refunded_by_hand(notice: Notice, shown: Shown | None, place: Place) -> str:
    return (
        f"### A payment was given back\n<@{fact(notice, 'member')}> was refunded{amount_of(notice, place)} "
        f"for {_sold(notice, shown, place)}, in {title_of(fact(notice, 'provider'))}'s dashboard. That alone "
        "ends nothing: the subscription renews, and the roles stay. To end it, use /revoke."
    )


def _unreadable(notice: Notice, shown: Shown | None, place: Place) -> str:
    provider = title_of(fact(notice, "provider"))
    return (
        f"### A subscription cannot be read\n{provider}'s answer about <@{fact(notice, 'member')}>'s "
        f"{_sold(notice, shown, place)} lacks what the bot needs, so it changes no roles for it until it can "
        f"be read. Look at `{fact(notice, 'subscription')}` in the provider's dashboard; if it looks right "
        "there, update the bot, or tell those who make it."
    )


def _vanished(notice: Notice, shown: Shown | None, place: Place) -> str:
    provider = title_of(fact(notice, "provider"))
    return (
        f"### {provider} does not know a subscription any more\nIt is <@{fact(notice, 'member')}>'s "
        f"{_sold(notice, shown, place)}, `{fact(notice, 'subscription')}`; there may be others. The roles "
        "stay, as the bot cannot tell whether it is paid. If the bot was connected to another account at "
        f"{provider} meanwhile, connect it to the former one again. If it is gone for good, /revoke with "
        "`when: now` ends the access."
    )


def _lifted(notice: Notice, shown: Shown | None, place: Place) -> str:
    plans = escaped(fact(notice, "plans"), 300)
    said = [
        f"### Revocation lifted{f': {plans}' if plans else ''}",
        f"The admins of **{escaped(place.server(notice.guild_id))}** have taken it back.",
        "You have again what is paid for.",
    ]
    if number(notice, "still"):
        said.append("Another revocation of theirs still stands; /subscriptions shows what is left.")
    if shown is None:
        said.append("What was ended stays ended; /subscribe starts it anew.")
    else:
        name = escaped(shown.name)
        said.append(
            f"**{name}** is to renew again. /subscriptions shows when; /cancel ends it if you do not want it."
        )
    return "\n".join(said)


def _role_waits(notice: Notice, _: Shown | None, __: Place) -> str:
    return (
        f"### Roles stay a little longer\nThose of <@{fact(notice, 'member')}>, and perhaps of others, are "
        "to go, as what paid for them has ended. The bot asks the provider first, for it may have been paid "
        "meanwhile, and gets no answer. Unless it hears that they are paid, they go by "
        f"{moment((number(notice, 'until') or 0) + SLACK)}. To take them now: /revoke with `when: now`."
    )


CHARGES: Mapping[str, Callable[[Notice, Shown | None, Place], str]] = {
    "dispute": _dispute,
    "paid_while_blocked": _paid_while_blocked,
    "paid_twice": _paid_twice,
    "charged_late": _charged_late,
    "refunded_by_hand": _refunded_by_hand,
    "unreadable": _unreadable,
    "vanished": _vanished,
    "lifted": _lifted,
    "role_waits": _role_waits,
}
