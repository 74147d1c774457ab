from __future__ import annotations

import pytest

from config import SettingsError
from tests.test_config import only_fault, read


@pytest.mark.parametrize("wrong", ["we_123", "123", "WHSEC_one", "whsec_", "pk_test_1", "whsec-one"])
@pytest.mark.parametrize("place", ["{}", "whsec_one,{}", "{}, whsec_one", "whsec_one,{},whsec_two"])
def test_a_value_that_is_no_signing_secret_is_refused(wrong: str, place: str) -> None:
    fault = only_fault(STRIPE_API_KEY="sk_test_1", STRIPE_WEBHOOK_SECRET=place.format(wrong))
    assert fault.startswith("STRIPE_WEBHOOK_SECRET must begin with whsec_")
    assert wrong == "whsec_" or wrong not in fault


@pytest.mark.parametrize("key", ["sk_live_s3cret", "rk_test_s3cret", "whsec_one,sk_test_s3cret"])
def test_a_key_in_the_place_of_the_webhook_secret_is_refused_by_name(key: str) -> None:
    fault = only_fault(STRIPE_API_KEY="sk_test_1", STRIPE_WEBHOOK_SECRET=key)
    assert fault.startswith("STRIPE_WEBHOOK_SECRET is an API key")
    assert "s3cret" not in fault


@pytest.mark.parametrize(
    ("key", "says"),
    [("whsec_s3cret", "a webhook's signing secret"), ("we_s3cret", "the ID of a webhook endpoint")],
)
def test_something_else_in_the_place_of_the_stripe_key_is_refused_by_name(key: str, says: str) -> None:
    fault = only_fault(STRIPE_API_KEY=key, STRIPE_WEBHOOK_SECRET="whsec_one")
    assert fault.startswith(f"STRIPE_API_KEY is {says}")
    assert "s3cret" not in fault


def test_key_and_secret_that_were_swapped_are_both_named() -> None:
    with pytest.raises(SettingsError) as caught:
        read(STRIPE_API_KEY="whsec_s3cret", STRIPE_WEBHOOK_SECRET="sk_live_s3cret")
    codes = [fault.code for fault in caught.value.faults]
    assert codes == ["setting.stripe_key_signing", "setting.stripe_secret_is_key"]


@pytest.mark.parametrize("key", ["sk_org_live_s3cret", "sk_org_test_s3cret", "sk_org_s3cret"])
def test_an_organisation_key_is_refused_with_an_explanation(key: str) -> None:
    fault = only_fault(STRIPE_API_KEY=key, STRIPE_WEBHOOK_SECRET="whsec_one")
    assert fault.startswith("STRIPE_API_KEY is an organization's key")
    assert "of the account that receives the payments" in fault
    assert "s3cret" not in fault
