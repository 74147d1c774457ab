"""The card of an import: its preview, its progress, and what it did."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from billing.model.imports import Import, RowState
from billing.rules.member_import import Sorted, SortedLine
from billing.use_cases.import_members import Preview
from cogs.views.member_csv import safe_cell
from cogs.views.text import escaped, plain
from i18n import tr

LISTED = 10

KINDS = {
    Sorted.LINKS: "members.import_links",
    Sorted.ALREADY: "members.import_already",
    Sorted.TAKEN: "members.import_taken",
    Sorted.CONTRADICTED: "members.import_contradicted",
    Sorted.REPEATED: "members.import_repeated",
    Sorted.NOT_FOUND: "members.import_not_found",
    Sorted.NOT_SOLD: "members.import_not_sold",
    Sorted.NOT_RUNNING: "members.import_not_running",
    Sorted.ELSEWHERE: "members.import_elsewhere",
    Sorted.ABSENT: "members.import_absent",
    Sorted.MALFORMED: "members.import_malformed",
}
_CLEAR = (Sorted.LINKS, Sorted.ALREADY, Sorted.REPEATED)


def preview_words(made: Preview, unpaid: Sequence[int] | None) -> str:
    """Return who would get what, what is unclear, and who would lose.

    `unpaid`: members with a sold role for whom nobody pays, also after the import; None if nobody can tell.
    """
    links = made.of(Sorted.LINKS)
    said = [f"### {tr('members.import_title')}", tr("members.import_would", n=len(links))]
    said += [_gets(each) for each in links[:LISTED]]
    said += _more(len(links))
    if idle := sum(not each.pays for each in links):
        said.append(tr("members.import_unpaid", n=idle))
    unclear = [each for each in made.lines if each.kind not in _CLEAR]
    others = [(kind, len(made.of(kind))) for kind in Sorted if kind is not Sorted.LINKS]
    said += [tr("members.import_count", what=tr(KINDS[kind]), n=n) for kind, n in others if n]
    if unclear:
        said.append(f"**{tr('members.import_unclear')}**")
        said += [_unclear(each) for each in unclear[:LISTED]]
        said += _more(len(unclear))
    said.append(f"**{tr('members.import_losers')}**")
    if unpaid is None:
        said.append(tr("members.import_unseen"))
    elif not unpaid:
        said.append(tr("members.import_nobody_loses"))
    else:
        named = " ".join(f"<@{each}>" for each in unpaid[:LISTED])
        said.append(tr("members.import_lose", n=len(unpaid), members=named))
        said += _more(len(unpaid))
    return "\n".join(said)


def preview_csv(lines: Sequence[SortedLine]) -> str:
    """Return all rows with what would become of each, in the reader's language."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("line", "discord_id", "subscription_id", "plans", "result"))
    for each in lines:
        plans = " + ".join(plan.name for plan in each.plans)
        what = tr(KINDS[each.kind])
        cells = (str(each.line.number), each.line.member, each.line.subscription, plans, what)
        writer.writerow([safe_cell(cell) for cell in cells])
    return out.getvalue()


def result_words(made: Import) -> str:
    """Return how far an import or its undoing is."""
    linked, undone = made.many(RowState.LINKED), made.many(RowState.UNDONE)
    left = made.many(RowState.PLANNED, RowState.LINKING)
    said = [f"### {tr('members.import_title')}"]
    if undone or made.many(RowState.UNDOING, RowState.KEPT):
        said.append(tr("members.import_undone", n=undone))
        if kept := made.many(RowState.KEPT):
            said.append(tr("members.import_kept", n=kept))
        if linked := made.many(RowState.LINKED, RowState.UNDOING):
            said.append(tr("members.import_left", n=linked))
        return "\n".join(said)
    said.append(tr("members.import_linked", n=linked))
    if refused := made.many(RowState.REFUSED):
        said.append(tr("members.import_refused", n=refused))
    if left:
        said.append(tr("members.import_left", n=left))
    return "\n".join(said)


def _gets(each: SortedLine) -> str:
    plans = " + ".join(escaped(plan.name, 60) for plan in each.plans)
    return tr(
        "members.import_gets", member=f"<@{each.line.member_id}>", plans=plans, subscription=_quoted(each)
    )


def _unclear(each: SortedLine) -> str:
    return tr(
        "members.import_row", line=each.line.number, subscription=_quoted(each), what=tr(KINDS[each.kind])
    )


def _quoted(each: SortedLine) -> str:
    return plain(each.line.subscription, 40).replace("`", "'") or "-"


def _more(many: int) -> list[str]:
    return [tr("members.import_more", n=many - LISTED)] * (many > LISTED)
