"""A module a topic, each with `measure(rounds) -> list[Figure]`; `python -m bench NAME` runs one of them."""
