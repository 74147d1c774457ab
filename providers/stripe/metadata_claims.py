"""Reads from a Stripe subscription's metadata which member and server it belongs to."""

from __future__ import annotations

import re
from collections.abc import Sequence

from billing.model import Claim
from providers.base import Answer

# The metadata keys that other programs use for member and server ids, in lower case and without punctuation.
_MEMBER = ("discorduserid", "discordid", "discordmemberid", "discorduser", "discord")
_GUILD = ("discordguildid", "discordserverid", "discordguild", "discordserver", "guildid", "serverid")


def read_claim(metadata: Answer) -> Claim | None:
    """Return the member and server that the metadata names; None if it names no member.

    Only the account's owner can write metadata. The claim is proven if the metadata contains `dues_checkout`
    with both ids, because Dues wrote these when the subscription was bought.
    """
    plain = {re.sub(r"[^a-z]", "", name.lower()): value for name, value in metadata.items()}
    member, guild = _snowflake(plain, _MEMBER), _snowflake(plain, _GUILD)
    if member is None:
        return None
    ours = (metadata.get("discord_user_id"), metadata.get("discord_guild_id")) == (str(member), str(guild))
    proven = bool(metadata.get("dues_checkout")) and ours
    return Claim(member, guild, proven=proven, current=proven)


def _snowflake(metadata: Answer, names: Sequence[str]) -> int | None:
    """Return the first of these fields that contains a Discord id; None if there is none."""
    found = (str(metadata.get(name, "")).strip() for name in names)
    return next((int(text) for text in found if re.fullmatch(r"[1-9][0-9]{14,19}", text, re.ASCII)), None)
