"""Adapters to the payment providers: a folder for each, shared helpers in base.py."""
