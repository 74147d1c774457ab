"""Checks the set-up of the Stripe account, and repairs what the bot can repair itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from billing.errors import ProviderError, ProviderNotFound, ProviderRefused, ProviderUnavailable
from billing.model import Finding, Plan, Price
from billing.model.translatable_text import Text, Verbatim
from providers.base import Answer, call_deadline, for_guild, in_time, maybe, need
from providers.stripe.api import Api, Refused, path
from providers.stripe.mapping import NAME
from providers.stripe.own_account import OwnAccount
from providers.stripe.portal import Portals

# The events that can change a subscription. Any other type would only cost requests.
EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.refunded",
    "checkout.session.completed",
    "customer.deleted",
    "customer.discount.created",
    "customer.discount.deleted",
    "customer.discount.updated",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.resumed",
    "customer.subscription.updated",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.voided",
    "price.deleted",
    "price.updated",
    "product.deleted",
    "product.updated",
)

_KEY, _PERMISSIONS = Text("finding.stripe.key"), Text("finding.stripe.permissions")
_WEBHOOK, _PORTAL = Text("finding.stripe.webhook"), Text("finding.stripe.portal")

_READ_ENDPOINTS, _READ_PRICES = Verbatim("Webhook Endpoints: read"), Verbatim("Prices: read")
_WRITE_PORTAL = Verbatim("Customer portal: write")
# The permissions that a restricted key needs, each with the list that the bot requests to test it.
PERMISSIONS = (
    ("subscriptions", Verbatim("Subscriptions: write")),
    ("customers", Verbatim("Customers: read")),
    ("prices", _READ_PRICES),
    ("invoices", Verbatim("Invoices: read")),
    ("checkout/sessions", Verbatim("Checkout Sessions: write")),
    ("billing_portal/configurations", _WRITE_PORTAL),
    ("coupons", Verbatim("Coupons: read")),
    ("charges", Verbatim("Charges and Refunds: write")),
    ("payment_intents", Verbatim("PaymentIntents: read")),
    ("disputes", Verbatim("Disputes: read")),
    ("events", Verbatim("Events: read")),
)


class Setup:
    """Checks and repairs the set-up of one Stripe account."""

    def __init__(self, api: Api, portals: Portals, account: str, own_account: OwnAccount) -> None:
        self._api = api
        self._portals = portals
        self._account = account
        self._own_account = own_account

    async def check(self, plans: Sequence[Plan], webhook_url: str) -> list[Finding]:
        """Run all checks at the same time, and return their findings.

        A check that fails does not stop the others.
        """
        ends = call_deadline()
        key = await self._check_key(ends)
        if not key[0].ok:
            return key
        guilds = sorted({plan.guild_id for plan in plans})
        on_sale = [(p, price) for p in plans if not p.removed_at and (price := p.price_at(NAME))]
        found = await asyncio.gather(
            _findings_of(
                _WEBHOOK, Verbatim("Webhook Endpoints: read"), self._check_endpoints(webhook_url), ends
            ),
            *(
                for_guild(
                    plan.guild_id,
                    _findings_of(_price_of(plan), _READ_PRICES, self._check_price(plan, price), ends),
                )
                for plan, price in on_sale
            ),
            *(
                for_guild(
                    guild,
                    _findings_of(_PORTAL, _WRITE_PORTAL, self._check_portal(guild), ends),
                )
                for guild in guilds
            ),
        )
        account = await self._own_account.check()
        return [*key, *account, *(finding for findings in found for finding in findings)]

    async def fix(self, what: str) -> None:
        """Apply the fix that a finding named in `fix`. Raises ProviderRefused for an unknown name."""
        kind, _, of = what.rpartition(":")
        match kind:
            case "stripe:portal" if of.isdigit():
                await self._portals.repair(int(of))
            case "stripe:events":
                endpoint = await self._api.get(path("webhook_endpoints", of))
                both = sorted({*events_of(endpoint), *EVENTS})
                await self._api.post(path("webhook_endpoints", of), enabled_events=both)
            case "stripe:enable":
                await self._api.post(path("webhook_endpoints", of), disabled=False)
            case _:
                raise ProviderRefused(Text("error.nothing_to_fix"))

    async def _check_key(self, ends: float) -> list[Finding]:
        met = await asyncio.gather(*(self._probe(where, ends) for where, _ in PERMISSIONS))
        statuses = [error.status if isinstance(error, Refused) else 0 for error in met]
        if 401 in statuses:
            return [_bad_key()]
        if None not in met and 403 not in statuses:
            return [_unreachable(_KEY, met[0])]
        mode = "finding.stripe.key_live" if self._account == "live" else "finding.stripe.key_test"
        found = [Finding(_KEY, True, Text(mode))]
        names = [name for _, name in PERMISSIONS]
        missing = [name for name, status in zip(names, statuses, strict=True) if status == 403]
        if missing:
            found.append(_not_allowed(_PERMISSIONS, *missing))
        others = [(name, error) for name, error in zip(names, met, strict=True) if error]
        unclear = [(name, error) for name, error in others if name not in missing]
        if unclear:
            found.append(_probes_failed(unclear))
        return found

    async def _probe(self, where: str, ends: float) -> ProviderError | None:
        """Request a list and return the error that this raised, if any.

        A 403 means that the key may not read the list.
        """
        try:
            async with in_time(f"GET {where}", ends):
                await self._api.first(where, limit=1)
        except ProviderError as error:
            return error
        return None

    async def _check_endpoints(self, webhook_url: str) -> list[Finding]:
        known = await self._api.every("webhook_endpoints")
        ours = [one for one in known if maybe(one, "url", str) == webhook_url]
        if not ours and self._own_account.heard:
            return [Finding(_WEBHOOK, True, Text("finding.stripe.by_organisation"))]
        if not ours:
            message = Text("finding.stripe.no_endpoint", url=Verbatim(webhook_url))
            cure = Text("finding.stripe.no_endpoint_cure", events=Verbatim(", ".join(EVENTS)))
            return [Finding(_WEBHOOK, False, message, cure)]
        return [_endpoint_finding(one) for one in ours]

    async def _check_price(self, plan: Plan, known: Price) -> list[Finding]:
        what, cure = _price_of(plan), Text("finding.stripe.price_cure")
        if known.account != self._account:
            live = known.account == "live"
            code = "finding.stripe.price_is_live" if live else "finding.stripe.price_is_test"
            return [Finding(what, False, Text(code), cure)]
        try:
            price = await self._api.get(path("prices", known.id), expand=["product"])
        except ProviderNotFound:
            message = Text("finding.stripe.price_unknown", price=Verbatim(known.id))
            return [Finding(what, False, message, cure)]
        if not need(price, "active", bool):
            return [Finding(what, False, Text("finding.stripe.price_archived"), cure)]
        product = maybe(price, "product", object)
        if isinstance(product, dict) and maybe(product, "active", bool) is False:
            cure = Text("finding.stripe.product_cure")
            return [Finding(what, False, Text("finding.stripe.product_archived"), cure)]
        return [Finding(what, True, Text("finding.stripe.price_ok"))]

    async def _check_portal(self, guild_id: int) -> list[Finding]:
        wrong = await self._portals.wrong(guild_id)
        if wrong is None:
            return [Finding(_PORTAL, True, Text("finding.stripe.portal_unused"))]
        if not wrong:
            return [Finding(_PORTAL, True, Text("finding.stripe.portal_ok"))]
        message = Text("finding.stripe.portal_changed", settings=[Verbatim(one) for one in wrong])
        cure = Text("finding.stripe.portal_cure")
        return [Finding(_PORTAL, False, message, cure, f"stripe:portal:{guild_id}")]


async def _findings_of(
    what: Text, needed: Verbatim, look: Awaitable[list[Finding]], ends: float
) -> list[Finding]:
    """Return the findings of `look`, or one finding that says why it failed.

    `needed`: the permission that `look` requires.
    """
    try:
        async with in_time(what.code, ends):
            return await look
    except Refused as refused:
        return [_not_allowed(what, needed) if refused.status == 403 else _unreachable(what, refused)]
    except ProviderError as error:
        return [_unreachable(what, error)]


def _price_of(plan: Plan) -> Text:
    return Text("finding.stripe.price", plan=plan.name)


def _bad_key() -> Finding:
    return Finding(_KEY, False, Text("finding.stripe.key_refused"), Text("finding.stripe.key_refused_cure"))


def _not_allowed(what: Text, *permissions: Verbatim) -> Finding:
    cure = Text("finding.stripe.not_allowed_cure", permissions=permissions)
    return Finding(what, False, Text("finding.stripe.not_allowed"), cure)


def _unreachable(what: Text, error: ProviderError | None) -> Finding:
    """Return the finding that the check named `what` failed because of an error."""
    return Finding(what, False, Text("finding.stripe.failed", error=Verbatim(str(error))), _cure_of(error))


def _probes_failed(unclear: Sequence[tuple[Verbatim, ProviderError]]) -> Finding:
    """Return the finding that the checks of these permissions failed, with the first check's error."""
    (name, error), *more = unclear
    said = Verbatim(str(error))
    message = Text("finding.stripe.probe_failed", permission=name, error=said)
    if more:
        message = Text("finding.stripe.probes_failed", permission=name, error=said, n=len(more))
    return Finding(_PERMISSIONS, False, message, _cure_of(error))


def _cure_of(error: ProviderError | None) -> Text:
    if isinstance(error, ProviderUnavailable):
        return Text("finding.stripe.unavailable_cure")
    return Text("finding.stripe.failed_cure")


def _endpoint_finding(endpoint: Answer) -> Finding:
    id_, cure = need(endpoint, "id", str), Text("finding.stripe.endpoint_cure")
    if need(endpoint, "status", str) != "enabled":
        off = Text("finding.stripe.endpoint_off")
        return Finding(_WEBHOOK, False, off, cure, f"stripe:enable:{id_}")
    events = events_of(endpoint)
    missing = [] if "*" in events else sorted(set(EVENTS) - set(events))
    if missing:
        message = Text("finding.stripe.events_missing", events=[Verbatim(one) for one in missing])
        return Finding(_WEBHOOK, False, message, cure, f"stripe:events:{id_}")
    named = maybe(endpoint, "api_version", str)
    if not named:
        return Finding(_WEBHOOK, True, Text("finding.stripe.endpoint_ok_default"))
    return Finding(_WEBHOOK, True, Text("finding.stripe.endpoint_ok", version=Verbatim(named)))


def events_of(endpoint: Answer) -> list[Any]:
    """Return the names of the events that an endpoint sends; "*" stands for all."""
    found: list[Any] = need(endpoint, "enabled_events", list)
    return found
