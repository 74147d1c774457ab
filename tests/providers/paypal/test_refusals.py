"""Each refusal that can be met says what happened and what to do."""

from __future__ import annotations

import json

import pytest

from billing.errors import ProviderNotFound, ProviderRefused
from cogs.views.text import TEXT_LIMIT
from i18n.plain import plain_words
from providers.paypal.api import translate
from providers.paypal.refusals import TEXTS

# Words that tell somebody what to do.
ORDERS = (
    "tell the",
    "check",
    "find",
    "Answer",
    "Add some",
    "Send",
    "Open",
    "efund it",
    "Respond to",
    "Agree on",
)


def told(status: int, *issues: str) -> str:
    body = {"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": issue} for issue in issues]}
    return plain_words(translate(status, json.dumps(body).encode(), "POST /x").user_message)


@pytest.mark.parametrize("issue", TEXTS)
def test_each_known_refusal_has_a_text_that_fits_a_card(issue: str) -> None:
    sentence = told(422, "SOMETHING_ELSE", issue)
    assert sentence == plain_words(TEXTS[issue])
    assert len(sentence) <= TEXT_LIMIT
    assert sentence.endswith(".")
    assert any(order in sentence for order in ORDERS)


def test_a_refusal_of_the_older_api_is_found_by_its_name() -> None:
    found = translate(400, b'{"name": "TRANSACTION_REFUSED"}', "POST /x")
    assert found.user_message == TEXTS["TRANSACTION_REFUSED"]


def test_an_unknown_refusal_sends_the_member_to_the_admins() -> None:
    assert told(422, "BRAND_NEW") == told(400) == plain_words(ProviderRefused.user_message)
    assert told(404, "INVALID_RESOURCE_ID") == plain_words(ProviderNotFound.user_message)
    for sentence in (plain_words(ProviderRefused.user_message), plain_words(ProviderNotFound.user_message)):
        assert "tell the server's admins" in sentence
