"""What a check of the set-up found."""

from __future__ import annotations

from dataclasses import dataclass

from billing.model.texts import Text


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check looked at. `cure` tells what to do when `ok` is false; `fix` names a cure
    that the bot can carry out itself. `guild_id`: the server that a provider's finding is about; None where
    it is about the whole account, which belongs to the application's owner. A `note` is `ok`, and yet worth
    knowing."""

    what: Text | str
    ok: bool
    message: Text | str
    cure: Text | str = ""
    fix: str | None = None
    guild_id: int | None = None
    note: bool = False
