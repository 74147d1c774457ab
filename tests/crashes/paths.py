"""Actions of people that must come out right wherever the program is killed meanwhile.

A story is one member's; its paths are walked one after another. The program may die during each; if the
person got no answer they take it up again, and then the result is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from standins.discord import Person, Reply
from tests.app.harness import DAY, MONTH, AppHarness
from tests.crashes.crash_runner import CrashRunner
from tests.crashes.payment_drivers import PAYPAL, STRIPE, PaymentDriver

CANCELLED = "### Cancelled"
RESUMED = "### Resumed"


class Story:
    """One member's story. `due`: what must have become of their subscriptions by now."""

    def __init__(self, runner: CrashRunner, driver: PaymentDriver, member: Person) -> None:
        self.runner, self.driver, self.member = runner, driver, member
        self.due: list[str] = []

    @property
    def app(self) -> AppHarness:
        return self.runner.app

    @property
    def happened(self) -> list[str]:
        return sorted(self.driver.happened(self.app, self.member))


class Path:
    """One step of a story. `said` holds every answer that the member, or the admin, saw meanwhile.

    `brings`: what must become of the subscription through it. `words`: what says that it is done.
    """

    brings: ClassVar[Mapping[PaymentDriver, list[str]]]
    words = ""
    title: str

    def __init_subclass__(cls) -> None:
        cls.title = cls.__name__

    def __init__(self, story: Story) -> None:
        self.story, self.runner, self.member = story, story.runner, story.member
        self.before = sorted(story.due)
        story.due += self.brings[story.driver]
        self.told_before = self._told(self.words)
        self.said: list[Reply] = []
        self.points: list[str] = []

    # -- what a path is ------------------------------------------------------------------------------
    async def walk(self) -> None:
        """While it may be killed."""
        raise NotImplementedError

    async def take_up(self) -> None:
        """The person's next step after the program is back; they know only what they saw."""
        if self.is_done:
            return
        assert self.story.happened == self.before, "it was done by half"
        assert not self.was_said(), "it was said before it was so"
        assert not self.was_begun(), "what was begun was not carried through"
        await self.walk()

    async def check(self) -> None:
        """Everything came out right."""
        assert self.story.happened == sorted(self.story.due)
        await self.is_right()

    async def is_right(self) -> None:
        """Further conditions that hold now."""
        raise NotImplementedError

    # -- what people do ------------------------------------------------------------------------------
    async def run(self, who: Person, command: str, options: dict[str, Any] | None = None) -> Reply:
        reply = await self.runner.alive(who.run(self.app.guild, command, options))
        self.said.append(reply)
        return reply

    async def press(self, card: Any, label: str) -> Reply:
        reply: Reply = await self.runner.alive(card.press(label))
        self.said.append(reply)
        return reply

    async def hear(self) -> None:
        """Wait for a direct message with the words, and for all to be quiet."""
        await self.runner.alive(self._hear())
        await self.runner.settle()

    async def _hear(self) -> None:
        feed = self.app.world.subscribe()
        while self._told(self.words) == self.told_before:
            await feed.get()

    # -- what is so ----------------------------------------------------------------------------------
    @property
    def app(self) -> AppHarness:
        return self.runner.app

    @property
    def is_done(self) -> bool:
        return self.story.happened == sorted(self.story.due)

    @property
    def roles(self) -> list[str]:
        return self.app.roles(self.member)

    def _told(self, words: str) -> int:
        return sum(words in card.text for card in self.member.dms)

    def told(self) -> int:
        """How many direct messages said the words since this path began."""
        return self._told(self.words) - self.told_before

    def was_said(self) -> bool:
        """By message or in answer."""
        return self.told() > 0 or any(self.words in reply.text for reply in self.said)

    def was_begun(self) -> bool:
        """Whether the provider was asked for the change before the program died."""
        return any(label.startswith(self.story.driver.changes) for label in self.points)

    async def card(self) -> str:
        """The current answer of /subscriptions."""
        return (await self.run(self.member, "subscriptions")).text

    def changed_roles(self) -> list[str]:
        """All roles ever given to the member and taken from them."""
        mine = [entry for entry in self.app.world.audit if entry["user_id"] == self.member.id]
        return [
            f"{sign}{r}" for e in mine for sign, part in (("+", "added"), ("-", "removed")) for r in e[part]
        ]

    def decisions(self) -> int:
        """How many times the admins decided against them."""
        query = "SELECT DISTINCT decision_id FROM overrides WHERE member_id = :who"
        return len(self.runner.rows(query, who=self.member.id))


class Pay(Path):
    """A member subscribes, pays, and has the role."""

    brings: ClassVar = {STRIPE: ["began", "paid 500"], PAYPAL: ["began", "paid 500"]}
    words = "Thank you"
    paid = False

    async def walk(self) -> None:
        reply = await self.run(self.member, "subscribe", {"plan": "Gold"})
        self.pay(reply)
        await self.runner.settle()

    def pay(self, reply: Reply) -> None:
        """The member's own act, which no death undoes."""
        self.story.driver.pay(self.app, self.member, reply)
        self.paid = True

    async def take_up(self) -> None:
        if not self.paid:
            await self.walk()

    async def is_right(self) -> None:
        assert self.changed_roles() == ["+Gold"]
        ours = self.runner.rows("SELECT role_id FROM role_grants WHERE member_id = :w", w=self.member.id)
        assert ours == [(self.app.gold.id,)]  # else nobody would ever take it again
        assert self.told() in (1, 2)  # twice where it died between sending and noting it
        assert "Renews" in await self.card()


class Renew(Path):
    """A month goes by, and the next is paid."""

    brings: ClassVar = {STRIPE: ["paid 500"], PAYPAL: ["paid 500"]}

    async def walk(self) -> None:
        self.runner.turn(MONTH + DAY)
        await self.runner.settle()

    async def take_up(self) -> None:
        """Do nothing: this path needs no action after a crash."""

    async def is_right(self) -> None:
        query = "SELECT period_end FROM subscriptions WHERE member_id = :who"
        ((until,),) = self.runner.rows(query, who=self.member.id)
        assert until > self.app.clock.now()
        assert self.changed_roles() == ["+Gold"]
        assert "Renews" in await self.card()


class Cancel(Path):
    """A member cancels; the role stays until the end."""

    brings: ClassVar = {STRIPE: ["stopped"], PAYPAL: ["ended"]}
    words = CANCELLED

    async def walk(self) -> None:
        question = await self.run(self.member, "cancel")
        await self.press(question, "Cancel subscription")
        await self.hear()

    async def is_right(self) -> None:
        assert self.changed_roles() == ["+Gold"]
        assert "Renews" not in await self.card()


class Resume(Path):
    """A member takes a cancellation back."""

    brings: ClassVar = {STRIPE: ["resumed"]}
    words = RESUMED

    async def walk(self) -> None:
        card = await self.run(self.member, "subscriptions")
        await self.press(card, "Resume")
        await self.hear()

    async def is_right(self) -> None:
        assert self.changed_roles() == ["+Gold"]
        assert "Renews" in await self.card()


class Again(Pay):
    """A member whose provider cannot take a cancellation back subscribes again, from the end of the paid
    period."""

    brings: ClassVar = {PAYPAL: ["began"]}

    async def walk(self) -> None:
        card = await self.run(self.member, "subscriptions")
        self.pay(await self.press(card, "Subscribe again"))
        await self.runner.settle()

    async def is_right(self) -> None:
        assert self.changed_roles() == ["+Gold"]
        assert "Your first regular payment is due then" in await self.card()


class Revoke(Path):
    """An admin ends a member's access."""

    words = "Access revoked"
    order: ClassVar[dict[str, str]] = {}

    async def walk(self) -> None:
        order = {"member": self.member, "reason": "spam", **self.order}
        question = await self.run(self.app.ada, "revoke", order)
        await self.press(question, "Revoke access")
        await self.runner.settle()

    async def take_up(self) -> None:
        if not self.decisions():
            await super().take_up()

    async def is_right(self) -> None:
        assert self.decisions() == 1
        assert self.told() in (1, 2)


class RevokeNow(Revoke):
    """At once, with the last payment given back."""

    brings: ClassVar = {STRIPE: ["ended", "refunded 500"], PAYPAL: ["ended", "refunded 500"]}
    order: ClassVar = {"when": "now", "refund": "last_payment"}

    async def is_right(self) -> None:
        await super().is_right()
        assert self.changed_roles() == ["+Gold", "-Gold"]
        assert "revoked" in (await self.run(self.member, "subscribe")).text


class RevokeEnd(Revoke):
    """At the end of what is paid."""

    brings: ClassVar = {STRIPE: ["stopped"], PAYPAL: ["ended"]}

    async def is_right(self) -> None:
        await super().is_right()
        assert self.changed_roles() == ["+Gold"]
        assert "Renews" not in await self.card()


class End(Path):
    """A cancelled or revoked subscription runs out."""

    brings: ClassVar = {STRIPE: ["ended"], PAYPAL: []}
    words = "has ended"

    async def walk(self) -> None:
        self.runner.turn(MONTH + DAY)
        await self.runner.settle()

    async def take_up(self) -> None:
        """Nobody does anything."""

    async def is_right(self) -> None:
        assert self.changed_roles() == ["+Gold", "-Gold"]
        # A revocation has named the day, so nothing more is said on it.
        assert self.told() in ((0,) if self.decisions() else (1, 2))
