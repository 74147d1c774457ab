"""Writes the lock files, three of them from pyproject.toml: `python -m tools.lock [--upgrade]`.

The largest is resolved first and constrains the others, so that one environment fits all three. They are
universal (any system, any supported Python) and name no registry: pip's own settings decide that. dj-stripe,
which `make bench-peers` installs separately, has its own lock file. So does Express: npm resolves it with
`npm run lock` in bench/peers/express.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOOR = "3.11"
DEV = "requirements-dev.lock"
PEER = "bench/peers/dj_stripe/requirements"
COMPILE = ["uv", "pip", "compile", "--universal", "--generate-hashes", "--quiet"]
COMPILE += ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"]


def compile_lock(output: str, *options: str, source: str = "pyproject.toml") -> None:
    command = [*COMPILE, "--python-version", FLOOR, "--output-file", output, *options, source]
    subprocess.run(command, check=True, cwd=ROOT)


def main(arguments: list[str]) -> None:
    compile_lock(DEV, "--group", "dev", *arguments)
    compile_lock("requirements-sandbox.lock", "--group", "sandbox", "--constraints", DEV)
    compile_lock("requirements.lock", "--constraints", DEV)
    compile_lock(f"{PEER}.txt", *arguments, source=f"{PEER}.in")


if __name__ == "__main__":
    main(sys.argv[1:])
