"""Acts as a person with a browser on the payment providers' pages: fetches pages and submits their forms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import aiohttp

CARD, OTHER_CARD = "4242 4242 4242 4242", "5555 5555 5555 4444"


@dataclass(frozen=True)
class Page:
    """A page as it was received: URL, HTTP status and text, and the labels of its buttons and links."""

    url: str
    status: int
    text: str
    buttons: tuple[str, ...]


async def look(url: str) -> Page:
    """Open a page and return it, following redirects."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return _page(str(answer.url), answer.status, await answer.text())


async def send(url: str, form: dict[str, str]) -> Page:
    """Submit a form, and return the page that it leads to."""
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        return _page(str(answer.url), answer.status, await answer.text())


async def pay(url: str, name: str) -> Page:
    """Fill in the payment page and press its button; return the page that follows."""
    form = {"email": f"{name.lower()}@example.com", "card": CARD, "expiry": "12/40", "name": name}
    return await send(url, form)


async def change_card(url: str) -> Page:
    """Save another card on the management page; return the page that follows."""
    return await send(urljoin(f"{url}/", "card"), {"card": OTHER_CARD, "expiry": "11/41"})


async def review(url: str, name: str) -> Page:
    """Log in at PayPal, and return the page that the link leads to."""
    async with _logged_in(url, name) as session, session.get(url) as answer:
        return _page(str(answer.url), answer.status, await answer.text())


async def agree(url: str, name: str) -> Page:
    """Log in at PayPal and press the approval page's button; return the page that follows."""
    async with _logged_in(url, name) as session, session.post(url, data={"funding": "good"}) as answer:
        return _page(str(answer.url), answer.status, await answer.text())


@asynccontextmanager
async def _logged_in(url: str, name: str) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)  # unsafe: the local PayPal has an IP address as its host
    form = {"email": f"{name.lower()}@example.com", "password": "any", "next": "/myaccount/autopay/"}
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.post(urljoin(url, "/signin"), data=form) as answer:
            answer.raise_for_status()
        yield session


def _page(url: str, status: int, markup: str) -> Page:
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    buttons = tuple(" ".join(label.split()) for label in reader.buttons)
    return Page(url, status, " ".join(" ".join(reader.text).split()), buttons)


@dataclass
class _Reader(HTMLParser):
    """Collects the text that a person reads, and the labels of the buttons and links that they can press."""

    text: list[str] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)
    _hidden: bool = False
    _in_button: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden = self._hidden or tag in ("style", "title")
        if tag == "button" or (tag == "a" and "button" in (dict(attrs).get("class") or "").split()):
            self._in_button = True
            self.buttons.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "title"):
            self._hidden = False
        if tag in ("a", "button"):
            self._in_button = False

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        self.text.append(data)
        if self._in_button:
            self.buttons[-1] += data
