"""Actions of the tour's people, printed as they happen, and checks of the tour's claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.stage import Stage
from sandbox.terminal import Terminal, date
from standins import browser
from standins.discord import Card, Person, PersonError, Reply

PATIENCE = 8.0  # real seconds to wait for anything to happen


class Failed(Exception):  # noqa: N818 - named by what happened
    """Raised when a check failed, because the rest of the tour would then make no sense."""


class Acting:
    """Acts for Mia, Tom and Ada on their stage, and counts the checks that were made."""

    def __init__(self, stage: Stage, terminal: Terminal) -> None:
        self.stage, self.tell = stage, terminal
        self.mia, self.tom, self.ada = stage.people
        self.checks = 0

    # Actions of people, printed as they happen

    async def types(
        self,
        who: Person,
        command: str,
        options: dict[str, Any] | None = None,
        shown: dict[str, Any] | None = None,
    ) -> Reply:
        """Use a slash command. `shown`: its options as the person sees them."""
        self.tell.types(who, command, shown or options or {})
        return await who.run(self.stage.general, command, options)

    async def pay(self, who: Person, url: str | None) -> None:
        """Open Stripe's payment page, fill it in, and come back."""
        page = await browser.look(str(url))
        self.check("the link leads to the payment page", page.status == 200 and "Due today" in page.text)
        self.tell.does(who, f"pays on Stripe's page with {browser.CARD}")
        done = await browser.pay(str(url), who.name)
        self.check("and comes back with thanks", done.status == 200 and "/return" in done.url)

    async def agree(self, who: Person, url: str | None) -> None:
        """Open PayPal's approval page, agree, and come back."""
        review = await browser.review(str(url), who.name)
        self.check("the link leads to PayPal, to agree", "Agree & Subscribe" in review.buttons)
        self.tell.does(who, "logs in at PayPal, reads what it costs, and presses [ Agree & Subscribe ]")
        done = await browser.agree(str(url), who.name)
        self.tell.note(done.text)
        self.check("and comes back to a page that says what happens now", "/return" in done.url)

    async def asks_to_cancel(self) -> Reply:
        """Use /cancel as Mia, and return the bot's question."""
        question = await self.types(self.mia, "cancel")
        self.tell.reads(question)
        return question

    async def confirms(self, question: Reply) -> Reply:
        """Confirm the question as Mia, and return the receipt."""
        self.tell.does(self.mia, "presses [ Cancel subscription ]")
        button = question.button("Cancel subscription")
        self.check("it is asked once, with a red button", button.style == "danger")
        receipt = await question.press("Cancel subscription")
        await self.happens("the renewal is stopped", lambda: "### Cancelled" in receipt.text or None)
        self.tell.reads(receipt)
        return receipt

    async def turn_to(self, moment: float) -> None:
        """Advance the clock to a moment, in unix seconds."""
        self.tell.note(f"… the clock turns to {date(moment)} …")
        await self.stage.turn(max(moment - self.stage.clock.now(), 0))

    async def gets(self, who: Person, text: str, *, quietly: bool = False) -> Card:
        """Wait for a direct message to the person that contains `text`, and print it unless `quietly`."""
        card = await who.dm_containing(text, PATIENCE)
        if quietly:
            self.check(f"{who.name} is told in a direct message too", ok=True)
        else:
            self.tell.does(who, "gets a direct message")
            self.tell.reads(card)
        return card

    # Checks

    def check(self, claim: str, ok: bool) -> None:
        """Print whether a claim is true. Raises Failed if it is not."""
        self.tell.checked(claim, ok)
        self.checks += 1
        if not ok:
            raise Failed(claim)

    async def happens(self, claim: str, probe: Callable[[], Any]) -> None:
        """Wait up to PATIENCE for a claim to become true, and print it. Raises Failed if it does not."""
        try:
            await self.stage.world.until(probe, claim, PATIENCE)
        except PersonError:
            self.check(claim, ok=False)
        self.check(claim, ok=True)

    async def has(self, who: Person, role: str) -> None:
        """Wait until the person has the role."""
        await self.happens(f"{who.name} has the role {role}", lambda: role in self.stage.roles_of(who))

    async def has_not(self, who: Person, role: str) -> None:
        """Wait until the person no longer has the role."""
        await self.happens(f"{who.name}'s role {role} is gone", lambda: role not in self.stage.roles_of(who))

    async def keeps(self, who: Person, role: str) -> None:
        """Check that the person still has the role once all pending work is done."""
        await self.stage.settle()
        self.check(f"{who.name} keeps the role {role}", role in self.stage.roles_of(who))
