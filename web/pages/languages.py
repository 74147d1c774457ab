"""Chooses the language of a page: the browser's first choice among the languages of the catalogue."""

from __future__ import annotations

from aiohttp import web

from i18n import LANGUAGES

ENGLISH = "en"


def language_of(request: web.Request) -> str:
    """Return the best language by Accept-Language (RFC 9110, 12.5.4).

    Returns English if the catalogue has none of the browser's languages.
    """
    asked = [_weighed(part) for part in request.headers.get("Accept-Language", "").split(",")]
    wanted = sorted((one for one in asked if one[0] > 0), key=lambda one: -one[0])
    return next((language for _, language in wanted if language in LANGUAGES), ENGLISH)


def _weighed(part: str) -> tuple[float, str]:
    """Parse one entry of Accept-Language to its weight and its language without the region.

    The weight is 1 if none is given; 0 means 'not this one'.
    """
    tag, _, weight = part.strip().partition(";q=")
    try:
        weighed = float(weight or 1)
    except ValueError:
        weighed = 0.0
    return weighed, tag.partition("-")[0].strip().lower()
