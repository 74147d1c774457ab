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
    │   ├── ProviderUnavailable down, slow, limiting, or its answer was lost: the effect is unknown
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

from billing.model.texts import Text


class DuesError(Exception):
    """`message`: what happened and what the person can do; where it is left out, the class has one.
    `detail`: for the log, in English, and never a secret."""

    retry = False
    user_message: Text | str = Text("error.unexpected")

    def __init__(self, message: Text | str | None = None, *, detail: str = "") -> None:
        if message is not None:
            self.user_message = message
        super().__init__(detail or str(self.user_message))


class PersonError(DuesError):
    """Somebody asked for what cannot be."""


class NotFound(PersonError):
    """No such thing for this person; it may exist for others, which we do not say."""


class NotAllowed(PersonError):
    """The permission is missing."""

    user_message = Text("error.not_admin")


class Conflict(PersonError):
    """Asked too late, twice, or against a standing decision."""


class NotificationError(DuesError):
    """An incoming request is not what it claims to be; answered 400."""


class NotAuthentic(NotificationError):
    """No valid signature, or its time lies outside the window."""

    user_message = Text("error.not_authentic")


class Malformed(NotificationError):
    """Signed, but not readable as an event."""

    user_message = Text("error.malformed")


class ProviderError(DuesError):
    """The payment provider could not do what was asked."""

    user_message = Text("error.provider_failed")


class ProviderUnavailable(ProviderError):
    """Down, slow, limiting, or its answer was lost. Whether it acted is unknown until fetched."""

    retry = True
    user_message = Text("error.provider_unavailable")


class ProviderRefused(ProviderError):
    """It understood and said no; asking the same again will not help."""

    user_message = Text("error.provider_refused")


class ProviderNotFound(ProviderRefused):
    """It does not know the object: another account's, or mistyped."""

    user_message = Text("error.provider_not_found")


class ProviderMisread(ProviderError):
    """Its answer lacks what the mapping needs, so nothing is concluded from it."""

    retry = True
    user_message = Text("error.provider_misread")


class DiscordError(DuesError):
    """Discord would not do what was asked."""


class DiscordUnavailable(DiscordError):
    """Down, limiting, or unclear; try again."""

    retry = True
    user_message = Text("error.discord_unavailable")


class GuildOutage(DiscordUnavailable):
    """Discord, 'Unavailable Guild Object': the server is away for everybody."""


class MemberGone(DiscordError):
    """Discord code 10007."""

    user_message = Text("error.member_gone")


class MembershipPending(DiscordError):
    """Not refused by Discord: a role given to somebody who has not passed the server's membership screening
    would let them past it."""

    user_message = Text("error.membership_pending")


class RoleGone(DiscordError):
    """Discord code 10011."""

    user_message = Text("error.role_gone")


class RoleAboveBot(DiscordError):
    """Discord code 50013 with Manage Roles granted: the role stands above the bot's."""

    user_message = Text("error.role_above_bot")


class RolesNotPermitted(DiscordError):
    """Discord code 50013 without Manage Roles."""

    user_message = Text("error.roles_not_permitted")


class GuildGone(DiscordError):
    """Discord codes 10004 and 50001: the bot is not in that server."""

    user_message = Text("error.guild_gone")


class MessagesClosed(DiscordError):
    """Discord codes 50007 and 50278."""

    user_message = Text("error.messages_closed")


class LedgerError(DuesError):
    """The ledger could not do its work. `exit_code`: of a program that cannot start because of it."""

    exit_code = 2


class LedgerUnavailable(LedgerError):
    """Full, locked or read-only just now; nothing was recorded."""

    retry = True
    user_message = Text("error.ledger_unavailable")


class LedgerNoRoom(LedgerUnavailable):
    """The disk is full, or less is free than a copy of the ledger takes."""

    exit_code = 75


class LedgerHeld(LedgerError):
    """Another process has it."""

    exit_code = 3
    user_message = Text("error.ledger_held")


class LedgerDamaged(LedgerError):
    """It cannot be read, or is no ledger."""

    exit_code = 4
    user_message = Text("error.ledger_damaged")


class LedgerTooNew(LedgerError):
    """A later program wrote it."""

    exit_code = 4
    user_message = Text("error.ledger_too_new")
