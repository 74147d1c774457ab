"""The parts that all hosted pages of the local Stripe share: templates, headers, and a page for a message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from standins.stripe import formatting
from standins.stripe.cards import DECLINES_LATER, GOOD
from standins.stripe.dates import spoken
from standins.stripe.state import World

# The pages run no scripts, load nothing from elsewhere and send no referrer.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}


class PageShell:
    """Base class of the hosted pages: keeps the world and the templates, and creates the HTTP answers."""

    def __init__(self, world: World, acted: Callable[[], None]) -> None:
        self.world, self.acted = world, acted
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.globals.update(
            business=world.settings,
            money=formatting.money,
            every=formatting.every,
            spoken=spoken,
            state=formatting.state,
            good_card=formatting.spaced(GOOD),
            later_card=formatting.spaced(DECLINES_LATER),
        )

    def show(self, template: str, status: int = 200, **values: Any) -> web.Response:
        text = self.templates.get_template(template).render(**values)
        return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)

    def sorry(self, status: int, title: str, text: str, back: str | None = None) -> web.Response:
        return self.show("notice.html", status, title=title, text=text, back=back, good=False)
