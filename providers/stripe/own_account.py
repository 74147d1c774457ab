"""Tells events of the key's own Stripe account from those of other accounts.

An organisation's event destination sends the events of all its accounts here. Each names its account in
`context`, and all are signed with the same secret.
"""

from __future__ import annotations

import asyncio
import logging
import re

from billing.errors import ProviderError
from billing.model import Finding
from billing.model.translatable_text import Text, Verbatim
from billing.ports import Clock
from providers.base import need
from providers.kept_ids import KeptIds
from providers.stripe.api import Api

log = logging.getLogger(__name__)

_ASK_SECONDS = 4.0  # seconds; meanwhile Stripe waits for the answer to its notification
_RETRY_AFTER = 60.0  # seconds
_CHANGE_TOLD_FOR = 30 * 86_400  # seconds
_MOST_OTHERS = 20  # other accounts that are remembered
_LIVE_KEY = re.compile(r"[a-z]+_(org_)?live_")


def account_of(api_key: str) -> str:
    """Return 'live' or 'test', by the key's prefix (docs.stripe.com/keys, 2026-11)."""
    return "live" if _LIVE_KEY.match(api_key) else "test"


class OwnAccount:
    """The account that STRIPE_API_KEY belongs to.

    Its id is fetched once, when the first event names an account.
    """

    def __init__(self, api: Api, clock: Clock, ids: KeptIds) -> None:
        self._api, self._clock, self._ids = api, clock, ids
        self._id: str | None = None
        self._next = 0.0
        self._asking = asyncio.Lock()
        self._others: list[str] = []
        self.heard = False  # True once an event named this account

    async def owns(self, origin: str, *, connected: bool) -> bool:
        """Return True if `origin` is the key's own account.

        Until the own account's id is known, the result is True for all but a `connected` account. That does
        no harm: the event's subject is fetched with our key, which cannot fetch another account's objects.
        """
        own = await self._ask()
        if own is None:
            return not connected
        if origin != own:
            self._pass_over(origin)
        self.heard = self.heard or origin == own
        return origin == own

    async def check(self) -> list[Finding]:
        """Return findings if the key belongs to another account than before, or may not tell to which.

        A change is reported for 30 days, because the owner may have changed the account on purpose.
        """
        own, what, now = await self._ask(), Text("finding.stripe.account"), int(self._clock.now())
        if own is None:
            return [Finding(what, True, Text("finding.stripe.account_unknown"), note=True), *self.findings()]
        before, _, changed = (await self._ids.load("account")).partition(" ")
        former, _, at = changed.partition(" ")
        if before != own:
            former, at = before, str(now)
            await self._ids.record("account", f"{own} {former} {at}" if former else own)
        if not former or int(at) + _CHANGE_TOLD_FOR < now:
            return self.findings()
        message = Text("finding.stripe.account_changed", own=Verbatim(own), former=Verbatim(former))
        cure = Text("finding.stripe.account_changed_cure", former=Verbatim(former))
        return [Finding(what, False, message, cure), *self.findings()]

    def findings(self) -> list[Finding]:
        """Return a finding if events of other accounts have arrived since the start."""
        if not self._others:
            return []
        message = Text(
            "finding.stripe.other_accounts",
            accounts=[Verbatim(one) for one in self._others],
            own=Verbatim(self._id or ""),
        )
        return [Finding(Text("finding.stripe.account"), True, message, note=True)]

    def _pass_over(self, origin: str) -> None:
        if origin in self._others or len(self._others) == _MOST_OTHERS:
            return
        self._others.append(origin)
        log.warning("Ignoring events of Stripe account %s: STRIPE_API_KEY belongs to %s", origin, self._id)

    async def _ask(self) -> str | None:
        async with self._asking:
            if self._id is None and self._clock.now() >= self._next:
                try:
                    async with asyncio.timeout(_ASK_SECONDS):
                        self._id = need(await self._api.get("account"), "id", str)
                except (ProviderError, TimeoutError) as error:
                    self._next = self._clock.now() + _RETRY_AFTER
                    log.warning("Cannot tell which account STRIPE_API_KEY belongs to: %s", error)
        return self._id
