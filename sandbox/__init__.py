"""Runs Dues on one machine: the real bot between local stand-ins, with a tour and a page."""
