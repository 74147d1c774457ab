"""The payment edge: a folder for each provider, and what they share in base.py."""
