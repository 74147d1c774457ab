"""Simplifies names that people typed for display, and compares names by how they look."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

# Unicode, 'DerivedCoreProperties': characters of Default_Ignorable_Code_Point that are not format characters
# (Cf), and characters drawn as a blank: Hangul fillers, the empty Braille pattern, a null note head.
_BLANK = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xFFFC, 0xFFFD),
    (0x1D159, 0x1D159),
    (0xE0100, 0xE01EF),
)
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
_JOINERS = "\u200c\u200d"  # they shape letters of some scripts and join emoji
_VARIATION = "\ufe0f"  # displays the character before it as an emoji
_ASCII = frozenset(" .,'&!?+-")
# Letters of other scripts that look like Latin ones.
_TWINS = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухһԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορυχ",
    "ABESIJKMHOPCTYXaesijopcyxhdqwABEZHIKMNOPTYXavopux",
)


@dataclass(frozen=True, slots=True)
class PageWording:
    """The words of the provider's payment page in the buyer's language, with unfilled placeholders.

    `description` of the subscription has {plan}, {member} and {server}; `submit`, next to the pay button, and
    `brand`, in place of the owner's name, have {member} and {server}.
    """

    description: str = "{plan} · {member} · {server}"
    submit: str = "{member} · {server}"
    brand: str = "{server} · {member}"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a member and a server, as people typed them.

    `handle`: the member's unique name at Discord. Empty if not known.
    """

    member: str = ""
    handle: str = ""
    server: str = ""
    wording: PageWording = PageWording()


NAMELESS = Names()


def is_blank(char: str) -> bool:
    """Return True if the character is invisible and not a space."""
    code = ord(char)
    return unicodedata.category(char) in _UNSEEN or any(first <= code <= last for first, last in _BLANK)


def find_unseen(name: str) -> str | None:
    """Return the first invisible character in a name; None if there is none.

    Characters that emoji and some scripts need do not count.
    """
    for number, char in enumerate(name):
        before, after = name[number - 1 : number] or " ", name[number + 1 : number + 2] or " "
        shapes = char in _JOINERS and _is_joined(before) and _is_joined(after)
        pictures = char == _VARIATION and unicodedata.category(before)[0] in "SPN"
        if not char.isspace() and is_blank(char) and not shapes and not pictures:
            return char
    return None


def _is_joined(char: str) -> bool:
    return char == _VARIATION or unicodedata.category(char) in {"So", "Sk", "Lo", "Mn", "Mc"}


def twin_key(name: str) -> str:
    """Return a key that is equal for names that look the same.

    Names look the same whether composed or not, wide or narrow, upper or lower case, or with similar letters
    of another script.
    """
    seen = "".join(c for c in unicodedata.normalize("NFKC", name) if not is_blank(c))
    folded = unicodedata.normalize("NFKC", seen.translate(_TWINS).casefold())
    return " ".join(folded.split())


def plain_name(text: str, units: int) -> str:
    """Return the text as one line of at most `units` UTF-16 units, the unit in which providers count.

    Removes markup, addresses, invisible characters and characters that reverse the direction.
    """
    line = " ".join("".join(c if _is_plain(c) else " " for c in unicodedata.normalize("NFC", text)).split())
    cut = line
    while len(cut.encode("utf-16-le")) > 2 * (units - (cut != line)):
        cut = cut[:-1]
    return cut if cut == line else f"{cut}…"


def _is_plain(char: str) -> bool:
    if char.isascii():
        return char.isalnum() or char in _ASCII
    return unicodedata.category(char)[0] in "LMNSP" and not is_blank(char)
