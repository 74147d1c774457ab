"""Play any number of histories: `make histories N=20000`, `SEED=17` for one of them.

A history that fails is shrunk, printed, and kept in cases.json, which the test suite plays ever after.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.simulation.history import History, draw, listed, run, run_seeds
from tests.simulation.shrink import shrink

CASES = Path(__file__).with_name("cases.json")
BATCH = 50


def main() -> int:
    """0 if all came out right."""
    seed, count = os.environ.get("SEED"), int(os.environ.get("N") or 2000)
    seeds = [int(seed)] if seed else range(count)
    batches = [seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH)]
    failed: dict[int, list[str]] = {}
    with ProcessPoolExecutor() as pool:
        runs = [pool.submit(run_seeds, batch) for batch in batches]
        for done, one in enumerate(as_completed(runs), 1):
            for number, problems in one.result().items():
                failed[number] = problems
                print(f"\nSEED={number}: {problems[0]}")
            print(f"\r{min(done * BATCH, len(seeds))} histories, {len(failed)} failed", end="", flush=True)
    print()
    for number in sorted(failed)[:5]:
        report(number, failed[number])
    return 1 if failed else 0


def report(seed: int, problems: list[str]) -> None:
    """Shrink it, show it, keep it."""
    short = shrink(draw(seed), lambda history: bool(run(history)))
    print(f"\nSEED={seed}: {problems[0]}\nshrunk:\n{listed(short)}")
    print(*run(short), sep="\n")
    keep(f"seed {seed}", short)


def keep(why: str, history: History) -> None:
    """One line a case, so that two people's cases merge."""
    cases = json.loads(CASES.read_text("utf-8")) if CASES.exists() else []
    cases.append({"why": why, **history.as_json()})
    lines = ",\n".join(json.dumps(case) for case in cases)
    CASES.write_text(f"[\n{lines}\n]\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
