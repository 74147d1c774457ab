"""Checks the set-up of the PayPal application, and repairs what the bot can repair itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from billing.errors import ProviderError, ProviderNotFound, ProviderRefused, ProviderUnavailable
from billing.model import Finding, Plan, Price
from billing.model.translatable_text import Text, Verbatim
from billing.ports import Clock
from providers.base import Answer, call_deadline, for_guild, in_time, maybe, need
from providers.paypal.api import Api, Refused, path
from providers.paypal.billing_plans import DAY, NAME, map_price, product_of
from providers.paypal.certs import Certificates
from providers.paypal.transaction_search import ask

# The events that can change a subscription. Any other type would only cost requests.
EVENTS = (
    "BILLING.PLAN.ACTIVATED",
    "BILLING.PLAN.DEACTIVATED",
    "BILLING.PLAN.PRICING-CHANGE.ACTIVATED",
    "BILLING.PLAN.UPDATED",
    "BILLING.SUBSCRIPTION.ACTIVATED",
    "BILLING.SUBSCRIPTION.CANCELLED",
    "BILLING.SUBSCRIPTION.EXPIRED",
    "BILLING.SUBSCRIPTION.PAYMENT.FAILED",
    "BILLING.SUBSCRIPTION.RE-ACTIVATED",
    "BILLING.SUBSCRIPTION.SUSPENDED",
    "BILLING.SUBSCRIPTION.UPDATED",
    "CUSTOMER.DISPUTE.CREATED",
    "CUSTOMER.DISPUTE.RESOLVED",
    "CUSTOMER.DISPUTE.UPDATED",
    "PAYMENT.SALE.COMPLETED",
    "PAYMENT.SALE.REFUNDED",
    "PAYMENT.SALE.REVERSED",
)
_CREDENTIALS, _CERTIFICATES = Text("finding.paypal.credentials"), Text("finding.paypal.certificates")
_WEBHOOK, _DISPUTES = Text("finding.paypal.webhook"), Text("finding.paypal.disputes")
_SEARCH = Text("finding.paypal.search")
_FIX_WEBHOOK = "paypal:webhook:"


class Setup:
    """Checks and repairs the set-up of one PayPal application."""

    def __init__(
        self,
        api: Api,
        certificates: Certificates,
        webhook_ids: Sequence[str],
        account: str,
        clock: Clock,
        *,
        search: bool,
    ) -> None:
        self._api = api
        self._certificates = certificates
        self._webhook_ids = webhook_ids
        self._account = account
        self._clock = clock
        self._search = search

    async def check(self, plans: Sequence[Plan], webhook_url: str) -> list[Finding]:
        """Run all checks at the same time, and return their findings.

        A check that fails does not stop the others.
        """
        ends = call_deadline()
        credentials = await self._check_credentials(ends)
        if not credentials.ok:
            return [credentials]
        on_sale = [(p, price) for p in plans if not p.removed_at and (price := p.price_at(NAME))]
        found = await asyncio.gather(
            *(
                _findings_of(_WEBHOOK, self._check_webhook(one, webhook_url), ends)
                for one in self._webhook_ids
            ),
            _findings_of(_DISPUTES, self._check_disputes(), ends),
            _findings_of(_SEARCH, self._check_search(), ends),
            *(
                for_guild(p.guild_id, _findings_of(_plan_of(p), self._check_plan(p, price), ends))
                for p, price in on_sale
            ),
        )
        seen = (finding for findings in found for finding in findings)
        return [credentials, *self._check_authorities(), *seen]

    async def fix(self, what: str, webhook_url: str) -> None:
        """Apply the fix that a finding named in `fix`. Raises ProviderRefused for an unknown name."""
        webhook_id = what.removeprefix(_FIX_WEBHOOK)
        if webhook_id not in self._webhook_ids:
            raise ProviderRefused(Text("error.nothing_to_fix"))
        where = path("v1", "notifications", "webhooks", webhook_id)
        names = sorted({*names_of(await self._api.get(where)), *EVENTS})
        types = [{"name": "*"}] if "*" in names else [{"name": name} for name in names]
        changes: list[dict[str, Any]] = [
            {"op": "replace", "path": "/url", "value": webhook_url},
            {"op": "replace", "path": "/event_types", "value": types},
        ]
        try:
            await self._api.patch(where, changes)
        except Refused as refused:
            message = Text("error.paypal.webhook_address_refused", url=Verbatim(webhook_url))
            raise ProviderRefused(message, detail=str(refused)) from None

    async def _check_credentials(self, ends: float) -> Finding:
        try:
            async with in_time("sign in", ends):
                await self._api.sign_in()
        except Refused as refused:
            if refused.status not in (400, 401, 403):
                return _unreachable(_CREDENTIALS, refused)
            account = Verbatim(self._account)
            message = Text("finding.paypal.credentials_refused", account=account)
            cure = Text("finding.paypal.credentials_refused_cure", account=account)
            return Finding(_CREDENTIALS, False, message, cure)
        except ProviderError as error:
            return _unreachable(_CREDENTIALS, error)
        live = self._account == "live"
        code = "finding.paypal.credentials_live" if live else "finding.paypal.credentials_sandbox"
        return Finding(_CREDENTIALS, True, Text(code))

    def _check_authorities(self) -> list[Finding]:
        try:
            self._certificates.trusted()
        except ProviderUnavailable:
            message = Text("finding.paypal.authorities_unreadable")
            return [Finding(_CERTIFICATES, False, message, Text("finding.paypal.authorities_cure"))]
        return []

    async def _check_webhook(self, webhook_id: str, webhook_url: str) -> list[Finding]:
        url = Verbatim(webhook_url)
        try:
            webhook = await self._api.get(path("v1", "notifications", "webhooks", webhook_id))
        except ProviderNotFound:
            message = Text("finding.paypal.no_webhook", id=Verbatim(webhook_id))
            cure = Text("finding.paypal.no_webhook_cure", url=url, events=Verbatim(", ".join(EVENTS)))
            return [Finding(_WEBHOOK, False, message, cure)]
        cure, fix = Text("finding.paypal.webhook_cure"), f"{_FIX_WEBHOOK}{webhook_id}"
        if maybe(webhook, "url", str) != webhook_url:
            message = Text("finding.paypal.webhook_elsewhere", url=url)
            return [Finding(_WEBHOOK, False, message, cure, fix)]
        names = names_of(webhook)
        missing = [] if "*" in names else sorted(set(EVENTS) - names)
        if missing:
            message = Text("finding.paypal.events_missing", events=[Verbatim(one) for one in missing])
            return [Finding(_WEBHOOK, False, message, cure, fix)]
        return [Finding(_WEBHOOK, True, Text("finding.paypal.webhook_ok"))]

    async def _check_search(self) -> list[Finding]:
        """Check Transaction Search.

        A missing permission is a note rather than a fault, because it matters only if the ledger is lost.
        """
        if not self._search:
            return []
        now = int(self._clock.now())
        try:
            await ask(self._api, now - DAY, now)
        except Refused as refused:
            if refused.status != 403:
                raise
            return [Finding(_SEARCH, True, Text("finding.paypal.search_off"), note=True)]
        return [Finding(_SEARCH, True, Text("finding.paypal.search_ok"))]

    async def _check_disputes(self) -> list[Finding]:
        try:
            await self._api.get(path("v1", "customer", "disputes"), page_size="1")
        except Refused as refused:
            if refused.status != 403:
                raise
            message, cure = Text("finding.paypal.disputes_off"), Text("finding.paypal.disputes_cure")
            return [Finding(_DISPUTES, False, message, cure)]
        return []

    async def _check_plan(self, plan: Plan, known: Price) -> list[Finding]:
        what, cure = _plan_of(plan), Text("finding.paypal.plan_cure")
        if known.account != self._account:
            message = Text(
                "finding.paypal.plan_other_account",
                plan=Verbatim(known.account),
                account=Verbatim(self._account),
            )
            return [Finding(what, False, message, cure)]
        try:
            data = await self._api.get(path("v1", "billing", "plans", known.id))
        except ProviderNotFound:
            return [Finding(what, False, Text("finding.paypal.plan_unknown", plan=Verbatim(known.id)), cure)]
        now = map_price(data, self._account, known.id, product_of(data, known.id))
        if not now.active:
            message, cure = Text("finding.paypal.plan_off"), Text("finding.paypal.plan_off_cure")
            return [Finding(what, False, message, cure)]
        if _shown_price(now) != _shown_price(known):
            message, cure = Text("finding.paypal.plan_changed"), Text("finding.paypal.plan_changed_cure")
            return [Finding(what, False, message, cure)]
        if now.trial_days and plan.trial_days not in (None, now.trial_days):
            message, cure = (
                Text("finding.paypal.plan_trial", n=now.trial_days),
                Text("finding.paypal.plan_trial_cure"),
            )
            return [Finding(what, False, message, cure)]
        return [Finding(what, True, Text("finding.paypal.plan_ok"))]


def _plan_of(plan: Plan) -> Text:
    return Text("finding.paypal.plan", plan=plan.name)


def _shown_price(price: Price) -> tuple[object, ...]:
    """Return the parts of a price that members see before they pay."""
    period = (price.interval, price.interval_count)
    return price.amount, price.currency, period, price.setup_fee, price.steps


def names_of(webhook: Answer) -> set[str]:
    """Return the names of the events that a webhook sends; "*" stands for all."""
    found = maybe(webhook, "event_types", list) or []
    return {need(one, "name", str) for one in found}


async def _findings_of(what: Text, look: Awaitable[list[Finding]], ends: float) -> list[Finding]:
    """Return the findings of `look`, or one finding that says why it failed."""
    try:
        async with in_time(what.code, ends):
            return await look
    except ProviderError as error:
        return [_unreachable(what, error)]


def _unreachable(what: Text, error: ProviderError) -> Finding:
    """Return the finding that the check named `what` failed because of an error."""
    message = Text("finding.paypal.failed", error=Verbatim(str(error)))
    if isinstance(error, ProviderUnavailable):
        return Finding(what, False, message, Text("finding.paypal.unavailable_cure"))
    if isinstance(error, Refused) and error.status == 403:
        message, cure = Text("finding.paypal.not_allowed"), Text("finding.paypal.not_allowed_cure")
        return Finding(what, False, message, cure)
    return Finding(what, False, message, Text("finding.paypal.failed_cure"))
