"""SIGKILL, fork and flock are POSIX's."""

import sys

collect_ignore_glob = ["*"] if sys.platform == "win32" else []
