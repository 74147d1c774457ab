"""The rules of Dues: payments and admins' decisions decide access.

Imports only the standard library and itself.
"""
