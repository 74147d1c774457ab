"""Shared basis of the commands and views: interactions, components, permissions and startup."""
