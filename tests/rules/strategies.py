"""Made-up nouns for property tests. Moments lie close together, so that edges meet."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from billing.model import DisputeState, Item, Override, OverrideKind, Plan, Price, Status, Subscription
from tests.rules.builders import ADMIN, GUILD, MEMBER, make_price, make_subscription

MOMENTS = st.integers(0, 40)
MAYBE = st.none() | MOMENTS
GRACES = st.integers(0, 10)
# A price belongs to one product for good.
PRICES: st.SearchStrategy[Price] = st.sampled_from(
    [make_price(*which) for which in (("a", "x"), ("b", "x"), ("c", "y"), ("d", "y"))]
)


@st.composite
def subscriptions(draw: st.DrawFn, *statuses: Status) -> Subscription:
    """Of one of these statuses; of any, where none is named."""
    items = draw(st.lists(st.builds(Item, PRICES, st.integers(0, 2)), min_size=1, max_size=2))
    return make_subscription(
        draw(st.sampled_from(["s1", "s2", "s3"])),
        draw(st.sampled_from(statuses or tuple(Status))),
        items=tuple(items),
        period_end=draw(MAYBE),
        ends_at=draw(MAYBE),
        unpaid_since=draw(MAYBE),
        paid_through=draw(MAYBE),
        dispute=draw(st.sampled_from(DisputeState)),
    )


@st.composite
def plan_lists(draw: st.DrawFn) -> list[Plan]:
    """Of one server, ids in the order they were added."""
    prices = st.lists(PRICES, max_size=2).map(tuple)
    roles = st.lists(st.integers(1, 5), min_size=1, max_size=3, unique=True).map(tuple)
    made = st.builds(
        Plan,
        st.just(0),
        st.just(GUILD),
        st.just("plan"),
        roles,
        prices,
        prices,
        removed_at=st.sampled_from([None, 5]),
    )
    return [replace(plan, id=number) for number, plan in enumerate(draw(st.lists(made, max_size=4)), 1)]


OVERRIDES: st.SearchStrategy[Override] = st.builds(
    Override,
    id=st.just(0),
    decision_id=st.just("decision"),
    guild_id=st.just(GUILD),
    member_id=st.just(MEMBER),
    plan_id=st.none() | st.integers(1, 4),
    kind=st.sampled_from(OverrideKind),
    starts_at=MOMENTS,
    until=MAYBE,
    reason=st.just(""),
    by=st.just(ADMIN),
    created_at=st.just(0),
)
