"""Presses of what no client would show, and every command with something for each of its options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from standins.discord import Person, Reply
from standins.discord.cards import answered
from standins.discord.commands import CHAT_INPUT
from standins.discord.interactions import COMPONENT, start
from standins.discord.model import Message
from tests.app.harness import AppHarness


async def press(
    app: AppHarness,
    shown: Reply,
    custom_id: str,
    values: Sequence[str] | None = None,
    who: Person | None = None,
) -> Reply:
    """As if `shown`, a message of the presser's own, had a component with that custom id."""
    data: dict[str, Any] = {"component_type": 2, "custom_id": custom_id, "id": 1}
    if values is not None:
        data |= {"component_type": 3, "values": list(values)}
    message: Message = shown.message
    user = who.user if who else shown.viewer
    interaction = start(shown.state, COMPONENT, app.application, user, message.channel, data, message=message)
    return await answered(shown.state, interaction)


def leaves(app: AppHarness) -> dict[str, list[dict[str, Any]]]:
    """The options of every command and subcommand that is registered, by its whole name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in app.application.commands[None].values():
        if one["type"] != CHAT_INPUT:
            continue
        parts = [option for option in one["options"] if option["type"] == 1]
        for part in parts:
            found[f"{one['name']} {part['name']}"] = part.get("options", [])
        if not parts:
            found[one["name"]] = one["options"]
    return found


ADMINS = {
    "revoke",
    "grant",
    "member",
    "stats",
    "settings",
    "doctor",
    "members link",
    "members list",
    "members export",
    "members import",
    "panel",
    "plans add",
    "plans edit",
    "plans list",
    "plans remove",
    "plans settings",
}
MEMBERS = {"subscribe", "subscriptions", "manage", "cancel"}


def something(app: AppHarness, option: dict[str, Any]) -> Any:
    """A value that an option takes."""
    if option.get("choices"):
        return option["choices"][-1]["value"]
    named = {"stripe_price": app.price, "plan": "Gold"}
    kinds: dict[int, Any] = {
        4: 3,
        5: True,
        6: app.bob,
        7: app.guild.channel(),
        8: app.gold,
        11: ("list.csv", b"discord id,subscription id\n1,sub_1\n"),
    }
    return kinds.get(option["type"], named.get(option["name"], "https://example.org/x"))
