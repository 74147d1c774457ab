"""What a notice says, and what can be done about it right there."""

from __future__ import annotations

from billing.model import Intent, IntentKind, IntentState, Notice, Plan, SubscriptionKey
from billing.ports import Ports
from billing.titles import title_of
from billing.use_cases.carry_out import why_held
from cogs import cards
from cogs.brake import brake_card
from cogs.buttons import ID_LIMIT
from cogs.charges import CHARGES, amount_of
from cogs.facts import fact, number
from cogs.receipts import receipt_text
from cogs.replies import INTENTS, day, escaped, money
from cogs.shown import Place, Shown, buttons, describe, look_up

ROLES_MENDED = "Once it is mended the bot tries again by itself; `/doctor fix:True` tries at once."

BRAKE_OFF = "### Nothing is held back any more\nIt was decided, or nobody would lose roles now."


async def notice_card(ports: Ports, notice: Notice, place: Place) -> cards.Card:
    """A notice as a message."""
    if notice.kind == "brake":
        return await brake_card(ports, notice.guild_id) or cards.note(BRAKE_OFF)
    text = await notice_text(ports, notice, place)
    return cards.note(text, *await _rows(ports, notice), colour=_COLOURS.get(notice.kind, cards.CALM))


_COLOURS = {
    "started": cards.GOOD,
    "payment_failed": cards.WARN,
    "ended": cards.CALM,
    "revoked": cards.BAD,
    "lifted": cards.GOOD,
    "dispute": cards.WARN,
    "unmapped_product": cards.WARN,
    "role_refused": cards.WARN,
    "role_waits": cards.WARN,
    "paid_while_blocked": cards.WARN,
    "paid_twice": cards.WARN,
    "charged_late": cards.WARN,
    "refunded_by_hand": cards.WARN,
    "vanished": cards.WARN,
}


async def notice_text(ports: Ports, notice: Notice, place: Place) -> str:
    """A notice in words."""
    match notice.kind:
        case "started" | "payment_failed" | "ended":
            return await _milestone(ports, notice, place)
        case "revoked":
            return _revoked(notice, place)
        case "asked":
            return _asked(notice)
        case "unmapped_product":
            return _unmapped(notice)
        case "role_refused":
            return _refused(notice, place)
        case kind if kind in CHARGES:
            return CHARGES[kind](notice, await _subject(ports, notice), place)
        case "intent_outcome":
            return await _outcome(ports, notice, place)
        case _:
            return "Something about a subscription changed. /subscriptions shows how it stands."


def _where(notice: Notice, place: Place) -> str:
    return f"**{escaped(place.server(notice.guild_id))}**"


async def _subject(ports: Ports, notice: Notice) -> Shown | None:
    key = SubscriptionKey(fact(notice, "provider"), fact(notice, "account"), fact(notice, "subscription"))
    subscription = await ports.ledger.load_subscription(key)
    shown = await look_up(ports, [subscription] if subscription else [])
    return shown[0] if shown else None


async def _milestone(ports: Ports, notice: Notice, place: Place) -> str:
    plan = escaped(fact(notice, "plan")) or "Your subscription"
    where = _where(notice, place)
    if notice.kind == "ended":
        return f"### {plan} has ended\nin {where}. Nothing more is charged. /subscribe starts it anew."
    if notice.kind == "payment_failed":
        until = number(notice, "until")
        stay = f" Your roles stay until {day(until)}." if until else ""
        return (
            f"### A payment for {plan} failed\nin {where}.{stay} Press Manage to check the way you "
            "pay; the provider tries again by itself."
        )
    shown = await _subject(ports, notice)
    return f"Thank you! This is yours now.\n{describe(shown, place) if shown else f'{plan} in {where}'}"


def _revoked(notice: Notice, place: Place) -> str:
    plans = escaped(fact(notice, "plans"), 300) or "your access"
    until = number(notice, "until")
    when = f"It does not renew and ends on {day(until)}." if until else "It has ended at once."
    reason = escaped(fact(notice, "reason"), 300)
    said = [
        f"### Access revoked: {plans}",
        f"The admins of {_where(notice, place)} have revoked it. {when} No further payment is asked of you.",
        _refund(notice, place),
        f"Reason: {reason}" if reason else "They gave no reason.",
    ]
    return "\n".join(line for line in said if line)


def _refund(notice: Notice, place: Place) -> str:
    """It is under way when this is told; should it be refused, the admins hear of it."""
    many = number(notice, "refunds") or 0
    if many > 1:
        return "Your last payments are given back to where they came from."
    return f"Your last payment{amount_of(notice, place)} is given back to where it came from." if many else ""


def _asked(notice: Notice) -> str:
    reason = escaped(fact(notice, "reason"), 300)
    said = [
        "### A member asks about a revocation",
        f"<@{fact(notice, 'member')}> asks the admins to look at it again.",
        f"The reason given was: {reason}" if reason else "No reason had been given.",
        "Lift it, and they can subscribe again; or talk with them and leave it.",
    ]
    return "\n".join(said)


def _unmapped(notice: Notice) -> str:
    return (
        "### A member pays for something that no plan here sells\n"
        f"<@{fact(notice, 'member')}> pays the {title_of(fact(notice, 'provider'))} price "
        f"`{fact(notice, 'price')}` of product `{fact(notice, 'product')}`, and gets no role for it.\n"
        "Choose the plan that it shall count as; if there is none yet, make one with /plans add."
    )


def _refused(notice: Notice, place: Place) -> str:
    role = number(notice, "role")
    which = f"the role {place.roles(notice.guild_id, [role])}" if role else "the roles"
    return (
        f"### A role could not be set\nOf <@{fact(notice, 'member')}>, and perhaps of others: {which}.\n"
        f"{escaped(fact(notice, 'why'), 300)}\n{ROLES_MENDED}"
    )


async def _outcome(ports: Ports, notice: Notice, place: Place) -> str:
    intent = await ports.ledger.load_intent(fact(notice, "intent"))
    if intent is None:
        return "A wish was carried out. /subscriptions shows how things stand."
    shown = await _shown_of(ports, intent)
    if notice.member_id is not None and shown is not None:
        return receipt_text(intent, shown, place)
    return f"### For <@{fact(notice, 'member')}>\n{intent_words(intent)}"


async def _shown_of(ports: Ports, intent: Intent) -> Shown | None:
    subscription = await ports.ledger.load_subscription(intent.key)
    shown = await look_up(ports, [subscription] if subscription else [])
    return shown[0] if shown else None


def intent_words(intent: Intent, locale: str = "en-US", *, connected: bool = True) -> str:
    """How something asked of the provider stands, for an admin. `connected`: whether the bot can ask."""
    done, doing = INTENTS[intent.kind]
    provider = title_of(intent.key.provider)
    match intent.state:
        case IntentState.DONE if intent.kind is IntentKind.REFUND_LAST_PAYMENT and intent.refunded:
            return f"{done}: {money(intent.refunded, locale)}."
        case IntentState.DONE:
            return f"{done}."
        case IntentState.PENDING if not connected:
            return (
                f"**The bot is not connected to {provider} ({intent.key.account}),** so {doing} waits until "
                f"its settings are back. Do it in the provider's dashboard: subscription `{intent.key.id}`."
            )
        case IntentState.PENDING if why_held(intent):
            return (
                f"**{provider} does not let the bot do this just now:** {doing} waits until that is mended; "
                "/doctor shows what is wrong. If it cannot wait, do it in the provider's dashboard: "
                f"subscription `{intent.key.id}`."
            )
        case IntentState.PENDING:
            return f"{provider} has not answered yet: {doing} is tried again until it does."
        case IntentState.DROPPED:
            return f"Not done, as somebody decided otherwise meanwhile: {doing}."
        case IntentState.FAILED:
            return (
                f"**{provider} refused {doing}.** {escaped(intent.outcome, 300)} Please do it in the "
                f"provider's dashboard: subscription `{intent.key.id}`."
            )


async def _rows(ports: Ports, notice: Notice) -> list[cards.Row | None]:
    match notice.kind:
        case "started" | "payment_failed":
            shown = await _subject(ports, notice)
            return [buttons(shown)] if shown else []
        case "paid_twice" if notice.member_id is not None:
            shown = await _subject(ports, notice)
            return [buttons(shown)] if shown else []
        case "revoked" | "paid_while_blocked" if notice.member_id is not None:
            rest = f"{notice.guild_id}:{fact(notice, 'decision')}"
            return [cards.row(cards.button("Ask the admins", "ask", notice.member_id, rest))]
        case "asked" | "paid_while_blocked":
            rest = f"{notice.guild_id}:{fact(notice, 'decision')}"
            return [cards.row(cards.button("Lift the revocation", "lift", 0, rest))]
        case "unmapped_product":
            return [await _mapping(ports, notice)]
        case "intent_outcome" if notice.member_id is not None:
            return await _way_back(ports, notice)
        case _:
            return []


async def _mapping(ports: Ports, notice: Notice) -> cards.Row | None:
    plans: list[Plan] = await ports.ledger.load_plans(notice.guild_id)
    rest = f"{notice.guild_id}:{fact(notice, 'provider')}:{fact(notice, 'price')}"
    if not plans or len(f"dues:map:0:{rest}") > ID_LIMIT:
        return None
    options = [(plan.name, str(plan.id), plan.description) for plan in plans]
    return cards.select("It counts as…", "map", 0, rest, options)


async def _way_back(ports: Ports, notice: Notice) -> list[cards.Row | None]:
    intent = await ports.ledger.load_intent(fact(notice, "intent"))
    shown = await _shown_of(ports, intent) if intent else None
    return [buttons(shown)] if shown else []
