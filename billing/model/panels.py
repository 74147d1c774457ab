"""The public card of a server with its plans."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Panel:
    """A server's public card and the message that shows it.

    `version` rises with every change of the server's plans; `attempts`: failed attempts to show this version.
    """

    guild_id: int
    channel_id: int
    message_id: int
    version: int
    attempts: int = 0
