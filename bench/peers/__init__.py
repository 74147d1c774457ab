"""Comparable programs by other authors, measured under the same load as Dues."""
