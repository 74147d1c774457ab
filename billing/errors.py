"""Every fault that Dues knows how to meet.

    DuesError
    ├── PersonError             somebody asked for what cannot be; nothing is wrong with the program
    │   ├── NotFound            no such plan or subscription, or not theirs
    │   ├── NotAllowed          the permission is missing
    │   └── Conflict            asked too late, twice, or against an admin's decision
    ├── NotificationError       an incoming request is not what it claims to be
    │   ├── NotAuthentic
    │   └── Malformed
    ├── ProviderError           the payment provider
    │   ├── ProviderUnavailable down, slow, or its answer was lost: the effect is unknown
    │   │   └── ProviderLimited it takes no further call for a while; it did not act
    │   ├── ProviderRefused     it understood and said no
    │   ├── ProviderNotFound    it does not know the object
    │   └── ProviderMisread     its answer lacks what the mapping needs
    ├── DiscordError            Discord
    │   ├── DiscordUnavailable
    │   │   └── GuildOutage     of that server alone
    │   ├── MemberGone          the member is not in the server
    │   ├── RoleGone            the role was deleted
    │   ├── RoleAboveBot        the role stands above the bot's own
    │   ├── RolesNotPermitted   the bot may not manage roles there
    │   ├── GuildGone           the bot is not in the server
    │   └── MessagesClosed      the person takes no direct messages
    └── LedgerError             the ledger
        ├── LedgerUnavailable   full, locked, or read-only just now
        │   └── LedgerNoRoom    the disk has not the room that is needed
        ├── LedgerHeld          another process has it
        ├── LedgerDamaged
        └── LedgerTooNew        written by a later program

`retry` says whether trying again later can help without anybody acting. `user_message` is the text for the
person who runs into the error; its code stays the same whatever its words are.
"""

from __future__ import annotations

from enum import Enum

from billing.model.translatable_text import Text


class DuesError(Exception):
    """The base of all errors that Dues handles.

    `message`: what happened and what the person can do; by default the text of the class. `detail`: for the
    log, in English, and never a secret.
    """

    retry = False
    user_message: Text | str = Text("error.unexpected")

    def __init__(self, message: Text | str | None = None, *, detail: str = "") -> None:
        if message is not None:
            self.user_message = message
        super().__init__(detail or str(self.user_message))


class PersonError(DuesError):
    """A person asked for something that is not possible; nothing is wrong with the program."""


class NotFound(PersonError):
    """The object does not exist or does not belong to this person; the message does not reveal which."""


class NotAllowed(PersonError):
    """The person lacks the required permission."""

    user_message = Text("error.not_admin")


class Conflict(PersonError):
    """The request came too late, came twice, or contradicts a decision that is in force."""


class NotificationError(DuesError):
    """An incoming request is not what it claims to be; it is answered with status 400."""


class NotAuthentic(NotificationError):
    """The signature is missing or invalid, or its time is outside the accepted window."""

    user_message = Text("error.not_authentic")


class Malformed(NotificationError):
    """A signed notification cannot be parsed as an event."""

    user_message = Text("error.malformed")


class ProviderError(DuesError):
    """The payment provider could not carry out a request."""

    user_message = Text("error.provider_failed")


class ProviderUnavailable(ProviderError):
    """The provider is down, slow or rate-limiting, or its answer was lost.

    Only a fetch shows whether the provider carried out the request.
    """

    retry = True
    user_message = Text("error.provider_unavailable")


class LimitScope(Enum):
    """Calls that a provider's rate limit counts together."""

    ACCOUNT = "account"
    ENDPOINT = "endpoint"
    OBJECT = "object"


class ProviderLimited(ProviderUnavailable):
    """The provider rejected a call because of its rate limit (HTTP 429) and did not act on it.

    `scope`: the calls that share the limit. `wait`: seconds to wait before the next call; 0 if not stated.
    """

    def __init__(self, *, detail: str, wait: float = 0.0, scope: LimitScope = LimitScope.ACCOUNT) -> None:
        super().__init__(detail=detail)
        self.wait, self.scope = wait, scope


class ProviderRefused(ProviderError):
    """The provider understood the request and refused it; repeating it will not help."""

    user_message = Text("error.provider_refused")


class ProviderNotFound(ProviderRefused):
    """The provider does not know the object: it belongs to another account, or its id is mistyped."""

    user_message = Text("error.provider_not_found")


class ProviderMisread(ProviderError):
    """The provider's answer lacks data that the mapping needs, so nothing is concluded from it."""

    retry = True
    user_message = Text("error.provider_misread")


class DiscordError(DuesError):
    """Discord did not carry out a request."""


class DiscordUnavailable(DiscordError):
    """Discord is down or rate-limiting, or its answer was unclear; trying again can help."""

    retry = True
    user_message = Text("error.discord_unavailable")


class GuildOutage(DiscordUnavailable):
    """One server is down for everybody, while others work (Discord, 'Unavailable Guild Object')."""


class MemberGone(DiscordError):
    """The member is not in the server (Discord code 10007)."""

    user_message = Text("error.member_gone")


class MembershipPending(DiscordError):
    """The member has not passed the server's membership screening yet.

    The bot refuses, not Discord, because giving them a role would let them bypass it.
    """

    user_message = Text("error.membership_pending")


class RoleGone(DiscordError):
    """The role was deleted (Discord code 10011)."""

    user_message = Text("error.role_gone")


class RoleAboveBot(DiscordError):
    """The role stands above the bot's own (Discord code 50013 although Manage Roles is granted)."""

    user_message = Text("error.role_above_bot")


class RolesNotPermitted(DiscordError):
    """The bot lacks Manage Roles (Discord code 50013)."""

    user_message = Text("error.roles_not_permitted")


class GuildGone(DiscordError):
    """The bot is not in the server (Discord codes 10004 and 50001)."""

    user_message = Text("error.guild_gone")


class MessagesClosed(DiscordError):
    """The person accepts no direct messages (Discord codes 50007 and 50278)."""

    user_message = Text("error.messages_closed")


class LedgerError(DuesError):
    """The ledger could not do its work.

    `exit_code`: the exit code of a program that cannot start because of this error.
    """

    exit_code = 2


class LedgerUnavailable(LedgerError):
    """The ledger is full, locked or read-only; nothing was recorded."""

    retry = True
    user_message = Text("error.ledger_unavailable")


class LedgerNoRoom(LedgerUnavailable):
    """The disk is full, or has less free space than a copy of the ledger needs."""

    exit_code = 75


class LedgerHeld(LedgerError):
    """Another process has the ledger open."""

    exit_code = 3
    user_message = Text("error.ledger_held")


class LedgerDamaged(LedgerError):
    """The file cannot be read, or is not a ledger."""

    exit_code = 4
    user_message = Text("error.ledger_damaged")


class LedgerTooNew(LedgerError):
    """A later version of the program wrote the ledger."""

    exit_code = 4
    user_message = Text("error.ledger_too_new")
