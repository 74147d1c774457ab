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

`retry` says whether trying again later can help without anybody acting; `user_message` is the sentence for
the person who meets the fault.
"""

from __future__ import annotations


class DuesError(Exception):
    """`user_message`: what happened and what to do, for a person. `detail`: for the log, never a secret."""

    retry = False
    user_message = "Something went wrong. Please try again; if it stays, tell the server's admins."

    def __init__(self, user_message: str | None = None, *, detail: str = "") -> None:
        if user_message is not None:
            self.user_message = user_message
        super().__init__(detail or self.user_message)


class PersonError(DuesError):
    """Somebody asked for what cannot be."""


class NotFound(PersonError):
    """No such thing for this person; it may exist for others, which we do not say."""


class NotAllowed(PersonError):
    """The permission is missing."""

    user_message = "You need the Manage Server permission for this."


class Conflict(PersonError):
    """Asked too late, twice, or against a standing decision."""


class NotificationError(DuesError):
    """An incoming request is not what it claims to be; answered 400."""


class NotAuthentic(NotificationError):
    """No valid signature, or its time lies outside the window."""

    user_message = "The signature does not fit. Check the webhook secret."


class Malformed(NotificationError):
    """Signed, but not readable as an event."""

    user_message = "This is not an event."


class ProviderError(DuesError):
    """The payment provider could not do what was asked."""

    user_message = "The payment provider could not do this. Please try again in a few minutes."


class ProviderUnavailable(ProviderError):
    """Down, slow, limiting, or its answer was lost. Whether it acted is unknown until fetched."""

    retry = True
    user_message = "The payment provider is not answering just now. Please try again in a few minutes."


class ProviderRefused(ProviderError):
    """It understood and said no; asking the same again will not help."""

    user_message = (
        "The payment provider refused this, so nothing was changed there. Please tell the server's admins; "
        "the bot's log names the reason."
    )


class ProviderNotFound(ProviderRefused):
    """It does not know the object: another account's, or mistyped."""

    user_message = (
        "The payment provider does not know this, so nothing was changed there. It may belong to another "
        "account: please tell the server's admins."
    )


class ProviderMisread(ProviderError):
    """Its answer lacks what the mapping needs, so nothing is concluded from it."""

    retry = True
    user_message = (
        "The payment provider answered in a way this version does not understand. Nothing was changed."
    )


class DiscordError(DuesError):
    """Discord would not do what was asked."""


class DiscordUnavailable(DiscordError):
    """Down, limiting, or unclear; try again."""

    retry = True
    user_message = "Discord is not answering just now; this is tried again by itself."


class GuildOutage(DiscordUnavailable):
    """Discord, 'Unavailable Guild Object': the server is away for everybody."""


class MemberGone(DiscordError):
    """Discord code 10007."""

    user_message = "This person is not in the server; the roles follow when they are back."


class MembershipPending(DiscordError):
    """Not refused by Discord: a role given to somebody who has not passed the server's membership screening
    would let them past it."""

    user_message = (
        "This server asks new members to accept its rules first. The roles follow as soon as that is done in "
        "Discord."
    )


class RoleGone(DiscordError):
    """Discord code 10011."""

    user_message = "The role was deleted. The server's admins set another one with /plans edit."


class RoleAboveBot(DiscordError):
    """Discord code 50013 with Manage Roles granted: the role stands above the bot's."""

    user_message = (
        "The role stands above the bot's own. Drag the bot's role higher in Server Settings > Roles."
    )


class RolesNotPermitted(DiscordError):
    """Discord code 50013 without Manage Roles."""

    user_message = "The bot lacks Manage Roles. Give its role that permission in Server Settings > Roles."


class GuildGone(DiscordError):
    """Discord codes 10004 and 50001: the bot is not in that server."""

    user_message = "The bot is not in the server. Invite it again."


class MessagesClosed(DiscordError):
    """Discord codes 50007 and 50278."""

    user_message = "This person takes no direct messages."


class LedgerError(DuesError):
    """The ledger could not do its work. `exit_code`: of a program that cannot start because of it."""

    exit_code = 2


class LedgerUnavailable(LedgerError):
    """Full, locked or read-only just now; nothing was recorded."""

    retry = True
    user_message = (
        "The bot cannot save anything just now, so nothing was changed. Please try again in a minute."
    )


class LedgerNoRoom(LedgerUnavailable):
    """The disk is full, or less is free than a copy of the ledger takes."""

    exit_code = 75


class LedgerHeld(LedgerError):
    """Another process has it."""

    exit_code = 3
    user_message = "Another process holds the ledger. Stop it first, or point DATABASE_URL elsewhere."


class LedgerDamaged(LedgerError):
    """It cannot be read, or is no ledger."""

    exit_code = 4
    user_message = "The ledger is damaged. Restore a backup, as docs/operations.md tells."


class LedgerTooNew(LedgerError):
    """A later program wrote it."""

    exit_code = 4
    user_message = (
        "The ledger was written by a later version of Dues. Start that version, or restore a backup."
    )
