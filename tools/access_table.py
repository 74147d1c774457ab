"""Writes docs/access.md from the tables that rule access: `python -m tools.access_table`."""

from __future__ import annotations

from pathlib import Path

from billing.access import TABLE
from billing.model import DisputeState
from providers.stripe.mapping import DISPUTES, STATUS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "access.md"

_HEAD = """# Who has access

Made by `python -m tools.access_table` from `billing/access.py` and the providers' mapping tables; a test
holds this page to them. What a subscription gives is decided by its status, then narrowed by what stands
under "What else counts". Several sources of one role add up: it goes with the last of them.
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

_MODIFIERS = """
## What else counts

| at Stripe | means |
|---|---|
| `cancel_at_period_end`, or `cancel_at` | no access after that moment, whatever the status says |
| `pause_collection` with `void` | no access after the last paid period: the owner pauses the service |
| `pause_collection` with `keep_as_draft` or `mark_uncollectible` | no change: it is paid later, or free |
{disputes}
| a refund | no change: it ends no subscription. `/revoke` does, with or without one |
| an admin's block | no access, whatever is paid |
| an admin's grant | access until its end, whatever is not paid |

The days of grace are `GRACE_DAYS` (7 unless set), counted from when the invoice that could not be paid was
made, or fell due. Where Stripe does not say which invoice that is, what the member has stays.
"""

_BY_DISPUTE = {
    DisputeState.OPEN: "no access while it lasts",
    DisputeState.LOST: "no access",
    DisputeState.WON: "no change: access is back",
    DisputeState.NONE: "no change: an inquiry that came to nothing, or a dispute that never arose",
}


def page() -> str:
    """The whole of docs/access.md."""
    rows = "\n".join(f"| `{raw}` | `{ours}` | {TABLE[ours].value} |" for raw, ours in STATUS.items())
    unknown = next(access.value for status, access in TABLE.items() if status == "unknown")
    disputes = "\n".join(
        f"| a dispute that is {_named(state)} | {says} |" for state, says in _BY_DISPUTE.items()
    )
    return _HEAD + _STRIPE.format(rows=rows, unknown=unknown) + _MODIFIERS.format(disputes=disputes)


def _named(state: DisputeState) -> str:
    return ", ".join(f"`{raw}`" for raw, ours in DISPUTES.items() if ours is state)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())
    print(f"Wrote {PAGE.name}.")


if __name__ == "__main__":
    main()
