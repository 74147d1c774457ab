"""The text of a notice with news about sales."""

from __future__ import annotations

from billing.model import SalesNews
from billing.model.sales_news import SaleNews
from cogs.views.charges import recurring_price
from cogs.views.layout import titled
from cogs.views.text import escaped
from i18n import tr
from i18n.money import format_money

_CODES = {
    "subscription.started": "notice.member_subscribed",
    "subscription.trial_started": "notice.trial_begun",
    "subscription.renewal_stopped": "notice.cancelled_by_member",
    "subscription.renewal_resumed": "notice.resumed_by_member",
    "subscription.ended": "notice.subscription_over",
    "subscription.payment_failed": "notice.payment_at_risk",
    "subscription.recovered": "notice.payment_recovered_of",
}


def sales_news(body: SalesNews, locale: str) -> str:
    """Return the notice: a line for each piece of news, and how many more there are."""
    lines = [_line(news, locale) for news in body.news if news.type in _CODES]
    if body.more:
        lines.append(tr("notice.more_news", n=body.more))
    return titled(tr("notice.sales_title"), *lines)


def _line(news: SaleNews, locale: str) -> str:
    plan = escaped(news.plans, 200) or tr("notice.some_plan")
    said = tr(_CODES[news.type], member=f"<@{news.member}>", plan=plan)
    if news.amount is None:
        return f"- {said}"
    price = recurring_price(format_money(news.amount, locale), news.interval, news.interval_count)
    return f"- {said} ({price})"
