"""The topics of the bench, a module each with `measure(rounds) -> list[Figure]`.

`python -m bench NAME` runs one of them.
"""
