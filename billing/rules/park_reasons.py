"""Short names, used in /metrics, for the reasons why a member's roles cannot be set."""

from __future__ import annotations

from collections.abc import Sequence

from billing.errors import (
    DiscordError,
    GuildGone,
    MemberGone,
    MembershipPending,
    RoleAboveBot,
    RoleGone,
    RolesNotPermitted,
)
from billing.model.translatable_text import Text
from billing.rules.brake import REMOVALS_PAUSED

_FAULTS: dict[str, type[DiscordError]] = {
    "member_left": MemberGone,
    "screening": MembershipPending,
    "role_deleted": RoleGone,
    "role_above_bot": RoleAboveBot,
    "not_permitted": RolesNotPermitted,
    "bot_removed": GuildGone,
}
_TEXTS = {"brake": REMOVALS_PAUSED, **{reason: fault.user_message for reason, fault in _FAULTS.items()}}
REASONS = (*_TEXTS, "other")


def reason_of(parked: Sequence[Text | str]) -> str:
    """Return the first of REASONS that matches one of the texts with which a member is parked."""
    return next((reason for reason, text in _TEXTS.items() if text in parked), "other")
