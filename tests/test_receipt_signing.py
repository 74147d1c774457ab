"""Signed receipts: genuine as a whole, and not once a single character has changed."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from receipt_signing import LARGEST, ReceiptSigner, ReceiptState

OURS = ReceiptSigner([b"k" * 32])
TEXT = "Receipt 4f\nYour Gold subscription ends on 4 March 2027.\nDu zahlst nichts mehr: 5,00 €\n"
SIGNED = OURS.sign(TEXT)


def test_a_receipt_is_readable_and_genuine() -> None:
    assert SIGNED.startswith(TEXT)
    assert OURS.check(SIGNED) is ReceiptState.GENUINE


@given(st.integers(0, len(SIGNED) - 1), st.characters(codec="utf-8"))
def test_a_receipt_with_one_character_replaced_is_not_genuine(at: int, other: str) -> None:
    changed = SIGNED[:at] + other + SIGNED[at + 1 :]
    assert (OURS.check(changed) is ReceiptState.GENUINE) == (changed == SIGNED)


def test_a_receipt_without_one_of_its_characters_is_not_genuine() -> None:
    shorter = (SIGNED[:at] + SIGNED[at + 1 :] for at in range(len(SIGNED)))
    assert ReceiptState.GENUINE not in {OURS.check(text) for text in shorter}


@given(st.integers(0, len(SIGNED)), st.characters(codec="utf-8", exclude_characters="\ufeff\r"))
def test_a_receipt_with_a_character_added_is_not_genuine(at: int, more: str) -> None:
    assert OURS.check(SIGNED[:at] + more + SIGNED[at:]) is not ReceiptState.GENUINE


def test_a_receipt_stays_genuine_with_the_line_breaks_of_another_system() -> None:
    assert OURS.check(SIGNED.replace("\n", "\r\n")) is ReceiptState.GENUINE
    assert OURS.check("\ufeff" + SIGNED) is ReceiptState.GENUINE


def test_a_receipt_of_another_key_is_not_genuine_and_one_of_an_older_key_is() -> None:
    other = ReceiptSigner([b"o" * 32])
    assert other.check(SIGNED) is ReceiptState.CHANGED
    assert ReceiptSigner([b"o" * 32, b"k" * 32]).check(SIGNED) is ReceiptState.GENUINE
    assert other.public_keys != OURS.public_keys


@pytest.mark.parametrize("text", ["", TEXT, "4f", SIGNED + "x" * LARGEST])
def test_a_text_without_a_signature_is_said_to_have_none(text: str) -> None:
    assert OURS.check(text) is ReceiptState.UNSIGNED


@given(st.text())
def test_any_text_can_be_signed_once_even_one_that_holds_a_signature(text: str) -> None:
    assert OURS.check(OURS.sign(text)) is ReceiptState.GENUINE
    assert OURS.check(OURS.sign(SIGNED + text)) is ReceiptState.GENUINE
    mark = SIGNED.splitlines()[-3]
    assert OURS.check(OURS.sign(mark[:9] + mark + mark[9:] + text)) is ReceiptState.GENUINE


def test_without_a_key_nothing_is_signed_and_nothing_is_genuine() -> None:
    nobody = ReceiptSigner()
    assert not nobody
    assert nobody.check(SIGNED) is ReceiptState.CHANGED
    with pytest.raises(ValueError, match="no key"):
        nobody.sign(TEXT)


def test_a_receipt_can_be_checked_with_the_public_key_alone() -> None:
    body, _, signature = SIGNED.partition("-----DUES-RECEIPT-SIGNATURE-1-----\n")
    key, raw = (base64.b64decode(line) for line in signature.splitlines())
    assert base64.b64encode(key).decode() == OURS.public_keys[0]
    Ed25519PublicKey.from_public_bytes(key).verify(raw, body.encode())
