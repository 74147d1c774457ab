"""A server's numbers as text, with bars."""

from __future__ import annotations

from collections.abc import Sequence

from billing.model import Money
from billing.model.outbox import EndReason
from billing.rules.stats import Amounts, Stats
from billing.use_cases.stats import ServerStats
from cogs.views.text import day
from i18n import tr
from i18n.money import format_money

BAR = 16  # characters

_ENDED = {
    EndReason.WANTED: "stats.ended_wanted",
    EndReason.UNPAID: "stats.ended_unpaid",
    EndReason.REVOKED: "stats.ended_revoked",
    EndReason.DISPUTED: "stats.ended_disputed",
    EndReason.COMPLETED: "stats.ended_completed",
}


def stats_text(found: ServerStats, days: int, locale: str) -> str:
    """Return the numbers of the last `days` days."""
    stats, moved = found.stats, found.stats.movements
    said = [f"### {tr('stats.title', n=days)}"]
    if found.counted_since > stats.since:
        said.append(tr("stats.counted_since", day=day(found.counted_since)))
    said += [
        f"**{tr('stats.now')}**",
        bars(_states(stats)),
        f"**{tr('stats.movements')}**",
        bars(_movements(stats), signed=True),
        tr("stats.sum", before=stats.before, difference=f"{moved.difference:+d}", now=stats.running),
        *_events(stats, locale),
        f"**{tr('stats.revenue')}**",
        *_revenue(stats, locale),
    ]
    if stats.tenure is not None:
        said.append(tr("stats.tenure", n=stats.tenure))
    return "\n".join(said)


def _states(stats: Stats) -> list[tuple[str, int]]:
    return [
        (tr("stats.active"), stats.active),
        (tr("stats.trial"), stats.trial),
        (tr("stats.overdue"), stats.overdue),
        (tr("stats.unpaid"), stats.unpaid),
        (tr("stats.other"), stats.other),
    ]


def _movements(stats: Stats) -> list[tuple[str, int]]:
    moved = stats.movements
    return [
        (tr("stats.started"), moved.started),
        (tr("stats.trials"), moved.trials),
        (tr("stats.linked"), moved.linked),
        (tr("stats.unlinked"), -moved.unlinked),
        *((tr(_ENDED[reason]), -moved.ended[reason]) for reason in EndReason),
    ]


def bars(rows: Sequence[tuple[str, int]], *, signed: bool = False) -> str:
    """Return a block with a line for each number that is not 0; the first line is always shown."""
    shown = [row for place, row in enumerate(rows) if row[1] or place == 0]
    most = max((abs(number) for _, number in shown), default=0)
    label = max(len(text) for text, _ in shown)
    numbers = [f"{number:+d}" if signed and number else str(number) for _, number in shown]
    width = max(map(len, numbers))
    lines = [
        f"{text:<{label}} {number:>{width}} {_bar(abs(value), most)}".rstrip()
        for (text, value), number in zip(shown, numbers, strict=True)
    ]
    return "\n".join(["```", *lines, "```"])


def _bar(number: int, most: int) -> str:
    return "█" * max(round(BAR * number / most), 1) if number else ""


def _events(stats: Stats, locale: str) -> list[str]:
    moved = stats.movements
    said = [
        tr("stats.renewals", renewed=moved.renewed, stopped=moved.stopped, resumed=moved.resumed),
        tr("stats.payments", failed=moved.failed, recovered=moved.recovered),
    ]
    if moved.refunds:
        sums = (Money(amount, currency) for currency, amount in sorted(stats.refunded.items()))
        amounts = ", ".join(format_money(money, locale) for money in sums)
        said.append(tr("stats.refunds", n=moved.refunds, amounts=amounts or "–"))
    return said


def _revenue(stats: Stats, locale: str) -> list[str]:
    revenue = stats.revenue
    before = revenue.before
    said = [
        tr(
            "stats.revenue_of",
            now=_amount(revenue.now, currency, locale),
            before=_amount(before, currency, locale),
            gained=_amount(revenue.gained, currency, locale),
            lost=_amount(revenue.lost, currency, locale),
            changed=_amount(revenue.changed, currency, locale),
        )
        for currency in sorted(revenue.now.keys() | before.keys())
    ]
    if revenue.unknown:
        said.append(tr("stats.revenue_unknown", n=revenue.unknown))
    return said or [tr("stats.no_revenue")]


def _amount(amounts: Amounts, currency: str, locale: str) -> str:
    return format_money(Money(round(amounts.get(currency, 0)), currency), locale)
