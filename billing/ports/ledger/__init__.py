"""The ledger port: all data that Dues keeps, by subject."""

from __future__ import annotations

from typing import Protocol

from billing.ports.ledger.decisions import DecisionLedger
from billing.ports.ledger.imports import ImportLedger
from billing.ports.ledger.inbox import InboxLedger
from billing.ports.ledger.members import MemberLedger
from billing.ports.ledger.notices import NoticeLedger
from billing.ports.ledger.outbox import OutboxLedger
from billing.ports.ledger.panels import PanelLedger
from billing.ports.ledger.plans import PlanLedger
from billing.ports.ledger.restored import OlderLedger
from billing.ports.ledger.subscriptions import SubscriptionLedger


class Ledger(
    InboxLedger,
    SubscriptionLedger,
    MemberLedger,
    DecisionLedger,
    PlanLedger,
    PanelLedger,
    ImportLedger,
    NoticeLedger,
    OutboxLedger,
    OlderLedger,
    Protocol,
):
    """All data that Dues keeps. Methods raise LedgerError and nothing else.

    Every `record_` method is one transaction, durable when it returns. Every `load_` method sees only
    committed rows.
    """
