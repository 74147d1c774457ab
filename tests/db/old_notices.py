"""Notices as version 0.1 wrote them, each kind at its fullest and with what may be missing."""

from __future__ import annotations

from billing.model import (
    Asked,
    Braked,
    ChargedLate,
    Disputed,
    DisputeState,
    Ended,
    IntentOutcome,
    Lifted,
    Money,
    NoticeBody,
    PaidTwice,
    PaidWhileBlocked,
    PaymentFailed,
    RefundedByHand,
    Revoked,
    RoleRefused,
    RoleWaits,
    Started,
    SubscriptionKey,
    UnmappedProduct,
    Unreadable,
    Vanished,
)

KEY = SubscriptionKey("stripe", "test", "sub_1")
OF = '"provider":"stripe","account":"test","subscription":"sub_1"'
WHOSE = f'"member":7,{OF}'

# Kind, facts as they lie in the ledger, whether to a member, and what they say.
OLD: tuple[tuple[str, str, bool, NoticeBody], ...] = (
    ("started", f'{{"plan":"Gold",{OF},"until":null}}', True, Started("Gold", KEY)),
    ("payment_failed", f'{{"plan":"Gold",{OF},"until":1800}}', True, PaymentFailed("Gold", KEY, 1800)),
    ("ended", f'{{"plan":"",{OF},"until":null}}', True, Ended("", KEY)),
    ("revoked", '{"decision":"d","reason":"","plans":"A, B","until":null}', True, Revoked("d", "", "A, B")),
    (
        "revoked",
        '{"decision":"d","reason":"spam","plans":"A","until":9,"refunds":1,"amount":500,"currency":"eur"}',
        True,
        Revoked("d", "spam", "A", 9, 1, Money(500, "eur")),
    ),
    (
        "revoked",
        '{"decision":"d","reason":"","plans":"A","until":null,"refunds":2}',
        True,
        Revoked("d", "", "A", None, 2),
    ),
    ("lifted", '{"plans":"Gold","still":1}', True, Lifted("Gold", still=True)),
    ("lifted", f'{{"plans":"Gold","still":0,{WHOSE}}}', True, Lifted("Gold", subscription=KEY)),
    ("intent_outcome", '{"intent":"wish","member":7}', True, IntentOutcome("wish", 7)),
    (
        "paid_twice",
        f'{{{WHOSE},"plan":"Gold","other":"I-1","other_provider":"paypal"}}',
        True,
        PaidTwice(7, "Gold", KEY, SubscriptionKey("paypal", "", "I-1")),
    ),
    (
        "paid_while_blocked",
        f'{{{WHOSE},"decision":"d","starts_at":null}}',
        True,
        PaidWhileBlocked(7, KEY, "d"),
    ),
    (
        "paid_while_blocked",
        f'{{{WHOSE},"decision":"d","starts_at":9}}',
        False,
        PaidWhileBlocked(7, KEY, "d", 9),
    ),
    ("asked", '{"member":7,"decision":"d","reason":"spam"}', False, Asked(7, "d", "spam")),
    (
        "unmapped_product",
        '{"provider":"stripe","price":"price_1","product":"prod_1","member":7}',
        False,
        UnmappedProduct(7, "stripe", "price_1", "prod_1"),
    ),
    (
        "dispute",
        '{"member":7,"state":"lost","subscription":"sub_1","stops":1}',
        False,
        Disputed(7, DisputeState.LOST, SubscriptionKey("", "", "sub_1"), stops=True),
    ),
    ("charged_late", f"{{{WHOSE}}}", False, ChargedLate(7, KEY)),
    ("charged_late", f'{{{WHOSE},"amount":5,"currency":"jpy"}}', False, ChargedLate(7, KEY, Money(5, "jpy"))),
    (
        "refunded_by_hand",
        f'{{{WHOSE},"amount":0,"currency":"eur"}}',
        False,
        RefundedByHand(7, KEY, Money(0, "eur")),
    ),
    ("unreadable", f"{{{WHOSE}}}", False, Unreadable(7, KEY)),
    ("vanished", f"{{{WHOSE}}}", False, Vanished(7, KEY)),
    ("role_refused", '{"member":7,"role":null,"why":"It left."}', False, RoleRefused(7, "It left.")),
    ("role_refused", '{"member":7,"role":8,"why":"It is gone."}', False, RoleRefused(7, "It is gone.", 8)),
    ("role_waits", '{"member":7,"until":1800}', False, RoleWaits(7, 1800)),
    ("brake", '{"asked_at":1800}', False, Braked(1800)),
)
