"""What people are told of the ledger itself, and of what keeps the bot from its work as a whole."""

from __future__ import annotations

from billing.model import (
    GatewayClosed,
    LedgerNew,
    LedgerRestored,
    Notice,
    NotRepeated,
    SweepFailing,
    WrongClock,
)
from billing.ports import Ports
from billing.provider_names import display_name
from billing.use_cases.doctor import find_wrong_clock
from cogs.core.gateway_recovery import why_closed
from cogs.views.text import day, intent_doing, moment

BACKUP_FAILED = (
    "### The daily backup failed\nThe bot works, but its ledger was not copied. The log names the folder and "
    "the reason. The bot tries again every hour; `/doctor` shows when it worked."
)


def restored(body: LedgerRestored) -> str:
    """For the admins: decisions are missing."""
    since = f" since {day(body.written)}" if body.written else " since then"
    return (
        "### The bot was restored from a backup\nIt asks the payment providers about every subscription "
        "before it gives or takes a role because of it, so payments come right by themselves.\n"
        f"What admins decided{since} is missing: plans, grants, revocations, and what was lifted or ended. A "
        "revocation that was lifted since is in force again and stops the billing; a grant that was ended "
        "since gives its roles again. Look through this channel and repeat what still holds."
    )


def new(body: LedgerNew) -> str:
    """For the admins: the records are missing."""
    many = "One running subscription" if body.many == 1 else f"{body.many} running subscriptions"
    return (
        f"### The bot has a new, empty ledger\n{many} that it sold in this server before that ledger was "
        "made have no member or no plan in it, so they give no roles.\n"
        "If the bot should have its old records, whoever runs it stops it and restores a backup, or puts "
        "`DATABASE_URL` right. If there is none, add the plans again with the same prices (`/plans add`): "
        "their members are then found by themselves."
    )


def sweep_failing(body: SweepFailing) -> str:
    """For the admins: what was missed does not heal."""
    title = display_name(body.provider)
    return (
        f"### The bot cannot compare its records with {title}\nIt has failed since {moment(body.since)}. "
        "Nobody loses a role because of this. But if a notification was missed, a new payment or a "
        f"cancellation goes unnoticed until it works again.\nLook at {title}'s status page first. If nothing "
        "is wrong there, `/doctor` says whether the bot's key still works, and whoever runs the bot finds "
        "the reason in its log. The bot keeps trying."
    )


def wrong_clock(body: WrongClock) -> str:
    """For whoever runs the bot: how far off it is, and how to set it."""
    (found,) = find_wrong_clock(body.skew)
    return f"### The clock of the bot's machine is wrong\n{found.message}\n{found.cure}"


def gateway_closed(body: GatewayClosed) -> str:
    """For whoever runs the bot: no command is taken until they act."""
    return (
        f"### Discord does not let the bot connect\n{why_closed(body.code)}\nUntil then no command or button "
        "works. Payments still give and take roles. The bot tries again every hour, and at its next start."
    )


async def not_repeated(ports: Ports, notice: Notice, body: NotRepeated) -> str:
    """For whoever asked: it was not done."""
    intent = await ports.ledger.load_intent(body.intent)
    doing = intent_doing(intent.kind) if intent else "what was asked"
    provider = display_name(body.subscription.provider)
    whose = "your subscription" if notice.member_id is not None else f"the subscription of <@{body.member}>"
    return (
        f"### Please look at this again\nThe bot was restored from a backup, in which {doing} was still to "
        f"be done for {whose} (`{body.subscription.id}`). {provider} does not show it as done. It may have "
        "been changed back since, so the bot did not do it again. If you still want it, ask for it once more."
    )
