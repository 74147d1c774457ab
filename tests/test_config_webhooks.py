"""Several webhooks at PayPal, while one replaces another."""

from __future__ import annotations

import pytest

from tests.test_config import PAYPAL, only_fault, read


def test_paypal_takes_several_webhooks() -> None:
    paypal = read(**{**PAYPAL, "PAYPAL_WEBHOOK_ID": "8PT597110X687430L, 5GP028458E2496506"}).paypal
    assert paypal is not None
    assert paypal.webhook_ids == ("8PT597110X687430L", "5GP028458E2496506")


@pytest.mark.parametrize(
    ("value", "says"),
    [("A,", "has an empty value"), (",A", "has an empty value"), ("A B", "contains"), ("A,,B", "has")],
)
def test_malformed_paypal_webhook_ids_are_refused(value: str, says: str) -> None:
    fault = only_fault(**{**PAYPAL, "PAYPAL_WEBHOOK_ID": value})
    assert fault.startswith(f"PAYPAL_WEBHOOK_ID {says}")
