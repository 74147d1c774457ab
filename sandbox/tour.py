"""The tour: a year of a club with paid roles, told in a terminal, with every claim checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.actions import PATIENCE, Acting, Failed
from sandbox.stage import DAY, NotReadyError, Stage
from standins import browser
from standins.discord import Card, PersonError
from standins.paypal import Subscription

MANY = 20  # rows of history, more than one scene makes


class Tour(Acting):
    """Plays the scenes of the tour in order, until one of them fails."""

    async def play(self) -> bool:
        """Play the tour; return True if every step succeeded.

        The first wrong step ends the tour with a sentence about it.
        """
        try:
            for scene in self.scenes():
                self.tell.scene(str(scene.__doc__).strip().rstrip("."))
                await scene()
        except Failed:
            return False
        except (PersonError, NotReadyError) as error:
            self.tell.checked(str(error), ok=False)
            return False
        return True

    def scenes(self) -> list[Callable[[], Awaitable[None]]]:
        """Return the scenes of the story, in order; each one's docstring is printed as its title."""
        return [
            self.opening,
            self.subscribing,
            self.looking,
            self.managing,
            self.cancelling,
            self.resuming,
            self.leaving,
            self.trying,
            self.failing,
            self.revoking,
            self.lifting,
            self.returning,
            self.automatic,
            self.parting,
            self.lapsing,
            self.refunding,
        ]

    # The scenes

    async def opening(self) -> None:
        """Ada opens the shop."""
        for command, options in self.stage.set_up():
            reply = await self.types(self.ada, command, options)
            self.tell.reads(reply)
            said = "### Settings" if "settings" in command else "Now on sale"
            self.check(f"/{command} is done", said in reply.text)

    async def subscribing(self) -> None:
        """Mia subscribes."""
        reply = await self.types(self.mia, "subscribe")
        self.tell.reads(reply)
        ways = {"Pay €5.00 a month with Stripe", "Pay €5.00 a month with PayPal"}
        self.check("Gold can be had both ways", ways <= {button.label for button in reply.buttons})
        self.check("only Mia sees it, and nobody is pinged", reply.ephemeral and not reply.pings)
        await self.pay(self.mia, reply.button("Pay €5.00 a month with Stripe").url)
        await self.has(self.mia, "Gold")
        await self.gets(self.mia, "Thank you!")

    async def looking(self) -> None:
        """Mia looks at what she has."""
        reply = await self.types(self.mia, "subscriptions")
        self.tell.reads(reply)
        self.check("it names the price and when it renews", _all(reply, "€5.00 a month", "Renews on"))

    async def managing(self) -> None:
        """Mia opens the payment provider's own page."""
        reply = await self.types(self.mia, "manage")
        self.tell.reads(reply)
        page = await browser.look(str(reply.button("Open Stripe").url))
        self.tell.does(self.mia, "opens the link, and there can press")
        self.tell.note("  ".join(f"[ {label} ]" for label in page.buttons))
        self.check(
            "she can cancel and change her card there", {"Cancel plan", "Update card"} <= {*page.buttons}
        )
        self.check("and switch her plan, as Ada allows it", "Update plan" in page.buttons)

    async def cancelling(self) -> None:
        """Mia cancels, and keeps her role for the time that she paid for."""
        receipt = await self.confirms(await self.asks_to_cancel())
        self.check(
            "the receipt has a number and the way back", "Receipt" in receipt.text and bool(receipt.buttons)
        )
        await self.gets(self.mia, "Cancelled", quietly=True)
        await self.keeps(self.mia, "Gold")

    async def resuming(self) -> None:
        """Mia changes her mind."""
        note = await self.mia.dm_containing("Cancelled", PATIENCE)
        self.tell.does(self.mia, "presses [ Resume ] under the receipt in her messages")
        reply = await note.press("Resume")
        self.tell.reads(reply)
        self.check("it renews again", _all(reply, "Resumed", "will renew"))

    async def leaving(self) -> None:
        """Mia cancels for good, and the month runs out."""
        await self.confirms(await self.asks_to_cancel())
        ends_at = self.subscription("Gold")["cancel_at"]
        await self.turn_to(ends_at + 60)
        await self.has_not(self.mia, "Gold")
        await self.gets(self.mia, "has ended")
        self.check("nothing was charged again", len(self.paid("Gold")) == 1)

    async def trying(self) -> None:
        """Tom tries Platinum for a week, then pays."""
        choices = await self.tom.autocomplete(self.stage.general, "subscribe", "plan", "pla")
        names = ", ".join(choice["name"] for choice in choices)
        self.tell.does(self.tom, f"/subscribe plan:pla…   is offered: {names}")
        reply = await self.types(self.tom, "subscribe", {"plan": choices[0]["value"]}, shown={"plan": names})
        self.tell.reads(reply)
        await self.pay(self.tom, reply.button("Try 7 days free with Stripe").url)
        await self.has(self.tom, "Platinum")
        self.check("nothing was charged yet", not self.paid("Platinum"))
        await self.turn_to(self.subscription("Platinum")["trial_end"] + 2 * 3600)
        self.check("after the trial €9.00 was charged", self.paid("Platinum") == [900])
        await self.keeps(self.tom, "Platinum")

    async def failing(self) -> None:
        """Tom's card fails; he keeps the role for some days and saves another card."""
        self.stage.stripe.dashboard.fail_next_payment()
        period_end = self.subscription("Platinum")["items"]["data"][0]["current_period_end"]
        await self.turn_to(period_end + 2 * 3600)
        note = await self.gets(self.tom, "failed")
        await self.keeps(self.tom, "Platinum")
        self.tell.does(self.tom, "presses [ Update payment ] and saves another card")
        reply = await note.press("Update payment")
        page = await browser.change_card(str(reply.button("Open Stripe").url))
        self.check("the new card is there", "4444" in page.text)
        await self.turn_to(self.stage.clock.now() + DAY + 3600)
        self.check("Stripe tried again and was paid", self.paid("Platinum") == [900, 900])
        status = await self.types(self.tom, "subscriptions")
        self.check("all is well again", "Renews on" in status.text and "failed" not in status.text)

    async def revoking(self) -> None:
        """Ada shows Tom the door."""
        options = {"member": self.tom, "when": "now", "refund": "last_payment", "reason": "Threw a chair"}
        question = await self.types(self.ada, "revoke", options)
        self.tell.reads(question)
        self.tell.does(self.ada, "presses [ Revoke access ]")
        reply = await question.press("Revoke access")
        await self.happens("€9.00 is refunded", lambda: "€9.00" in reply.text or None)
        self.tell.reads(reply)
        await self.has_not(self.tom, "Platinum")
        await self.gets(self.tom, "Threw a chair")
        self.check("Stripe bills him no more", self.subscription("Platinum")["status"] == "canceled")

    async def lifting(self) -> None:
        """Tom asks, and Ada relents."""
        refused = await self.types(self.tom, "subscribe", {"plan": "Platinum"})
        self.tell.reads(refused)
        self.check("he is told before he pays again", "revoked" in refused.text and not _links(refused))
        self.tell.does(self.tom, "presses [ Ask the admins ]")
        await refused.press("Ask the admins")
        asked = await self.ada.message_containing(
            self.stage.notices, "would like you to reconsider", PATIENCE
        )
        self.tell.does(self.ada, "reads in #dues-notices")
        self.tell.reads(asked)
        reply = await asked.press("Lift the revocation")
        self.tell.reads(reply)
        await self.gets(self.tom, "Revocation lifted")
        again = await self.types(self.tom, "subscribe", {"plan": "Platinum"})
        self.tell.reads(again)
        self.check("he may subscribe again", bool(_links(again)))

    async def returning(self) -> None:
        """Mia comes back, and pays with PayPal, whose notifications are delayed."""
        reply = await self.types(self.mia, "subscribe", {"plan": "Gold"})
        self.tell.reads(reply)
        self.stage.paypal.delivery_faults.hold = True
        known = len(self.stage.paypal.deliveries)
        self.tell.note("… nothing that PayPal sends gets through just now …")
        await self.agree(self.mia, reply.button("Pay €5.00 a month with PayPal").url)
        await self.has(self.mia, "Gold")
        held = self.stage.paypal.deliveries[known:]
        silent = bool(held) and all(delivery.state == "held" for delivery in held)
        self.check("no notification has arrived yet", silent)
        self.check("that page had it looked up", self.agreement().id in self.looked_up())
        self.stage.paypal.delivery_faults.hold = False
        self.stage.paypal.release()
        self.tell.note("… and now it does …")
        await self.gets(self.mia, "Thank you!", quietly=True)
        status = await self.types(self.mia, "subscriptions")
        self.tell.reads(status)
        self.check("it names PayPal and when it renews", _all(status, "through PayPal", "Renews on"))

    async def automatic(self) -> None:
        """Mia views her automatic payments at PayPal."""
        reply = await self.types(self.mia, "manage")
        self.tell.reads(reply)
        page = await browser.review(str(reply.button("Open PayPal").url), self.mia.name)
        self.tell.does(self.mia, "opens the link, logs in, and reads under Automatic payments")
        shown = page.text.partition("your account.")[2].partition("Pay with")[0].strip()
        self.tell.note(shown)
        claimed = (self.stage.guild.name, "Active", "Gold", "€5.00 every month")
        self.check("her subscription is there", all(text in shown for text in claimed))

    async def parting(self) -> None:
        """Mia cancels at PayPal, which ends it immediately and for good, as the bot tells her first."""
        question = await self.asks_to_cancel()
        self.check("she is told beforehand what she keeps", _all(question, "You'll keep", "until"))
        self.check("and that it cannot be undone", "You can't undo this" in question.text)
        receipt = await self.confirms(question)
        self.check("PayPal takes nothing more", self.agreement().status == "CANCELLED")
        await self.keeps(self.mia, "Gold")
        self.check("no undo is offered that PayPal could not give", "Resume" not in _labels(receipt))
        self.tell.does(self.mia, "presses [ Subscribe again ], to see what that would cost")
        again = await receipt.press("Subscribe again")
        self.tell.reads(again)
        url = next(url for url in _links(again) if url.startswith(self.stage.paypal.url))
        page = await browser.review(url, self.mia.name)
        self.check("nothing before what is paid has ended", "Due today €0.00" in page.text)

    async def lapsing(self) -> None:
        """The month that Mia paid for runs out."""
        ends_at = self.stage.peek.paid_through(self.agreement().id) or 0
        await self.turn_to(ends_at - DAY)
        await self.keeps(self.mia, "Gold")
        await self.turn_to(ends_at + 60)
        await self.has_not(self.mia, "Gold")
        await self.happens("she is told", lambda: "has ended" in self.mia.dms[-1].text or None)
        self.check("nothing was charged again", len(self.sales()) == 1)

    async def refunding(self) -> None:
        """Tom pays with PayPal, throws another chair, and gets his money back."""
        reply = await self.types(self.tom, "subscribe", {"plan": "Gold"})
        await self.agree(self.tom, reply.button("Pay €5.00 a month with PayPal").url)
        await self.has(self.tom, "Gold")
        options = {"member": self.tom, "when": "now", "refund": "last_payment", "reason": "Another chair"}
        question = await self.types(self.ada, "revoke", options)
        self.tell.reads(question)
        reply = await question.press("Revoke access")
        await self.happens("€5.00 is refunded", lambda: "€5.00" in reply.text or None)
        self.tell.reads(reply)
        await self.has_not(self.tom, "Gold")
        self.check("PayPal gave it back, and takes no more", self.sales()[-1] == "REFUNDED")
        self.check("for the agreement has ended there", self.agreement().status == "CANCELLED")

    # The providers' data

    def subscription(self, product: str) -> dict[str, Any]:
        """Return the newest Stripe subscription to a product."""
        return [s for s in self.stage.stripe.world.all("subscription") if _product(self.stage, s) == product][
            -1
        ]

    def agreement(self) -> Subscription:
        """Return the newest PayPal subscription that a buyer has approved."""
        found: list[Subscription] = self.stage.paypal.world.all("subscription")
        return [one for one in found if one.buyer is not None][-1]

    def looked_up(self) -> list[str]:
        """Return the ids of the subscriptions that the bot looked up when a buyer came back.

        The buyer comes back from the payment page to the bot's own return page.
        """
        rows = [row for row in self.stage.peek.history(MANY) if row.evidence == "return"]
        return [row.subject.split()[-1] for row in rows]

    def sales(self) -> list[str]:
        """Return the state of every PayPal payment, oldest first."""
        return [sale.status for sale in self.stage.paypal.world.all("sale")]

    def paid(self, product: str) -> list[int]:
        """Return the sum charged for a product so far, in cents."""
        world = self.stage.stripe.world
        bills = [b for b in world.all("invoice", status="paid") if b["amount_paid"]]
        ids = {s["id"] for s in world.all("subscription") if _product(self.stage, s) == product}
        return [b["amount_paid"] for b in bills if b["parent"]["subscription_details"]["subscription"] in ids]


def _product(stage: Stage, subscription: dict[str, Any]) -> str:
    world = stage.stripe.world
    price = world.get("price", subscription["items"]["data"][0]["price"])
    return str(world.get("product", price["product"])["name"])


def _all(card: Card, *texts: str) -> bool:
    return all(text in card.text for text in texts)


def _labels(card: Card) -> list[str]:
    return [button.label for button in card.buttons]


def _links(card: Card) -> list[str]:
    return [button.url for button in card.buttons if button.url]
