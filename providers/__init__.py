"""Adapters to the payment providers: one folder for each, with shared helpers in base.py."""
