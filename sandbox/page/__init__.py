"""The sandbox's page: a small chat client for the stage that also shows the bot's and providers' data.

It is served to this machine only.
"""

from sandbox.page.keep_open import show_page
from sandbox.page.server import PageServer

__all__ = ["PageServer", "show_page"]
