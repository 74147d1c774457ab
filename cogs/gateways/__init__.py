"""Implementations of the two Discord ports of the rules: members' roles, and messages."""
