"""A small bot as its author would write one. It knows nothing of the stand-in."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import discord
from discord import app_commands, ui


class Counted(ui.DynamicItem[ui.Button[Any]], template=r"count:(?P<owner>\d+):(?P<number>\d+)"):
    """A button that works after a restart, for its owner alone: all it needs stands in its custom_id."""

    def __init__(self, owner: int, number: int) -> None:
        super().__init__(ui.Button(label=f"Count {number}", custom_id=f"count:{owner}:{number}"))
        self.owner = owner
        self.number = number

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: ui.Item[Any], match: re.Match[str], /
    ) -> Counted:
        return cls(int(match["owner"]), int(match["number"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        if interaction.user.id != self.owner:
            await interaction.response.send_message("Not yours.", ephemeral=True)
            return
        await interaction.response.edit_message(view=counter(self.owner, self.number + 1))


def counter(owner: int, number: int) -> ui.LayoutView:
    view = ui.LayoutView(timeout=None)
    row: ui.ActionRow[Any] = ui.ActionRow(Counted(owner, number))
    row.add_item(ui.Button(label="Read more", url="https://example.com/more"))
    row.add_item(ui.Button(label="Later", custom_id="later", disabled=True))
    text: ui.TextDisplay[Any] = ui.TextDisplay(f"Counted to {number} for <@{owner}>")
    view.add_item(ui.Container(text, ui.Separator(), row, accent_colour=0x3366FF))
    return view


class Feedback(ui.Modal, title="Feedback"):
    reason: ui.Label[Any] = ui.Label(text="Reason", component=ui.TextInput(max_length=20))
    mood: ui.Label[Any] = ui.Label(
        text="Mood",
        component=ui.Select(
            options=[discord.SelectOption(label=word, value=word[0]) for word in ("Good", "Bad")]
        ),
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        assert isinstance(self.reason.component, ui.TextInput)
        assert isinstance(self.mood.component, ui.Select)
        text = f"{self.reason.component.value} / {self.mood.component.values[0]}"
        await interaction.response.send_message(text, ephemeral=True)


class Choosers(ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=None)

    @ui.select(
        placeholder="A plan",
        custom_id="plan",
        options=[
            discord.SelectOption(label="Gold", value="g"),
            discord.SelectOption(label="Silver", value="s"),
        ],
    )
    async def plan(self, interaction: discord.Interaction, select: ui.Select[Any]) -> None:
        await interaction.response.edit_message(content=f"plan {select.values[0]}", view=None)

    @ui.select(cls=ui.UserSelect, placeholder="Somebody", custom_id="somebody")
    async def somebody(self, interaction: discord.Interaction, select: ui.UserSelect[Any]) -> None:
        await interaction.response.send_message(f"chose {select.values[0].name}", ephemeral=True)

    @ui.button(label="Think", custom_id="think")
    async def think(self, interaction: discord.Interaction, _: ui.Button[Any]) -> None:
        await interaction.response.defer()
        await interaction.followup.send("thought about it", ephemeral=True)

    @ui.button(label="Ask", custom_id="ask")
    async def ask(self, interaction: discord.Interaction, _: ui.Button[Any]) -> None:
        await interaction.response.send_modal(Feedback())


class SmallBot(discord.Client):
    """Commands of every shape, synced at login."""

    def __init__(self, intents: discord.Intents | None = None) -> None:
        # Ready counts as soon as no further server came for so long; discord.py waits two seconds.
        super().__init__(intents=intents or discord.Intents(guilds=True), guild_ready_timeout=0.05)
        self.tree = app_commands.CommandTree(self)
        self.tree.error(self._note_error)
        self.heard: list[str] = []
        self._news = asyncio.Event()
        for added in COMMANDS:
            self.tree.add_command(added)
        self.tree.add_command(Plans())

    async def setup_hook(self) -> None:
        self.add_dynamic_items(Counted)
        self.add_view(Choosers())
        await self.tree.sync()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Without discord.py's wait of five seconds before it identifies again."""

    def _note(self, what: str) -> None:
        self.heard.append(what)
        self._news.set()

    async def _note_error(self, _: discord.Interaction, error: app_commands.AppCommandError) -> None:
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        self._note(f"error {cause.code}" if isinstance(cause, discord.HTTPException) else f"error {cause!r}")

    async def hears(self, what: str) -> None:
        """Wait until the bot was told of this event."""
        async with asyncio.timeout(10):
            while what not in self.heard:
                self._news.clear()
                await self._news.wait()

    async def on_resumed(self) -> None:
        self._note("resumed")

    async def on_member_join(self, member: discord.Member) -> None:
        self._note(f"join {member.name}")

    async def on_raw_member_remove(self, payload: discord.RawMemberRemoveEvent) -> None:
        self._note(f"leave {payload.user.name}")

    async def on_member_update(self, _: discord.Member, after: discord.Member) -> None:
        self._note(f"update {after.name} {[role.name for role in after.roles[1:]]}")

    async def on_guild_role_update(self, _: discord.Role, after: discord.Role) -> None:
        self._note(f"role {after.name} {after.position}")

    async def on_message(self, message: discord.Message) -> None:
        self._note(f"message {message.content!r}")


def everywhere(command: Any) -> Any:
    allowed = app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    return allowed(app_commands.allowed_installs(guilds=True, users=True)(command))


@everywhere
@app_commands.command(description="Answers at once")
async def hello(interaction: discord.Interaction, loudness: app_commands.Range[int, 1, 3] = 1) -> None:
    where = interaction.guild.name if interaction.guild else "a DM"
    text = f"Hello{'!' * loudness} in {where}, context {interaction.context.to_array()}, {interaction.locale}"
    await interaction.response.send_message(text, ephemeral=True)


@app_commands.command(description="Answers later")
async def slow(interaction: discord.Interaction, public: bool = False) -> None:
    await interaction.response.defer(ephemeral=not public)
    await interaction.followup.send("first")
    await interaction.followup.send("second", ephemeral=True)
    await interaction.edit_original_response(content="edited")


@everywhere
@app_commands.command(description="A card of components")
async def card(interaction: discord.Interaction, hidden: bool = False) -> None:
    quiet = discord.AllowedMentions.none()
    view = counter(interaction.user.id, 1)
    await interaction.response.send_message(view=view, allowed_mentions=quiet, ephemeral=hidden)


@app_commands.command(description="Selects and a modal")
async def choose(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("choose", view=Choosers())


@app_commands.command(description="Autocompletes")
async def pick(interaction: discord.Interaction, plan: str, person: discord.User | None = None) -> None:
    await interaction.response.send_message(f"picked {plan} for {person}", ephemeral=True)


@pick.autocomplete("plan")
async def _plans(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
    names = [f"plan {number}" for number in range(30)]
    fitting = [name for name in names if typed in name]
    return [app_commands.Choice(name=name, value=name.upper()) for name in fitting[:25]]


@app_commands.command(description="Never answers")
async def silent(interaction: discord.Interaction) -> None:
    return


COMMANDS: tuple[Any, ...] = (hello, slow, card, choose, pick, silent)


class Plans(app_commands.Group):
    def __init__(self) -> None:
        manage = discord.Permissions(manage_guild=True)
        contexts = app_commands.AppCommandContext(guild=True)
        super().__init__(
            name="plans", description="Plans", default_permissions=manage, allowed_contexts=contexts
        )

    @app_commands.command(description="Sell a role")
    @app_commands.choices(when=[app_commands.Choice(name="At once", value="now")])
    async def add(
        self,
        interaction: discord.Interaction,
        name: str,
        role: discord.Role,
        member: discord.Member,
        channel: discord.TextChannel | None = None,
        when: str = "never",
    ) -> None:
        await interaction.response.send_message(f"{name}: {role.name}, {member.name}, {channel}, {when}")
