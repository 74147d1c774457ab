"""The HTTP server: receives webhooks, reports health and metrics, and serves the return page."""
