"""The web pages that people see."""
