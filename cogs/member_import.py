"""Implements /members import: a preview of a list of subscriptions, the links, and undoing them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress

import discord
from discord import ui

from billing.errors import Conflict
from billing.model.imports import Import, RowState
from billing.model.translatable_text import Text
from billing.rules.member_import import MOST_BYTES, Sorted, read_lines
from billing.use_cases.import_members import (
    TO_LINK,
    TO_UNDO,
    UNDOABLE,
    VALID,
    Preview,
    Progress,
    apply_import,
    preview,
    undo_import,
)
from cogs.core.bot_interface import Interaction
from cogs.core.components import ComponentPress, parse_id
from cogs.core.discord_errors import FAULTS, translate
from cogs.core.interactions import defer, require_admin, respond
from cogs.core.role_permissions import is_owner, require_plan_sellable
from cogs.views import layout
from cogs.views.member_import import LISTED, preview_csv, preview_words, result_words
from cogs.views.unpaid_holders import load_unpaid_holders
from i18n import tr


async def show_preview(interaction: Interaction, guild_id: int, file: discord.Attachment | None) -> None:
    """Answer with what an import of the file would do, or of the account's own metadata without a file."""
    ports, lines = interaction.client.ports, None
    if file is not None:
        if file.size > MOST_BYTES:
            raise Conflict(Text("error.import_too_large"))
        try:
            lines = read_lines(await file.read())
        except FAULTS as error:
            raise translate(error) from error
    await _require_sellable(interaction, guild_id)
    by = interaction.user.id
    made = await preview(ports, guild_id, lines, by, owner=await is_owner(interaction))
    said = preview_words(made, await _find_unpaid(interaction, guild_id, made))
    apply = None
    if made.import_id is not None:
        rest = f"{guild_id}:{made.import_id}"
        apply = layout.button(tr("button.import"), "impapply", by, rest, style=layout.Style.success)
    last = await ports.ledger.load_last_import(guild_id)
    before = None if last is None else _last_row(last, ports.now())
    if last is not None and before is not None:
        said += "\n" + tr("members.import_last", n=last.many(RowState.LINKED))
    card = layout.note(said, layout.row(apply), before)
    attached = []
    if len(made.lines) > LISTED:
        content = preview_csv(made.lines).encode("utf-8-sig")
        attached = [discord.File(io.BytesIO(content), filename="preview.csv")]
        card.add_item(ui.File(attached[0]))
    await interaction.edit_original_response(view=card, attachments=attached)


async def _find_unpaid(interaction: Interaction, guild_id: int, made: Preview) -> Sequence[int] | None:
    """Members with a sold role for whom nobody pays, also after the import; None if nobody can tell."""
    bot, guild = interaction.client, interaction.guild
    if guild is None or not bot.intents.members:
        return None
    plans = await bot.ports.ledger.load_plans(guild_id)
    try:
        found, _ = await load_unpaid_holders(bot, guild, plans)
    except FAULTS:
        return None
    linked = {each.line.member_id for each in made.of(Sorted.LINKS) if each.pays}
    return [member for member in found if member not in linked]


async def apply(interaction: Interaction, pressed: ComponentPress) -> None:
    """Handle the button below a preview: link everything that it lists. Pressing it again goes on."""
    await defer(interaction, replace=True)
    guild_id, import_id = await _pressed(interaction, pressed)
    ports, by = interaction.client.ports, interaction.user.id
    await _require_sellable(interaction, guild_id)
    owner = await is_owner(interaction)
    done = await apply_import(ports, guild_id, import_id, by, _progress(interaction), owner=owner)
    await _show(interaction, done)


async def undo(interaction: Interaction, pressed: ComponentPress) -> None:
    """Handle the button Undo of an import: unlink exactly what it linked."""
    await defer(interaction, replace=True)
    guild_id, import_id = await _pressed(interaction, pressed)
    ports, by = interaction.client.ports, interaction.user.id
    await _show(interaction, await undo_import(ports, guild_id, import_id, by, _progress(interaction)))


async def _pressed(interaction: Interaction, pressed: ComponentPress) -> tuple[int, int]:
    guild, _, number = pressed.rest.partition(":")
    guild_id = await require_admin(interaction, parse_id(guild))
    return guild_id, parse_id(number)


async def _require_sellable(interaction: Interaction, guild_id: int) -> None:
    """Refuse a caller who may not give away the roles of every plan of the server: links give them."""
    if interaction.guild_id != guild_id:
        raise Conflict(Text("error.link_in_the_server"))
    for plan in await interaction.client.ports.ledger.load_plans(guild_id, removed=True):
        require_plan_sellable(interaction, plan)


def _progress(interaction: Interaction) -> Progress:
    async def show(made: Import) -> None:
        with suppress(*FAULTS):  # the links matter more than how they are shown
            await respond(interaction, layout.note(result_words(made)), replace=True)

    return show


async def _show(interaction: Interaction, made: Import) -> None:
    row = _last_row(made, interaction.client.ports.now())
    await respond(interaction, layout.note(result_words(made), row, colour=layout.GOOD), replace=True)


def _last_row(made: Import, now: int) -> layout.Row | None:
    """The buttons of an import that was applied: go on where it was interrupted, and undo."""
    if made.applied_at is None:
        return None
    rest = f"{made.guild_id}:{made.id}"
    undone = made.many(RowState.UNDONE, RowState.UNDOING, RowState.KEPT)
    goes_on = made.many(*TO_LINK) and not undone and now <= made.applied_at + VALID
    undoes = made.many(*TO_UNDO) and now <= made.applied_at + UNDOABLE
    return layout.row(
        layout.button(tr("button.import_on"), "impapply", 0, rest) if goes_on else None,
        layout.button(tr("button.import_undo"), "impundo", 0, rest) if undoes else None,
    )
