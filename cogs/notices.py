"""What a notice says, and what can be done about it right there."""

from __future__ import annotations

from typing import assert_never

from billing.model import (
    Asked,
    BackupFailed,
    Braked,
    ChargedLate,
    Disputed,
    GatewayClosed,
    GraceReminder,
    Granted,
    GrantEnded,
    Intent,
    IntentKind,
    IntentOutcome,
    IntentState,
    LedgerNew,
    LedgerRestored,
    Lifted,
    Linked,
    Notice,
    NoticeBody,
    NotRepeated,
    PaidTwice,
    PaidWhileBlocked,
    PayerProposed,
    PaymentDisputed,
    PaymentFailed,
    PaymentRecovered,
    PaymentWaits,
    Plan,
    RefundedByHand,
    Revoked,
    RoleRefused,
    RoleWaits,
    Screening,
    Started,
    SubscriptionKey,
    SweepFailing,
    TakenBack,
    UnboundPayers,
    Unheard,
    Unknown,
    UnmappedProduct,
    Unreadable,
    Vanished,
    WrongClock,
)
from billing.ports import Ports
from billing.provider_names import title_of
from billing.use_cases.execute_intent import STOPPED_ALREADY, why_held
from cogs import cards, charges, ledgers, payers
from cogs.brake import brake_card
from cogs.buttons import ID_LIMIT
from cogs.member_notices import MemberBody, member_button, member_text, roles_text
from cogs.receipts import receipt_text
from cogs.replies import INTENTS, day, escaped, money
from cogs.shown import Place, Shown, buttons, look_up
from cogs.sums import sums_words

ROLES_MENDED = "Once it is mended the bot tries again by itself; `/doctor fix:True` tries at once."

BRAKE_OFF = "### Nothing is held back any more\nIt was decided, or nobody would lose roles now."


async def notice_card(ports: Ports, notice: Notice, place: Place) -> cards.Card:
    """A notice as a message."""
    if isinstance(notice.body, Braked):
        return await brake_card(ports, notice.guild_id) or cards.note(BRAKE_OFF)
    text = await notice_text(ports, notice, place)
    return cards.note(text, *await _rows(ports, notice), colour=_COLOURS.get(type(notice.body), cards.CALM))


_COLOURS: dict[type[NoticeBody], int] = {
    Started: cards.GOOD,
    PaymentFailed: cards.WARN,
    PaymentWaits: cards.WARN,
    GraceReminder: cards.WARN,
    PaymentRecovered: cards.GOOD,
    PaymentDisputed: cards.WARN,
    Revoked: cards.BAD,
    Lifted: cards.GOOD,
    Granted: cards.GOOD,
    Disputed: cards.WARN,
    UnmappedProduct: cards.WARN,
    UnboundPayers: cards.WARN,
    Linked: cards.GOOD,
    RoleRefused: cards.WARN,
    RoleWaits: cards.WARN,
    Screening: cards.WARN,
    PaidWhileBlocked: cards.WARN,
    PaidTwice: cards.WARN,
    ChargedLate: cards.WARN,
    RefundedByHand: cards.WARN,
    TakenBack: cards.WARN,
    Vanished: cards.WARN,
    Unheard: cards.BAD,
    SweepFailing: cards.BAD,
    WrongClock: cards.BAD,
    GatewayClosed: cards.BAD,
    LedgerRestored: cards.WARN,
    LedgerNew: cards.BAD,
    NotRepeated: cards.WARN,
    BackupFailed: cards.WARN,
}


async def notice_text(ports: Ports, notice: Notice, place: Place) -> str:
    """A notice in words."""
    said = [await _what_happened(ports, notice, place), await roles_text(ports, notice, place)]
    return "\n".join(line for line in said if line)


async def _what_happened(  # noqa: C901, PLR0911, PLR0912 - one case a kind
    ports: Ports, notice: Notice, place: Place
) -> str:
    """What happened, in words."""
    match notice.body:
        case body if isinstance(body, MemberBody):
            closely = isinstance(body, PaymentWaits)
            return member_text(notice, body, await _shown(ports, body.subscription, closely=closely), place)
        case Revoked() as body:
            return _revoked(notice, body, place)
        case Asked() as body:
            return _asked(body)
        case UnmappedProduct() as body:
            return _unmapped(body)
        case UnboundPayers() as body:
            return payers.unbound(notice, body, place)
        case PayerProposed() as body:
            return payers.proposed(body)
        case Linked() as body:
            return payers.linked(notice, body, await _shown(ports, body.subscription), place)
        case RoleRefused() as body:
            return _refused(notice, body, place)
        case IntentOutcome() as body:
            return await _outcome(ports, notice, body, place)
        case Disputed() as body:
            return charges.disputed(body)
        case PaidWhileBlocked() as body:
            return charges.paid_while_blocked(notice, body, await _shown(ports, body.subscription), place)
        case PaidTwice() as body:
            return charges.paid_twice(notice, body, place)
        case ChargedLate() as body:
            return charges.charged_late(body, await _shown(ports, body.subscription), place)
        case RefundedByHand() as body:
            return charges.refunded_by_hand(body, await _shown(ports, body.subscription), place)
        case TakenBack() as body:
            return charges.taken_back(body)
        case Unreadable() as body:
            return charges.unreadable(body, await _shown(ports, body.subscription), place)
        case Vanished() as body:
            return charges.vanished(body, await _shown(ports, body.subscription), place)
        case Lifted() as body:
            return charges.lifted(notice, body, await _shown(ports, body.subscription), place)
        case Screening() as body:
            return _screening(notice, body, place)
        case Granted() as body:
            return _granted(notice, body, await _shown(ports, body.pays), place)
        case GrantEnded() as body:
            return _grant_ended(notice, body, place)
        case RoleWaits() as body:
            return charges.role_waits(body)
        case Braked():
            return BRAKE_OFF
        case Unheard() as body:
            return _unheard(ports, body)
        case SweepFailing() as body:
            return ledgers.sweep_failing(body)
        case WrongClock() as body:
            return ledgers.wrong_clock(body)
        case GatewayClosed() as body:
            return ledgers.gateway_closed(body)
        case LedgerRestored() as body:
            return ledgers.restored(body)
        case LedgerNew() as body:
            return ledgers.new(body)
        case BackupFailed():
            return ledgers.BACKUP_FAILED
        case NotRepeated() as body:
            return await ledgers.not_repeated(ports, notice, body)
        case Unknown():
            return "Something about a subscription changed. /subscriptions shows how it stands."
        case body:
            assert_never(body)


def _unheard(ports: Ports, body: Unheard) -> str:
    provider = ports.providers.get(body.provider)
    if provider is None:
        return f"### Payments through {title_of(body.provider)}\nThe bot is not connected to it any more."
    fault = provider.unheard(refused=body.refused)
    return f"### Notifications from {provider.title} do not get through\n{fault.says}\n{fault.cure}"


def _screening(notice: Notice, body: Screening, place: Place) -> str:
    role = place.roles(notice.guild_id, [body.role]) if body.role is not None else "Your roles"
    return (
        f"### One more step in {escaped(place.server(notice.guild_id))}\n"
        "You have access, but this server asks new members to accept its rules first. Open the server in "
        f"Discord and press **Complete** at the bottom. {role} follows by itself after that."
    )


def _where(notice: Notice, place: Place) -> str:
    return f"**{escaped(place.server(notice.guild_id))}**"


async def _shown(ports: Ports, key: SubscriptionKey | None, *, closely: bool = False) -> Shown | None:
    subscription = await ports.ledger.load_subscription(key) if key else None
    shown = await look_up(ports, [subscription] if subscription else [], closely=closely)
    return shown[0] if shown else None


def _revoked(notice: Notice, body: Revoked, place: Place) -> str:
    plans = escaped(body.plans, 300) or "your access"
    when = f"It does not renew and ends on {day(body.until)}." if body.until else "It has ended at once."
    reason = escaped(body.reason, 300)
    why = f"Reason: {reason}" if reason else "They gave no reason."
    if body.shut_out:
        which = escaped(body.plans, 300) or "anything there"
        told = f"The admins of {_where(notice, place)} decided that you cannot subscribe to {which}."
        return f"### You cannot subscribe\n{told}\n{why}"
    said = [
        f"### Access revoked: {plans}",
        f"The admins of {_where(notice, place)} revoked it. {when} You won't be charged again.",
        _refund(body, place),
        why,
    ]
    return "\n".join(line for line in said if line)


def _granted(notice: Notice, body: Granted, pays: Shown | None, place: Place) -> str:
    until = f"until {day(body.until)}" if body.until else "for good"
    said = [
        f"### You got {escaped(body.plan)}",
        f"The admins of {_where(notice, place)} gave it to you {until}. It costs you nothing.",
        f"Reason: {escaped(body.reason, 300)}" if body.reason else "",
    ]
    if pays is not None:
        paid = sums_words(pays.subscription, place.locale)
        said.append(f"You also pay for it ({paid}), and that goes on. If you don't want that, cancel it.")
    return "\n".join(line for line in said if line)


def _grant_ended(notice: Notice, body: GrantEnded, place: Place) -> str:
    what = escaped(body.plan) or "what they gave you"
    left = "You still have it, as you pay for it." if body.has else "You can subscribe to it with /subscribe."
    return f"### Grant ended: {what}\nThe admins of {_where(notice, place)} took it back. {left}"


def _refund(body: Revoked, place: Place) -> str:
    """It is under way when this is told; should it be refused, the admins hear of it."""
    if body.refunds > 1:
        return "Your last payments are being refunded."
    amount = f" of{charges.amount_words(body.amount, place)}" if body.amount else ""
    return f"Your last payment{amount} is being refunded." if body.refunds else ""


def _asked(body: Asked) -> str:
    reason = escaped(body.reason, 300)
    said = [
        "### A member asks about a revocation",
        f"<@{body.member}> asks the admins to look at it again.",
        f"The reason given was: {reason}" if reason else "No reason had been given.",
        "Lift it, and they can subscribe again; or talk with them and leave it.",
    ]
    return "\n".join(said)


def _unmapped(body: UnmappedProduct) -> str:
    return (
        "### A member pays for something that no plan here sells\n"
        f"<@{body.member}> pays the {title_of(body.provider)} price "
        f"`{body.price}` of product `{body.product}`, and gets no role for it.\n"
        "Choose the plan that it shall count as; if there is none yet, make one with /plans add."
    )


def _refused(notice: Notice, body: RoleRefused, place: Place) -> str:
    which = f"the role {place.roles(notice.guild_id, [body.role])}" if body.role else "the roles"
    return (
        f"### A role could not be set\nOf <@{body.member}>, and perhaps of others: {which}.\n"
        f"{escaped(body.why, 300)}\n{ROLES_MENDED}"
    )


async def _outcome(ports: Ports, notice: Notice, body: IntentOutcome, place: Place) -> str:
    intent = await ports.ledger.load_intent(body.intent)
    if intent is None:
        return "A wish was carried out. /subscriptions shows how things stand."
    shown = await _shown(ports, intent.key)
    if notice.member_id is not None and shown is not None:
        return receipt_text(intent, shown, place)
    return f"### For <@{body.member}>\n{intent_words(intent)}"


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
        case IntentState.DROPPED if intent.outcome == STOPPED_ALREADY:
            return STOPPED_ALREADY
        case IntentState.DROPPED:
            return f"Not done, as somebody decided otherwise meanwhile: {doing}."
        case IntentState.FAILED:
            return (
                f"**{provider} refused {doing}.** {escaped(intent.outcome, 300)} Please do it in the "
                f"provider's dashboard: subscription `{intent.key.id}`."
            )


async def _rows(  # noqa: C901, PLR0911, PLR0912 - one case a kind
    ports: Ports, notice: Notice
) -> list[cards.Row | None]:
    to_member = notice.member_id is not None
    match notice.body:
        case body if isinstance(body, MemberBody):
            return [await member_button(ports, notice, body, await _shown(ports, body.subscription))]
        case PaidTwice(subscription=key) if to_member:
            return await _own_buttons(ports, key)
        case Lifted(again=int() as plan_id) if to_member:
            rest = f"{notice.guild_id}:{plan_id}"
            return [cards.row(cards.button("Subscribe again", "buy", notice.member_id or 0, rest))]
        case Lifted(subscription=SubscriptionKey() as key) if to_member:
            return await _own_buttons(ports, key)
        case Granted(pays=SubscriptionKey() as key):
            return await _own_buttons(ports, key)
        case IntentOutcome(intent=intent_id) if to_member:
            intent = await ports.ledger.load_intent(intent_id)
            return await _own_buttons(ports, intent.key) if intent else []
        case Revoked(decision=decision) | PaidWhileBlocked(decision=decision) if to_member:
            asks = cards.button(
                "Ask the admins", "ask", notice.member_id or 0, f"{notice.guild_id}:{decision}"
            )
            return [cards.row(asks)]
        case Asked(decision=decision) | PaidWhileBlocked(decision=decision):
            rest = f"{notice.guild_id}:{decision}"
            return [cards.row(cards.button("Lift the revocation", "lift", 0, rest))]
        case Disputed(decision=str() as decision):
            rest = f"{notice.guild_id}:{decision}"
            return [cards.row(cards.button("Let them subscribe again", "lift", 0, rest))]
        case UnmappedProduct() as body:
            return [await _mapping(ports, notice, body)]
        case PayerProposed() as body:
            return [payers.link_button(notice.guild_id, body)]
        case Linked(subscription=key):
            return await _own_buttons(ports, key)
        case NotRepeated(subscription=key) if to_member:
            return await _own_buttons(ports, key)
        case LedgerNew():
            return [cards.row(cards.button("It is right, start anew", "newledger", 0, str(notice.guild_id)))]
        case _:
            return []


async def _own_buttons(ports: Ports, key: SubscriptionKey) -> list[cards.Row | None]:
    shown = await _shown(ports, key)
    return [buttons(shown)] if shown else []


async def _mapping(ports: Ports, notice: Notice, body: UnmappedProduct) -> cards.Row | None:
    plans: list[Plan] = await ports.ledger.load_plans(notice.guild_id)
    rest = f"{notice.guild_id}:{body.provider}:{body.price}"
    if not plans or len(f"dues:map:0:{rest}") > ID_LIMIT:
        return None
    options = [(plan.name, str(plan.id), plan.description) for plan in plans]
    return cards.select("It counts as…", "map", 0, rest, options)
