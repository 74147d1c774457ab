"""Use cases: each module implements one thing that a person or a provider can ask for.

Ports are passed as arguments.
"""
