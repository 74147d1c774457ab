"""The HTTP side: receives notifications, reports health, and serves one small page."""
