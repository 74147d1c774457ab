"""Results of a check of the setup."""

from __future__ import annotations

from dataclasses import dataclass

from billing.model.translatable_text import Text


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check of the setup.

    `cure` says what to do if `ok` is false; `fix` names a cure that the bot can apply itself. `guild_id`:
    the server that a provider's finding concerns; None: it concerns the whole account, which belongs to
    the application's owner. `note`: the finding is `ok` but worth knowing.
    """

    what: Text | str
    ok: bool
    message: Text | str
    cure: Text | str = ""
    fix: str | None = None
    guild_id: int | None = None
    note: bool = False
