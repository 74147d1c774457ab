"""A server with dj-stripe, run in an environment of its own: no other part of the project imports it."""

ENDPOINT = "8c9f2a4e-0d39-4d2e-9d43-6a8d5a7f3b10"  # its id, made up
