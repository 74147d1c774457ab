"""Faults around the program, of Stripe, Discord and the disk, and their ends."""

from __future__ import annotations

from typing import Any

from tests.simulation.acts import DAY, SPANS, act
from tests.simulation.stage import Stage


@act(8)
async def mail_goes(stage: Stage, a: int, b: int, c: int) -> None:
    """How the next notifications travel. Where nothing sweeps, none is lost."""
    ways = ("double", "swapped", "late", "thin", "old", "lost")
    stage.mail.goes(ways[a % (6 if stage.sweeps < DAY else 5)], (1, 2, 4, 8, 16)[b % 5], SPANS[c % 7])


@act(3)
async def mail_comes(stage: Stage, a: int, b: int, c: int) -> None:
    stage.mail.release()


@act(4)
async def restart(stage: Stage, a: int, b: int, c: int) -> None:
    if stage.is_up:
        await stage.stop(abrupt=a % 2 == 1)
        await stage.start()


@act(7)
async def stripe_fails(stage: Stage, a: int, b: int, c: int) -> None:
    """Before or after the effect, with or without an answer, once or for a while."""
    stage.unsure = True
    kinds = ("cut_before", "cut_after", "status", "status_after", "status", "empty", "status")
    kind: Any = kinds[a % 7]
    status = (500, 503, 429, 409, 502, 500, 401)[a % 7]
    path = ("", "", "subscriptions", "checkout", "invoices", "refunds")[c % 6]
    times = min((1, 3, 4, 9, 30)[b % 5], stage.most_faults)
    method = "GET" if kind == "empty" else None
    path = r"/v1/subscriptions$" if kind == "empty" else path
    stage.server.faults.add(kind, path, times=times, status=status, method=method)


@act(2)
async def stripe_speaks_strangely(stage: Stage, a: int, b: int, c: int) -> None:
    """A status that nobody knows; only a sweep finds out that it was nothing."""
    stage.unsure = True
    if stage.sweeps < DAY:
        stage.bend_answers("stripe", strange=1 + a % 4)


@act(4)
async def stripe_lags(stage: Stage, a: int, b: int, c: int) -> None:
    """Reads are behind what was written; only a sweep finds out."""
    stage.unsure = True
    if stage.sweeps < DAY:
        stage.bend_answers("stripe", behind=1 + a % 4)


@act(6)
async def paypal_fails(stage: Stage, a: int, b: int, c: int) -> None:
    """As Stripe may, and at the desk that hands out tokens too; or the token is withdrawn."""
    stage.unsure = True
    kinds = ("cut_before", "cut_after", "status", "status_after", "status", "empty", "status")
    kind: Any = kinds[a % 7]
    status = (500, 503, 429, 500, 502, 500, 401)[a % 7]
    path = ("", "", "oauth2", "subscriptions", "cancel", "disputes", "refund")[c % 7]
    times = min((1, 3, 4, 9, 30)[b % 5], stage.most_faults)
    if b % 7 == 6:
        stage.paypal.revoke_token()
    stage.paypal.faults.add(kind, path, times=times, status=status)


@act(3)
async def paypal_answers_oddly(stage: Stage, a: int, b: int, c: int) -> None:
    """A status that nobody knows, or reads behind what was written; only a sweep finds out."""
    stage.unsure = True
    if stage.sweeps < DAY:
        strange = b % 2 == 0
        stage.bend_answers("paypal", **{"strange" if strange else "behind": 1 + a % 4})


@act(6)
async def discord_fails(stage: Stage, a: int, b: int, c: int) -> None:
    times = min((1, 2, 3, 6, 20)[b % 5], stage.most_faults)
    method, path = (("*", "*"), ("PUT", "*"), ("DELETE", "*"), ("GET", "*/members/*"))[c % 4]
    faults = stage.discord_faults
    match a % 5:
        case 0:
            faults.fail(method, path, 500, times=times)
        case 1:
            faults.lose_answer(method, path, times=times)
        case 2:
            faults.swallow("PUT" if c % 2 else "DELETE", path, times=times)
        case 3:
            faults.hang_up(method, path, times=times)
        case _:
            faults.rate_limit(method, path, times=times)


@act(2)
async def disk_fills(stage: Stage, a: int, b: int, c: int) -> None:
    stage.fill_disk((1, 2, 5, 12)[a % 4])
    stage.may_repeat = True


@act(3)
async def faults_end(stage: Stage, a: int, b: int, c: int) -> None:
    calm(stage)


def calm(stage: Stage) -> None:
    stage.server.faults.clear()
    stage.paypal.faults.clear()
    stage.discord_faults.clear()
    stage.fill_disk(0)
    for provider in ("stripe", "paypal"):
        stage.bend_answers(provider)
