"""Errors: refusals that Discord sends to a bot, and refusals that a person meets in its client.

ApiError            an HTTP error answer with Discord's JSON code
PersonError         a person tried something that Discord's client would not let them do
  NotOfferedError        the command is not available to this person in this place
  CannotUseError         the button, select or field cannot be used like that
  NoAnswerError          the application did not answer in time
"""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An error answer: the HTTP `status`, Discord's JSON error `code`, its message, and `errors` by field."""

    def __init__(self, status: int, code: int, message: str, errors: dict[str, Any] | None = None) -> None:
        super().__init__(f"{status} ({code}) {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors

    def body(self) -> dict[str, Any]:
        """Return the JSON body, as in the Error schema of Discord's OpenAPI document."""
        body: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.errors is not None:
            body["errors"] = self.errors
        return body


# Codes and messages: Discord's developer documentation, "Opcodes and Status Codes", JSON error codes.
_KNOWN = {
    0: (401, "401: Unauthorized"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10011: (404, "Unknown Role"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    20001: (403, "Bots cannot use this endpoint"),
    40060: (400, "Interaction has already been acknowledged."),
    50001: (403, "Missing Access"),
    50003: (403, "Cannot execute action on a DM channel"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50013: (403, "Missing Permissions"),
    50027: (401, "Invalid Webhook Token"),
    50028: (400, "Invalid Role"),
    50109: (400, "The request body contains invalid JSON."),
    50278: (403, "Cannot send messages to this user due to having no mutual guilds"),
}


def refusal(code: int) -> ApiError:
    """Return the ApiError for one of Discord's JSON error codes. Raises KeyError for an unlisted code."""
    status, message = _KNOWN[code]
    return ApiError(status, code, message)


class Form:
    """Collects the errors in one request body; `check()` raises them as Discord's 50035."""

    def __init__(self) -> None:
        self._errors: dict[str, Any] = {}

    def fail(self, path: tuple[str | int, ...], code: str, message: str) -> None:
        """Record an error at `path`, which consists of keys and list indexes of the request body."""
        node = self._errors
        for part in path:
            node = node.setdefault(str(part), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def check(self) -> None:
        """Raise ApiError 400/50035 if any error was recorded."""
        if self._errors:
            raise ApiError(400, 50035, "Invalid Form Body", _pruned(self._errors))


def _pruned(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the tree of errors; where a part has an error of its own, those below it are left out."""
    if "_errors" in tree:
        return {"_errors": tree["_errors"]}
    return {key: _pruned(branch) for key, branch in tree.items()}


class PersonError(Exception):
    """Raised when a person tries something that Discord's client would not let them do."""


class NotOfferedError(PersonError):
    """Raised when the command is not available to this person here, or its options do not fit."""


class CannotUseError(PersonError):
    """Raised when the button, select or field does not exist, or cannot be used like that."""


class NoAnswerError(PersonError):
    """Raised when the application did not answer in time."""
