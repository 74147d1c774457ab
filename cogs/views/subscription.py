"""The card of a subscription: loads the facts that it shows, and builds its text and buttons."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from discord import ui

from billing.model import (
    RULE,
    Binding,
    Intent,
    IntentKind,
    IntentState,
    MemberState,
    Override,
    Plan,
    Status,
    Subscription,
)
from billing.model.translatable_text import Reasons
from billing.ports import Ports
from billing.provider_names import display_name
from billing.rules.access import SubscriptionAccess, block_on, decide, decide_right, plans_of
from billing.rules.upcoming_charges import decide_charges
from billing.use_cases.execute_intent import why_held
from billing.use_cases.member_charges import Sums, load_sums
from billing.use_cases.subscribe import is_on_sale
from cogs.core.subscription_keys import key_text
from cogs.views import layout
from cogs.views.charges import is_paused, sums_words
from cogs.views.intent_outcomes import task_text
from cogs.views.reader import Audience
from cogs.views.text import escaped, fit_lines, plain, reason_words, status_text
from i18n import tr

RESUMABLE = (Status.TRIALING, Status.ACTIVE)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Other sources of a subscription's roles.

    `roles`: each such role with its end in unix seconds (None: no end is known). `charging`: the member's
    other subscriptions that include some of these roles and will be charged again, each with its plans'
    names.
    """

    roles: tuple[tuple[int, int | None], ...] = ()
    charging: tuple[tuple[str, Subscription], ...] = ()

    def beyond(self, end: int | None) -> tuple[int, ...]:
        """Return the roles that the member keeps after `end` (unix seconds; None: now)."""
        return tuple(r for r, until in self.roles if until is None or (end is not None and until > end))


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """A subscription with all facts of its card.

    `right`: its current access. `connected`: whether the bot is connected to its provider's account.
    `elsewhere`: other sources of the same roles.
    """

    subscription: Subscription
    binding: Binding
    plans: tuple[Plan, ...]
    right: SubscriptionAccess | None
    block: Override | None
    parked: Reasons
    waiting: tuple[Intent, ...]
    keeps_period: bool
    connected: bool
    title: str
    sums: Sums = field(default_factory=lambda: Sums(()))
    elsewhere: Elsewhere = field(default_factory=Elsewhere)

    @property
    def guild_id(self) -> int:
        """Return the id of the Discord server in which the subscription was bought."""
        return self.binding.guild_id

    @property
    def name(self) -> str:
        """Return the names of its plans, not escaped."""
        return " + ".join(plan.name for plan in self.plans) or tr("card.no_plan")

    @property
    def role_ids(self) -> tuple[int, ...]:
        """Return the ids of its plans' roles, each once."""
        return tuple(dict.fromkeys(r for plan in self.plans for r in plan.role_ids))

    @property
    def can_resume(self) -> bool:
        """Return True if a cancellation, executed or still pending, can be undone."""
        waits = any(i.kind is IntentKind.CANCEL_AT_PERIOD_END for i in self.waiting)
        ending = (waits or self.subscription.ends_at is not None) and self.subscription.status in RESUMABLE
        possible = waits or self.keeps_period
        return ending and possible and self.right is not None and self.block is None

    @property
    def outlived(self) -> bool:
        """Return True if it ended before its paid time, so that only a new one can follow it."""
        ended = self.subscription.status is Status.ENDED
        return ended and self.right is not None and self.block is None

    @property
    def can_cancel(self) -> bool:
        """Return True if the subscription would renew."""
        return self.subscription.status is not Status.ENDED and not self.subscription.ends_with_period


async def load_views(
    ports: Ports,
    subscriptions: Iterable[Subscription],
    known: Mapping[Binding, MemberState] | None = None,
    *,
    closely: bool = False,
) -> list[SubscriptionView]:
    """Load the facts of the subscriptions' cards, in the same order, for those with a known member.

    `known`: members' data that was just read. `closely`: ask the provider for amounts that the ledger does
    not know.
    """
    states = dict(known or {})
    shown = []
    for subscription in subscriptions:
        whose = subscription.binding
        if whose is not None:
            if whose not in states:
                states[whose] = await ports.ledger.load_member_state(whose.guild_id, whose.member_id)
            shown.append(await _look_up(ports, subscription, whose, states[whose]))
    if not closely:
        return shown
    sums = await asyncio.gather(*(load_sums(ports, each.subscription) for each in shown))
    return [replace(each, sums=found) for each, found in zip(shown, sums, strict=True)]


async def _look_up(
    ports: Ports, subscription: Subscription, whose: Binding, state: MemberState
) -> SubscriptionView:
    plans = tuple(plans_of(subscription, state.plans))
    provider = ports.providers.get(subscription.key.provider)
    intents = await ports.ledger.load_intents_of(subscription.key)
    return SubscriptionView(
        subscription=subscription,
        binding=whose,
        plans=plans,
        right=decide_right(subscription, ports.now(), ports.grace),
        block=block_on((plan.id for plan in plans), state.overrides, subscription.key),
        parked=state.parked,
        waiting=tuple(i for i in intents if i.state is IntentState.PENDING),
        keeps_period=provider is not None and provider.keeps_period,
        connected=ports.connects(subscription.key),
        title=display_name(subscription.key.provider),
        sums=Sums(decide_charges(subscription)),
        elsewhere=_elsewhere(ports, subscription, plans, state),
    )


def _elsewhere(
    ports: Ports, subscription: Subscription, plans: Sequence[Plan], state: MemberState
) -> Elsewhere:
    mine, now = {r for plan in plans for r in plan.role_ids}, ports.now()
    rest = [s for s in state.subscriptions if s.key != subscription.key]
    by_id = {plan.id: plan for plan in state.plans}
    given = decide(rest, state.overrides, state.plans, now, ports.grace)
    kept = [(r, e.until) for e in given for r in by_id[e.plan_id].role_ids if r in mine]
    charging = [(s, plans_of(s, state.plans)) for s in rest if decide_charges(s)]
    named = [
        (" + ".join(p.name for p in of), s)
        for s, of in charging
        if mine & {r for p in of for r in p.role_ids}
    ]
    return Elsewhere(tuple(kept), tuple(named))


def subscription_box(
    shown: SubscriptionView, audience: Audience, room: int = layout.TEXT_LIMIT
) -> ui.Container[ui.LayoutView]:
    """Return the card of one subscription with its buttons; its text has at most `room` characters."""
    return layout.box(describe(shown, audience, room), buttons(shown), colour=_colour(shown))


def describe(shown: SubscriptionView, audience: Audience, room: int = layout.TEXT_LIMIT) -> str:
    """Return the text of a card: plan, server, roles, status, price, and open problems."""
    sub, roles = shown.subscription, audience.roles(shown.guild_id, shown.role_ids)
    lines = [
        (0, f"### {escaped(shown.name, 60)}"),
        (2, tr("card.server", server=escaped(audience.server(shown.guild_id)))),
        (3, tr("card.roles", roles=roles) if shown.role_ids else ""),
        (0, status_text(sub, shown.right)),
        (1, _sums_line(shown, audience)),
        *((0, trouble) for trouble in _troubles(shown)),
    ]
    return fit_lines(room, lines)


def _sums_line(shown: SubscriptionView, audience: Audience) -> str:
    sub = shown.subscription
    if is_paused(sub) and not shown.sums.charges:
        return tr("card.provider", provider=shown.title)
    price = sums_words(sub, audience.locale, shown.sums.charges)
    return tr("card.price", price=price, provider=shown.title)


def _troubles(shown: SubscriptionView) -> list[str]:
    said = []
    if shown.subscription.terms.by_invoice and shown.subscription.renews:
        said.append(tr("card.by_invoice", provider=shown.title))
    if not shown.subscription.is_payers:
        said.append(tr("card.linked", provider=shown.title))
    elif shown.sums.pay_url is not None:
        what = tr("card.confirm_payment" if shown.subscription.needs_action else "card.pay_invoice")
        said.append(f"[{what}]({shown.sums.pay_url})")
    if shown.block is not None:
        said.append(block_words(shown.block))
    if shown.parked and shown.right is not None:
        said.append(tr("card.roles_not_set", why=" ".join(reason_words(why, 150) for why in shown.parked)))
    return said + [_waiting(shown, intent) for intent in shown.waiting]


def _waiting(shown: SubscriptionView, intent: Intent) -> str:
    if why := why_held(intent):
        return tr("card.still_to_do", task=task_text(intent.kind), why=reason_words(why, 200))
    return tr("card.not_confirmed", provider=shown.title, task=task_text(intent.kind))


def buttons(shown: SubscriptionView) -> layout.Row | None:
    """Return those of the buttons Manage, Cancel, Resume and Ask the admins that apply."""
    who, key = shown.binding.member_id, key_text(shown.subscription.key)
    own = shown.subscription.is_payers
    ended = shown.subscription.status is Status.ENDED
    return layout.row(
        layout.button(tr("button.manage"), "manage", who, key) if own and not ended else None,
        layout.button(tr("button.cancel"), "cancel", who, key) if own and shown.can_cancel else None,
        back_button(shown),
        ask_button(shown.block, who),
    )


def back_button(shown: SubscriptionView) -> ui.Item[ui.LayoutView] | None:
    """Return the button Resume while a cancellation can be undone, otherwise Subscribe again if possible."""
    if shown.can_resume and shown.subscription.is_payers:
        who, key = shown.binding.member_id, key_text(shown.subscription.key)
        return layout.button(tr("button.resume"), "resume", who, key)
    return again_button(shown)


def again_button(shown: SubscriptionView) -> ui.Item[ui.LayoutView] | None:
    """Return the button Subscribe again, for a subscription that has ended before its paid time."""
    plan = next((plan for plan in shown.plans if is_on_sale(plan)), None)
    if plan is None or not shown.outlived:
        return None
    who, rest = shown.binding.member_id, f"{plan.guild_id}:{plan.id}"
    return layout.button(tr("button.subscribe_again"), "buy", who, rest)


def block_words(block: Override) -> str:
    """Return a sentence that tells a member why they have no access.

    Either a payment was reversed, or the admins revoked the access.
    """
    if block.by == RULE:
        return tr("card.barred")
    return with_reason(tr("card.revoked"), block)


def with_reason(said: str, block: Override) -> str:
    """Return the text, followed by the reason that the admins gave, if any."""
    return f"{said} {tr('card.reason', reason=escaped(block.reason, 100))}" if block.reason else said


def ask_button(block: Override | None, who: int) -> ui.Item[ui.LayoutView] | None:
    """Return the button with which a member asks the admins to reconsider a revocation."""
    if block is None:
        return None
    return layout.button(tr("button.ask_admins"), "ask", who, f"{block.guild_id}:{block.decision_id}")


def option_of(shown: SubscriptionView, audience: Audience) -> tuple[str, str, str]:
    """Return label, value and description of a subscription in a menu."""
    label = f"{plain(shown.name, 60)} — {plain(audience.server(shown.guild_id), 37)}"
    return (
        label,
        key_text(shown.subscription.key),
        sums_words(shown.subscription, audience.locale, dated=False),
    )


def _colour(shown: SubscriptionView) -> int:
    if shown.block is not None or shown.subscription.status in (Status.UNPAID, Status.ENDED):
        return layout.BAD if shown.block is not None else layout.CALM
    if shown.right is None or shown.subscription.status is Status.PAST_DUE:
        return layout.WARN
    return layout.GOOD
