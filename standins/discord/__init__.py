"""A local Discord: an unmodified bot logs into it over real sockets; Python calls act as people.

    world = DiscordWorld(MovableClock())
    server = DiscordServer(world)
    await server.start(port=0)

    ada, bob = world.add_user("ada"), world.add_user("bob")
    guild = world.add_guild("Pottery", owner=ada)
    app = world.add_application("token", members_intent=False)
    world.install(app, guild)                    # the bot joins with its own role, Manage Roles by default
    gold = world.add_role(guild, "Gold", 0xFFD700)      # new roles stand below the bot's
    world.add_member(guild, bob)

Before the bot logs in, two addresses are replaced; nothing else in the bot changes:

    discord.http.Route.BASE = server.rest_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.gateway_url)

People use commands, press, choose, type, and read; every call waits for the bot and raises a PersonError
when it does not answer or Discord's client would not offer such a thing:

    reply = await bob.run(guild, "cancel", {"plan": "gold"})     # None instead of guild: in the bot's DMs
    reply.text, reply.ephemeral, reply.buttons, reply.selects, reply.pings
    done = await reply.press("Yes, cancel")                     # by label or custom_id
    asked = await ada.run(guild, "plans add", {"name": "Gold", "role": gold})
    form = await reply.press("Give a reason");  await form.submit_modal({"Reason": "moving"})
    choices = await bob.autocomplete(guild, "cancel", "plan", "go")
    note = await bob.dm_containing("Receipt");  await note.press("Resume")
    world.roles_of(guild, bob)                                  # ["Gold"]

`world.subscribe()` is a queue of everything that happens, as dicts with "kind" and "at": message_created,
message_updated, message_deleted, roles_changed, member_joined, member_left, role_created, role_updated,
role_deleted, interaction_created, interaction_answered, interaction_expired, commands_registered,
bot_connected, bot_disconnected, dms_closed, dms_opened and others.

A message is in the feed as Discord's JSON; `card.body` gives the same, `person.card(message_id)` the card.

`server.faults` arranges faults; a path is relative to /api/v10, and * matches anything, slashes too:

    server.faults.rate_limit("PUT", "/guilds/*/roles/*", retry_after=0.1)    # 429; via=False: not retried
    server.faults.fail("PUT", "/guilds/*/roles/*", 503)         # also lose_answer, swallow, hang_up
    held = server.faults.hold("POST", "/interactions/*");  await held.wait_struck();  held.release()
    world.close_dms(bob);  world.remove_member(guild, bob);  world.set_role_position(gold, 9)
    world.hub.drop(app)                # also ask_to_reconnect, invalidate, forget
    world.close_guild(guild)           # an outage of one server; await server.stop() one of all of Discord

Time comes from the clock alone, except that an application has 3 real seconds (`world.ack_seconds`) for its
first answer. `standins.discord.conformance.Conformance.load()`, passed to the server as `recorder`, checks
every exchange against Discord's OpenAPI document and collects `violations`.
"""

from standins.discord.cards import Button, Card, Reply, Select
from standins.discord.errors import (
    ApiError,
    CannotUseError,
    NoAnswerError,
    NotOfferedError,
    PersonError,
)
from standins.discord.model import Application, Channel, Guild, Member, Message, Role, User
from standins.discord.server import DiscordServer
from standins.discord.user_client import Person
from standins.discord.world import DiscordWorld

__all__ = [
    "ApiError",
    "Application",
    "Button",
    "CannotUseError",
    "Card",
    "Channel",
    "DiscordServer",
    "DiscordWorld",
    "Guild",
    "Member",
    "Message",
    "NoAnswerError",
    "NotOfferedError",
    "Person",
    "PersonError",
    "Reply",
    "Role",
    "Select",
    "User",
]
