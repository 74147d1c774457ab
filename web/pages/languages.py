"""The language of a page: the first of the browser's languages that the catalogue has."""

from __future__ import annotations

from aiohttp import web

from i18n import LANGUAGES

ENGLISH = "en"


def language_of(request: web.Request) -> str:
    """The language by Accept-Language (RFC 9110, 12.5.4); English if the catalogue has none of the
    browser's."""
    asked = [_weighed(part) for part in request.headers.get("Accept-Language", "").split(",")]
    wanted = sorted((one for one in asked if one[0] > 0), key=lambda one: -one[0])
    return next((language for _, language in wanted if language in LANGUAGES), ENGLISH)


def _weighed(part: str) -> tuple[float, str]:
    """The weight, 1 if none is given, and the language without its region; weight 0 means 'not this one'."""
    tag, _, weight = part.strip().partition(";q=")
    try:
        weighed = float(weight or 1)
    except ValueError:
        weighed = 0.0
    return weighed, tag.partition("-")[0].strip().lower()
