"""Which account the key is of. An organisation's destination sends the events of all its accounts here, each
with the account in `context`, signed with the same secret."""

from __future__ import annotations

import asyncio
import logging
import re

from billing.errors import ProviderError
from billing.model import Finding
from billing.ports import Clock
from providers.base import need
from providers.stripe.api import Api

log = logging.getLogger(__name__)

_PATIENCE = 4.0  # seconds; Stripe waits for the answer to its notification
_AGAIN = 60.0
_NAMED = 20  # accounts that are remembered
_LIVE_KEY = re.compile(r"[a-z]+_(org_)?live_")


def account_of(api_key: str) -> str:
    """'live' or 'test', as the key's prefix says (docs.stripe.com/keys, 2026-11)."""
    return "live" if _LIVE_KEY.match(api_key) else "test"


class Home:
    """Asks once, when the first event names an account."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api, self._clock = api, clock
        self._id: str | None = None
        self._next = 0.0
        self._asking = asyncio.Lock()
        self._others: list[str] = []
        self.heard = False  # an event that named this account

    async def owns(self, origin: str, *, connected: bool) -> bool:
        """Whether an event of this account is ours. While that is not known, it is taken, as looking at its
        subject tells; unless it is of a `connected` account, which is not asked for with our key."""
        own = await self._ask()
        if own is None:
            return not connected
        if origin != own:
            self._pass_over(origin)
        self.heard = self.heard or origin == own
        return origin == own

    def findings(self) -> list[Finding]:
        """What came of other accounts since the start."""
        if not self._others:
            return []
        says = (
            f"Notifications of other accounts arrive here too ({', '.join(self._others)}) and are passed "
            f"over: STRIPE_API_KEY is of {self._id}. To sell for another account, set a key of that one."
        )
        return [Finding("Stripe account", True, says, note=True)]

    def _pass_over(self, origin: str) -> None:
        if origin in self._others or len(self._others) == _NAMED:
            return
        self._others.append(origin)
        log.warning("Stripe sends events of account %s; STRIPE_API_KEY is of %s: not ours", origin, self._id)

    async def _ask(self) -> str | None:
        async with self._asking:
            if self._id is None and self._clock.now() >= self._next:
                try:
                    async with asyncio.timeout(_PATIENCE):
                        self._id = need(await self._api.get("account"), "id", str)
                except (ProviderError, TimeoutError) as error:
                    self._next = self._clock.now() + _AGAIN
                    log.warning("Which account STRIPE_API_KEY is of cannot be told: %s", error)
        return self._id
