"""Why members' roles cannot be what they should be, in few words for the owner's instruments."""

from __future__ import annotations

from billing.errors import (
    DiscordError,
    GuildGone,
    MemberGone,
    MembershipPending,
    RoleAboveBot,
    RoleGone,
    RolesNotPermitted,
)
from billing.rules.brake import TELL

_FAULTS: dict[str, type[DiscordError]] = {
    "member_left": MemberGone,
    "screening": MembershipPending,
    "role_deleted": RoleGone,
    "role_above_bot": RoleAboveBot,
    "not_permitted": RolesNotPermitted,
    "bot_removed": GuildGone,
}
_TOLD = {"brake": TELL, **{reason: fault.user_message for reason, fault in _FAULTS.items()}}
REASONS = (*_TOLD, "other")


def reason_of(parked: str) -> str:
    """The first of REASONS that the ledger's sentences name."""
    return next((reason for reason, told in _TOLD.items() if told in parked), "other")
