"""The page: a small chat client for the stage, and a look behind the scenes. Served to this machine alone."""

from sandbox.page.keep_open import show_page
from sandbox.page.server import PageServer

__all__ = ["PageServer", "show_page"]
