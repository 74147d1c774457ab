"""Base classes of the REST API: a call, an answer, and the table of routes that routes_*.py fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from standins.discord.errors import ApiError, refusal
from standins.discord.model import Application, Json
from standins.discord.world import DiscordWorld


@dataclass(frozen=True)
class Call:
    """One authorised request. `app` is None on routes that need no bot token."""

    world: DiscordWorld
    app: Application | None
    args: dict[str, str]
    query: dict[str, str]
    body: Any
    reason: str
    gateway_url: str

    @property
    def bot(self) -> Application:
        """Return the application that calls. Raises ApiError 401 if the request carried no bot token."""
        if self.app is None:
            raise refusal(0)
        return self.app

    def id(self, name: str) -> int:
        """Return a snowflake from the path. Raises ApiError 50035 if the text is not a snowflake."""
        return snowflake(self.args[name], name)

    def object(self) -> Json:
        """Return the body, which must be a JSON object. Raises ApiError 50035 otherwise."""
        if not isinstance(self.body, dict):
            raise ApiError(400, 50035, "Invalid Form Body", _dict_only())
        return self.body


@dataclass(frozen=True)
class Answer:
    """An HTTP status and a JSON body; no body is sent if it is None."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Route:
    """A route: method, path relative to /api/v10, and handler.

    `token_in_path`: the route needs no Authorization header, because the path contains a token.
    """

    method: str
    path: str
    handler: Handler
    token_in_path: bool = False


NO_CONTENT = Answer(204)
ROUTES: list[Route] = []


def route(method: str, path: str, *, token_in_path: bool = False) -> Callable[[Handler], Handler]:
    """Register the decorated handler in the table of routes."""

    def enter(handler: Handler) -> Handler:
        ROUTES.append(Route(method, path, handler, token_in_path))
        return handler

    return enter


def snowflake(text: object, name: str) -> int:
    """Return an id as a number. Raises ApiError 50035 if the text is not a snowflake."""
    if not str(text).isdigit():
        message = f'Value "{text}" is not snowflake.'
        tree = {name: {"_errors": [{"code": "NUMBER_TYPE_COERCE", "message": message}]}}
        raise ApiError(400, 50035, "Invalid Form Body", tree)
    return int(str(text))


def reason_of(header: str) -> str:
    """Return the audit log reason in an X-Audit-Log-Reason header, cut to 512 characters."""
    reason = unquote(header)
    if len(reason) > 512:
        message = "Must be 512 or fewer in length."
        tree = {"reason": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": message}]}}
        raise ApiError(400, 50035, "Invalid Form Body", tree)
    return reason


def _dict_only() -> Json:
    message = "Only dictionaries may be used in a DictType"
    return {"_errors": [{"code": "DICT_TYPE_CONVERT", "message": message}]}
