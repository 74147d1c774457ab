"""What people do that must come out right, wherever the program is killed meanwhile.

Each path is prepared in peace, walked while the program may die, taken up again by its person where they
were left without an answer, and checked.
"""

from __future__ import annotations

from typing import Any

from sandbox.discord import Person, Reply
from sandbox.stripe.state import Obj
from tests.cogs.town import MONTH, Town, link_of
from tests.faults.kills.reaper import Reaper

CANCELLED = "### Cancelled"
RESUMED = "### Resumed"


class Path:
    """One member's way. `said` holds every answer that they, or the admin, saw."""

    def __init__(self, reaper: Reaper, member: Person) -> None:
        self.reaper, self.member = reaper, member
        self.said: list[Reply] = []

    @property
    def town(self) -> Town:
        return self.reaper.town

    async def prepare(self) -> None:
        """In peace."""

    async def walk(self) -> None:
        """While it may be killed."""
        raise NotImplementedError

    async def take_up(self) -> None:
        """What the person does after the program is back, who saw what they saw and not more."""

    async def check(self) -> None:
        """Everything came out right."""
        raise NotImplementedError

    # -- what people do ------------------------------------------------------------------------------
    async def run(self, who: Person, command: str, options: dict[str, Any] | None = None) -> Reply:
        reply = await self.reaper.alive(who.run(self.town.guild, command, options))
        self.said.append(reply)
        return reply

    async def press(self, card: Any, label: str) -> Reply:
        reply: Reply = await self.reaper.alive(card.press(label))
        self.said.append(reply)
        return reply

    async def buy(self) -> None:
        reply = await self.run(self.member, "subscribe", {"plan": "Gold"})
        self.town.stripe.pay_checkout(link_of(reply))
        await self.reaper.settle()

    async def cancel(self) -> None:
        question = await self.run(self.member, "cancel")
        await self.press(question, "Cancel subscription")

    async def hear(self, words: str) -> None:
        """Wait for a direct message."""
        await self.reaper.alive(self.member.dm_containing(words))

    # -- what is so ----------------------------------------------------------------------------------
    @property
    def subscriptions(self) -> list[Obj]:
        """The member's, at Stripe."""
        mine = str(self.member.id)
        return [
            s for s in self.town.stripe.world.all("subscription") if s["metadata"]["discord_user_id"] == mine
        ]

    @property
    def subscription(self) -> Obj:
        (only,) = self.subscriptions
        return only

    def changes(self, field: str) -> list[Any]:
        """Each value that the subscription's field had before a change of it, as Stripe told."""
        told = [e["data"] for e in self.town.stripe.events if e["type"] == "customer.subscription.updated"]
        mine = [data for data in told if data["object"]["id"] == self.subscription["id"]]
        return [
            data["previous_attributes"][field]
            for data in mine
            if field in data.get("previous_attributes", {})
        ]

    @property
    def roles(self) -> list[str]:
        return self.town.roles(self.member)

    def told(self, words: str) -> int:
        """How many of the member's direct messages hold these words."""
        return sum(words in card.text for card in self.member.dms)

    def was_told(self, words: str) -> bool:
        """By message or in answer."""
        return self.told(words) > 0 or any(words in reply.text for reply in self.said)

    def was_begun(self) -> bool:
        """Whether Stripe was asked for the change before the program died."""
        return any(label.startswith("Stripe hears POST /v1/subscriptions/") for label in self.reaper.trail)

    async def card(self) -> str:
        """What /subscriptions says now."""
        return (await self.run(self.member, "subscriptions")).text

    def no_double_charge(self) -> None:
        invoices = self.town.stripe.world.all("invoice", status="paid")
        assert [_of(invoice) for invoice in invoices].count(self.subscription["id"]) == 1


def _of(invoice: Obj) -> Any:
    return (invoice["parent"] or {}).get("subscription_details", {}).get("subscription")


class Pay(Path):
    """A member subscribes, pays, and has the role."""

    async def walk(self) -> None:
        self.paid = False
        await self._pay()
        await self.reaper.settle()

    async def _pay(self) -> None:
        reply = await self.run(self.member, "subscribe", {"plan": "Gold"})
        self.town.stripe.pay_checkout(link_of(reply))
        self.paid = True

    async def take_up(self) -> None:
        if not self.paid:
            await self._pay()
            await self.reaper.settle()

    async def check(self) -> None:
        self.no_double_charge()
        assert self.subscription["status"] == "active"
        assert self.roles == ["Gold"]
        ours = self.reaper.rows("SELECT role_id FROM role_grants WHERE member_id = :w", w=self.member.id)
        assert ours == [(self.town.gold.id,)]  # else nobody would ever take it again
        assert self.told("Thank you") in (1, 2)  # twice where it died between sending and noting it
        assert "Renews" in await self.card()


class Cancel(Path):
    """A member cancels; the role stays until the end."""

    async def prepare(self) -> None:
        await self.buy()

    async def walk(self) -> None:
        await self.cancel()
        await self.hear(CANCELLED)
        await self.reaper.settle()

    @property
    def is_cancelled(self) -> bool:
        return bool(self.subscription["cancel_at_period_end"])

    async def take_up(self) -> None:
        if self.is_cancelled:
            return
        assert not self.was_told(CANCELLED), "it was said before it was so"
        assert not self.was_begun(), "what was begun was not carried through"
        await self.cancel()
        await self.reaper.settle()

    async def check(self) -> None:
        assert self.is_cancelled
        assert self.changes("cancel_at_period_end") == [False]
        assert self.roles == ["Gold"]
        self.no_double_charge()
        assert "Renews" not in await self.card()


class Resume(Path):
    """A member takes a cancellation back."""

    async def prepare(self) -> None:
        await self.buy()
        await self.cancel()
        await self.reaper.settle()
        self.said.clear()

    async def walk(self) -> None:
        await self._resume()
        await self.hear(RESUMED)
        await self.reaper.settle()

    async def _resume(self) -> None:
        card = await self.run(self.member, "subscriptions")
        await self.press(card, "Resume")

    @property
    def renews(self) -> bool:
        return not self.subscription["cancel_at_period_end"] and self.subscription["cancel_at"] is None

    async def take_up(self) -> None:
        if self.renews:
            return
        assert not self.was_told(RESUMED), "it was said before it was so"
        assert not self.was_begun(), "what was begun was not carried through"
        await self._resume()
        await self.reaper.settle()

    async def check(self) -> None:
        assert self.renews
        assert self.changes("cancel_at_period_end") == [False, True]
        assert self.roles == ["Gold"]
        self.no_double_charge()
        assert "Renews" in await self.card()


class RevokeNow(Path):
    """An admin ends it at once and gives the last payment back."""

    async def prepare(self) -> None:
        await self.buy()

    async def walk(self) -> None:
        await self._revoke()
        await self.reaper.settle()

    async def _revoke(self) -> None:
        order = {"member": self.member, "when": "now", "refund": "last_payment", "reason": "spam"}
        question = await self.run(self.town.ada, "revoke", order)
        await self.press(question, "Revoke access")

    @property
    def decided(self) -> bool:
        found = self.reaper.rows("SELECT 1 FROM overrides WHERE member_id = :who", who=self.member.id)
        return bool(found)

    async def take_up(self) -> None:
        if not self.decided:
            assert not self.was_told("revoked"), "it was said before it was so"
            assert self.subscription["status"] == "active"
            await self._revoke()
            await self.reaper.settle()

    async def check(self) -> None:
        assert self.subscription["status"] == "canceled"
        deleted = [e for e in self.town.stripe.events if e["type"] == "customer.subscription.deleted"]
        assert [e["data"]["object"]["id"] for e in deleted].count(self.subscription["id"]) == 1
        assert self._refunded() == [500]
        assert self.roles == []
        assert len(self.reaper.rows("SELECT 1 FROM overrides WHERE member_id = :w", w=self.member.id)) == 1
        assert self.told("Access revoked") in (1, 2)
        assert "revoked" in (await self.run(self.member, "subscribe")).text

    def _refunded(self) -> list[int]:
        customer = self.subscription["customer"]
        charges = {c["id"] for c in self.town.stripe.world.all("charge", customer=customer)}
        return [r["amount"] for r in self.town.stripe.world.all("refund") if r["charge"] in charges]


class End(Path):
    """What was cancelled runs out."""

    async def prepare(self) -> None:
        await self.buy()
        await self.cancel()
        await self.reaper.settle()

    async def walk(self) -> None:
        self.reaper.turn(MONTH)
        await self.reaper.settle()

    async def check(self) -> None:
        assert self.subscription["status"] == "canceled"
        assert self.roles == []
        self.no_double_charge()
        assert self.told("has ended") in (1, 2)
