"""Ports for programs that a test starts and restarts."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.stage import free_port


@contextmanager
def held_port() -> Iterator[int]:
    """A port of 127.0.0.1 that no other test takes, even while the program that uses it is not running.

    A socket that does not listen holds it. A server that sets SO_REUSEADDR, as asyncio's do, may listen there
    all the same, and `free_port`, which does not set it, may not (socket(7), of Linux).
    """
    while True:
        port = free_port()
        if sys.platform != "linux":
            yield port
            return
        with socket.socket() as holder:
            try:
                holder.bind(("127.0.0.1", port))
            except OSError:  # another test was given the same port
                continue
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            yield port
            return
