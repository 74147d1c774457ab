"""PayPal's hosted pages: logging in, approving a subscription, and managing automatic payments."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import jinja2
from aiohttp import web

from standins.paypal import buyers, formatting
from standins.paypal.clockwork import catch_up
from standins.paypal.errors import PayPalRefusal
from standins.paypal.state import Buyer, Subscription, World
from standins.paypal.times import spoken

AGREE, AUTOPAY = "/webapps/billing/subscriptions", "/myaccount/autopay/"
COOKIE = "local_paypal_buyer"
# The pages run no scripts, load nothing from elsewhere and send no referrer.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}


class Pages:
    def __init__(self, world: World, acted: Callable[[], None]) -> None:
        self.world, self.acted = world, acted
        self.signed_in: dict[str, Buyer] = {}
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.globals.update(
            world=world, words=formatting, shop=world.settings, autopay=AUTOPAY, agree=AGREE, day=spoken
        )

    def add_to(self, app: web.Application) -> None:
        app.router.add_get(AGREE, self.review)
        app.router.add_post(AGREE, self.approve)
        app.router.add_get(f"{AGREE}/cancel", self.decline)
        app.router.add_post("/signin", self.sign_in)
        app.router.add_post("/signout", self.sign_out)
        app.router.add_get(AUTOPAY, self.automatic)
        app.router.add_get(AUTOPAY.rstrip("/"), self.automatic)
        app.router.add_post(f"{AUTOPAY}funding", self.fund)
        app.router.add_get(f"{AUTOPAY}connect/{{id}}", self.one)
        app.router.add_post(f"{AUTOPAY}connect/{{id}}/cancel", self.cancel)

    def show(self, template: str, status: int = 200, **values: Any) -> web.Response:
        text = self.templates.get_template(template).render(**values)
        return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)

    def notice(self, title: str, text: str, status: int = 200) -> web.Response:
        return self.show("notice.html", status, title=title, text=text, buyer=None)

    def go(self, place: str) -> web.Response:
        return web.Response(status=303, headers={"Location": place, **HEADERS})

    # Logging in

    def buyer(self, request: web.Request) -> Buyer | None:
        return self.signed_in.get(request.cookies.get(COOKIE, ""))

    def ask_who(self, request: web.Request, problem: str = "", status: int = 200) -> web.Response:
        return self.show("signin.html", status, problem=problem, next=request.path_qs, buyer=None)

    async def sign_in(self, request: web.Request) -> web.Response:
        form = {key: str(value).strip() for key, value in (await request.post()).items()}
        place, email = _local(form.get("next", AUTOPAY)), form.get("email", "")
        if "@" not in email.strip("@") or not form.get("password"):
            problem = "Check your email address and password. Any password will do here."
            return self.show("signin.html", 400, problem=problem, next=place, buyer=None)
        known = self.world.find("buyer", email.lower())
        given = "" if known else email.partition("@")[0].capitalize()
        token = secrets.token_urlsafe(18)
        self.signed_in[token] = self.world.buyer(email, given)
        answer = self.go(place)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="Lax")
        return answer

    async def sign_out(self, request: web.Request) -> web.Response:
        self.signed_in.pop(request.cookies.get(COOKIE, ""), None)
        form = await request.post()
        return self.go(_local(str(form.get("next", AUTOPAY))))

    # Approving a subscription

    async def review(self, request: web.Request) -> web.Response:
        catch_up(self.world)
        buyer = self.buyer(request)
        if refusal := self._closed(request):
            return refusal
        if buyer is None:
            return self.ask_who(request)
        token = request.query["ba_token"]
        subscription, revision = buyers.asked(self.world, token)
        return self.show(
            "review.html",
            buyer=buyer,
            subscription=_preview(subscription, revision),
            shop_name=subscription.context.get("brand_name") or self.world.settings.business_name,
            revision=revision is not None,
            query=urlencode({"ba_token": token}),
            here=request.path_qs,
        )

    def _closed(self, request: web.Request) -> web.Response | None:
        try:
            found = buyers.asked(self.world, request.query.get("ba_token", ""))
        except PayPalRefusal:
            text = "This link does not lead to an agreement. Ask the shop for a new one."
            return self.notice("Things don't appear to be working", text, 404)
        if buyers.is_open(found):
            return None
        text = "You have agreed to this already, or it was cancelled. Nothing was changed now."
        return self.notice("This agreement is closed", text, 410)

    async def approve(self, request: web.Request) -> web.Response:
        catch_up(self.world)
        buyer = self.buyer(request)
        if refusal := self._closed(request):
            return refusal
        if buyer is None:
            return self.ask_who(request)
        form = await request.post()
        buyer.funded = form.get("funding") != "empty"
        back = buyers.approve(self.world, request.query["ba_token"], buyer)
        self.acted()
        if back:
            return self.go(back)
        return self.notice("You're subscribed", "You can close this page and go back to the shop.")

    async def decline(self, request: web.Request) -> web.Response:
        try:
            back = buyers.decline(self.world, request.query.get("ba_token", ""))
        except PayPalRefusal:
            back = ""
        return (
            self.go(back)
            if back
            else self.notice("Not subscribed", "Nothing was agreed. You can close this page.")
        )

    # Automatic payments

    async def automatic(self, request: web.Request) -> web.Response:
        catch_up(self.world)
        buyer = self.buyer(request)
        if buyer is None:
            return self.ask_who(request)
        found = buyers.automatic_payments(self.world, buyer)
        return self.show("autopay.html", buyer=buyer, found=found, here=AUTOPAY)

    def _theirs(self, request: web.Request, buyer: Buyer) -> Subscription | None:
        found: Subscription | None = self.world.find("subscription", request.match_info["id"])
        return found if found and found.buyer is buyer else None

    async def one(self, request: web.Request) -> web.Response:
        catch_up(self.world)
        buyer = self.buyer(request)
        if buyer is None:
            return self.ask_who(request)
        found = self._theirs(request, buyer)
        if found is None:
            return self.notice("Nothing here", "You have no such automatic payment.", 404)
        sales = [one for one in reversed(self.world.all("sale")) if one.subscription is found]
        return self.show("autopay_one.html", buyer=buyer, found=found, sales=sales, here=request.path)

    async def cancel(self, request: web.Request) -> web.Response:
        catch_up(self.world)
        buyer = self.buyer(request)
        if buyer is None:
            return self.go(AUTOPAY)
        try:
            found = buyers.cancel_automatic(self.world, buyer, request.match_info["id"])
        except PayPalRefusal as refusal:
            return self.notice("Nothing was cancelled", str(refusal), 409)
        self.acted()
        return self.go(f"{AUTOPAY}connect/{found.id}")

    async def fund(self, request: web.Request) -> web.Response:
        form = await request.post()
        if buyer := self.buyer(request):
            buyer.funded = form.get("funding") != "empty"
        return self.go(AUTOPAY)


def _preview(subscription: Subscription, revision: dict[str, Any] | None) -> Subscription:
    """Return the subscription as it would be after the revision."""
    if not revision:
        return subscription
    changed = {"plan_id": revision.get("plan_id", subscription.plan_id)}
    changed["quantity"] = revision.get("quantity", subscription.quantity)
    double = Subscription(**{**vars(subscription), **changed})
    double.override = revision.get("plan", {})
    return double


def _local(place: str) -> str:
    """Return the address if it is on this server, otherwise that of the automatic payments page."""
    parts = urlsplit(place)
    good = place.startswith("/") and not place.startswith(("//", "/\\")) and not parts.netloc
    return place if good else AUTOPAY
