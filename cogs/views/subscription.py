"""A subscription as its member sees it: everything that its card tells, looked up once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import discord
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
from billing.ports import Ports
from billing.provider_names import display_name
from billing.rules.access import SubscriptionAccess, block_on, decide, decide_right, plans_of
from billing.rules.charges import decide_charges
from billing.use_cases.execute_intent import why_held
from billing.use_cases.member_charges import Sums, load_sums
from billing.use_cases.subscribe import is_on_sale
from cogs.core.keys import key_text
from cogs.views import layout
from cogs.views.charges import is_paused, sums_words
from cogs.views.text import INTENTS, escaped, fit_lines, plain, roles, status_text

RESUMABLE = (Status.TRIALING, Status.ACTIVE)


@dataclass(frozen=True, slots=True)
class Audience:
    """Where a card is read. Role mentions resolve in their own server only, elsewhere names are shown."""

    client: discord.Client
    guild_id: int | None = None
    locale: str = "en-US"

    def server(self, guild_id: int) -> str:
        """The server's name, as far as the bot knows it; not escaped."""
        guild = self.client.get_guild(guild_id)
        return guild.name if guild and guild.name else "a server that cannot be seen just now"

    def roles(self, guild_id: int, role_ids: Sequence[int]) -> str:
        """The roles, for this reader."""
        if guild_id == self.guild_id:
            return roles(role_ids)
        guild = self.client.get_guild(guild_id)
        if guild is None:  # its roles' names are not known, and a mention does not resolve here
            return f"{len(role_ids)} roles" if len(role_ids) > 1 else "1 role"
        return roles(role_ids, {role.id: role.name for role in guild.roles})


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Roles of a subscription that its member also has by other means, with their end (None: none in sight),
    and the other subscriptions that give some of them and go on charging, each by its plans' name."""

    roles: tuple[tuple[int, int | None], ...] = ()
    charging: tuple[tuple[str, Subscription], ...] = ()

    def beyond(self, end: int | None) -> tuple[int, ...]:
        """The roles that stay after that moment."""
        return tuple(r for r, until in self.roles if until is None or (end is not None and until > end))


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """A subscription with all that its card tells. `right`: what it gives now; `connected`: whether the bot
    can reach the account it lives at; `elsewhere`: what else gives its member the same roles."""

    subscription: Subscription
    binding: Binding
    plans: tuple[Plan, ...]
    right: SubscriptionAccess | None
    block: Override | None
    parked: str | None
    waiting: tuple[Intent, ...]
    keeps_period: bool
    connected: bool
    title: str
    sums: Sums = field(default_factory=lambda: Sums(()))
    elsewhere: Elsewhere = field(default_factory=Elsewhere)

    @property
    def guild_id(self) -> int:
        """The server it was bought in."""
        return self.binding.guild_id

    @property
    def name(self) -> str:
        """The plans' names, not escaped."""
        return " + ".join(plan.name for plan in self.plans) or "A subscription of no plan here"

    @property
    def role_ids(self) -> tuple[int, ...]:
        """The roles it stands for, each once."""
        return tuple(dict.fromkeys(r for plan in self.plans for r in plan.role_ids))

    @property
    def can_resume(self) -> bool:
        """Whether there is a way back: from an end that is set, or from one that still waits to be set."""
        waits = any(i.kind is IntentKind.CANCEL_AT_PERIOD_END for i in self.waiting)
        ending = (waits or self.subscription.ends_at is not None) and self.subscription.status in RESUMABLE
        possible = waits or self.keeps_period
        return ending and possible and self.right is not None and self.block is None

    @property
    def outlived(self) -> bool:
        """Whether what is paid outlives it, with no way back but a new one."""
        ended = self.subscription.status is Status.ENDED
        return ended and self.right is not None and self.block is None

    @property
    def can_cancel(self) -> bool:
        """Whether there is anything to cancel."""
        return self.subscription.status is not Status.ENDED and not self.subscription.ends_with_period


async def load_views(
    ports: Ports, subscriptions: Iterable[Subscription], *, closely: bool = False
) -> list[SubscriptionView]:
    """What their cards tell, in the same order. Unbound ones are left out. `closely`: the provider is asked
    for sums that the ledger does not tell."""
    states: dict[Binding, MemberState] = {}
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
    shown: SubscriptionView, place: Audience, room: int = layout.TEXT_LIMIT
) -> ui.Container[ui.LayoutView]:
    """The card of one subscription in at most `room` characters, with what its member can do about it."""
    return layout.box(describe(shown, place, room), buttons(shown), colour=_colour(shown))


def describe(shown: SubscriptionView, place: Audience, room: int = layout.TEXT_LIMIT) -> str:
    """Plan, server, roles, state, price, and whatever else the member should know."""
    sub = shown.subscription
    lines = [
        (0, f"### {escaped(shown.name, 60)}"),
        (2, f"in **{escaped(place.server(shown.guild_id))}**"),
        (3, f"Roles: {place.roles(shown.guild_id, shown.role_ids)}" if shown.role_ids else ""),
        (0, status_text(sub, shown.right)),
        (1, _sums_line(shown, place)),
        *((0, trouble) for trouble in _troubles(shown)),
    ]
    return fit_lines(room, lines)


def _sums_line(shown: SubscriptionView, place: Audience) -> str:
    sub = shown.subscription
    if is_paused(sub) and not shown.sums.charges:
        return f"Through {shown.title}"
    return f"{sums_words(sub, place.locale, shown.sums.charges)}, through {shown.title}"


def _troubles(shown: SubscriptionView) -> list[str]:
    said = []
    if shown.subscription.terms.by_invoice and shown.subscription.renews:
        said.append(f"{shown.title} sends you an invoice each time; nothing is taken by itself.")
    if not shown.subscription.is_payers:
        said.append(f"An admin linked it to you. Who pays can change or cancel it at {shown.title}.")
    elif shown.sums.pay_url is not None:
        what = "Confirm the payment" if shown.subscription.needs_action else "Pay the open invoice"
        said.append(f"[{what}]({shown.sums.pay_url})")
    if shown.block is not None:
        said.append(block_words(shown.block))
    if shown.parked and shown.right is not None:
        said.append(f"**Your roles could not be set.** {escaped(shown.parked, 150)}")
    return said + [_waiting(shown, intent) for intent in shown.waiting]


def _waiting(shown: SubscriptionView, intent: Intent) -> str:
    if why := why_held(intent):
        return f"**Still to be done: {INTENTS[intent.kind][1]}.** {escaped(why, 200)}"
    return f"{shown.title} has not confirmed yet: {INTENTS[intent.kind][1]}. It is tried again."


def buttons(shown: SubscriptionView) -> layout.Row | None:
    """Manage, cancel or resume, and the way to the admins."""
    who, key = shown.binding.member_id, key_text(shown.subscription.key)
    own = shown.subscription.is_payers
    ended = shown.subscription.status is Status.ENDED
    return layout.row(
        layout.button("Manage", "manage", who, key) if own and not ended else None,
        layout.button("Cancel", "cancel", who, key) if own and shown.can_cancel else None,
        back_button(shown),
        ask_button(shown.block, who),
    )


def back_button(shown: SubscriptionView) -> ui.Item[ui.LayoutView] | None:
    """The way back from a cancellation, while there is one."""
    if shown.can_resume and shown.subscription.is_payers:
        return layout.button("Resume", "resume", shown.binding.member_id, key_text(shown.subscription.key))
    return again_button(shown)


def again_button(shown: SubscriptionView) -> ui.Item[ui.LayoutView] | None:
    """The way to a new one for somebody whose paid time runs on after the end."""
    plan = next((plan for plan in shown.plans if is_on_sale(plan)), None)
    if plan is None or not shown.outlived:
        return None
    return layout.button("Subscribe again", "buy", shown.binding.member_id, f"{plan.guild_id}:{plan.id}")


def block_words(block: Override) -> str:
    """Why somebody is shut out."""
    if block.by == RULE:
        return (
            "**You took a payment back, so you have no access to this** and can't subscribe again until the "
            "server's admins allow it."
        )
    reason = f" Reason: {escaped(block.reason, 100)}" if block.reason else ""
    return f"**The server's admins revoked this access.**{reason}"


def ask_button(block: Override | None, who: int) -> ui.Item[ui.LayoutView] | None:
    """The way to the admins for somebody whose access they revoked."""
    if block is None:
        return None
    return layout.button("Ask the admins", "ask", who, f"{block.guild_id}:{block.decision_id}")


def option_of(shown: SubscriptionView, place: Audience) -> tuple[str, str, str]:
    """Label, value and description of a subscription in a menu."""
    label = f"{plain(shown.name, 60)} — {plain(place.server(shown.guild_id), 37)}"
    return label, key_text(shown.subscription.key), sums_words(shown.subscription, place.locale, dated=False)


def _colour(shown: SubscriptionView) -> int:
    if shown.block is not None or shown.subscription.status in (Status.UNPAID, Status.ENDED):
        return layout.BAD if shown.block is not None else layout.CALM
    if shown.right is None or shown.subscription.status is Status.PAST_DUE:
        return layout.WARN
    return layout.GOOD
