"""Renders a notice as a message: text, colour, and buttons with which the reader can act."""

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
    IntentOutcome,
    LedgerNew,
    LedgerRestored,
    Lifted,
    Linked,
    LongRenewal,
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
    PaywallLeak,
    Plan,
    RefundedByHand,
    Revoked,
    RoleRefused,
    RoleWaits,
    SalesNews,
    Screening,
    Started,
    SubscriptionKey,
    SweepFailing,
    TakenBack,
    TrialEnding,
    UnboundPayers,
    Unheard,
    Unknown,
    UnmappedProduct,
    Unreadable,
    Vanished,
    WrongClock,
)
from billing.model.stored_texts import from_stored
from billing.ports import Ports
from billing.provider_names import display_name
from cogs.core.components import ID_LIMIT
from cogs.views import layout, ledger_notices, ownership_notices, payment_notices
from cogs.views.brake import brake_card
from cogs.views.charges import sums_words
from cogs.views.intent_outcomes import intent_words
from cogs.views.layout import titled
from cogs.views.member_notices import MemberBody, member_button, member_text, roles_text
from cogs.views.paywall import leak_notice
from cogs.views.reader import Audience
from cogs.views.receipt import receipt_text
from cogs.views.sales_notices import sales_news
from cogs.views.subscription import SubscriptionView, buttons, load_views
from cogs.views.text import day, discord_words, escaped, reason_words
from i18n import tr
from i18n.money import format_money
from i18n.plain import history_words


async def notice_card(ports: Ports, notice: Notice, audience: Audience) -> layout.Card:
    """Return the notice as a message for this audience."""
    if isinstance(notice.body, Braked):
        return await brake_card(ports, notice.guild_id) or layout.note(_brake_off())
    text = await notice_text(ports, notice, audience)
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
    PaywallLeak: layout.WARN,
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


async def notice_text(ports: Ports, notice: Notice, audience: Audience) -> str:
    """Return the text of a notice: what happened, and the roles that the member got or lost with it."""
    said = [await _what_happened(ports, notice, audience), await roles_text(ports, notice, audience)]
    return "\n".join(line for line in said if line)


async def _what_happened(  # noqa: C901, PLR0911, PLR0912 - one case a kind
    ports: Ports, notice: Notice, audience: Audience
) -> str:
    """Return the text about the change itself, without the roles that came or went with it."""
    match notice.body:
        case body if isinstance(body, MemberBody):
            closely = isinstance(body, PaymentWaits | TrialEnding | LongRenewal)
            return member_text(
                notice, body, await _shown(ports, body.subscription, closely=closely), audience
            )
        case Revoked() as body:
            return _revoked(notice, body, audience)
        case Asked() as body:
            return _asked(body)
        case UnmappedProduct() as body:
            return _unmapped(body)
        case UnboundPayers() as body:
            return ownership_notices.unbound(notice, body, audience)
        case PayerProposed() as body:
            return ownership_notices.proposed(body)
        case Linked() as body:
            return ownership_notices.linked(notice, body, await _shown(ports, body.subscription), audience)
        case RoleRefused() as body:
            return _refused(notice, body, audience)
        case IntentOutcome() as body:
            return await _outcome(ports, notice, body, audience)
        case Disputed() as body:
            return payment_notices.disputed(body)
        case PaidWhileBlocked() as body:
            return payment_notices.paid_while_blocked(
                notice, body, await _shown(ports, body.subscription), audience
            )
        case PaidTwice() as body:
            return payment_notices.paid_twice(notice, body, audience)
        case ChargedLate() as body:
            return payment_notices.charged_late(body, await _shown(ports, body.subscription), audience)
        case RefundedByHand() as body:
            return payment_notices.refunded_by_hand(body, await _shown(ports, body.subscription), audience)
        case TakenBack() as body:
            return payment_notices.taken_back(body)
        case Unreadable() as body:
            return payment_notices.unreadable(body, await _shown(ports, body.subscription), audience)
        case Vanished() as body:
            return payment_notices.vanished(body, await _shown(ports, body.subscription), audience)
        case Lifted() as body:
            return payment_notices.lifted(notice, body, await _shown(ports, body.subscription), audience)
        case Screening() as body:
            return _screening(notice, body, audience)
        case Granted() as body:
            return _granted(notice, body, await _shown(ports, body.pays), audience)
        case GrantEnded() as body:
            return _grant_ended(notice, body, audience)
        case RoleWaits() as body:
            return payment_notices.role_waits(body)
        case Braked():
            return _brake_off()
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
            return ledger_notices.backup_failed()
        case SalesNews() as body:
            return sales_news(body, audience.locale)
        case PaywallLeak() as body:
            return leak_notice(body)
        case NotRepeated() as body:
            return await ledger_notices.not_repeated(ports, notice, body)
        case Unknown():
            return tr("notice.unknown")
        case body:
            assert_never(body)


def _brake_off() -> str:
    return titled(tr("notice.brake_off_title"), tr("notice.brake_off"))


def _unheard(ports: Ports, body: Unheard) -> str:
    provider = ports.providers.get(body.provider)
    if provider is None:
        name = display_name(body.provider)
        return titled(
            tr("notice.unheard_gone_title", provider=name), tr("notice.unheard_gone", provider=name)
        )
    fault = provider.unheard(refused=body.refused)
    said = [discord_words(fault.message), discord_words(fault.cure)]
    return titled(tr("notice.unheard_title", provider=provider.title), *said)


def _screening(notice: Notice, body: Screening, audience: Audience) -> str:
    follows = tr("notice.screening_roles")
    if body.role is not None:
        follows = tr("notice.screening_role", role=audience.roles(notice.guild_id, [body.role]))
    title = tr("notice.screening_title", server=escaped(audience.server(notice.guild_id)))
    return titled(title, f"{tr('notice.screening')} {follows}")


def _server(notice: Notice, audience: Audience) -> str:
    return f"**{escaped(audience.server(notice.guild_id))}**"


async def _shown(
    ports: Ports, key: SubscriptionKey | None, *, closely: bool = False
) -> SubscriptionView | None:
    subscription = await ports.ledger.load_subscription(key) if key else None
    shown = await load_views(ports, [subscription] if subscription else [], closely=closely)
    return shown[0] if shown else None


def _revoked(notice: Notice, body: Revoked, audience: Audience) -> str:
    plans, server = escaped(body.plans, 300), _server(notice, audience)
    reason = escaped(body.reason, 300)
    why = tr("notice.reason", reason=reason) if reason else tr("notice.no_reason")
    if body.shut_out:
        told = tr("notice.shut_out", server=server)
        if plans:
            told = tr("notice.shut_out_of", server=server, plans=plans)
        return titled(tr("notice.shut_out_title"), told, why)
    title = tr("notice.revoked_title_of", plans=plans) if plans else tr("notice.revoked_title")
    ends = tr("notice.revoked_now")
    if body.until:
        ends = tr("notice.revoked_until", day=day(body.until))
    said = f"{tr('notice.revoked', server=server)} {ends} {tr('notice.not_charged_again')}"
    return titled(title, said, _refunding(body, audience), why)


def _granted(notice: Notice, body: Granted, pays: SubscriptionView | None, audience: Audience) -> str:
    said = tr("notice.granted", server=_server(notice, audience))
    if body.until:
        said = tr("notice.granted_until", server=_server(notice, audience), day=day(body.until))
    why = tr("notice.reason", reason=escaped(body.reason, 300)) if body.reason else ""
    paid = ""
    if pays is not None:
        paid = tr("notice.granted_pays", price=sums_words(pays.subscription, audience.locale))
    return titled(tr("notice.granted_title", plan=escaped(body.plan)), said, why, paid)


def _grant_ended(notice: Notice, body: GrantEnded, audience: Audience) -> str:
    plan = escaped(body.plan)
    title = tr("notice.grant_ended_title_of", plan=plan) if plan else tr("notice.grant_ended_title")
    left = tr("notice.grant_ended_has" if body.has else "notice.grant_ended_subscribe")
    return titled(title, f"{tr('notice.grant_ended', server=_server(notice, audience))} {left}")


def _refunding(body: Revoked, audience: Audience) -> str:
    """Return a sentence about the refund, which is under way when the member reads it.

    If the provider refuses the refund, the admins are told.
    """
    if body.refunds > 1:
        return tr("notice.refunding_many")
    if body.refunds and body.amount:
        return tr("notice.refunding_of", amount=format_money(body.amount, audience.locale))
    return tr("notice.refunding") if body.refunds else ""


def _asked(body: Asked) -> str:
    reason = escaped(history_words(body.reason), 300)
    return titled(
        tr("notice.asked_title"),
        tr("notice.asked", member=f"<@{body.member}>"),
        tr("notice.asked_reason", reason=reason) if reason else tr("notice.asked_no_reason"),
        tr("notice.asked_todo"),
    )


def _unmapped(body: UnmappedProduct) -> str:
    said = tr(
        "notice.unmapped",
        member=f"<@{body.member}>",
        provider=display_name(body.provider),
        price=f"`{body.price}`",
        product=f"`{body.product}`",
    )
    return titled(tr("notice.unmapped_title"), said, tr("notice.unmapped_todo"))


def _refused(notice: Notice, body: RoleRefused, audience: Audience) -> str:
    member = f"<@{body.member}>"
    said = tr("notice.roles_refused", member=member)
    if body.role:
        role = audience.roles(notice.guild_id, [body.role])
        said = tr("notice.role_refused", member=member, role=role)
    todo = tr("notice.role_refused_todo")
    return titled(tr("notice.role_refused_title"), said, reason_words(from_stored(body.why)), todo)


async def _outcome(ports: Ports, notice: Notice, body: IntentOutcome, audience: Audience) -> str:
    intent = await ports.ledger.load_intent(body.intent)
    if intent is None:
        return tr("notice.outcome_gone")
    shown = await _shown(ports, intent.key)
    if notice.member_id is not None and shown is not None:
        return receipt_text(intent, shown, audience)
    return titled(
        tr("notice.outcome_title", member=f"<@{body.member}>"), intent_words(intent, audience.locale)
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
            return [
                layout.row(layout.button(tr("button.subscribe_again"), "buy", notice.member_id or 0, rest))
            ]
        case Lifted(subscription=SubscriptionKey() as key) if to_member:
            return await _own_buttons(ports, key)
        case Granted(pays=SubscriptionKey() as key):
            return await _own_buttons(ports, key)
        case IntentOutcome(intent=intent_id) if to_member:
            intent = await ports.ledger.load_intent(intent_id)
            return await _own_buttons(ports, intent.key) if intent else []
        case Revoked(decision=decision) | PaidWhileBlocked(decision=decision) if to_member:
            asks = layout.button(
                tr("button.ask_admins"), "ask", notice.member_id or 0, f"{notice.guild_id}:{decision}"
            )
            return [layout.row(asks)]
        case Asked(decision=decision) | PaidWhileBlocked(decision=decision):
            rest = f"{notice.guild_id}:{decision}"
            return [layout.row(layout.button(tr("button.lift_revocation"), "lift", 0, rest))]
        case Disputed(decision=str() as decision):
            rest = f"{notice.guild_id}:{decision}"
            return [layout.row(layout.button(tr("button.allow_subscribing"), "lift", 0, rest))]
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
                layout.row(layout.button(tr("button.start_new_ledger"), "newledger", 0, str(notice.guild_id)))
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
    return layout.select(tr("placeholder.counts_as"), "map", 0, rest, options)
