"""Signatures with SECRET_KEY: which are believed, and what a paying attacker could try."""

from __future__ import annotations

import base64

import pytest

from billing.model import Binding, Claim
from billing.signing import Signer

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
BOB = Binding(2**63 + 7, 1_200_000_000_000_000_001)
PROVEN = Claim(BOB.member_id, BOB.guild_id, proven=True, current=True)
signer = Signer([KEY])


def test_a_signature_for_the_subscriptions_own_id_is_proof() -> None:
    text = signer.of_subscription(BOB, "I-ONE")
    assert signer.read(text, "I-ONE") == PROVEN
    assert len(text) <= 127
    assert text.isascii()
    assert text.isprintable()


def test_a_signature_for_another_subscription_is_no_proof() -> None:
    assert signer.read(signer.of_subscription(BOB, "I-ONE"), "I-TWO") is None


def test_a_checkout_id_is_no_proof_of_ownership() -> None:
    page = signer.new_page(BOB)
    assert len(page) <= 108, "PayPal-Request-Id takes no more"
    for subscription_id in ("I-ONE", ""):
        assert signer.read(page, subscription_id) == Claim(BOB.member_id, BOB.guild_id)


def test_no_two_checkouts_have_the_same_id() -> None:
    assert signer.new_page(BOB) != signer.new_page(BOB)
    assert Signer().new_page(BOB) != Signer().new_page(BOB)


def test_a_changed_bit_breaks_the_signature() -> None:
    text = signer.of_subscription(BOB, "I-ONE")
    mark, signed = text[:6], base64.urlsafe_b64decode(text[6:])
    for bit in range(len(signed) * 8):
        flipped = bytearray(signed)
        flipped[bit // 8] ^= 1 << bit % 8
        forged = mark + base64.urlsafe_b64encode(flipped).decode()
        assert signer.read(forged, "I-ONE") is None, f"bit {bit}"


@pytest.mark.parametrize("text", ["", "dues1.", "123456", "dues1." + "!" * 64, "dues2." + "A" * 64, "é" * 70])
def test_an_id_that_dues_did_not_write_is_no_proof(text: str) -> None:
    assert signer.read(text, "I-ONE") is None


def test_a_signature_by_an_older_key_is_valid_but_to_be_replaced() -> None:
    text = signer.of_subscription(BOB, "I-ONE")
    rotated = Signer([OTHER_KEY, KEY])
    assert rotated.read(text, "I-ONE") == Claim(BOB.member_id, BOB.guild_id, proven=True)
    assert rotated.read(rotated.of_subscription(BOB, "I-ONE"), "I-ONE") == PROVEN


def test_a_signature_by_an_unknown_key_is_no_proof() -> None:
    for text in (signer.of_subscription(BOB, "I-ONE"), signer.new_page(BOB)):
        assert Signer([OTHER_KEY]).read(text, "I-ONE") is None
        assert Signer().read(text, "I-ONE") is None


def test_checkout_ids_are_random_without_a_secret_key() -> None:
    page = Signer().new_page(BOB)
    assert len(page) == 32
    assert not Signer()
    assert signer
