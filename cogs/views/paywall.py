"""Texts about leaks in a server's paywall, for /doctor and for the notice to the admins."""

from __future__ import annotations

from collections.abc import Iterable

from billing.model import Finding, PaywallLeak
from cogs.core.paywall import Leaks
from cogs.views.layout import titled
from cogs.views.text import roles
from i18n import tr

NAMED = 10  # channels or roles in one sentence


def leak_findings(leaks: Leaks, visible: frozenset[int], unchecked: int) -> list[Finding]:
    """Return the findings of /doctor about leaks.

    `visible`: channels that the reader can see; others are only counted. `unchecked`: the number of channels
    that the bot can't see.
    """
    what, found = tr("doctor.label.paywall"), []
    if leaks.open:
        said = _open(leaks.open, visible)
        found.append(Finding(what, False, said, tr("doctor.paywall_open_cure")))
    for role in sorted({role for role, _ in leaks.staff}):
        said = _staff(role, (channel for of, channel in leaks.staff if of == role), visible)
        found.append(Finding(what, False, said, tr("doctor.paywall_staff_cure")))
    if not found:
        found.append(Finding(what, True, tr("doctor.paywall_closed")))
    if leaks.idle:
        found.append(Finding(what, True, _idle(leaks.idle), note=True))
    if unchecked:
        found.append(Finding(what, True, tr("doctor.paywall_unchecked", n=unchecked), note=True))
    return found


def leak_notice(body: PaywallLeak) -> str:
    """Return the notice to the admins that an edit of the server's permissions opened paid content."""
    open_ = frozenset(body.open)
    said = [f"{_open(open_, open_)} {tr('doctor.paywall_open_cure')}"] if open_ else []
    for role in sorted({role for role, _ in body.staff}):
        ids = [channel for of, channel in body.staff if of == role]
        said.append(f"{_staff(role, ids, frozenset(ids))} {tr('doctor.paywall_staff_cure')}")
    if body.idle:
        said.append(_idle(frozenset(body.idle)))
    return titled(tr("notice.paywall_title"), tr("notice.paywall"), *said)


def _open(ids: frozenset[int], visible: frozenset[int]) -> str:
    return tr("doctor.paywall_open", channels=_channels(ids, visible))


def _staff(role: int, ids: Iterable[int], visible: frozenset[int]) -> str:
    return tr("doctor.paywall_staff", role=roles([role]), channels=_channels(frozenset(ids), visible))


def _idle(ids: frozenset[int]) -> str:
    return tr("doctor.paywall_idle", roles=roles(sorted(ids)[:NAMED]))


def _channels(ids: frozenset[int], visible: frozenset[int]) -> str:
    """Return channels as mentions, followed by the number of those that are not named.

    A channel is not named if there are too many or if the reader can't see it.
    """
    named = sorted(ids & visible)[:NAMED]
    mentions = [f"<#{channel}>" for channel in named]
    rest = len(ids) - len(named)
    return ", ".join([*mentions, *([tr("doctor.paywall_more", n=rest)] if rest else [])])
