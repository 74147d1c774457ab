"""Writes docs/access.md from the tables that decide access: `python -m tools.access_table`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from billing.model import DisputeState, OverrideKind, Status
from billing.rules.access import TABLE, Access
from providers.paypal.mapping import DISPUTES as PAYPAL_DISPUTES
from providers.paypal.mapping import STATUS as PAYPAL_STATUS
from providers.stripe.mapping import DISPUTES, STATUS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "access.md"

_HEAD = """# Who has access

Made by `python -m tools.access_table` from `billing/rules/access.py` and the providers' mapping tables; a
test holds this page to them. A subscription's status decides its access, and the table "What else counts"
narrows it. Several sources of one role add up: it goes with the last of them.
"""

_STRIPE = """
## Stripe

| Stripe's status | ours | gives access |
|---|---|---|
{rows}
| any other | `unknown` | {unknown} |

Stripe keeps a paid period by itself when a subscription is cancelled at its end. One that it calls `canceled`
was ended at once or has come to that end, so there is no time left that was paid.
"""

_PAYPAL = """
## PayPal

| PayPal's status | ours | gives access |
|---|---|---|
{rows}
| `ACTIVE`, not charged yet: a free trial, or a later start | `trialing` | {trialing} |
| `ACTIVE` or `SUSPENDED`, a payment is owed | `past_due` | {past_due} |
| `ACTIVE`, the very first payment failed | `pending` | {pending} |
| any other | `unknown` | {unknown} |

PayPal ends a subscription at once when it is cancelled, whoever cancels it. The time already paid lasts for
one interval of the plan, by the calendar, after the last payment; in a free trial, until its end. PayPal's
date of the next payment ends it sooner where a payment came late; that date is not believed within a day of a
payment, as it may still show the start. A date that the member was told stays valid, and a change of plan
takes nothing from the time that the last payment bought before it.
"""

_MODIFIERS = """
## What else counts

| at the provider | means |
|---|---|
| `cancel_at_period_end`, or `cancel_at` | no access after that moment, whatever the status says |
| `pause_collection`, whatever becomes of the invoices | no change: it is free for the time, or paid later |
| an item whose quantity was set to 0 | no access by it: nothing is bought |
| a pause of the subscription itself | the status `paused`, above |
{disputes}
| a refund | no change: it ends no subscription. `/revoke` does, with or without one |
{overrides}

A block stands above every payment and grant of the plans that it names, or of all.

The days of grace are `GRACE_DAYS` (7 unless set), counted from when the unpaid invoice was created or fell
due; at PayPal from when the payment first failed or, if the bot learns of it late, from when it fell due. A
date that the member was told stays valid. If the provider does not say since when the payment is overdue, the
member keeps their roles.

A revocation of one plan ends that plan and the subscriptions that pay for it, whichever plan they are
switched to afterwards. The member may still buy another plan by itself, also one with the same roles: leave
`plan` out of `/revoke` to shut them out of everything here.

The bot blocks a member who paid something themselves, disputed the payment and won, until an admin lifts
the block with the button of the notice: they can't buy again, and keep their other paid plans and grants. A
member for whom somebody else pays is not blocked, and nobody is over an inquiry: Stripe's `warning_…`, or a
dispute at PayPal that was settled before it was escalated.

A member who has yet to accept the server's rules (Discord's membership screening, `pending`) is given no
role: it would let them past the screening. They read what to do, and the role follows at once when they have
done it (with the Server Members Intent), else with their next command or the next sweep. A role that they
have already stays while it is paid for.

The bot takes only roles that it gave, even after a member was away: if another bot gave the role back, the
bot takes it at the first check after the member's return, unless they still pay for it. If the role is gone
and not paid for, the bot forgets it: a member who gets it by hand after that keeps it.

A ledger is outdated if it was restored or copied from a backup, or if it was last in use more than two sweeps
and at least ten minutes ago. Each subscription in it counts as `unknown` until the bot has asked its provider
about it once: what the member has stays, and nothing is added ([restoring](operations.md#restoring)).

A dispute's own words are Stripe's in small letters and PayPal's in capitals. A payment that PayPal reversed
without a dispute counts as a lost one.
"""

_OVERRIDES = {
    OverrideKind.BLOCK: "a block by an admin: `/revoke`",
    OverrideKind.GRANT: "a grant by an admin: `/grant`, or the paid days that undoing a `/revoke` gives back",
}

_BY_DISPUTE = {
    DisputeState.OPEN: "no access while it lasts",
    DisputeState.LOST: "no access",
    DisputeState.WON: "no change: access is back",
    DisputeState.NONE: "no change: an inquiry that came to nothing, or a dispute that never arose",
}

ACCESS = {
    Access.FULL: "yes, until its scheduled end if it has one",
    Access.GRACE: "yes, for the days of grace since the payment is owed",
    Access.PAID_THROUGH: "only for time already paid, where the provider ends an agreement at once",
    Access.HOLD: "what the member has stays; nothing is added",
    Access.NONE: "no",
}
_BY_ADMIN = {
    OverrideKind.BLOCK: "no access, whatever is paid or granted, until an admin lifts it",
    OverrideKind.GRANT: "access until its end, whatever is not paid; without an end, for good",
}


def page() -> str:
    """Return the whole text of docs/access.md."""
    words = {str(status): ACCESS[access] for status, access in TABLE.items()}
    disputes = "\n".join(
        f"| a dispute that is {_named(state)} | {says} |" for state, says in _BY_DISPUTE.items()
    )
    stripe = _STRIPE.format(rows=_rows(STATUS), **words)
    paypal = _PAYPAL.format(rows=_rows(PAYPAL_STATUS), **words)
    overrides = "\n".join(f"| {_OVERRIDES[kind]} | {says} |" for kind, says in _BY_ADMIN.items())
    return _HEAD + stripe + paypal + _MODIFIERS.format(disputes=disputes, overrides=overrides)


def _rows(statuses: Mapping[str, Status]) -> str:
    return "\n".join(f"| `{raw}` | `{ours}` | {ACCESS[TABLE[ours]]} |" for raw, ours in statuses.items())


def _named(state: DisputeState) -> str:
    both = (*DISPUTES.items(), *PAYPAL_DISPUTES.items())
    return ", ".join(f"`{raw}`" for raw, ours in both if ours is state)


def main() -> None:
    """Write docs/access.md."""
    PAGE.write_text(page())
    print(f"Wrote {PAGE.name}.")


if __name__ == "__main__":
    main()
