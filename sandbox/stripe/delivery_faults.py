"""What can go wrong with deliveries, at a test's wish."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.stripe.delivery import Delivery


@dataclass
class DeliveryFaults:
    """Switches; each stays as it is set until it is set back. `drop` counts down by itself."""

    double: bool = False  # every delivery twice, at the same time
    swap: bool = False  # deliveries in pairs, the later one first
    hold: bool = False  # nothing leaves until Deliverer.release()
    drop: int = 0  # this many deliveries never leave, and nobody tries again
    late: float = 0.0  # seconds on the clock before a delivery leaves
    shape: str | None = None  # snapshots of this API version whatever the endpoint says, e.g. "2024-06-20"
    thin: bool = False  # v2.core.event notifications that only name the object
    held: list[Delivery] = field(default_factory=list)

    def route(self, delivery: Delivery) -> list[list[Delivery]]:
        """The batches that leave now; deliveries in a batch go one after another."""
        if self.drop > 0:
            self.drop -= 1
            delivery.state = "dropped"
            return []
        if self.hold:
            delivery.state = "held"
            self.held.append(delivery)
            return []
        if self.swap:
            self.held.append(delivery)
            return [self.release(backwards=True)] if len(self.held) == 2 else []
        return [[delivery], [delivery]] if self.double else [[delivery]]

    def release(self, *, backwards: bool = False) -> list[Delivery]:
        batch = self.held[::-1] if backwards else self.held[:]
        self.held.clear()
        for delivery in batch:
            delivery.state = "pending"
        return batch
