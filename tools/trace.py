"""Counts the functions called from a webhook to the role, and from a press of Cancel to the answer.

`python -m tools.trace` (V=1: with the list) plays both against the stand-ins, in one process, under Python's
profiler. Each function of the program's own files counts once, however often it is called. Functions without
a name of their own (lambdas, comprehensions, generator expressions) belong to the function around them.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from unittest.mock import patch

from billing.worker.schedule import Schedule
from tests.app.harness import AppHarness, calling, link_of, make_app, running
from web.metrics import LoopLag

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = tuple(f"{ROOT / folder}/" for folder in ("billing", "cogs", "db", "i18n", "providers", "web"))

WEBHOOK = "a webhook, until the role is set"
CANCEL = "a press of Cancel, until its answer"


@dataclass(frozen=True)
class Way:
    """The functions called from a start to an end.

    Each is a pair of its file, relative to the root, and its qualified name.
    """

    functions: frozenset[tuple[str, str]]

    @property
    def files(self) -> frozenset[str]:
        """The files that contain the functions."""
        return frozenset(file for file, _ in self.functions)


@dataclass
class Recorder:
    """A profiler for `sys.setprofile` that records only within the context of `recording`."""

    _found: set[tuple[str, str]] | None = None
    _is_ours: dict[str, bool] = field(default_factory=dict)

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if self._found is None or event != "call":
            return
        code = frame.f_code
        ours = self._is_ours.get(code.co_filename)
        if ours is None:
            ours = self._is_ours[code.co_filename] = code.co_filename.startswith(PROGRAM)
        if ours and not code.co_name.startswith("<"):
            self._found.add((str(Path(code.co_filename).relative_to(ROOT)), code.co_qualname))

    @contextmanager
    def recording(self) -> Iterator[set[tuple[str, str]]]:
        """Record calls while the context lasts, on every thread that was started under this profiler."""
        found: set[tuple[str, str]] = set()
        self._found = found
        try:
            yield found
        finally:
            self._found = None


async def trace() -> dict[str, Way]:
    """Play both cases; return the functions called, by the names WEBHOOK and CANCEL."""
    recorder = Recorder()
    threading.setprofile(recorder)  # the ledger's threads begin later
    sys.setprofile(recorder)
    try:
        async with AsyncExitStack() as stack:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "ledger.db"
            app = await make_app(stack, path, None)
            stack.enter_context(calling(app.discord))
            stack.enter_context(patch.multiple(Schedule, _run_timer=_never, _run_sweeps=_never))
            stack.enter_context(patch.object(LoopLag, "_tick"))
            await stack.enter_async_context(running(app))
            await app.sell()
            return {WEBHOOK: await _webhook(app, recorder), CANCEL: await _cancel(app, recorder)}
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


async def _never(_: Schedule) -> None:
    """Wait forever, in place of the timer and the sweeps, whose functions must not be counted."""
    await asyncio.Event().wait()


async def _webhook(app: AppHarness, recorder: Recorder) -> Way:
    link = link_of(await app.bob.run(app.guild, "subscribe", {"plan": "Gold"}))
    await app.settled()
    with recorder.recording() as found:
        app.stripe.pay_checkout(link)
        async with asyncio.timeout(30):
            while app.roles() != ["Gold"]:  # noqa: ASYNC110 - the local Discord tells nobody of a role
                await asyncio.sleep(0)
    await app.settled()
    return Way(frozenset(found))


async def _cancel(app: AppHarness, recorder: Recorder) -> Way:
    """Press the button that confirms a cancellation, while no worker runs and no notification arrives."""
    asked = await app.bob.run(app.guild, "cancel")
    await app.settled()
    if app.process is not None:
        await app.process.worker.close(5.0)
    app.stripe.delivery_faults.hold = True
    with recorder.recording() as found:
        await asked.press("Cancel subscription")
    (own,) = await app.ports.ledger.load_subscriptions_of(app.bob.id)
    if not own.ends_with_period:
        raise RuntimeError("The press of Cancel did not cancel.")
    return Way(frozenset(found))


def main() -> None:
    """Print the counts and, with V=1, the counted functions."""
    for name, way in asyncio.run(trace()).items():
        print(f"{name}: {len(way.functions)} functions in {len(way.files)} files")
        if os.environ.get("V"):
            print(*(f"    {file} {function}" for file, function in sorted(way.functions)), sep="\n")


if __name__ == "__main__":
    main()
