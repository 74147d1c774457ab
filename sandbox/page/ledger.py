"""Formats the ledger's history for the page, with names in place of ids."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from i18n.plain import history_words
from sandbox.ledger_reader import Row
from sandbox.page.desk.paypal import plan_words
from sandbox.page.desk.stripe import price_words
from sandbox.stage import Stage
from standins.paypal import formatting as paypal_words
from standins.stripe import formatting
from standins.stripe.dates import spoken

ROWS = 60
_SNOWFLAKE = re.compile(r"\d{17,20}")
_PRICE = re.compile(r"(\+?)(price_[A-Za-z0-9]{24}|P-[A-Z0-9]{17,24})(?:x(\d+))?")
# The name of a plan, in the form in which Python writes text.
_QUOTED = re.compile(r"""\bname=(['"])(.*?)(?<!\\)\1""")
_MOMENT = re.compile(r"\b(\w+?)(?:_at)?=(\d{10})\b")
# Empty fields are hidden, and so is the owner, whom the row names already.
_NOTHING = re.compile(r"\s*\b(?:\w+=(?:None|False)?|member=\d+)(?=\s|$)")
_SUBSCRIPTION = re.compile(r"\w+ subscription (sub_\w+|I-\w+)")


def history(stage: Stage) -> list[dict[str, Any]]:
    """Return the newest rows of history as the page shows them, newest first."""
    return [_told(stage, row) for row in stage.peek.history(ROWS)]


def _told(stage: Stage, row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.at,
        "member": _name(stage, row.member_id) if row.member_id else "",
        "subject": _subject(stage, row.subject),
        "who": _plain(stage, row.who),
        "why": history_words(row.why),
        "evidence": row.evidence,
        "before": _plain(stage, row.before),
        "after": _plain(stage, row.after),
    }


def _subject(stage: Stage, subject: str) -> str:
    found = _SUBSCRIPTION.fullmatch(subject)
    name = _plan_name(stage, found[1]) if found else None
    return f"{name} subscription" if name else subject


def _plan_name(stage: Stage, subscription_id: str) -> str | None:
    stripe, paypal = stage.stripe.world, stage.paypal.world
    if (at_stripe := stripe.tables.get("subscription", {}).get(subscription_id)) is not None:
        return formatting.plan_name(stripe, at_stripe)
    at_paypal = paypal.find("subscription", subscription_id)
    return None if at_paypal is None else paypal_words.plan_name(paypal, at_paypal)


def _plain(stage: Stage, text: str) -> str:
    text = _facts(text) if text.startswith("{") else _NOTHING.sub("", text)
    text = _QUOTED.sub(lambda m: f"name {ast.literal_eval(m[1] + m[2] + m[1])}", text)
    text = _PRICE.sub(lambda m: (" and " if m[1] else "") + _price(stage, m[2], m[3] or "1"), text)
    text = _MOMENT.sub(lambda m: f"{m[1].replace('_', ' ')} {spoken(int(m[2]))}", text)
    return _SNOWFLAKE.sub(lambda m: _name(stage, int(m[0])), text)


def _facts(text: str) -> str:
    """Describe the fields of a JSON object in words, without those that are not set."""
    facts = {key.removesuffix("_id"): value for key, value in json.loads(text).items() if key != "guild_id"}
    return ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in facts.items() if value)


def _price(stage: Stage, price_id: str, quantity: str) -> str:
    price = stage.stripe.world.tables.get("price", {}).get(price_id)
    plan = stage.paypal.world.find("plan", price_id)
    said = price_words(stage, price) if price else plan_words(plan) if plan else price_id
    return said + ("" if quantity == "1" else f" × {quantity}")


def _name(stage: Stage, number: int) -> str:
    """Return the name of a role, channel, person or server by its id; the id itself if there is none."""
    guild = stage.guild
    if number == guild.id:
        return guild.name
    for mark, table in (("@", guild.roles), ("#", guild.channels), ("", stage.world.users)):
        found: Any = table.get(number)
        if found is not None:
            return f"{mark}{found.name}"
    return str(number)
