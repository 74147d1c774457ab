"""Reads a list of subscriptions and their members, and sorts its rows by the result of an import. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from billing.errors import Conflict
from billing.model import Plan, Status, Subscription, SubscriptionKey
from billing.model.translatable_text import Text, Verbatim
from billing.rules.access import decide, plans_of

MOST_BYTES = 1 << 20
MOST_ROWS = 1_000
# Headers without case, spaces and signs.
MEMBER_HEADERS = frozenset({"discordid", "discorduserid", "userid", "discordmemberid", "memberid"})
SUBSCRIPTION_HEADERS = frozenset(
    {"subscription", "subscriptionid", "stripesubscriptionid", "paypalsubscriptionid"}
)
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_MEMBER = re.compile(r"'?(?:<@!?)?([1-9][0-9]{0,18})>?")
_LARGEST = 1 << 63


class Sorted(StrEnum):
    """The possible results of an import for a row. Only rows of the first kind are linked."""

    LINKS = "links"
    ALREADY = "already"  # this member has it
    TAKEN = "taken"  # somebody else has it
    CONTRADICTED = "contradicted"  # another row names another member
    REPEATED = "repeated"
    NOT_FOUND = "not_found"
    NOT_SOLD = "not_sold"  # on a price of no plan of this server
    NOT_RUNNING = "not_running"
    ELSEWHERE = "elsewhere"  # the provider's data names another server
    ABSENT = "absent"  # the member is not in the server
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Line:
    """A row as written: its number in the file, and the texts in the two columns."""

    number: int
    member: str
    subscription: str

    @property
    def member_id(self) -> int | None:
        """The member's Discord id; None if the text is not an id, for example if a spreadsheet rounded it."""
        found = _MEMBER.fullmatch(self.member)
        return int(found[1]) if found and int(found[1]) < _LARGEST else None

    @property
    def is_readable(self) -> bool:
        """True if both columns contain an id of the expected form."""
        return self.member_id is not None and _ID.fullmatch(self.subscription) is not None


@dataclass(frozen=True, slots=True)
class SortedLine:
    """A row with the result that an import would have.

    `pays`: the subscription gives its roles today; False for one that is unpaid or disputed.
    """

    line: Line
    kind: Sorted
    key: SubscriptionKey | None = None
    plans: tuple[Plan, ...] = ()
    pays: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts with which rows are compared.

    `found`: the subscriptions by the ids in the rows, with their owners; `present`: the members who are in
    the server. `owner`: the application's owner is importing; a server named at the provider then does not
    count.
    """

    guild_id: int
    plans: Sequence[Plan]
    found: Mapping[str, Subscription]
    present: frozenset[int]
    owner: bool
    now: int
    grace: int


def read_lines(content: bytes) -> list[Line]:
    """Read a CSV file in UTF-8 with commas, semicolons or tabs, leaving out empty rows.

    Raises Conflict if it is not such a file, is too large, or lacks one of the two columns.
    """
    if len(content) > MOST_BYTES:
        raise Conflict(Text("error.import_too_large"))
    try:
        text = content.decode("utf-8-sig")
        first = text.partition("\n")[0]
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
        rows = list(islice(reader, 2 * MOST_ROWS + 2))  # half of them may be empty
    except (UnicodeDecodeError, csv.Error):
        raise Conflict(Text("error.import_unreadable")) from None
    header = rows[0] if rows else []
    member, subscription = _column(header, MEMBER_HEADERS), _column(header, SUBSCRIPTION_HEADERS)
    if member is None or subscription is None:
        listed = ", ".join(name.strip()[:40] for name in header[:20])
        raise Conflict(Text("error.import_headers", found=Verbatim(listed or "-")))
    lines = [
        Line(number, _cell(row, member), _cell(row, subscription))
        for number, row in enumerate(rows[1:], 2)
        if any(cell.strip() for cell in row)
    ]
    if len(lines) > MOST_ROWS or len(rows) > 2 * MOST_ROWS + 1:
        raise Conflict(Text("error.import_too_long", n=MOST_ROWS))
    return lines


def _column(header: Sequence[str], names: frozenset[str]) -> int | None:
    plain = [re.sub(r"[^a-z]", "", name.lower()) for name in header]
    return next((at for at, name in enumerate(plain) if name in names), None)


def _cell(row: Sequence[str], at: int) -> str:
    return row[at].strip() if at < len(row) else ""


def sort_lines(lines: Sequence[Line], facts: Facts) -> list[SortedLine]:
    """Sort rows by the result of an import, keeping their order."""
    members: dict[str, set[int | None]] = {}
    for line in lines:
        if line.is_readable:
            members.setdefault(line.subscription, set()).add(line.member_id)
    done, seen = [], Counter[str]()
    for line in lines:
        if not line.is_readable:
            done.append(SortedLine(line, Sorted.MALFORMED))
            continue
        seen[line.subscription] += 1
        if len(members[line.subscription]) > 1:
            done.append(SortedLine(line, Sorted.CONTRADICTED))
        elif seen[line.subscription] > 1:
            done.append(SortedLine(line, Sorted.REPEATED))
        else:
            done.append(_sort(line, facts))
    return done


def _sort(line: Line, facts: Facts) -> SortedLine:
    found = facts.found.get(line.subscription)
    if found is None:
        return SortedLine(line, Sorted.NOT_FOUND)
    plans = tuple(plans_of(found, facts.plans))
    pays = bool(decide([found], [], facts.plans, facts.now, facts.grace))
    return SortedLine(line, _kind(line, found, plans, facts), found.key, plans, pays)


def _kind(line: Line, found: Subscription, plans: tuple[Plan, ...], facts: Facts) -> Sorted:
    whose, claim = found.binding, found.claim
    if whose is not None:
        own = (whose.guild_id, whose.member_id) == (facts.guild_id, line.member_id)
        return Sorted.ALREADY if own else Sorted.TAKEN
    if not plans:
        return Sorted.NOT_SOLD
    if not found.customer_id or found.status in (Status.ENDED, Status.PENDING):
        return Sorted.NOT_RUNNING
    if claim is not None and claim.guild_id not in (None, facts.guild_id) and not facts.owner:
        return Sorted.ELSEWHERE
    return Sorted.LINKS if line.member_id in facts.present else Sorted.ABSENT
