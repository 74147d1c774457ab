"""A local Discord whose people, servers, roles and applications a test, the tour or a page sets up."""

from __future__ import annotations

from collections.abc import Iterable

from standins.discord import permissions, wire
from standins.discord.model import (
    TEXT_CHANNEL,
    Application,
    Channel,
    Guild,
    Json,
    Member,
    Role,
    User,
)
from standins.discord.sessions import GUILD_MEMBERS, GUILDS
from standins.discord.state import HasId, State
from standins.discord.user_client import Person


class DiscordWorld(State):
    """A local Discord, set up and changed by plain calls. Connected bots are notified of every change."""

    # Accounts and applications

    def add_user(self, name: str, *, locale: str = "en-US") -> Person:
        """Create a person's account, in no server yet."""
        user = User(self.snowflake(), name, locale=locale)
        self.users[user.id] = user
        return Person(self, user)

    def person(self, who: HasId) -> Person:
        """Return the person who uses an existing account."""
        return Person(self, self.users[who.id])

    def add_application(
        self, token: str, *, name: str = "Bot", owner: HasId | None = None, members_intent: bool = False
    ) -> Application:
        """Register an application with its bot; `members_intent` is the switch in the developer portal."""
        owner_user = self.user(owner or self.add_user("developer"))
        app_id = self.snowflake()
        bot = User(app_id, name, bot=True)
        self.users[bot.id] = bot
        app = Application(app_id, name, token, bot, owner_user, members_intent=members_intent)
        self.applications[app.id] = app
        return app

    def install(self, app: Application, guild: Guild, *, bits: int = permissions.MANAGE_ROLES) -> Role:
        """Invite the bot to a server with these permission bits; return its own (managed) role."""
        role = self.add_role(guild, app.name, bits=bits | permissions.EVERYONE)
        role.bot_id = app.bot.id
        guild.members[app.bot.id] = Member(app.bot.id, self.clock.now(), [role.id])
        self._announce_guild(app, guild)
        return role

    def uninstall(self, app: Application, guild: Guild) -> None:
        """Kick the bot out of a server and delete its own role."""
        for role in [role for role in guild.roles.values() if role.bot_id == app.bot.id]:
            self.delete_role(role)
        del guild.members[app.bot.id]
        self.hub.dispatch(app, "GUILD_DELETE", {"id": str(guild.id)}, GUILDS)
        self.publish("bot_removed", guild_id=guild.id, application_id=app.id)

    def install_to_user(self, app: Application, who: HasId) -> None:
        """Install the application to an account, so that the person can use it everywhere."""
        self.user(who).installed_apps.add(app.id)

    # Servers and channels

    def add_guild(self, name: str, owner: HasId, *, locale: str = "en-US", shard: int | None = None) -> Guild:
        """Create a server with @everyone and a channel "general"; its owner is its first member.

        `shard`: the number, of `shards`, that is told of its events; None leaves that to chance.
        """
        guild = Guild(self.snowflake(shard), name, owner.id, locale=locale)
        everyone = Role(guild.id, guild.id, "@everyone", 0, permissions.EVERYONE)
        guild.roles[everyone.id] = everyone
        self.guilds[guild.id] = guild
        self.add_member(guild, owner)
        self.add_channel(guild, "general")
        return guild

    def add_channel(self, guild: Guild, name: str, *, private: bool = False) -> Channel:
        """Create a text channel.

        A private one is hidden from all but admins until overwrites say otherwise.
        """
        channel = Channel(self.snowflake(), TEXT_CHANNEL, name, guild.id, len(guild.channels))
        if private:
            channel.overwrites[guild.id] = (permissions.VIEW_CHANNEL, 0)
        guild.channels[channel.id] = channel
        self.tell_guild(guild, "CHANNEL_CREATE", wire.channel_json(self, channel), GUILDS)
        self.publish("channel_created", guild_id=guild.id, channel_id=channel.id)
        return channel

    def set_overwrite(self, channel: Channel, target: int, *, deny: int = 0, allow: int = 0) -> None:
        """Set a channel's overwrite for a role, a member or, with the server's id, @everyone, as bits."""
        guild = next(guild for guild in self.guilds.values() if channel.id in guild.channels)
        channel.overwrites[target] = (deny, allow)
        self.tell_guild(guild, "CHANNEL_UPDATE", wire.channel_json(self, channel), GUILDS)
        self.publish("channel_updated", guild_id=guild.id, channel_id=channel.id)

    def delete_channel(self, channel: Channel) -> None:
        """Delete a server's channel with its messages."""
        guild = next(guild for guild in self.guilds.values() if channel.id in guild.channels)
        del guild.channels[channel.id]
        self.tell_guild(guild, "CHANNEL_DELETE", wire.channel_json(self, channel), GUILDS)
        self.publish("channel_deleted", guild_id=guild.id, channel_id=channel.id)

    def close_guild(self, guild: Guild) -> None:
        """Start an outage of this server: bots see it as unavailable until `open_guild`."""
        guild.available = False
        self.tell_guild(guild, "GUILD_DELETE", {"id": str(guild.id), "unavailable": True}, GUILDS)
        self.publish("guild_closed", guild_id=guild.id)

    def open_guild(self, guild: Guild) -> None:
        """End an outage that `close_guild` started."""
        guild.available = True
        for app in self.bots_in(guild):
            self._announce_guild(app, guild)

    def _announce_guild(self, app: Application, guild: Guild) -> None:
        for session in self.hub.told(app, guild.id):
            if session.intents & GUILDS:
                everyone = bool(session.intents & GUILD_MEMBERS)
                session.dispatch("GUILD_CREATE", wire.guild_create_json(self, guild, app, everyone))
        self.publish("guild_opened", guild_id=guild.id, application_id=app.id)

    # Roles

    def add_role(
        self, guild: Guild, name: str, color: int = 0, position: int | None = None, *, bits: int = 0
    ) -> Role:
        """Create a role with permission `bits`.

        Without `position` it is placed at the bottom, as in Discord.
        """
        role = Role(self.snowflake(), guild.id, name, 0, bits, color)
        guild.roles[role.id] = role
        changed = self._place(guild, role, position or 1)
        self._tell_role(guild, role, "GUILD_ROLE_CREATE")
        for other in changed:
            self._tell_role(guild, other, "GUILD_ROLE_UPDATE")
        return role

    def set_role_position(self, role: Role, position: int) -> None:
        """Move a role to a position (1 is the lowest above @everyone); the other roles are renumbered."""
        guild = self.guilds[role.guild_id]
        for other in [role, *self._place(guild, role, position)]:
            self._tell_role(guild, other, "GUILD_ROLE_UPDATE")

    def edit_role(
        self, role: Role, *, name: str | None = None, color: int | None = None, bits: int | None = None
    ) -> None:
        """Change a role's name, colour or permissions; None keeps the current value."""
        role.name = role.name if name is None else name
        role.color = role.color if color is None else color
        role.permissions = role.permissions if bits is None else bits
        self._tell_role(self.guilds[role.guild_id], role, "GUILD_ROLE_UPDATE")

    def rename_role(self, role: Role, name: str) -> None:
        """Change a role's name, and notify the bots."""
        self.edit_role(role, name=name)

    def delete_role(self, role: Role) -> None:
        """Delete a role; members who have it lose it."""
        guild = self.guilds[role.guild_id]
        for member in guild.members.values():
            if role.id in member.roles:
                member.roles.remove(role.id)
        del guild.roles[role.id]
        ids: Json = {"guild_id": str(guild.id), "role_id": str(role.id)}
        self.tell_guild(guild, "GUILD_ROLE_DELETE", ids, GUILDS)
        self.publish("role_deleted", guild_id=guild.id, role_id=role.id, name=role.name)

    def _place(self, guild: Guild, role: Role, position: int) -> list[Role]:
        """Renumber the roles with `role` at `position`; return the other roles that moved."""
        order = sorted(
            (r for r in guild.roles.values() if r is not role and r.id != guild.id), key=lambda r: r.position
        )
        order.insert(position - 1, role)
        moved = [r for place, r in enumerate(order, 1) if r.position != place and r is not role]
        for place, each in enumerate(order, 1):
            each.position = place
        return moved

    def _tell_role(self, guild: Guild, role: Role, event: str) -> None:
        body: Json = {"guild_id": str(guild.id), "role": wire.role_json(role)}
        self.tell_guild(guild, event, body, GUILDS)
        kind = "role_created" if event == "GUILD_ROLE_CREATE" else "role_updated"
        self.publish(kind, guild_id=guild.id, role_id=role.id, name=role.name, position=role.position)

    # Members

    def add_member(
        self,
        guild: Guild,
        who: HasId,
        roles: Iterable[Role] = (),
        *,
        bits: int = 0,
        admin: bool = False,
        pending: bool = False,
    ) -> Member:
        """Add a member to a server.

        `bits`, `admin`: give the member a role with that power, created if there is none. `pending`: the
        server screens its members, and this one has not accepted its rules yet.
        """
        power = permissions.ADMINISTRATOR if admin else bits
        held = [*roles, *([self._power_role(guild, power)] if power else [])]
        member = Member(who.id, self.clock.now(), [role.id for role in held], pending=pending)
        guild.members[who.id] = member
        body = wire.member_json(self, member) | {"guild_id": str(guild.id)}
        self.tell_guild(guild, "GUILD_MEMBER_ADD", body, GUILD_MEMBERS)
        self.publish("member_joined", guild_id=guild.id, user_id=who.id, roles=self.roles_of(guild, who))
        return member

    def _power_role(self, guild: Guild, bits: int) -> Role:
        name = "Admin" if bits & permissions.ADMINISTRATOR else "Staff"
        for role in guild.roles.values():
            if role.name == name and role.permissions == bits:
                return role
        return self.add_role(guild, name, bits=bits)

    def remove_member(self, guild: Guild, who: HasId) -> None:
        """Remove a member from a server; they lose all their roles."""
        del guild.members[who.id]
        body: Json = {"guild_id": str(guild.id), "user": wire.user_json(self.users[who.id])}
        self.tell_guild(guild, "GUILD_MEMBER_REMOVE", body, GUILD_MEMBERS)
        self.publish("member_left", guild_id=guild.id, user_id=who.id)

    def pass_screening(self, guild: Guild, who: HasId) -> None:
        """Let a pending member accept the server's rules."""
        member = guild.members[who.id]
        member.pending = False
        self.member_updated(guild, member)
        self.publish("member_screened", guild_id=guild.id, user_id=who.id)

    def rejoin(self, guild: Guild, who: HasId) -> Member:
        """Return a former member to the server, without any role."""
        return self.add_member(guild, who)

    def give_role(
        self, guild: Guild, who: HasId, role: Role, *, by: HasId | None = None, reason: str = ""
    ) -> None:
        """Add a role to a member; nothing happens if they have it already."""
        if role.id not in guild.members[who.id].roles:
            guild.members[who.id].roles.append(role.id)
            self._roles_changed(guild, who, by, reason, added=[role.name])

    def take_role(
        self, guild: Guild, who: HasId, role: Role, *, by: HasId | None = None, reason: str = ""
    ) -> None:
        """Take a role from a member; nothing happens if they do not have it."""
        if role.id in guild.members[who.id].roles:
            guild.members[who.id].roles.remove(role.id)
            self._roles_changed(guild, who, by, reason, removed=[role.name])

    def _roles_changed(
        self, guild: Guild, who: HasId, by: HasId | None, reason: str, **change: list[str]
    ) -> None:
        entry: Json = {
            "guild_id": guild.id,
            "user_id": who.id,
            "by": by.id if by else guild.owner_id,
            "reason": reason,
            "added": change.get("added", []),
            "removed": change.get("removed", []),
        }
        self.audit.append(entry | {"at": self.clock.now()})
        self.member_updated(guild, guild.members[who.id])
        self.publish("roles_changed", **entry, roles=self.roles_of(guild, who))

    def member_updated(self, guild: Guild, member: Member) -> None:
        """Send GUILD_MEMBER_UPDATE. A bot gets it for its own member even without the members intent."""
        body = wire.member_json(self, member) | {"guild_id": str(guild.id)}
        for app in self.bots_in(guild):
            own = member.user_id == app.bot.id
            self.hub.dispatch(app, "GUILD_MEMBER_UPDATE", body, 0 if own else GUILD_MEMBERS)

    # DMs

    def close_dms(self, who: HasId) -> None:
        """Make a person refuse direct messages from now on."""
        self.user(who).dms_open = False
        self.publish("dms_closed", user_id=who.id)

    def open_dms(self, who: HasId) -> None:
        """Make a person accept direct messages again."""
        self.user(who).dms_open = True
        self.publish("dms_opened", user_id=who.id)
