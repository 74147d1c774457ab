"""Base classes of the dashboards: rows for the page, and buttons that appear when they apply."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sandbox.stage import Stage

S = TypeVar("S")  # a subscription as that provider keeps it
Row = dict[str, Any]


@dataclass(frozen=True)
class Button(Generic[S]):
    """A dashboard's button.

    `fits`: tells whether it applies to a subscription. `press`: its action, given the subscription and the id
    of the price to switch to.
    """

    fits: Callable[[S], object]
    press: Callable[[S, str], object]


class Desk(ABC, Generic[S]):
    """The base class of a provider's dashboard. `S`: the type of that provider's subscriptions."""

    title: str

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.buttons = self._buttons()

    @abstractmethod
    def _buttons(self) -> dict[str, Button[S]]: ...

    @abstractmethod
    def _all(self) -> Iterable[S]: ...

    @abstractmethod
    def _id(self, subscription: S) -> str: ...

    @abstractmethod
    def _holder(self, subscription: S) -> int | None:
        """Return the id of the member who has the subscription."""

    @abstractmethod
    def _facts(self, subscription: S) -> Row:
        """Return the provider's part of a row.

        Its keys are created, product, status, alive, line, next_at, fails_next and others.
        """

    def rows(self) -> list[Row]:
        """Return every subscription as a row for the page."""
        return [self._row(subscription) for subscription in self._all()]

    def _row(self, subscription: S) -> Row:
        holder = self._holder(subscription)
        return {
            "id": self._id(subscription),
            "provider": self.title,
            "person": next((p.name for p in self.stage.people if p.id == holder), "somebody"),
            "person_id": str(holder or ""),
            **self._facts(subscription),
            "can": [name for name, button in self.buttons.items() if button.fits(subscription)],
        }

    def carry_out(self, do: str, subscription_id: str, price_id: str) -> bool:
        """Press a button; return False if the subscription is not here, or has no such button now."""
        found = next((one for one in self._all() if self._id(one) == subscription_id), None)
        if found is None or do not in self.buttons or not self.buttons[do].fits(found):
            return False
        self.buttons[do].press(found, price_id)
        return True
