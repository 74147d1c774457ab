"""Stripe's hosted pages for checkout, invoices and receipts. The portal's are in portal_pages.py."""

from __future__ import annotations

from aiohttp import web

from standins.stripe import billing, buyers, formatting, invoice_api, invoices, page_shell
from standins.stripe.checkout import line_items
from standins.stripe.clockwork import catch_up
from standins.stripe.dates import spoken
from standins.stripe.errors import StripeRefusal
from standins.stripe.page_shell import PageShell
from standins.stripe.payment_methods import attach_to
from standins.stripe.payments import on_page
from standins.stripe.portal_pages import PortalPages
from standins.stripe.state import Obj


class Pages(PageShell):
    """Serves the checkout, invoice and receipt pages."""

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/c/pay/{id}", self.checkout)
        app.router.add_post("/c/pay/{id}", self.pay)
        app.router.add_get("/i/{id}/{token}", self.invoice)
        app.router.add_post("/i/{id}/{token}", self.pay_invoice)
        app.router.add_get("/receipts/{id}", self.receipt)
        PortalPages(self).add_to(app)

    async def checkout(self, request: web.Request) -> web.Response:
        catch_up(self.world)
        session = self._session(request)
        if session is None:
            return self.sorry(404, "Nothing here", "This payment page does not exist. Ask for a new link.")
        return self._checkout(session)

    def _session(self, request: web.Request) -> Obj | None:
        return self.world.tables.get("checkout.session", {}).get(request.match_info["id"])

    def _checkout(self, session: Obj, problem: str = "", typed: Obj | None = None) -> web.Response:
        if session["status"] == "complete":
            return self.show(
                "notice.html", title="All done", text="This has been paid.", back=None, good=True
            )
        if session["status"] == "expired":
            return self.sorry(
                410, "This page has expired", "Ask for a new link to subscribe.", session["cancel_url"]
            )
        lines = line_items(self.world, session)["data"]
        prices = [self.world.by_id[line["price"]] for line in lines]
        customer = self.world.by_id[session["customer"]] if session["customer"] else {}
        typed = typed or {"email": customer.get("email") or session["customer_email"] or "", "name": ""}
        return self.show(
            "checkout.html",
            402 if problem else 200,
            session=session,
            rows=[
                (line["description"], line["quantity"], price)
                for line, price in zip(lines, prices, strict=True)
            ],
            trial_end=self._trial_end(session),
            total=sum(
                (p["unit_amount"] or 0) * line["quantity"] for line, p in zip(lines, prices, strict=True)
            ),
            problem=problem,
            typed=typed,
        )

    def _trial_end(self, session: Obj) -> int | None:
        data = self.world.hidden[session["id"]]["subscription_data"]
        if "trial_period_days" in data:
            return self.world.now() + int(data["trial_period_days"]) * 86_400
        end: int | None = data.get("trial_end")
        return end

    async def pay(self, request: web.Request) -> web.Response:
        catch_up(self.world)
        session = self._session(request)
        if session is None:
            return self.sorry(404, "Nothing here", "This payment page does not exist. Ask for a new link.")
        typed = {key: str(value) for key, value in (await request.post()).items()}
        if session["status"] != "open":
            return self._checkout(session)
        try:
            buyers.pay(
                self.world,
                session,
                number=typed.get("card", ""),
                expiry=typed.get("expiry", ""),
                name=typed.get("name", ""),
                email=typed.get("email", ""),
                code=typed.get("code", ""),
            )
        except StripeRefusal as refusal:
            return self._checkout(session, str(refusal), typed)
        finally:
            self.acted()
        return self._thanks(session)

    def _thanks(self, session: Obj) -> web.Response:
        if session["success_url"]:
            place = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
            return web.Response(status=303, headers={"Location": place, **page_shell.HEADERS})
        text = "Your subscription has begun. You can close this page."
        return self.show("notice.html", title="Thank you", text=text, back=None, good=True)

    def _invoice(self, request: web.Request) -> Obj | None:
        found = self.world.tables.get("invoice", {}).get(request.match_info["id"])
        here = f"/i/{request.match_info['id']}/{request.match_info['token']}"
        return found if found and (found["hosted_invoice_url"] or "").endswith(here) else None

    async def invoice(self, request: web.Request) -> web.Response:
        catch_up(self.world)
        invoice = self._invoice(request)
        if invoice is None:
            return self.sorry(404, "Nothing here", "This invoice does not exist.")
        return self.show("invoice.html", invoice=invoice, problem="")

    async def pay_invoice(self, request: web.Request) -> web.Response:
        catch_up(self.world)
        invoice = self._invoice(request)
        if invoice is None:
            return self.sorry(404, "Nothing here", "This invoice does not exist.")
        form = await request.post()
        try:
            self._pay_open(invoice, str(form.get("card", "")), str(form.get("expiry", "")))
        except StripeRefusal as refusal:
            return self.show("invoice.html", 402, invoice=invoice, problem=str(refusal))
        finally:
            self.acted()
        return self.show("invoice.html", invoice=invoice, problem="")

    def _pay_open(self, invoice: Obj, number: str, expiry: str) -> None:
        method = buyers.typed_card(self.world, number, expiry)
        attach_to(self.world, method, self.world.get("customer", invoice["customer"]))
        with on_page(self.world):
            invoice_api.pay(self.world, {"payment_method": method["id"]}, invoice["id"])
        subscription = self.world.get("subscription", invoices.subscription_id(invoice))
        with self.world.changing(subscription, billing.UPDATED):
            subscription["default_payment_method"] = method["id"]

    async def receipt(self, request: web.Request) -> web.Response:
        charge = self.world.tables.get("charge", {}).get(request.match_info["id"])
        if charge is None or not charge["paid"]:
            return self.sorry(404, "Nothing here", "There is no such receipt.")
        paid = formatting.money(charge["amount"], charge["currency"])
        text = f"{paid} paid on {spoken(charge['created'])} with the card ending in "
        text += charge["payment_method_details"]["card"]["last4"] + "."
        if charge["amount_refunded"]:
            text += f" {formatting.money(charge['amount_refunded'], charge['currency'])} was refunded."
        return self.show("notice.html", title="Receipt", text=text, back=None, good=True)
