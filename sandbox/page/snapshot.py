"""Builds a snapshot of the whole stage as one person sees it, as JSON for the page.

Ids are strings, times are unix seconds.
"""

from __future__ import annotations

from typing import Any

from sandbox.page import desk
from sandbox.page.ledger import history
from sandbox.page.sent import sent
from sandbox.stage import Stage
from standins.discord import Channel, Member, Message, Person, User, permissions
from standins.discord.chat import can
from standins.discord.interactions import COMMAND
from standins.discord.model import LOADING

Json = dict[str, Any]
MESSAGES = 80
DM_TITLE = "DM with Dues"


def draw(stage: Stage, viewer: Person) -> Json:
    """Return everything that the page shows to this person."""
    faults = stage.stripe.delivery_faults  # the page sets the same for both providers
    return {
        "now": stage.clock.now(),
        "me": _user(viewer.user),
        "people": [_user(person.user) | {"about": _about(stage, person)} for person in stage.people],
        "guild": {"id": str(stage.guild.id), "name": stage.guild.name},
        **_names(stage),
        "members": _members(stage),
        "places": _places(stage, viewer),
        "spare": _spare(stage) if viewer.id == stage.guild.owner_id else [],
        "subscriptions": desk.rows(stage),
        "events": sent(stage),
        "history": history(stage),
        "faults": {"double": faults.double, "late": faults.late},
    }


def _user(user: User) -> Json:
    return {"id": str(user.id), "name": user.name, "bot": user.bot}


def _about(stage: Stage, person: Person) -> str:
    return "owns the server" if person.id == stage.guild.owner_id else "a member"


def _names(stage: Stage) -> Json:
    """Return the names with which the page shows mentions and menus."""
    guild = stage.guild
    roles = {str(r.id): {"name": r.name, "color": r.color} for r in guild.roles.values()}
    channels = {str(channel.id): channel.name for channel in guild.channels.values()}
    users = {str(m): {"name": stage.world.users[m].name} for m in guild.members}
    return {"roles": roles, "channels": channels, "users": users}


def _members(stage: Stage) -> list[Json]:
    """Return the members: the owner first, then the others by name, the bot last."""
    members = sorted(stage.guild.members.values(), key=lambda member: _rank(stage, member))
    return [_member(stage, member) for member in members]


def _rank(stage: Stage, member: Member) -> tuple[bool, bool, str]:
    user = stage.world.users[member.user_id]
    return user.bot, member.user_id != stage.guild.owner_id, user.name


def _member(stage: Stage, member: Member) -> Json:
    held = stage.world.roles_held(stage.guild, member)
    return _user(stage.world.users[member.user_id]) | {
        "owner": member.user_id == stage.guild.owner_id,
        "color": next((role.color for role in held if role.color), 0),
        "roles": [{"name": role.name, "color": role.color} for role in held if not role.managed],
    }


def _spare(stage: Stage) -> list[Json]:
    """Return the role and prices with which the owner can try /plans add.

    Each comes with the name of the option that it is for.
    """
    return [
        {"option": "role", "value": "Silver"},
        {"option": "stripe_price", "value": stage.shop.silver},
        {"option": "paypal_plan", "value": stage.shop.silver_paypal},
    ]


# Places and what is said there


def _places(stage: Stage, viewer: Person) -> list[Json]:
    channels = sorted(stage.guild.channels.values(), key=lambda channel: channel.position)
    seen = [c for c in channels if can(stage.world, c, viewer.user, permissions.VIEW_CHANNEL)]
    direct = viewer.private(stage.app.bot)
    return [
        *(_channel(stage, viewer, channel) for channel in seen),
        _direct(stage, viewer, direct),
    ]


def _channel(stage: Stage, viewer: Person, channel: Channel) -> Json:
    notices = channel is stage.notices
    welcome = (
        "Here the bot tells the admins what needs them. Members do not see this channel."
        if notices
        else "Type / to see the commands, or press one below. What the bot answers, you alone can see."
    )
    return {
        "key": channel.name,
        "kind": "channel",
        "title": f"#{channel.name}",
        "topic": "for the admins" if notices else f"in {stage.guild.name}",
        "welcome": welcome,
        "commands": viewer.commands(channel),
        "messages": _messages(viewer, channel),
    }


def _direct(stage: Stage, viewer: Person, channel: Channel) -> Json:
    return {
        "key": "dm",
        "kind": "dm",
        "title": DM_TITLE,
        "topic": "between the bot and you",
        "welcome": "Receipts and news about your subscriptions come here. The commands work here too.",
        "commands": viewer.commands(None),
        "messages": _messages(viewer, channel),
    }


def _messages(viewer: Person, channel: Channel) -> list[Json]:
    return [_message(card.message, viewer) for card in viewer.messages(channel)[-MESSAGES:]]


def _message(message: Message, viewer: Person) -> Json:
    return {
        "id": str(message.id),
        "author": _user(message.author),
        "at": int(message.created_at),
        "content": message.content,
        "components": message.components,
        "embeds": message.embeds,
        "ephemeral": message.ephemeral_to is not None,
        "loading": bool(message.flags & LOADING),
        "edited": message.edited_at is not None,
        "pings_me": viewer.id in message.pinged_users,
        "used": _used(message),
    }


def _used(message: Message) -> Json | None:
    """Return the command that a message answers, as Discord shows it above the answer; None without one."""
    interaction = message.interaction
    if interaction is None or interaction.type != COMMAND or interaction.original is not message:
        return None
    words, level = [interaction.data["name"]], interaction.data.get("options") or []
    while level and level[0]["type"] in (1, 2):
        words.append(level[0]["name"])
        level = level[0].get("options") or []
    return {"by": _user(interaction.user), "command": " ".join(words)}
