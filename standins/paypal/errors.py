"""PayPal's error answers: one exception, in the shapes of PayPal's documents.

Names, messages and issues: the OpenAPI documents of Subscriptions v1, Catalog Products v1 and Webhooks v1.
RATE_LIMIT_REACHED: developer.paypal.com/api/rest/responses (read 2026-11).
"""

from __future__ import annotations

from typing import Any

Detail = dict[str, str]

MESSAGES = {
    "INVALID_REQUEST": "Request is not well-formed, syntactically incorrect, or violates schema.",
    "AUTHENTICATION_FAILURE": "Authentication failed due to missing authorization header, or invalid "
    "authentication credentials.",
    "NOT_AUTHORIZED": "Authorization failed due to insufficient permissions.",
    "RESOURCE_NOT_FOUND": "The specified resource does not exist.",
    "RESOURCE_CONFLICT": "The server has detected a conflict while processing this request.",
    "UNSUPPORTED_MEDIA_TYPE": "The server does not support the request payload's media type.",
    "UNPROCESSABLE_ENTITY": "The requested action could not be performed, semantically incorrect, or failed "
    "business validation.",
    "RATE_LIMIT_REACHED": "Too many requests. Blocked due to rate limiting.",
    "INTERNAL_SERVER_ERROR": "An internal server error occurred.",
    "SERVICE_UNAVAILABLE": "Service Unavailable.",
}
BY_STATUS = {
    400: "INVALID_REQUEST",
    401: "AUTHENTICATION_FAILURE",
    403: "NOT_AUTHORIZED",
    404: "RESOURCE_NOT_FOUND",
    409: "RESOURCE_CONFLICT",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "UNPROCESSABLE_ENTITY",
    429: "RATE_LIMIT_REACHED",
    500: "INTERNAL_SERVER_ERROR",
    503: "SERVICE_UNAVAILABLE",
}
SYNTAX = {
    "INVALID_PARAMETER_SYNTAX": "The value of a field does not conform to the expected format.",
    "INVALID_PARAMETER_VALUE": "The value of a field is invalid.",
    "MISSING_REQUIRED_PARAMETER": "A required field is missing.",
    "MISSING_REQUEST_BODY": "Request body is missing.",
    "INVALID_STRING_MIN_LENGTH": "The value of a field is too short.",
    "INVALID_STRING_MAX_LENGTH": "The value of a field is too long.",
    "INVALID_INTEGER_MIN_VALUE": "The integer value of a field is too small.",
    "INVALID_INTEGER_MAX_VALUE": "The integer value of a field is too large.",
    "UNSUPPORTED_PATCH_OPERATION": "The specified patch operation not supported for this field.",
    "INVALID_PATCH_PATH": "The specified field cannot be patched.",
}
NO_PART = "NO_PART_IN_LOCAL_PAYPAL"


class PayPalRefusal(Exception):  # noqa: N818 - an answer of the API, not a fault of the program
    """An error answer of the API. `status` is the HTTP status; the debug id is added when it is sent."""

    def __init__(
        self, status: int, name: str | None = None, message: str = "", details: list[Detail] | None = None
    ) -> None:
        self.status = status
        self.name = name or BY_STATUS.get(status, "INTERNAL_SERVER_ERROR")
        self.message = message or MESSAGES.get(self.name, f"Injected {status}.")
        self.details = details or []
        super().__init__(" ".join([self.message, *(one.get("description", "") for one in self.details)]))

    def body(self, debug_id: str) -> dict[str, Any]:
        body: dict[str, Any] = {"name": self.name, "message": self.message, "debug_id": debug_id}
        if self.details:
            body["details"] = self.details
        href = f"https://developer.paypal.com/api/rest/responses/#{self.name}"
        return {**body, "links": [{"href": href, "rel": "information_link", "method": "GET"}]}


def bad(issue: str, field: str = "", location: str = "body", description: str = "") -> PayPalRefusal:
    """Return a 400 for an invalid request. `field`: a JSON pointer or the name of a query parameter."""
    detail = {"issue": issue, "description": description or SYNTAX[issue]}
    if field:
        detail |= {"field": field, "location": location}
    return PayPalRefusal(400, details=[detail])


def no_part(field: str) -> PayPalRefusal:
    """Return the error for a field that this stand-in does not implement and must not ignore."""
    text = f"The local PayPal has no part for {field}; leave it out."
    return PayPalRefusal(400, details=[{"issue": NO_PART, "description": text, "field": field}])


def unfit(issue: str, description: str) -> PayPalRefusal:
    """Return a 422 for a valid request that cannot be carried out in the current state."""
    return PayPalRefusal(422, details=[{"issue": issue, "description": description}])


def missing() -> PayPalRefusal:
    text = "Specified resource ID does not exist. Please check the resource ID and try again."
    return PayPalRefusal(404, details=[{"issue": "INVALID_RESOURCE_ID", "description": text}])
