"""What a check of the set-up found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check looked at. `cure` tells what to do when `ok` is false; `fix` names a cure
    that the bot can carry out itself."""

    what: str
    ok: bool
    says: str
    cure: str = ""
    fix: str | None = None
