"""What people type as names: made plain for others to read, and told apart from what only looks the same."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

# Unicode, 'DerivedCoreProperties': Default_Ignorable_Code_Point, as far as these are no format characters
# (Cf); and those that are drawn as a blank: Hangul fillers, the empty Braille pattern, a null note head.
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
_JOINERS = "\u200c\u200d"  # they shape letters of some scripts, and make one picture of several
_VARIATION = "\ufe0f"  # draws the sign before it as a picture
_ASCII = frozenset(" .,'&!?+-")
# Letters of other scripts that are drawn as Latin ones.
_TWINS = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухһԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορυχ",
    "ABESIJKMHOPCTYXaesijopcyxhdqwABEZHIKMNOPTYXavopux",
)


@dataclass(frozen=True, slots=True)
class PageWording:
    """The words of the provider's payment page in the buyer's language, with placeholders still to be filled
    in.

    `description`, of the subscription, has {plan}, {member} and {server}; `submit`, beside the button that
    pays, and `brand`, in place of the owner's name, have {member} and {server}.
    """

    description: str = "{plan} · {member} · {server}"
    submit: str = "{member} · {server}"
    brand: str = "{server} · {member}"


@dataclass(frozen=True, slots=True)
class Names:
    """A member's and a server's, as people typed them; `handle` is the member's own at Discord, which nobody
    else has. Empty where they are not known."""

    member: str = ""
    handle: str = ""
    server: str = ""
    wording: PageWording = PageWording()


NAMELESS = Names()


def is_blank(char: str) -> bool:
    """Whether nothing is to be seen of it, and it is no space."""
    code = ord(char)
    return unicodedata.category(char) in _UNSEEN or any(first <= code <= last for first, last in _BLANK)


def find_unseen(name: str) -> str | None:
    """The first character that hides in a name, but for what emojis and some scripts are written with."""
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
    """The same for names that people cannot tell apart: composed or not, wide or narrow, large or small, with
    letters of another script that look like these."""
    seen = "".join(c for c in unicodedata.normalize("NFKC", name) if not is_blank(c))
    folded = unicodedata.normalize("NFKC", seen.translate(_TWINS).casefold())
    return " ".join(folded.split())


def plain_name(text: str, units: int) -> str:
    """One line without markup, addresses and characters that cannot be seen or turn the line round; of at
    most so many UTF-16 units, as providers count."""
    line = " ".join("".join(c if _is_plain(c) else " " for c in unicodedata.normalize("NFC", text)).split())
    cut = line
    while len(cut.encode("utf-16-le")) > 2 * (units - (cut != line)):
        cut = cut[:-1]
    return cut if cut == line else f"{cut}…"


def _is_plain(char: str) -> bool:
    if char.isascii():
        return char.isalnum() or char in _ASCII
    return unicodedata.category(char)[0] in "LMNSP" and not is_blank(char)
