"""The base of every command and view: interactions, components, permissions and startup."""
