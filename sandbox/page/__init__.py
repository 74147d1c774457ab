"""The page: a small chat client for the stage, and a look behind the scenes. Served to this machine alone."""

from sandbox.page.server import PageServer
from sandbox.page.show import show_page

__all__ = ["PageServer", "show_page"]
