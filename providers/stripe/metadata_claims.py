"""Whose a subscription at Stripe is, by its metadata."""

from __future__ import annotations

import re
from collections.abc import Sequence

from billing.model import Claim
from providers.base import Answer

# What other programs call the ids of a member and of a server, without case and marks.
_MEMBER = ("discorduserid", "discordid", "discordmemberid", "discorduser", "discord")
_GUILD = ("discordguildid", "discordserverid", "discordguild", "discordserver", "guildid", "serverid")


def read_claim(metadata: Answer) -> Claim | None:
    """Whose a subscription is by its metadata, which only the account's owner can write.

    Where `dues_checkout` stands beside both ids, Dues wrote them when the subscription was bought.
    """
    plain = {re.sub(r"[^a-z]", "", name.lower()): value for name, value in metadata.items()}
    member, guild = _snowflake(plain, _MEMBER), _snowflake(plain, _GUILD)
    if member is None:
        return None
    ours = (metadata.get("discord_user_id"), metadata.get("discord_guild_id")) == (str(member), str(guild))
    proven = bool(metadata.get("dues_checkout")) and ours
    return Claim(member, guild, proven=proven, current=proven)


def _snowflake(metadata: Answer, names: Sequence[str]) -> int | None:
    """The first of these that is an id of Discord's."""
    found = (str(metadata.get(name, "")).strip() for name in names)
    return next((int(text) for text in found if re.fullmatch(r"[1-9][0-9]{14,19}", text, re.ASCII)), None)
