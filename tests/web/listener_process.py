"""A listener in a process of its own: `python -m tests.web.listener_process LEDGER`.

Its memory can be looked at from outside.

It prints its port, and ends when its input does."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from db import SqliteLedger
from providers.stripe.provider import StripeProvider
from standins.clock import MovableClock
from tests.web.conftest import SECRET
from web.app import Listener, listening


async def main() -> None:
    clock = MovableClock()
    async with await SqliteLedger.open(Path(sys.argv[1])) as ledger:
        provider = StripeProvider("sk_test_1", (SECRET,), "http://127.0.0.1:9", clock)
        application = Listener(ledger, {"stripe": provider}, clock, lambda: None).application()
        async with listening(application, "127.0.0.1", 0, 1.0) as port:
            print(port, flush=True)
            await asyncio.to_thread(sys.stdin.read)
        await provider.close()


if __name__ == "__main__":
    uvloop.run(main())
