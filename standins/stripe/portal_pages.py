"""The customer portal's pages, which show only the features that the session's configuration enables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from standins.stripe import buyers, formatting
from standins.stripe.billing import method_for
from standins.stripe.cancel import OVER
from standins.stripe.clockwork import catch_up
from standins.stripe.errors import StripeRefusal
from standins.stripe.page_shell import PageShell
from standins.stripe.state import Obj

REASONS = {
    "too_expensive": "It's too expensive",
    "missing_features": "I need more features",
    "switched_service": "I found an alternative",
    "unused": "I no longer need it",
    "customer_service": "Customer service was less than expected",
    "too_complex": "Ease of use was less than expected",
    "low_quality": "Quality was less than expected",
    "other": "Other reason",
}
OPENED_BY = {  # flow type: the view that it opens
    "subscription_cancel": "cancel",
    "subscription_update": "switch",
    "subscription_update_confirm": "switch",
    "subscription_pause": "pause",
    "payment_method_update": "card",
    "customer_update": "details",
}

NEEDS = {  # view: the feature that it needs
    "cancel": "subscription_cancel",
    "switch": "subscription_update",
    "pause": "subscription_pause",
    "card": "payment_method_update",
    "details": "customer_update",
}


class PortalPages:
    def __init__(self, pages: PageShell) -> None:
        self.pages, self.world = pages, pages.world
        self.acts: dict[str, Callable[[Obj, str, dict[str, str]], object]] = {
            "cancel": lambda s, sub, f: buyers.portal_cancel(self.world, s, sub, f.get("feedback") or None),
            "renew": lambda s, sub, f: buyers.portal_renew(self.world, s, sub),
            "switch": lambda s, sub, f: buyers.portal_switch(self.world, s, sub, f.get("price", "")),
            "pause": lambda s, sub, f: buyers.portal_pause(self.world, s, sub),
            "unpause": lambda s, sub, f: buyers.portal_unpause(self.world, s, sub),
            "card": self._card,
            "details": self._details,
        }

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/p/session/{secret}", self.home)
        app.router.add_get("/p/session/{secret}/{view}", self.view)
        app.router.add_post("/p/session/{secret}/{view}", self.act)
        app.router.add_get("/p/session/{secret}/{view}/{subscription}", self.view)
        app.router.add_post("/p/session/{secret}/{view}/{subscription}", self.act)

    def _open(self, request: web.Request) -> Obj | None:
        catch_up(self.world)
        return buyers.open_portal(self.world, request.match_info["secret"])

    def _expired(self) -> web.Response:
        return self.pages.sorry(
            410,
            "This link has expired",
            "For your safety links to this page are short-lived. Ask for a new one.",
        )

    def _base(self, request: web.Request, session: Obj) -> dict[str, Any]:
        configuration = self.world.by_id[session["configuration"]]
        return {
            "session": session,
            "root": f"/p/session/{request.match_info['secret']}",
            "features": configuration["features"],
            "profile": configuration["business_profile"],
            "customer": self.world.by_id[session["customer"]],
            "problem": "",
        }

    async def home(self, request: web.Request) -> web.Response:
        session = self._open(request)
        if session is None:
            return self._expired()
        flow = session["flow"]
        if flow and "stay" not in request.query and not self.world.hidden.get(("flowed", session["id"])):
            view = OPENED_BY[flow["type"]]
            own = flow.get(flow["type"]) or {}
            tail = f"/{own['subscription']}" if "subscription" in own else ""
            return web.Response(
                status=303, headers={"Location": f"/p/session/{request.match_info['secret']}/{view}{tail}"}
            )
        return self._home(request, session)

    def _home(self, request: web.Request, session: Obj, status: int = 200, problem: str = "") -> web.Response:
        base = self._base(request, session) | {"problem": problem}
        rows = [
            s for s in self.world.all("subscription", customer=session["customer"]) if s["status"] not in OVER
        ]
        bills = [b for b in self.world.all("invoice", customer=session["customer"]) if b["status"] != "draft"]
        methods = [method_for(self.world, row) for row in rows]
        return self.pages.show(
            "portal.html",
            status,
            **base,
            rows=[
                {
                    "subscription": row,
                    "name": formatting.plan_name(self.world, row),
                    "cost": formatting.cost(self.world, row),
                    "method": method,
                    "choices": self._others(session, row),
                }
                for row, method in zip(rows, methods, strict=True)
            ],
            method=next(filter(None, methods), None),
            bills=bills[::-1],
        )

    def _others(self, session: Obj, subscription: Obj) -> list[Obj]:
        now = {item["price"] for item in subscription["items"]["data"]}
        return [p for p in buyers.choices(self.world, session, subscription) if p["id"] not in now]

    async def view(self, request: web.Request) -> web.Response:
        session = self._open(request)
        if session is None:
            return self._expired()
        try:
            return self._view(request, session)
        except StripeRefusal as refusal:
            return self._home(request, session, refusal.status, str(refusal))

    def _view(self, request: web.Request, session: Obj, status: int = 200, problem: str = "") -> web.Response:
        view = request.match_info["view"]
        if view not in NEEDS:
            raise StripeRefusal(404, "There is no such page.")
        wanted = buyers.feature(self.world, session, NEEDS[view])
        values = self._base(request, session) | {"view": view, "problem": problem, "feature": wanted}
        name = request.match_info.get("subscription")
        if name:
            row = buyers.own(self.world, session, name)
            values |= {
                "row": row,
                "name": formatting.plan_name(self.world, row),
                "cost": formatting.cost(self.world, row),
                "choices": [
                    (price, self.world.by_id[price["product"]]["name"])
                    for price in self._others(session, row)
                ],
                "reasons": REASONS,
            }
        return self.pages.show(f"portal_{view}.html", status, **values)

    async def act(self, request: web.Request) -> web.Response:
        session = self._open(request)
        if session is None:
            return self._expired()
        form = {key: str(value) for key, value in (await request.post()).items()}
        view = request.match_info["view"]
        try:
            self._act_of(view)(session, request.match_info.get("subscription", ""), form)
        except StripeRefusal as refusal:
            if refusal.status == 402 and view in NEEDS:
                return self._view(request, session, 402, str(refusal))
            return self._home(request, session, refusal.status, str(refusal))
        finally:
            self.pages.acted()
        return self._done(request, session)

    def _act_of(self, view: str) -> Callable[[Obj, str, dict[str, str]], object]:
        if view not in self.acts:
            raise StripeRefusal(404, "There is no such page.")
        return self.acts[view]

    def _done(self, request: web.Request, session: Obj) -> web.Response:
        """Redirect to the portal, or to the page that the flow's after_completion names."""
        flow = session["flow"]
        home = f"/p/session/{request.match_info['secret']}"
        if flow and not self.world.hidden.get(("flowed", session["id"])):
            self.world.hidden["flowed", session["id"]] = True
            done = flow["after_completion"]
            if done["type"] == "redirect":
                return web.Response(status=303, headers={"Location": done["redirect"]["return_url"]})
            if done["type"] == "hosted_confirmation":
                text = (done["hosted_confirmation"] or {}).get("custom_message") or "Your change was saved."
                return self.pages.show(
                    "notice.html", title="Done", text=text, back=session["return_url"], good=True
                )
        return web.Response(status=303, headers={"Location": home})

    def _card(self, session: Obj, _: str, form: dict[str, str]) -> object:
        return buyers.portal_card(
            self.world, session, number=form.get("card", ""), expiry=form.get("expiry", "")
        )

    def _details(self, session: Obj, _: str, form: dict[str, str]) -> object:
        given: Obj = {key: form[key] for key in ("name", "email", "phone") if form.get(key)}
        address = {k: form[k] for k in ("line1", "city", "postal_code", "country") if form.get(k)}
        return buyers.portal_details(self.world, session, given | ({"address": address} if address else {}))
