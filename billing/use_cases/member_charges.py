"""The amounts and open payments of a subscription, for its member."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from billing.errors import ProviderError
from billing.model import NextCharge, Subscription
from billing.ports import Ports
from billing.rules.upcoming_charges import decide_charges, named


@dataclass(frozen=True, slots=True)
class Sums:
    """The coming charges, and the provider's page for a payment that the customer has to confirm or pay."""

    charges: tuple[NextCharge, ...]
    pay_url: str | None = None


async def load_sums(ports: Ports, subscription: Subscription) -> Sums:
    """Return the coming charges of a subscription, and the page of an open payment.

    The provider is asked only about facts that the ledger lacks; if it does not answer, they stay unknown.
    """
    charges = decide_charges(subscription)
    if not ports.connects(subscription.key):
        return Sums(charges)
    provider, url = ports.provider_of(subscription.key), None
    with suppress(ProviderError):
        if charges and charges[0].unsure and _stands_alone(charges):
            amount = await provider.preview_charge(subscription)
            if amount is not None and amount.currency == charges[0].currency:
                charges = (named(charges[0], amount.amount), *charges[1:])
    with suppress(ProviderError):
        if subscription.needs_action or subscription.terms.by_invoice:
            url = await provider.fetch_payment_link(subscription)
    return Sums(charges, url)


def _stands_alone(charges: tuple[NextCharge, ...]) -> bool:
    """Return True if no other charge falls on the same bill as the first."""
    return all(charge.at != charges[0].at for charge in charges[1:])
