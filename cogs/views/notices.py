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
from billing.provider_names import display_name
from billing.use_cases.execute_intent import STOPPED_ALREADY, why_held
from cogs.core.components import ID_LIMIT
from cogs.views import layout, ledger_notices, ownership_notices, payment_notices
from cogs.views.audience import Audience
from cogs.views.brake import brake_card
from cogs.views.charges import sums_words
from cogs.views.member_notices import MemberBody, member_button, member_text, roles_text
from cogs.views.receipt import receipt_text
from cogs.views.subscription import SubscriptionView, buttons, load_views
from cogs.views.text import day, escaped, intent_doing, intent_done
from i18n.money import format_money

ROLES_MENDED = "Once it is mended the bot tries again by itself; `/doctor fix:True` tries at once."

BRAKE_OFF = "### Nothing is held back any more\nIt was decided, or nobody would lose roles now."


async def notice_card(ports: Ports, notice: Notice, place: Audience) -> layout.Card:
    """A notice as a message."""
    if isinstance(notice.body, Braked):
        return await brake_card(ports, notice.guild_id) or layout.note(BRAKE_OFF)
    text = await notice_text(ports, notice, place)
    return layout.note(text, *await _rows(ports, notice), colour=_COLOURS.get(type(notice.body), layout.CALM))


_COLOURS: dict[type[NoticeBody], int] = {
    Started: layout.GOOD,
    PaymentFailed: layout.WARN,
    PaymentWaits: layout.WARN,
    GraceReminder: layout.WARN,
    PaymentRecovered: layout.GOOD,
    PaymentDisputed: layout.WARN,
    Revoked: layout.BAD,
    Lifted: layout.GOOD,
    Granted: layout.GOOD,
    Disputed: layout.WARN,
    UnmappedProduct: layout.WARN,
    UnboundPayers: layout.WARN,
    Linked: layout.GOOD,
    RoleRefused: layout.WARN,
    RoleWaits: layout.WARN,
    Screening: layout.WARN,
    PaidWhileBlocked: layout.WARN,
    PaidTwice: layout.WARN,
    ChargedLate: layout.WARN,
    RefundedByHand: layout.WARN,
    TakenBack: layout.WARN,
    Vanished: layout.WARN,
    Unheard: layout.BAD,
    SweepFailing: layout.BAD,
    WrongClock: layout.BAD,
    GatewayClosed: layout.BAD,
    LedgerRestored: layout.WARN,
    LedgerNew: layout.BAD,
    NotRepeated: layout.WARN,
    BackupFailed: layout.WARN,
}


async def notice_text(ports: Ports, notice: Notice, place: Audience) -> str:
    """A notice in words."""
    said = [await _what_happened(ports, notice, place), await roles_text(ports, notice, place)]
    return "\n".join(line for line in said if line)


async def _what_happened(  # noqa: C901, PLR0911, PLR0912 - one case a kind
    ports: Ports, notice: Notice, place: Audience
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
            return ownership_notices.unbound(notice, body, place)
        case PayerProposed() as body:
            return ownership_notices.proposed(body)
        case Linked() as body:
            return ownership_notices.linked(notice, body, await _shown(ports, body.subscription), place)
        case RoleRefused() as body:
            return _refused(notice, body, place)
        case IntentOutcome() as body:
            return await _outcome(ports, notice, body, place)
        case Disputed() as body:
            return payment_notices.disputed(body)
        case PaidWhileBlocked() as body:
            return payment_notices.paid_while_blocked(
                notice, body, await _shown(ports, body.subscription), place
            )
        case PaidTwice() as body:
            return payment_notices.paid_twice(notice, body, place)
        case ChargedLate() as body:
            return payment_notices.charged_late(body, await _shown(ports, body.subscription), place)
        case RefundedByHand() as body:
            return payment_notices.refunded_by_hand(body, await _shown(ports, body.subscription), place)
        case TakenBack() as body:
            return payment_notices.taken_back(body)
        case Unreadable() as body:
            return payment_notices.unreadable(body, await _shown(ports, body.subscription), place)
        case Vanished() as body:
            return payment_notices.vanished(body, await _shown(ports, body.subscription), place)
        case Lifted() as body:
            return payment_notices.lifted(notice, body, await _shown(ports, body.subscription), place)
        case Screening() as body:
            return _screening(notice, body, place)
        case Granted() as body:
            return _granted(notice, body, await _shown(ports, body.pays), place)
        case GrantEnded() as body:
            return _grant_ended(notice, body, place)
        case RoleWaits() as body:
            return payment_notices.role_waits(body)
        case Braked():
            return BRAKE_OFF
        case Unheard() as body:
            return _unheard(ports, body)
        case SweepFailing() as body:
            return ledger_notices.sweep_failing(body)
        case WrongClock() as body:
            return ledger_notices.wrong_clock(body)
        case GatewayClosed() as body:
            return ledger_notices.gateway_closed(body)
        case LedgerRestored() as body:
            return ledger_notices.restored(body)
        case LedgerNew() as body:
            return ledger_notices.new(body)
        case BackupFailed():
            return ledger_notices.BACKUP_FAILED
        case NotRepeated() as body:
            return await ledger_notices.not_repeated(ports, notice, body)
        case Unknown():
            return "Something about a subscription changed. /subscriptions shows how it stands."
        case body:
            assert_never(body)


def _unheard(ports: Ports, body: Unheard) -> str:
    provider = ports.providers.get(body.provider)
    if provider is None:
        return f"### Payments through {display_name(body.provider)}\nThe bot is not connected to it any more."
    fault = provider.unheard(refused=body.refused)
    return f"### Notifications from {provider.title} do not get through\n{fault.message}\n{fault.cure}"


def _screening(notice: Notice, body: Screening, place: Audience) -> str:
    role = place.roles(notice.guild_id, [body.role]) if body.role is not None else "Your roles"
    return (
        f"### One more step in {escaped(place.server(notice.guild_id))}\n"
        "You have access, but this server asks new members to accept its rules first. Open the server in "
        f"Discord and press **Complete** at the bottom. {role} follows by itself after that."
    )


def _where(notice: Notice, place: Audience) -> str:
    return f"**{escaped(place.server(notice.guild_id))}**"


async def _shown(
    ports: Ports, key: SubscriptionKey | None, *, closely: bool = False
) -> SubscriptionView | None:
    subscription = await ports.ledger.load_subscription(key) if key else None
    shown = await load_views(ports, [subscription] if subscription else [], closely=closely)
    return shown[0] if shown else None


def _revoked(notice: Notice, body: Revoked, place: Audience) -> str:
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


def _granted(notice: Notice, body: Granted, pays: SubscriptionView | None, place: Audience) -> str:
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


def _grant_ended(notice: Notice, body: GrantEnded, place: Audience) -> str:
    what = escaped(body.plan) or "what they gave you"
    left = "You still have it, as you pay for it." if body.has else "You can subscribe to it with /subscribe."
    return f"### Grant ended: {what}\nThe admins of {_where(notice, place)} took it back. {left}"


def _refund(body: Revoked, place: Audience) -> str:
    """It is under way when this is told; should it be refused, the admins hear of it."""
    if body.refunds > 1:
        return "Your last payments are being refunded."
    amount = f" of{payment_notices.amount_words(body.amount, place)}" if body.amount else ""
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
        f"<@{body.member}> pays the {display_name(body.provider)} price "
        f"`{body.price}` of product `{body.product}`, and gets no role for it.\n"
        "Choose the plan that it shall count as; if there is none yet, make one with /plans add."
    )


def _refused(notice: Notice, body: RoleRefused, place: Audience) -> str:
    which = f"the role {place.roles(notice.guild_id, [body.role])}" if body.role else "the roles"
    return (
        f"### A role could not be set\nOf <@{body.member}>, and perhaps of others: {which}.\n"
        f"{escaped(body.why, 300)}\n{ROLES_MENDED}"
    )


async def _outcome(ports: Ports, notice: Notice, body: IntentOutcome, place: Audience) -> str:
    intent = await ports.ledger.load_intent(body.intent)
    if intent is None:
        return "A wish was carried out. /subscriptions shows how things stand."
    shown = await _shown(ports, intent.key)
    if notice.member_id is not None and shown is not None:
        return receipt_text(intent, shown, place)
    return f"### For <@{body.member}>\n{intent_words(intent)}"


def intent_words(intent: Intent, locale: str = "en-US", *, connected: bool = True) -> str:
    """How something asked of the provider stands, for an admin. `connected`: whether the bot can ask."""
    done, doing = intent_done(intent.kind), intent_doing(intent.kind)
    provider = display_name(intent.key.provider)
    match intent.state:
        case IntentState.DONE if intent.kind is IntentKind.REFUND_LAST_PAYMENT and intent.refunded:
            return f"{done}: {format_money(intent.refunded, locale)}."
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
) -> list[layout.Row | None]:
    to_member = notice.member_id is not None
    match notice.body:
        case body if isinstance(body, MemberBody):
            return [await member_button(ports, notice, body, await _shown(ports, body.subscription))]
        case PaidTwice(subscription=key) if to_member:
            return await _own_buttons(ports, key)
        case Lifted(again=int() as plan_id) if to_member:
            rest = f"{notice.guild_id}:{plan_id}"
            return [layout.row(layout.button("Subscribe again", "buy", notice.member_id or 0, rest))]
        case Lifted(subscription=SubscriptionKey() as key) if to_member:
            return await _own_buttons(ports, key)
        case Granted(pays=SubscriptionKey() as key):
            return await _own_buttons(ports, key)
        case IntentOutcome(intent=intent_id) if to_member:
            intent = await ports.ledger.load_intent(intent_id)
            return await _own_buttons(ports, intent.key) if intent else []
        case Revoked(decision=decision) | PaidWhileBlocked(decision=decision) if to_member:
            asks = layout.button(
                "Ask the admins", "ask", notice.member_id or 0, f"{notice.guild_id}:{decision}"
            )
            return [layout.row(asks)]
        case Asked(decision=decision) | PaidWhileBlocked(decision=decision):
            rest = f"{notice.guild_id}:{decision}"
            return [layout.row(layout.button("Lift the revocation", "lift", 0, rest))]
        case Disputed(decision=str() as decision):
            rest = f"{notice.guild_id}:{decision}"
            return [layout.row(layout.button("Let them subscribe again", "lift", 0, rest))]
        case UnmappedProduct() as body:
            return [await _mapping(ports, notice, body)]
        case PayerProposed() as body:
            return [ownership_notices.link_button(notice.guild_id, body)]
        case Linked(subscription=key):
            return await _own_buttons(ports, key)
        case NotRepeated(subscription=key) if to_member:
            return await _own_buttons(ports, key)
        case LedgerNew():
            return [
                layout.row(layout.button("It is right, start anew", "newledger", 0, str(notice.guild_id)))
            ]
        case _:
            return []


async def _own_buttons(ports: Ports, key: SubscriptionKey) -> list[layout.Row | None]:
    shown = await _shown(ports, key)
    return [buttons(shown)] if shown else []


async def _mapping(ports: Ports, notice: Notice, body: UnmappedProduct) -> layout.Row | None:
    plans: list[Plan] = await ports.ledger.load_plans(notice.guild_id)
    rest = f"{notice.guild_id}:{body.provider}:{body.price}"
    if not plans or len(f"dues:map:0:{rest}") > ID_LIMIT:
        return None
    options = [(plan.name, str(plan.id), plan.description) for plan in plans]
    return layout.select("It counts as…", "map", 0, rest, options)
