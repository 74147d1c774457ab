"""Comparable programs by others, measured under the same load."""
